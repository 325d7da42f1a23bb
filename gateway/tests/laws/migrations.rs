//! Migrations must tell with which versions their schema works.

use super::source::{read, root};

/// The migration that made `schema_compatibility`; those before it could not tell.
const FIRST: u32 = 8;

#[test]
fn every_migration_says_which_version_works_beside_it() {
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("gateway/migrations")).expect("migrations") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("a name");
        let version = name.strip_prefix('V').and_then(|rest| rest.split_once("__"));
        let version: u32 = version.expect("V1__name.sql").0.parse().expect("a number");
        if version < FIRST {
            continue;
        }
        count += 1;
        let text = read(&format!("gateway/migrations/{name}"));
        let says = format!("insert into schema_compatibility (version, works_from) values ({version}, ");
        assert!(text.contains(&says), "{name} lacks `{says}…`");
    }
    assert!(count > 0, "the first is there");
}
