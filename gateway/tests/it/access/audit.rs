//! The trail: who it names, what it finds, and that it cannot be changed.

use serde_json::json;

use stage::{Cluster, Gateway, SOON, cli, eventually};

use super::{first_key, make_key, whoami};

#[tokio::test]
async fn filters_find_what_they_name_and_operators_are_named() {
    let database = Cluster::shared().database().await;
    let first = first_key(&database);
    cli::succeed(&database.url(), &["workspaces", "create", "other"]);
    let gateway = Gateway::start(&database.url(), &[]).await;
    let me = gateway.with_key(&first).get("/v1/whoami").await.json()["key_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (id, _) = make_key(&gateway, &first, "cli").await;
    gateway
        .with_key(&first)
        .post(&format!("/v1/api-keys/{id}/revoke"), &json!({}))
        .await
        .expect(200);
    let by_operator = cli::succeed(
        &database.url(),
        &[
            "keys", "create", "--name", "by hand", "--scopes", "crm:read", "--json",
        ],
    );
    let by_operator: serde_json::Value = serde_json::from_str(&by_operator).unwrap();
    let by_operator = by_operator["id"].as_str().unwrap();
    cli::succeed(&database.url(), &["keys", "revoke", by_operator]);

    let actions = async |query: &str| -> Vec<String> {
        let listed = gateway
            .with_key(&first)
            .get(&format!("/v1/audit?{query}"))
            .await
            .expect(200)
            .json();
        let entries = listed["data"].as_array().unwrap().clone();
        entries
            .iter()
            .map(|entry| entry["action"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        actions("actor=first").await,
        ["api_key.revoked", "api_key.created"]
    );
    assert_eq!(
        actions(&format!("actor={me}")).await,
        ["api_key.revoked", "api_key.created"]
    );
    let by_cli = ["api_key.revoked", "api_key.created", "api_key.created"];
    assert_eq!(actions("actor=cli").await, by_cli);
    assert_eq!(
        actions(&format!("target={id}")).await,
        ["api_key.revoked", "api_key.created"]
    );
    assert_eq!(actions("target=api_key").await.len(), 5);
    assert_eq!(
        actions("target=api_key&actor=cli&action=api_key.created").await,
        by_cli[1..]
    );
    assert_eq!(actions("target=webhook").await.len(), 0);
    assert_eq!(
        actions("since=2000-01-01T00:00:00Z&until=2000-01-02T00:00:00Z")
            .await
            .len(),
        0
    );
    assert_eq!(actions("since=2000-01-01T00:00:00Z&limit=2").await.len(), 2);
    let page = gateway
        .with_key(&first)
        .get("/v1/audit?limit=2&actor=cli")
        .await
        .json();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(
        actions(&format!("limit=2&actor=cli&cursor={cursor}")).await,
        by_cli[2..]
    );

    let entry = gateway
        .with_key(&first)
        .get(&format!("/v1/audit?target={by_operator}&limit=1"))
        .await
        .json();
    assert_eq!(entry["data"][0]["actor"], json!({"operator": "cli"}));
    // Another workspace's trail is its own, and it begins with the workspace.
    let foreign = cli::succeed(
        &database.url(),
        &[
            "keys",
            "create",
            "--workspace",
            "other",
            "--name",
            "x",
            "--scopes",
            "audit:read",
        ],
    );
    eventually("the key works", SOON, async || {
        whoami(&gateway, &foreign).await == 200
    })
    .await;
    let listed = gateway
        .with_key(&foreign)
        .get("/v1/audit")
        .await
        .expect(200)
        .json();
    let listed = listed["data"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[1]["action"], "workspace.created");
    assert_eq!(listed[1]["target"]["type"], "workspace");

    for statement in [
        "delete from audit",
        "update audit set action = 'x'",
        "truncate audit",
    ] {
        let guarded = format!(
            "do $$ begin {statement}; raise exception 'it was allowed'; exception when raise_exception then
             if sqlerrm not like '%append-only%' then raise; end if; end $$"
        );
        database.ask(&guarded).await;
    }
}

#[tokio::test]
async fn every_filter_is_served_by_an_index_in_the_order_of_the_list() {
    let database = Cluster::shared().database().await;
    cli::succeed(&database.url(), &["migrate"]);
    // In each of the partitions, and in the one for what has none.
    database.ask("insert into audit (id, workspace_id, key_id, key_name, action, target_type, target_id)
         select rpad(lpad(to_hex((extract(epoch from now() + n * interval '12 minutes') * 1000)::bigint), 12, '0'), 32, '0')::uuid,
                1 + n % 50, '01990000-0000-7000-8000-000000000001', 'busy', 'contact.created', 'contact',
                'con_' || n from generate_series(1, 20000) n;
         analyze audit").await;
    for (condition, index) in [
        ("action = 'webhook.created'", "audit_by_action"),
        ("key_id = '01990000-0000-7000-8000-000000000002'", "audit_by_key"),
        ("key_name = 'rare'", "audit_by_key_name"),
        ("operator = 'cli'", "audit_by_operator"),
        ("target_id = 'con_77'", "audit_by_target"),
        ("target_type = 'webhook'", "audit_by_target_type"),
        ("true", "audit_listing"),
    ] {
        let plan = database
            .ask(&format!(
                "explain select * from audit where workspace_id = 1 and {condition} order by id desc limit 51"
            ))
            .await;
        assert!(
            plan.contains(index) && !plan.contains("Seq Scan"),
            "{condition}: {plan}"
        );
    }
}
