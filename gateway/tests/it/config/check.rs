//! `check-config`, and how settings reach the gateway.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use stage::{Cluster, Gateway, cli, warden};

fn check(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let arguments: Vec<&str> = ["check-config"].iter().chain(arguments).copied().collect();
    let output = cli::command(None, &arguments, environment)
        .output()
        .expect("the gateway runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn nothing_set_is_valid() {
    let (code, _, errors) = check(&[], &[]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
}

#[test]
fn all_faults_are_reported_at_once_and_exit_1() {
    let faults = [
        ("GATEWAY_SERVER__LISTEN", "nowhere"),
        ("GATEWAY_SERVER__DRAIN_SECONDS", "-1"),
        ("GATEWAY_OPERATIONS__LISTEN", "127.0.0.1:99999"),
        ("GATEWAY_DATABASE__URL", "not an address"),
        ("GATEWAY_BUS__KIND", "pigeon"),
        ("GATEWAY_WEBHOOKS__ALLOW_CIDRS", "10.0.0.0/8,here"),
        ("GATEWAY_WEBHOOKS__TIMEOUT_SECONDS", "0"),
        ("GATEWAY_WEBHOOKS__MAX_ATTEMPTS", "51"),
        ("GATEWAY_WEBHOOKS__RETRY_BASE_SECONDS", "soon"),
        ("GATEWAY_WEBHOOKS__SECRET_KEY", "c2hvcnQ="),
        ("GATEWAY_TELEMETRY__LOG_LEVEL", "verbose"),
        ("GATEWAY_NO__SUCH", "1"),
        ("GATEWAY_WEBHOOKS__COLOUR", "red"),
    ];
    let (code, _, errors) = check(&[], &faults);
    assert_eq!(code, Some(1));
    for (name, _) in faults {
        assert!(errors.contains(name), "{name} is missing in {errors}");
    }
    assert!(!errors.contains("c2hvcnQ="), "a secret is not repeated");
    // Names without two underscores are other people's.
    assert_eq!(check(&[], &[("GATEWAY_HOME", "x"), ("GATEWAY", "y")]).0, Some(0));
}

#[test]
fn variables_that_are_not_utf_8_are_named() {
    let garbage = OsStr::from_bytes(b"\xff");
    let run = |subcommand: &str, name: &OsStr| {
        let mut command = cli::command(None, &[subcommand], &[]);
        let output = command.env(name, garbage).output().expect("the gateway runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), errors)
    };
    for subcommand in ["check-config", "serve"] {
        for name in ["GATEWAY_SERVER__LISTEN", "GATEWAY_NO__SUCH", "DATABASE_URL"] {
            let (code, errors) = run(subcommand, OsStr::new(name));
            assert_eq!(code, Some(1), "{errors}");
            assert!(errors.contains(&format!("{name}: is not UTF-8")), "{errors}");
        }
    }
    let (code, errors) = run("check-config", OsStr::from_bytes(b"GATEWAY_SERVER__\xff"));
    assert_eq!(code, Some(1));
    assert!(errors.contains("GATEWAY_SERVER__\u{fffd}"), "{errors}");
    // Those of others are nobody's business here.
    assert_eq!(run("check-config", OsStr::new("LESSCHARSET")).0, Some(0));
    assert_eq!(run("check-config", OsStr::from_bytes(b"X\xff")).0, Some(0));
}

#[test]
fn serve_refuses_the_same_faults() {
    let environment = [("GATEWAY_WEBHOOKS__MAX_ATTEMPTS", "x"), ("GATEWAY_NO__SUCH", "1")];
    let errors = cli::refused("postgres://postgres@127.0.0.1:1/x", &["serve"], &environment);
    assert!(
        errors.contains("GATEWAY_WEBHOOKS__MAX_ATTEMPTS") && errors.contains("GATEWAY_NO__SUCH"),
        "{errors}"
    );
}

#[test]
fn a_file_is_read_after_any_subcommand() {
    let file = warden::folder().join("faulty.toml");
    std::fs::write(
        &file,
        "[webhooks]\nmax_attempts = 99\n[colours]\nred = 1\n[server]\nlisten = 7\n",
    )
    .expect("written");
    let path = file.to_str().expect("UTF-8");
    let (code, _, errors) = check(&["--config", path], &[]);
    assert_eq!(code, Some(1));
    for place in ["webhooks.max_attempts", "colours.red", "server.listen"] {
        assert!(errors.contains(place), "{place}: {errors}");
    }
    // The environment wins over the file.
    let (_, _, errors) = check(&["--config", path], &[("GATEWAY_WEBHOOKS__MAX_ATTEMPTS", "3")]);
    assert!(!errors.contains("max_attempts"), "{errors}");
    let (code, _, errors) = check(&["--config", "/no/such/file"], &[]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("/no/such/file"), "{errors}");
    std::fs::write(&file, "not = = toml").expect("written");
    assert_eq!(check(&["--config", path], &[]).0, Some(1));
}

#[test]
fn serve_says_that_it_needs_a_database() {
    let output = cli::command(None, &["serve"], &[])
        .output()
        .expect("the gateway runs");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("DATABASE_URL") && errors.contains("gateway dev"),
        "{errors}"
    );
}

#[cfg(not(feature = "kafka"))]
#[test]
fn a_bus_that_was_not_built_in_is_refused_before_the_database_is_asked() {
    for command in ["check-config", "serve"] {
        let output = cli::run(
            "postgres://postgres@127.0.0.1:1/x",
            &[command],
            &[
                ("GATEWAY_BUS__KIND", "kafka"),
                ("GATEWAY_BUS__BROKERS", "127.0.0.1:1"),
            ],
        );
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains("built without Kafka"), "{errors}");
    }
}

#[test]
fn an_empty_address_counts_as_none() {
    let (code, _, errors) = check(&[], &[("DATABASE_URL", "")]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let output = cli::command(None, &["serve"], &[("DATABASE_URL", "")]).output();
    let errors = String::from_utf8(output.expect("the gateway runs").stderr).expect("UTF-8");
    assert!(errors.contains("database.url is not set"), "{errors}");
}

#[tokio::test]
async fn database_url_is_understood_and_ours_wins() {
    let database = Cluster::shared().database().await;
    let url = database.url();
    let with = |environment: &[(&str, &str)]| {
        let output = cli::command(None, &["workspaces", "list"], environment)
            .output()
            .expect("the gateway runs");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    assert_eq!(with(&[("DATABASE_URL", &url)]), (true, "default\n".to_owned()));
    let away = "postgres://postgres@127.0.0.1:1/x";
    assert_eq!(
        with(&[("DATABASE_URL", away), ("GATEWAY_DATABASE__URL", &url)]),
        (true, "default\n".to_owned())
    );
    assert!(!with(&[("DATABASE_URL", &url), ("GATEWAY_DATABASE__URL", away)]).0);
}

#[tokio::test]
async fn a_taken_port_is_reported_at_once() {
    let database = Cluster::shared().database().await;
    let (gateway, _) = Gateway::shared().await;
    let taken = gateway.api.to_string();
    let environment = [("GATEWAY_SERVER__LISTEN", taken.as_str())];
    let errors = cli::refused(&database.url(), &["serve"], &environment);
    assert!(
        errors.contains(&taken) && errors.contains("GATEWAY_SERVER__LISTEN"),
        "{errors}"
    );
}
