//! `keys`, `workspaces`, `openapi`, `version`.

use serde_json::json;

use stage::{Cluster, Desk, SOON, cli, eventually};

#[tokio::test]
async fn keys_are_made_listed_and_revoked() {
    let desk = Desk::open().await;
    let url = &desk.url;
    let key = cli::make_key(url, &desk.workspace, "crm:read,crm:write");
    let api = desk.api.with_key(&key);
    eventually("the key works", SOON, || async {
        api.get("/v1/whoami").await.status == 200
    })
    .await;
    let who = api.get("/v1/whoami").await.ok(200);
    assert_eq!(
        (&who["scopes"], &who["workspace"]),
        (&json!(["crm:read", "crm:write"]), &json!(desk.workspace))
    );
    let id = who["key_id"].as_str().expect("an id");
    let listed = cli::succeed(url, &["keys", "list", "--workspace", &desk.workspace]);
    assert!(listed.lines().count() == 2 && listed.contains(id), "{listed}");
    assert!(!listed.contains(&key));
    cli::succeed(url, &["keys", "revoke", id]);
    eventually("the key is revoked", SOON, || async {
        api.get("/v1/whoami").await.status == 401
    })
    .await;
    api.get("/v1/whoami").await.problem(401, "key_revoked");
    cli::succeed(url, &["keys", "revoke", id]);
    assert!(cli::succeed(url, &["keys", "list", "--workspace", &desk.workspace]).contains("revoked"));
}

#[tokio::test]
async fn a_star_is_stored_as_the_fifteen_names() {
    let database = Cluster::shared().database().await;
    cli::make_key(&database.url(), "default", "*");
    let rows = database.rows("select scopes from api_keys").await;
    let scopes: Vec<String> = rows[0].get(0);
    assert_eq!(scopes.len(), 15);
    assert!(!scopes.contains(&"*".to_owned()));
}

#[tokio::test]
async fn failures_are_reported_on_standard_error() {
    let database = Cluster::shared().database().await;
    let url = database.url();
    cli::succeed(&url, &["workspaces", "create", "acme"]);
    for (line, last) in [
        ("keys create --workspace nobody --name x --scopes", "*"),
        ("keys create --name x --scopes", "crm:read,nonsense"),
        ("keys create --name x --scopes", ""),
        ("keys create --scopes * --name", ""),
        (
            "keys create --name x --scopes * --expires-at",
            "2001-01-01T00:00:00Z",
        ),
        ("keys list --workspace", "nobody"),
        ("keys revoke", "key_0198c0de-0000-7000-8000-000000000001"),
        ("keys revoke", "nonsense"),
        ("workspaces create", "acme"),
        ("workspaces create", " "),
    ] {
        let arguments: Vec<&str> = line.split(' ').chain([last]).collect();
        assert!(!cli::refused(&url, &arguments, &[]).is_empty(), "{arguments:?}");
    }
    assert_eq!(cli::succeed(&url, &["workspaces", "list"]), "acme\ndefault");
    database.expect_count("select count(*) from api_keys", 0).await;
}

#[test]
fn version_and_openapi_need_no_database() {
    let away = "postgres://postgres@127.0.0.1:1/x";
    assert!(cli::succeed(away, &["version"]).contains(env!("CARGO_PKG_VERSION")));
    let printed = cli::succeed(away, &["openapi"]);
    let description: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(description["openapi"], "3.1.0");
}

#[tokio::test]
async fn openapi_is_what_the_gateway_serves() {
    let desk = Desk::open().await;
    let served = desk.api.get("/openapi.json").await;
    assert_eq!(cli::succeed(&desk.url, &["openapi"]), served.text().trim());
}
