//! Inside folders: no circle between files, no crowded folder, and one place for the SQL of the schedule.
//!
//! A folder's `mod.rs` is its face. It declares and builds what stands inside, as a crate's root does, so its imports
//! from its own folder do not count; theirs from it do, and so does whatever else it imports. A name that it re-exports
//! counts as that of the file it comes from.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{Path, paths, paths_after};
use super::source::{File, rust_files};

/// Most files that stand in a folder side by side, folders aside.
const MAX_FILES: usize = 15;

/// The crates whose files may not import each other in a circle.
const CRATES: &[&str] = &["gateway/src", "stage/src", "bench/src"];

/// The source as modules: each by its path from the crate's root.
#[derive(Default)]
struct Modules {
    code: BTreeMap<Path, String>,
    /// What each re-exports: the name, and the path behind `pub use`.
    exports: BTreeMap<Path, BTreeMap<String, Path>>,
}

impl Modules {
    /// The modules of the crate in `folder`.
    fn of(folder: &str, files: impl IntoIterator<Item = File>) -> Self {
        let mut modules = Self::default();
        for file in files {
            let Some(path) = module_path(folder, &file.path) else {
                continue;
            };
            let (exported, code) = split_exports(&file.code());
            let exports = exported
                .into_iter()
                .filter_map(|path| Some((path.last()?.clone(), path)));
            modules.exports.insert(path.clone(), exports.collect());
            modules.code.insert(path, code);
        }
        modules
    }

    /// The module that a path leads to from `base`: the deepest on the way, behind re-exports.
    fn resolve(&self, base: &[String], path: &[String]) -> Path {
        let mut at = base.to_vec();
        let mut rest = path.iter();
        while let Some(name) = rest.next() {
            let mut inner = at.clone();
            match name.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                _ if self.code.contains_key(&{
                    inner.push(name.clone());
                    inner.clone()
                }) =>
                {
                    at = inner;
                }
                _ => {
                    let export = self.exports.get(&at).and_then(|exports| exports.get(name));
                    // A path that begins with another crate's name leads nowhere.
                    let Some(export) = export.filter(|export| self.leads_inside(&at, export)) else {
                        return at;
                    };
                    let rest: Path = export.iter().chain(rest).cloned().collect();
                    return self.resolve(&at, &rest);
                }
            }
        }
        at
    }

    fn leads_inside(&self, at: &[String], path: &[String]) -> bool {
        let Some(first) = path.first() else { return false };
        let child = [at, std::slice::from_ref(first)].concat();
        matches!(first.as_str(), "crate" | "self" | "super") || self.code.contains_key(&child)
    }

    /// What each module imports, from its own folder's face upward and sideways.
    fn imports(&self) -> BTreeMap<Path, BTreeSet<Path>> {
        let mut imports: BTreeMap<Path, BTreeSet<Path>> = BTreeMap::new();
        for (module, code) in &self.code {
            let found = imports.entry(module.clone()).or_default();
            for path in paths(code) {
                let base: &[String] = if path.first().is_some_and(|first| first == "crate") {
                    &[]
                } else {
                    module
                };
                let target = self.resolve(base, &path);
                if self.code.contains_key(&target) && !target.starts_with(module) {
                    found.insert(target);
                }
            }
        }
        imports
    }
}

/// `a/b.rs` and `a/b/mod.rs` are `a::b`, and `lib.rs` is the root, the face of the crate; `main.rs` and tests are left out.
fn module_path(folder: &str, path: &str) -> Option<Path> {
    let inside = path
        .strip_prefix(folder)?
        .strip_prefix('/')?
        .strip_suffix(".rs")?;
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    match inside {
        "main" => None,
        _ if is_test(path) => None,
        "lib" => Some(Path::new()),
        _ => Some(inside.split('/').map(str::to_owned).collect()),
    }
}

fn is_test(path: &str) -> bool {
    path.ends_with("_tests.rs") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The paths behind `pub use`, and the code without them.
fn split_exports(code: &str) -> (Vec<Path>, String) {
    let (mut exported, mut kept) = (Vec::new(), String::new());
    for statement in code.split_inclusive(';') {
        let start = statement.rfind("pub use ").or_else(|| {
            let start = statement.rfind("pub(")?;
            statement[start..].contains(") use ").then_some(start)
        });
        match start {
            Some(start) => {
                kept.push_str(&statement[..start]);
                let list = statement[start..].split_once("use ").map_or("", |(_, list)| list);
                exported.extend(paths_after(list));
            }
            None => kept.push_str(statement),
        }
    }
    (exported, kept)
}

/// The circles: groups of modules each of which reaches every other.
fn circles(imports: &BTreeMap<Path, BTreeSet<Path>>) -> Vec<BTreeSet<Path>> {
    let reached: BTreeMap<&Path, BTreeSet<&Path>> = imports
        .keys()
        .map(|start| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
            while let Some(next) = open.pop().and_then(|at| imports.get(at)) {
                open.extend(next.iter().filter(|target| seen.insert(*target)));
            }
            (start, seen)
        })
        .collect();
    let mut found = BTreeSet::new();
    for (module, targets) in &reached {
        let circle: BTreeSet<Path> = targets
            .iter()
            .filter(|target| reached.get(*target).is_some_and(|back| back.contains(module)))
            .map(|target| (*target).clone())
            .collect();
        if !circle.is_empty() {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

#[test]
fn no_files_import_in_a_circle() {
    for folder in CRATES {
        let imports = Modules::of(folder, rust_files(folder)).imports();
        let found: Vec<Vec<String>> = circles(&imports)
            .iter()
            .map(|circle| circle.iter().map(|path| path.join("/")).collect())
            .collect();
        assert!(
            found.is_empty(),
            "{folder}: these import each other in a circle: {found:#?}"
        );
    }
}

#[test]
fn no_folder_is_crowded() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let of_the_gateway = rust_files("gateway/src").into_iter();
    let files = of_the_gateway.filter(|file| !is_test(&file.path));
    let others = ["gateway/tests", "stage", "bench"]
        .into_iter()
        .flat_map(rust_files);
    for file in files.chain(others) {
        let (folder, _) = file.path.rsplit_once('/').expect("a folder");
        *counts.entry(folder.to_owned()).or_default() += 1;
    }
    counts.retain(|_, count| *count > MAX_FILES);
    assert!(counts.is_empty(), "these folders want rooms: {counts:?}");
}

#[test]
fn the_schedules_table_is_named_in_its_store_alone() {
    for file in rust_files("gateway/src") {
        assert!(
            file.path.starts_with("gateway/src/delivery/schedule/store/")
                || !file.code().contains("scheduled_deliveries"),
            "only delivery/schedule/store may name scheduled_deliveries, not {}",
            file.path
        );
    }
}

#[test]
fn circles_are_found_through_all_forms_of_paths() {
    let file = |path: &str, text: &str| File {
        path: format!("src/{path}"),
        text: text.to_owned(),
    };
    let found = |files: Vec<File>| {
        let names = circles(&Modules::of("src", files).imports());
        names
            .into_iter()
            .map(|circle| circle.iter().map(|path| path.join("/")).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let face = || {
        file(
            "a/mod.rs",
            "mod b;\nmod c;\npub use b::{B, Other};\npub use c::d::D;\nfn f() { c::g() }\n",
        )
    };
    // Through the face's re-exports, inline paths, braces and folders; a face that builds its folder is no circle.
    let circle = found(vec![
        face(),
        file("a/b.rs", "use super::{D, c::{self, C}};\n"),
        file("a/c/mod.rs", "mod d;\npub struct C;\n"),
        file("a/c/d.rs", "fn f() -> crate::a::B {}\n"),
    ]);
    assert_eq!(circle, [["a/b", "a/c/d"]]);
    let none = found(vec![
        face(),
        file("a/b.rs", "use super::D;\n// crate::a::c::d\n"),
        file("a/c/mod.rs", "mod d;\nuse self::d::D;\n"),
        file(
            "a/c/d.rs",
            "use super::super::Face;\nuse super::C;\n#[cfg(test)]\nmod tests {\n use crate::a::B;\n}\n",
        ),
        file("a/c/tests.rs", "use crate::a::B;\n"),
    ]);
    assert!(none.is_empty(), "{none:?}");
    // Through the re-exports of the crate's root, which itself is no part of a circle.
    let root = file(
        "lib.rs",
        "mod a;\nmod b;\npub use a::A;\npub use b::B;\nfn f() { self::a::g() }\n",
    );
    let through_root = vec![
        root,
        file("a.rs", "use super::B;\n"),
        file("b.rs", "use crate::{A, Root};\n"),
    ];
    assert_eq!(found(through_root), [["a", "b"]]);
}
