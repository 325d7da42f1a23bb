//! Who may know whom: imports go downward only, and few know the driver of the database.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{File, rust_files};

/// The modules from top to bottom. A module imports from those below it, never from those above.
/// What stands in one row is built or used side by side and may not import from its row.
const ROWS: &[&[&str]] = &[
    &["main"],
    &["lib"],
    &["facade"],
    &["cli"],
    &["app"],
    &["operations", "maintenance", "routes"],
    &["console"],
    &["hoots", "rules", "sources"],
    &["sentries", "webhooks"],
    &["imports"],
    &["records"],
    &["events"],
    &["connections"],
    &["keys"],
    &["audit"],
    &["connectors"],
    &["delivery"],
    &["bus"],
    &["feed"],
    &["vault"],
    &["db"],
    &["outbound"],
    &["filter"],
    &["http"],
    &["telemetry"],
    &["config"],
    &["base"],
];

fn module_of(path: &str) -> &str {
    let inside = path.strip_prefix("gateway/src/").expect("in src");
    inside.split(['/', '.']).next().expect("a module")
}

fn row_of(module: &str) -> usize {
    let row = ROWS.iter().position(|row| row.contains(&module));
    row.unwrap_or_else(|| {
        panic!("`{module}` stands in no row: put it where it belongs in tests/laws/modules.rs")
    })
}

/// The top modules that a file names by `crate::…`, also within braces.
fn imports(file: &File) -> BTreeSet<String> {
    let code = file.code();
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => top_names(list),
            None => vec![word(rest)],
        };
        found.extend(
            names
                .into_iter()
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
        );
    }
    found
}

/// The first words in `a::b, c::{d, e}, f}`, up to the brace that closes.
fn top_names(list: &str) -> Vec<&str> {
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(word(list[start..at].trim_start()));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(word(list[start..at].trim_start()));
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}

fn word(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    &text[..end.unwrap_or(text.len())]
}

#[test]
fn imports_go_downward() {
    let mut upward = Vec::new();
    for file in rust_files("gateway/src") {
        let module = module_of(&file.path);
        // A crate's root declares every module and so knows all.
        if module == "lib" || module == "main" {
            continue;
        }
        for other in imports(&file).into_iter().filter(|other| other != module) {
            if row_of(&other) <= row_of(module) {
                upward.push(format!("{} knows {other}", file.path));
            }
        }
    }
    assert!(upward.is_empty(), "these import upward:\n{}", upward.join("\n"));
}

#[test]
fn no_two_modules_know_each_other() {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in rust_files("gateway/src") {
        let module = module_of(&file.path).to_owned();
        let others = imports(&file).into_iter().filter(|other| *other != module);
        known.entry(module.clone()).or_default().extend(others);
    }
    let mut cycles = Vec::new();
    for (one, others) in &known {
        for other in others.iter().filter(|other| *other > one) {
            if known.get(other).is_some_and(|back| back.contains(one)) {
                cycles.push(format!("{one} and {other}"));
            }
        }
    }
    assert!(cycles.is_empty(), "these know each other: {cycles:?}");
}

#[test]
fn few_know_the_databases_driver() {
    let may_know = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name == "store.rs"
            || name.ends_with("_store.rs")
            || path.contains("/store/")
            || path.starts_with("gateway/src/db/")
            // Checks that an address has a form, and takes nothing else of the driver.
            || path == "gateway/src/config/postgres_address.rs"
            || path.starts_with("gateway/src/bus/postgres/")
            || path.starts_with("gateway/src/bus/table/")
            || path.starts_with("gateway/src/imports/write/")
    };
    for file in rust_files("gateway/src") {
        assert!(
            may_know(&file.path) || !file.code().contains("tokio_postgres"),
            "only stores, db, bus/postgres, bus/table and imports/write may name tokio_postgres, not {}",
            file.path
        );
    }
}

#[test]
fn imports_are_read_without_a_database() {
    for file in rust_files("gateway/src/imports/read") {
        assert!(
            !imports(&file).contains("db") && !file.code().contains("tokio"),
            "{} names db or tokio: reading is pure",
            file.path
        );
    }
}

#[test]
fn only_the_kafka_bus_knows_its_client() {
    for file in rust_files("gateway/src") {
        let is_free = file.path.starts_with("gateway/src/bus/kafka");
        assert!(
            is_free || !file.code().contains("rdkafka::"),
            "{} names rdkafka",
            file.path
        );
    }
}

#[test]
fn the_reader_of_imports_reads() {
    let file = File {
        path: "gateway/src/x.rs".into(),
        text: "// crate::commented\nuse crate::base::id::Id;\nuse crate::{audit, db::{self, Db}, feed};\nfn f() { crate::keys::g() }\n".into(),
    };
    let found: Vec<String> = imports(&file).into_iter().collect();
    assert_eq!(found, ["audit", "base", "db", "feed", "keys"]);
}

/// A COMMIT whose answer is lost must not be called undone, and only `db::commit` tells it from other statements.
#[test]
fn transactions_are_committed_in_one_place() {
    for file in rust_files("gateway/src") {
        let code = file.code();
        assert!(
            file.path == "gateway/src/db/pool.rs" || !code.contains(".commit()"),
            "{} commits by itself; use db::commit",
            file.path
        );
    }
}
