//! The audit trail: who did what to which, when and from where; append-only, and without secrets.

use serde_json::{Value, json};

use stage::{Desk, Gateway, Receiver, cli, desk::all_pages, desk::text};

async fn list(desk: &Desk, query: &str) -> Vec<Value> {
    desk.api.get(&format!("/v1/audit?{query}")).await.ok(200)["data"]
        .as_array()
        .expect("data")
        .clone()
}

fn actions(entries: &[Value]) -> Vec<String> {
    entries.iter().map(|entry| text(entry, "action")).collect()
}

/// Does one of everything; the webhook's id.
async fn do_everything(desk: &Desk) -> String {
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    desk.api
        .patch(
            &hook.path(),
            &json!({"name": "renamed", "headers": {"x-token": "s3same"}}),
        )
        .await
        .ok(200);
    desk.api.post_nothing(&hook.at("rotate-secret")).await.ok(200);
    let test = desk.api.post_nothing(&hook.at("test")).await.ok(202);
    let delivery = text(&test, "delivery_id");
    desk.wait_for_delivery(&delivery, "succeeded").await;
    desk.api
        .post_nothing(&format!("/v1/deliveries/{delivery}/redeliver"))
        .await
        .ok(202);
    desk.api
        .post(&hook.at("recover"), &json!({"since": "2020-01-01T00:00:00Z"}))
        .await
        .ok(202);
    desk.api.delete(&hook.path()).await.no_content();
    let key = desk.make_key(&json!({"name": "k", "scopes": ["crm:read"]})).await;
    let path = format!("/v1/api-keys/{}", text(&key, "id"));
    desk.api
        .post(&format!("{path}/rotate"), &json!({"overlap_seconds": 1}))
        .await
        .ok(201);
    desk.api.post_nothing(&format!("{path}/revoke")).await.ok(200);
    desk.api.delete(&path).await.no_content();
    desk.api
        .post("/v1/event-types", &json!({"name": "a.b", "description": "x"}))
        .await
        .ok(201);
    hook.id
}

#[tokio::test]
async fn every_change_has_an_entry_with_actor_time_and_address() {
    let desk = Desk::open().await;
    do_everything(&desk).await;
    let entries = list(&desk, "limit=200").await;
    let mut expected = vec![
        "event_type.created",
        "api_key.deleted",
        "api_key.revoked",
        "api_key.created",
        "api_key.rotated",
        "api_key.created",
        "webhook.deleted",
        "webhook.recovered",
        "delivery.redelivered",
        "webhook.tested",
        "webhook.secret_rotated",
        "webhook.updated",
        "webhook.created",
        "api_key.created",
        "workspace.created",
    ];
    let mut found = actions(&entries);
    // A rotation is two entries of one moment.
    assert_eq!(found.len(), expected.len(), "{found:?}");
    found[3..5].sort();
    expected[3..5].sort_unstable();
    assert_eq!(found, expected);
    let who = desk.api.get("/v1/whoami").await.ok(200);
    for entry in &entries[..13] {
        assert!(text(entry, "id").starts_with("aud_"));
        assert!(text(entry, "at").ends_with('Z'));
        assert_eq!(
            entry["actor"],
            json!({"key_id": who["key_id"], "key_name": who["name"]}),
            "{entry}"
        );
        assert_eq!(entry["ip"], "127.0.0.1");
        assert!(entry["request_id"].is_string());
        for field in ["type", "id"] {
            assert!(entry["target"][field].is_string(), "{entry}");
        }
    }
    for entry in &entries[13..] {
        assert_eq!(entry["actor"], json!({"operator": "cli"}));
    }
    let page = all_pages(&desk.api, "/v1/audit", 4).await;
    assert_eq!(page, entries);
}

#[tokio::test]
async fn changes_tell_old_and_new_and_no_secret() {
    let desk = Desk::open().await;
    do_everything(&desk).await;
    let updated = list(&desk, "action=webhook.updated").await;
    assert_eq!(updated[0]["changes"]["name"], json!(["hook", "renamed"]));
    assert!(
        updated[0]["changes"].get("headers").is_some(),
        "that headers changed is told"
    );
    let everything = desk.api.get("/v1/audit?limit=200").await;
    assert!(
        !everything.text().contains("s3same")
            && !everything.text().contains("sk_")
            && !everything.text().contains("whsec_")
    );
    let request_id = "audit-test-1";
    let call = desk
        .api
        .post_call("/v1/event-types", &json!({"name": "c.d", "description": "x"}));
    call.header("x-request-id", request_id).send().await.ok(201);
    assert_eq!(list(&desk, "limit=1").await[0]["request_id"], request_id);
}

#[tokio::test]
async fn filters_narrow_it() {
    let desk = Desk::open().await;
    let hook = do_everything(&desk).await;
    assert_eq!(
        actions(&list(&desk, "action=api_key.rotated").await),
        ["api_key.rotated"]
    );
    let of_hook = list(&desk, &format!("target={hook}")).await;
    assert!(of_hook.len() == 6 && of_hook.iter().all(|entry| entry["target"]["id"] == hook.as_str()));
    assert_eq!(
        actions(&list(&desk, "actor=cli").await),
        ["api_key.created", "workspace.created"]
    );
    let who = text(&desk.api.get("/v1/whoami").await.ok(200), "key_id");
    assert_eq!(list(&desk, &format!("actor={who}&limit=200")).await.len(), 13);
    assert_eq!(
        list(&desk, &format!("actor={who}&action=webhook.created"))
            .await
            .len(),
        1
    );
    let middle = text(&of_hook[2], "at");
    let (after, before) = (
        list(&desk, &format!("since={middle}&limit=200")).await,
        list(&desk, &format!("until={middle}&limit=200")).await,
    );
    assert_eq!(after.len() + before.len(), 15, "until is exclusive, since is not");
    assert!(
        after.iter().all(|entry| text(entry, "at") >= middle)
            && before.iter().all(|entry| text(entry, "at") < middle)
    );
    assert_eq!(list(&desk, "action=no.such").await.len(), 0);
}

#[tokio::test]
async fn a_refused_change_leaves_no_trace() {
    let desk = Desk::open().await;
    let before = list(&desk, "limit=200").await.len();
    desk.api
        .post(
            "/v1/event-types",
            &json!({"name": "deal.won", "description": "x"}),
        )
        .await
        .problem(409, "type_taken");
    desk.api
        .post("/v1/webhooks", &json!({}))
        .await
        .problem(422, "validation_failed");
    desk.api
        .delete("/v1/webhooks/wh_0198c0de-0000-7000-8000-000000000001")
        .await
        .problem(404, "not_found");
    assert_eq!(list(&desk, "limit=200").await.len(), before);
}

#[tokio::test]
async fn it_is_append_only_and_each_workspaces_own() {
    let (desk, other) = (Desk::open().await, Desk::open().await);
    let (_, database) = Gateway::shared().await;
    desk.api
        .post("/v1/event-types", &json!({"name": "a.b", "description": "x"}))
        .await
        .ok(201);
    assert!(!actions(&list(&other, "limit=200").await).contains(&"event_type.created".to_owned()));
    let session = database.session().await;
    for statement in [
        "update audit set action = 'x'",
        "delete from audit",
        "truncate audit",
    ] {
        assert!(session.batch_execute(statement).await.is_err(), "{statement}");
    }
    let narrow = desk.with_scopes(&["keys:read"]).await;
    narrow.get("/v1/audit").await.problem(403, "scope_missing");
}

#[tokio::test]
async fn the_operators_revocation_is_in_it() {
    let desk = Desk::open().await;
    let key = desk.make_key(&json!({"name": "k", "scopes": ["crm:read"]})).await;
    cli::succeed(&desk.url, &["keys", "revoke", &text(&key, "id")]);
    let entries = list(&desk, "action=api_key.revoked").await;
    assert_eq!(entries[0]["actor"], json!({"operator": "cli"}));
    assert_eq!(entries[0]["target"]["id"], key["id"]);
}

#[tokio::test]
async fn the_trail_as_a_file() {
    let desk = Desk::open().await;
    do_everything(&desk).await;
    let name = "=HYPERLINK(\"http://x\"), and so on";
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    desk.api.patch(&hook.path(), &json!({"name": name})).await.ok(200);
    let reply = desk.api.get("/v1/audit.csv").await.expect(200);
    assert_eq!(reply.header("content-type"), Some("text/csv; charset=utf-8"));
    let disposition = reply.header("content-disposition").expect("a disposition");
    assert_eq!(disposition, "attachment; filename=\"audit.csv\"");
    let lines: Vec<&str> = reply.text().split("\r\n").collect();
    assert_eq!(
        lines[0],
        "id,at,actor,action,target_type,target_id,target_name,request_id,ip,changes"
    );
    let entries = all_pages(&desk.api, "/v1/audit", 200).await;
    assert_eq!(
        lines.len(),
        entries.len() + 2,
        "a line each, and the end of the last"
    );
    for (line, entry) in lines[1..].iter().zip(&entries) {
        let begin = format!("{},{},", text(entry, "id"), text(entry, "at"));
        assert!(line.starts_with(&begin), "{line}");
        assert!(line.contains(&format!(",{},", text(entry, "action"))), "{line}");
    }
    let safe = "\"'=HYPERLINK(\"\"http://x\"\"), and so on\"";
    assert!(lines[1].contains(safe), "{}", lines[1]);
    let filtered = desk
        .api
        .get("/v1/audit.csv?action=webhook.deleted")
        .await
        .expect(200);
    assert_eq!(filtered.text().split("\r\n").count(), 3);
    desk.api
        .get("/v1/audit.csv?limit=1")
        .await
        .refused_at(&["query.limit"]);
    desk.api
        .get("/v1/audit.csv?since=now")
        .await
        .refused_at(&["query.since"]);
    let other = desk.with_scopes(&["keys:read"]).await;
    other.get("/v1/audit.csv").await.problem(403, "scope_missing");
}

#[tokio::test]
async fn a_file_of_more_than_one_read() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    desk.api.get("/v1/whoami").await.ok(200);
    database
        .run(
            "insert into audit (id, workspace_id, operator, action, target_type, target_id)
             select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint - n), 12, '0') || '7'
                     || substr(replace(gen_random_uuid()::text, '-', ''), 14, 19))::uuid,
                    w.id, 'cli', 'a.b', 'x', 'number ' || n from generate_series(1, 1234) n, workspaces w",
        )
        .await;
    let reply = desk.api.get("/v1/audit.csv?action=a.b").await.expect(200);
    let of = |line: &str| line.split(',').nth(5).map(str::to_owned);
    let found: Vec<String> = reply.text().lines().skip(1).filter_map(of).collect();
    let expected: Vec<String> = (1..=1234).map(|n| format!("number {n}")).collect();
    assert_eq!(found, expected);
}
