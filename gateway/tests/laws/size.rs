//! One idea a file, and none of the names that say nothing.

use super::source::rust_files;

const MOST_LINES: usize = 400;
const SAYS_NOTHING: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "types"];
/// Types that an operator's world calls so: event types, and values on PostgreSQL's wire. A debt to rename some day.
const EXCUSED: &[&str] = &[
    "gateway/src/db/types.rs",
    "gateway/src/events/types.rs",
    "gateway/tests/it/events/types.rs",
];

#[test]
fn no_file_is_longer_than_400_lines() {
    let long: Vec<String> = ["gateway", "bench", "stage"]
        .into_iter()
        .flat_map(rust_files)
        .filter(|file| file.text.lines().count() > MOST_LINES)
        .map(|file| format!("{}: {} lines", file.path, file.text.lines().count()))
        .collect();
    assert!(long.is_empty(), "split these:\n{}", long.join("\n"));
}

#[test]
fn every_file_says_why_it_is_there() {
    let silent: Vec<String> = rust_files("gateway/src")
        .into_iter()
        .chain(rust_files("gateway/tests"))
        .chain(rust_files("stage"))
        .filter(|file| !file.text.starts_with("//! ") && !file.path.ends_with("tests.rs"))
        .map(|file| file.path)
        .collect();
    assert!(
        silent.is_empty(),
        "begin these with //! and a sentence:\n{}",
        silent.join("\n")
    );
}

#[test]
fn names_say_something() {
    for file in rust_files("gateway").into_iter().chain(rust_files("stage")) {
        let vague = file
            .path
            .split(['/', '.'])
            .any(|part| SAYS_NOTHING.contains(&part));
        assert!(
            !vague || EXCUSED.contains(&file.path.as_str()),
            "{} says nothing",
            file.path
        );
    }
}
