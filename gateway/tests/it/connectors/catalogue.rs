//! `GET /v1/connectors`, and a directory of definitions from the start over SIGHUP to `check-config`.

use std::path::PathBuf;

use serde_json::{Value, json};

use stage::desk::{all_pages, text};
use stage::{Cluster, Desk, SOON, cli, eventually};

/// A directory of definitions.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let name = format!("connectors-{}", uuid::Uuid::now_v7().simple());
        let path = stage::warden::folder().join(name);
        std::fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn put(&self, file: &str, name: &str, rest: &str) {
        let text = format!("format = 1\nname = \"{name}\"\ntitle = \"Own\"\nchecked = 2026-12-01\n{rest}");
        std::fs::write(self.0.join(file), text).expect("written");
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

#[tokio::test]
async fn built_in_connectors_are_listed_by_name() {
    let desk = Desk::open().await;
    let all = all_pages(&desk.api, "/v1/connectors", 2).await;
    let names: Vec<String> = all.iter().map(|connector| text(connector, "name")).collect();
    assert!(names.is_sorted() && names.len() >= 5, "{names:?}");
    for (connector, name) in all.iter().zip(&names) {
        assert_eq!(connector["origin"], json!("built_in"));
        let alone = desk.api.get(&format!("/v1/connectors/{name}")).await.ok(200);
        assert_eq!(&alone, connector);
    }
    let one = desk.api.get("/v1/connectors/stripe").await.ok(200);
    assert_eq!(
        one["source"]["secrets"]["signing_secret"]["from"],
        json!("vendor")
    );
    let token = &one["connections"][0]["fields"]["token"];
    assert_eq!(
        (&token["secret"], &token["optional"]),
        (&json!(true), &json!(false))
    );
    let action = &one["actions"][0];
    assert_eq!(
        (&action["name"], &action["connections"]),
        (&json!("customer"), &json!(["bearer"]))
    );
    assert_eq!(action["inputs"]["email"]["type"], json!("text"));

    desk.api
        .get("/v1/connectors/nobody")
        .await
        .problem(404, "not_found");
    desk.api
        .get("/v1/connectors?colour=1")
        .await
        .problem(422, "validation_failed");
    let other = desk.with_scopes(&["crm:read"]).await;
    other.get("/v1/connectors").await.problem(403, "scope_missing");
}

#[tokio::test]
async fn a_hangup_has_the_directory_read_again() {
    let directory = Directory::new();
    directory.put("own.toml", "own", "");
    directory.put("slack.toml", "slack", "replaces = true\n");
    let settings = [("GATEWAY_CONNECTORS__DIRECTORY", directory.path())];
    let (gateway, _database, desk) = Desk::own(&settings).await;
    let own = desk.api.get("/v1/connectors/own").await.ok(200);
    assert_eq!(
        (&own["origin"], &own["source"]),
        (&json!("operator"), &Value::Null)
    );
    let replaced = desk.api.get("/v1/connectors/slack").await.ok(200);
    assert_eq!(replaced["origin"], json!("operator"));
    assert_eq!(
        gateway.metric("gateway_connectors_reload_failed").await,
        Some(0.0)
    );

    directory.put("own.toml", "own", "colour = 1\n");
    directory.put("second.toml", "second", "");
    gateway.signal("HUP");
    gateway
        .wait_for_metric("gateway_connectors_reload_failed", 1.0)
        .await;
    gateway.wait_for_log("own.toml:5: colour: unknown field").await;
    desk.api.get("/v1/connectors/own").await.ok(200);
    desk.api
        .get("/v1/connectors/second")
        .await
        .problem(404, "not_found");

    directory.put("own.toml", "own", "notes = \"new\"\n");
    gateway.signal("HUP");
    gateway
        .wait_for_metric("gateway_connectors_reload_failed", 0.0)
        .await;
    eventually("the new definition is there", SOON, || async {
        desk.api.get("/v1/connectors/own").await.ok(200)["notes"] == json!("new")
    })
    .await;
    desk.api.get("/v1/connectors/second").await.ok(200);
}

#[tokio::test]
async fn a_wrong_definition_stops_the_start_and_is_named() {
    let directory = Directory::new();
    directory.put("slack.toml", "slack", "");
    let settings = [("GATEWAY_CONNECTORS__DIRECTORY", directory.path())];
    let database = Cluster::shared().database().await;
    let refused = cli::refused(&database.url(), &["serve"], &settings);
    assert!(
        refused.contains("slack.toml:2: name: is that of a built-in connector"),
        "{refused}"
    );

    let output = cli::command(None, &["check-config", "--json"], &settings)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let place = text(&told["faults"][0], "place");
    assert!(place.ends_with("slack.toml:2: name"), "{told}");

    let gone = [("GATEWAY_CONNECTORS__DIRECTORY", "/nowhere/at/all")];
    let refused = cli::refused(&database.url(), &["serve"], &gone);
    assert!(
        refused.contains("/nowhere/at/all") && refused.contains("cannot be read"),
        "{refused}"
    );
}
