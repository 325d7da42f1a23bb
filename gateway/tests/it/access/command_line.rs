//! What scripts rely on: standard output, standard error, exit codes.

use serde_json::{Value, json};

use stage::{Cluster, Gateway, SOON, cli, eventually};

use super::{first_key, whoami};

#[tokio::test]
async fn keys_are_made_with_all_that_the_api_knows() {
    let database = Cluster::shared().database().await;
    let first = first_key(&database);
    let gateway = Gateway::start(&database.url(), &[]).await;
    let mut arguments: Vec<&str> = "keys create --name limited --scopes crm:read,crm:write"
        .split(' ')
        .collect();
    arguments.extend("--expires-at 2999-01-01T00:00:00Z --ip-allowlist 127.0.0.1,10.0.0.0/8".split(' '));
    arguments.extend(["--rate-limit", "2", "--json"]);
    let made = cli::succeed(&database.url(), &arguments);
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(made["ip_allowlist"], json!(["127.0.0.1", "10.0.0.0/8"]));
    assert_eq!(made["expires_at"], "2999-01-01T00:00:00.000Z");
    assert_eq!(made["rate_limit_per_second"], 2);
    let key = made["key"].as_str().unwrap();
    eventually("it works", SOON, || async { whoami(&gateway, key).await == 200 }).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(whoami(&gateway, key).await);
    }
    assert!(statuses.contains(&429), "{statuses:?}");

    let listed = cli::succeed(&database.url(), &["keys", "list", "--json"]);
    let names: Vec<Value> = listed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].clone())
        .collect();
    assert_eq!(names, [json!("limited"), json!("first")]);
    let revoked = cli::succeed(
        &database.url(),
        &["keys", "revoke", made["id"].as_str().unwrap(), "--json"],
    );
    let revoked: Value = serde_json::from_str(&revoked).unwrap();
    assert_eq!(revoked["confirmed"]["instances"], 1);
    assert!(revoked["revoked_at"].is_string());
    let reply = gateway.with_key(key).get("/v1/whoami").await;
    reply.problem(401, "key_revoked");
    assert_eq!(whoami(&gateway, &first).await, 200);
}

#[tokio::test]
async fn results_errors_and_exit_codes_are_kept_apart() {
    let database = Cluster::shared().database().await;
    let key = first_key(&database);
    assert_eq!((key.len(), key.lines().count()), (67, 1), "the key alone");
    let try_it = |arguments: &[&str]| {
        let output = cli::run(&database.url(), arguments, &[]);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let failures = [
        ("keys revoke key_none", 1),
        ("keys create --name x --scopes everything", 1),
        ("keys create --name x --scopes * --workspace none", 1),
        ("keys create --name x --scopes * --expires-at yesterday", 2),
        ("keys create --name x --scopes * --ip-allowlist 10.0.0.0/99", 2),
        ("keys create --name x --scopes * --rate-limit 0", 2),
        ("keys mend", 2),
        ("workspaces create default", 1),
    ];
    for (line, code) in failures {
        let arguments: Vec<&str> = line.split(' ').collect();
        let (status, output, errors) = try_it(&arguments);
        assert_eq!(status, Some(code), "{arguments:?}: {errors}");
        assert!(output.is_empty() && !errors.is_empty(), "{arguments:?}");
    }
    let (status, output, _) = try_it(&["--help"]);
    assert_eq!(status, Some(0));
    assert!(
        output.contains("Exit codes") && output.contains("secrets"),
        "{output}"
    );
    let (status, output, _) = try_it(&["version", "--json"]);
    let version: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((status, &version["name"]), (Some(0), &json!("gateway")));
    let (status, output, _) = try_it(&["workspaces", "create", "two", "--json"]);
    assert_eq!((status, output.trim()), (Some(0), r#"{"name":"two"}"#));

    let broken = cli::run("nonsense", &["check-config", "--json"], &[]);
    assert_eq!(broken.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&broken.stdout).unwrap();
    assert_eq!(
        (&told["valid"], &told["faults"][0]["place"]),
        (&json!(false), &json!("GATEWAY_DATABASE__URL"))
    );
}
