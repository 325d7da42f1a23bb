//! What runs as long as the process does is watched: a task that dies in silence leaves the gateway half alive.

use super::source::rust_files;

/// Files that start tasks or threads of their own, and why nobody needs to watch those.
const UNWATCHED: &[(&str, &str)] = &[
    ("gateway/src/audit/csv.rs", "writes one reply"),
    ("gateway/src/base/tasks.rs", "watches all others"),
    (
        "gateway/src/bus/postgres/emit.rs",
        "asks once what became of a transaction",
    ),
    ("gateway/src/cli/signals.rs", "hears signals; the last resort"),
    ("gateway/src/db/dial.rs", "drives one session, and ends with it"),
    (
        "gateway/src/db/pool.rs",
        "cancels one given-up statement, and drives one listening session",
    ),
    (
        "gateway/src/imports/job/feeder.rs",
        "one import's lanes, which it joins",
    ),
    ("gateway/src/imports/job/report.rs", "writes one reply"),
    (
        "gateway/src/imports/job/watchers.rs",
        "writes one reply, or polls one job while it is watched",
    ),
    (
        "gateway/src/outbound/exchange.rs",
        "drives one connection, and ends with it",
    ),
    (
        "gateway/src/telemetry/log/writer.rs",
        "without it log lines are dropped, and counted",
    ),
];

#[test]
fn long_running_tasks_are_started_where_they_are_watched() {
    let starts = [
        "tokio::spawn(",
        "runtime.spawn(",
        "thread::spawn(",
        "thread::Builder",
    ];
    let found: Vec<String> = rust_files("gateway/src")
        .into_iter()
        .filter(|file| !file.path.ends_with("/tests.rs"))
        .filter(|file| {
            let code = file.code();
            let code = code.split("#[cfg(test)]").next().unwrap_or_default();
            starts.iter().any(|start| code.contains(start))
        })
        .map(|file| file.path)
        .collect();
    let new: Vec<_> = found
        .iter()
        .filter(|path| !UNWATCHED.iter().any(|(known, _)| known == path))
        .collect();
    assert!(
        new.is_empty(),
        "start it by `Tasks`, or say here why it needs no watch: {new:?}"
    );
    let gone: Vec<_> = UNWATCHED
        .iter()
        .filter(|(known, _)| !found.iter().any(|path| path == known))
        .collect();
    assert!(gone.is_empty(), "these start nothing any more: {gone:?}");
}
