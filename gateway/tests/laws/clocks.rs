//! The present moment is the database's: instances whose machines' clocks differ must agree on what they store and compare.

use super::source::rust_files;

/// Who asks the machine's clock, and why.
const ASKING: &[(&str, &str)] = &[
    (
        "gateway/src/base/clock.rs",
        "the estimate before the database was first asked",
    ),
    (
        "gateway/src/webhooks/snippets/verify_standard.rs",
        "runs at the receiver, which has no database of ours",
    ),
];

#[test]
fn only_the_clock_asks_the_machine_for_the_time() {
    let forms = [
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
        "Utc::now",
        "Local::now",
        "UNIX_EPOCH.elapsed",
        "now_v7(",
        "now_v6(",
        "now_v1(",
    ];
    let asking: Vec<String> = rust_files("gateway/src")
        .into_iter()
        .filter(|file| !file.path.ends_with("/tests.rs"))
        .filter(|file| {
            let code = file.code();
            forms.iter().any(|form| code.contains(form))
        })
        .map(|file| file.path)
        .collect();
    let known: Vec<&str> = ASKING.iter().map(|(path, _)| *path).collect();
    assert_eq!(
        asking, known,
        "take the time from `Millis::now`, an id from `next_uuid`, or `now()` in SQL"
    );
}
