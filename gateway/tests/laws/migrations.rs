//! Migrations must tell with which versions their schema works, and stop nobody who writes.

use super::source::{read, root};

/// The migration that made `schema_compatibility`; those before it could not tell.
const FIRST: u32 = 8;

/// The last that may build indexes on large tables within its transaction: nobody has such tables yet.
const LAST_OF_SMALL_TABLES: u32 = 12;
const LARGE: &[&str] = &[
    "events",
    "deliveries",
    "scheduled_deliveries",
    "event_once_keys",
    "contacts",
    "accounts",
    "deals",
    "products",
    "import_chunks",
    "import_failures",
    "audit",
    "idempotency_replies",
    "changes",
];

/// Version, name and text of each.
fn migrations() -> Vec<(u32, String, String)> {
    let mut migrations = Vec::new();
    for entry in std::fs::read_dir(root().join("gateway/migrations")).expect("migrations") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("a name");
        let version = name.strip_prefix('V').and_then(|rest| rest.split_once("__"));
        let version: u32 = version.expect("V1__name.sql").0.parse().expect("a number");
        let text = read(&format!("gateway/migrations/{name}"));
        migrations.push((version, name, text));
    }
    migrations
}

#[test]
fn every_migration_says_which_version_works_beside_it() {
    let mut count = 0;
    for (version, name, text) in migrations() {
        if version < FIRST {
            continue;
        }
        count += 1;
        let says = format!("insert into schema_compatibility (version, works_from) values ({version}, ");
        assert!(text.contains(&says), "{name} lacks `{says}…`");
    }
    assert!(count > 0, "the first is there");
}

/// The large tables on which a migration builds an index while writers wait.
fn held_up(text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default());
    let text = lines.collect::<Vec<_>>().join(" ").to_lowercase();
    let mut found = Vec::new();
    for statement in text.split(';') {
        let spaced = statement.replace('(', " ( ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let is_index = matches!(
            words.as_slice(),
            ["create", "index", ..] | ["create", "unique", "index", ..]
        );
        if !is_index || words.contains(&"concurrently") {
            continue;
        }
        // `on only` makes the index of a partitioned table without those of its partitions.
        let mut after = words.iter().skip_while(|word| **word != "on").skip(1);
        let table = after.next().map(|word| word.trim_start_matches("public."));
        found.extend(table.filter(|table| LARGE.contains(table)).map(str::to_owned));
    }
    found
}

#[test]
fn no_migration_builds_an_index_while_writers_wait() {
    for (version, name, text) in migrations() {
        let tables = held_up(&text);
        assert!(
            version <= LAST_OF_SMALL_TABLES || tables.is_empty(),
            "{name} builds an index on {tables:?} in its transaction, while whoever writes there waits for minutes; build it \
             with CONCURRENTLY outside of the migrations, `on only` first where the table is partitioned"
        );
    }
    let count = migrations()
        .iter()
        .map(|(_, _, text)| held_up(text).len())
        .sum::<usize>();
    assert!(count > 0, "those of the first versions are found");
    assert_eq!(
        held_up("create unique index x\n  on events(id); create index on only events (id)"),
        ["events"]
    );
    assert!(held_up("create index concurrently x on deals (id); create index on webhooks (id)").is_empty());
}
