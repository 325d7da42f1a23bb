//! Connectors are files: no vendor's name stands in code, and nothing in a file goes without a vector.

use std::collections::BTreeSet;

use gateway::facade::connectors::{Definition, gaps, read, run_vectors};

use super::source::{root, rust_files};

/// Formats and not vendors: the code speaks of them too.
const NO_VENDORS: &[&str] = &["http", "cloudevents", "standard_webhooks", "gateway"];

/// What works with connectors. Elsewhere vendors are named for their files and their mail.
const FOLDERS: &[&str] = &[
    "connectors",
    "sources",
    "connections",
    "rules",
    "delivery",
    "outbound",
];

fn definitions() -> Vec<(String, Definition)> {
    let folder = std::fs::read_dir(root().join("config/connectors")).expect("the folder");
    let mut found: Vec<(String, Definition)> = folder
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let file = path.file_name().expect("a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            let definition = read(&file, &text).unwrap_or_else(|faults| panic!("{faults:#?}"));
            (file, definition)
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

#[test]
fn every_definition_has_its_vectors_and_they_hold() {
    for (file, definition) in definitions() {
        assert_eq!(file, format!("{}.toml", definition.name));
        let faults = run_vectors(&definition);
        assert!(faults.is_empty(), "{file}: {faults:#?}");
        let gaps = gaps(&definition);
        assert!(gaps.is_empty(), "{file}: {gaps:#?}");
    }
}

#[test]
fn no_vendors_name_stands_in_code() {
    let definitions = definitions();
    let names: BTreeSet<&str> = definitions
        .iter()
        .map(|(_, definition)| definition.name.as_str())
        .collect();
    let vendors: BTreeSet<&str> = names
        .into_iter()
        .filter(|name| !NO_VENDORS.contains(name))
        .collect();
    assert!(vendors.len() >= 15, "{vendors:?}");
    let mut found = Vec::new();
    for file in rust_files("gateway/src") {
        let is_watched = FOLDERS
            .iter()
            .any(|folder| file.path.starts_with(&format!("gateway/src/{folder}/")));
        if !is_watched || file.path.ends_with("tests.rs") {
            continue;
        }
        let code = file.code().to_ascii_lowercase();
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let words: BTreeSet<&str> = code.split(|letter| !is_part(letter)).collect();
        found.extend(
            vendors
                .iter()
                .filter(|vendor| words.contains(**vendor))
                .map(|vendor| format!("{}: {vendor}", file.path)),
        );
    }
    assert!(found.is_empty(), "these name a vendor: {found:#?}");
}
