//! Standard output that cannot be written: each command says so and fails, and what nobody could read is not made. A reader
//! who has seen enough is no failure to tell of.

use std::fs::OpenOptions;
use std::process::{Output, Stdio};

use stage::{Cluster, cli};

fn to(url: &str, arguments: &[&str], output: impl Into<Stdio>) -> Output {
    let mut command = cli::command(Some(url), arguments, &[]);
    let child = command.stdout(output).stderr(Stdio::piped()).spawn();
    child
        .expect("the gateway runs")
        .wait_with_output()
        .expect("ended")
}

fn to_full_disk(url: &str, arguments: &[&str]) -> Output {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux");
    to(url, arguments, full)
}

/// As behind `| head`: a shell ends a program with this code when its reader has gone.
const READER_GONE: i32 = 141;

fn to_nobody(url: &str, arguments: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    to(url, arguments, writer)
}

fn assert_told(output: &Output, arguments: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
    let told = "gateway: standard output cannot be written: ";
    assert!(errors.starts_with(told), "{arguments:?}: {errors}");
    assert_eq!(errors.lines().count(), 1, "{arguments:?}: {errors}");
}

#[tokio::test]
async fn every_command_that_prints_says_so_and_fails() {
    let database = Cluster::shared().database().await;
    let url = database.url();
    cli::make_key(&url, "default", "*");
    for arguments in [
        &["openapi"][..],
        &["version"],
        &["version", "--json"],
        &["--version"],
        &["--help"],
        &["check-config"],
        &["check-config", "--json"],
        &["keys", "list"],
        &["keys", "list", "--json"],
        &["workspaces", "list"],
        &["workspaces", "list", "--json"],
    ] {
        assert_told(&to_full_disk(&url, arguments), arguments);
        let unread = to_nobody(&url, arguments);
        assert_eq!(
            unread.status.code(),
            Some(READER_GONE),
            "{arguments:?}: {unread:?}"
        );
        assert!(unread.stderr.is_empty(), "{arguments:?}: {unread:?}");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_printed_is_not_made() {
    let database = Cluster::shared().database().await;
    let url = database.url();
    let create = ["keys", "create", "--name", "x", "--scopes", "*"];
    let as_json = [&create[..], &["--json"]].concat();
    for arguments in [&create[..], &as_json] {
        assert_told(&to_full_disk(&url, arguments), arguments);
        assert_told(&to_nobody(&url, arguments), arguments);
    }
    for table in ["api_keys", "audit"] {
        let count = database.count(&format!("select count(*) from {table}")).await;
        assert_eq!(count, 0, "{table}");
    }
}

#[tokio::test]
async fn dev_says_so_and_fails() {
    let database = Cluster::shared().database().await;
    let output = tokio::task::spawn_blocking(move || {
        let mut command = cli::dev_command(Some(&database.url()));
        let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux");
        command.stdout(full).output().expect("the gateway runs")
    });
    let output = output.await.expect("ended");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("gateway: standard output cannot be written: "),
        "{errors}"
    );
}
