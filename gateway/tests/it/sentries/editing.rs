//! Creating, changing, listing and deleting sentries.

use serde_json::{Value, json};

use stage::Desk;
use stage::desk::{all_pages, text};

use super::{id_in, plain, report, sentry};

#[tokio::test]
async fn a_sentry_from_its_creation_to_its_end() {
    let desk = Desk::open().await;
    let body = json!({"name": "Orders", "description": "line one\nline two", "timeout_hours": 24});
    let made = desk.api.post("/v1/sentries", &body).await.ok(201);
    let id = text(&made, "id");
    assert!(id.starts_with("sen_"));
    let mut fields: Vec<&str> = made
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "api_url",
            "created_at",
            "description",
            "enabled",
            "history_note",
            "hoots",
            "id",
            "last_report_at",
            "latest_record_at",
            "meta",
            "name",
            "private_entry",
            "reason",
            "reported_state",
            "sick_at",
            "state",
            "timeout_hours",
            "updated_at",
            "upstream",
            "user_message"
        ]
    );
    assert_eq!(made["timeout_hours"], 24);
    assert_eq!(
        (&made["state"], &made["meta"], &made["enabled"]),
        (&Value::Null, &json!({}), &json!(true))
    );
    assert_eq!(
        made["api_url"],
        format!("http://{}/v1/sentries/{id}", desk.api.address)
    );
    let path = format!("/v1/sentries/{id}");
    assert_eq!(desk.api.get(&path).await.ok(200), made);

    let patch = json!({"name": "Bills", "description": null, "timeout_hours": 0.5, "enabled": false});
    let patched = desk.api.patch(&path, &patch).await.ok(200);
    assert_eq!(
        (&patched["name"], &patched["description"]),
        (&json!("Bills"), &Value::Null)
    );
    assert_eq!(
        (&patched["timeout_hours"], &patched["sick_at"]),
        (&json!(0.5), &Value::Null)
    );
    assert_ne!(patched["updated_at"], made["updated_at"]);
    let same = desk.api.patch(&path, &json!({"name": "Bills"})).await.ok(200);
    assert_eq!(same["updated_at"], patched["updated_at"]);

    desk.api.delete(&path).await.no_content();
    desk.api.get(&path).await.problem(404, "not_found");
    let audit = desk.api.get(&format!("/v1/audit?target={id}")).await.ok(200);
    let actions: Vec<String> = audit["data"]
        .as_array()
        .expect("data")
        .iter()
        .map(|row| text(row, "action"))
        .collect();
    assert_eq!(actions, ["sentry.deleted", "sentry.updated", "sentry.created"]);
    assert_eq!(audit["data"][1]["changes"]["timeout_hours"], json!([24, 0.5]));
}

#[tokio::test]
async fn what_is_wrong_is_told_all_at_once() {
    let desk = Desk::open().await;
    let unknown = "sen_0198c0de-0000-7000-8000-000000000001";
    let known = id_in(&plain(&desk).await);
    for (body, places) in [
        (json!({}), &["body.name"][..]),
        (json!({"name": ""}), &["body.name"]),
        (json!({"name": "a\nb"}), &["body.name"]),
        (json!({"name": "x".repeat(201)}), &["body.name"]),
        (
            json!({"name": "x", "enabled": true, "timeout_hours": 0.001}),
            &["body.enabled", "body.timeout_hours"],
        ),
        (
            json!({"name": "x", "timeout_hours": "24"}),
            &["body.timeout_hours"],
        ),
        (
            json!({"name": "x", "timeout_hours": 8760.01}),
            &["body.timeout_hours"],
        ),
        (
            json!({"name": "x", "description": "\u{1}"}),
            &["body.description"],
        ),
        (
            json!({"name": "x", "upstream": [known, unknown]}),
            &["body.upstream[1]"],
        ),
        (
            json!({"name": "x", "upstream": [known, known]}),
            &["body.upstream[1]"],
        ),
        (
            json!({"name": "x", "hoots": ["hoot_0198c0de-0000-7000-8000-000000000001"]}),
            &["body.hoots[0]"],
        ),
    ] {
        desk.api.post("/v1/sentries", &body).await.refused_at(places);
    }
    let path = plain(&desk).await;
    for field in ["name", "upstream", "hoots", "enabled"] {
        desk.api
            .patch(&path, &json!({field: null}))
            .await
            .refused_at(&[&format!("body.{field}")]);
    }
    let stranger = Desk::open().await;
    let theirs = id_in(&plain(&stranger).await);
    let body = json!({"name": "x", "upstream": [theirs]});
    desk.api
        .post("/v1/sentries", &body)
        .await
        .refused_at(&["body.upstream[0]"]);
    stranger.api.get(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn no_sentry_is_above_itself() {
    let desk = Desk::open().await;
    let a = plain(&desk).await;
    let b = sentry(&desk, json!({"name": "b", "upstream": [id_in(&a)]})).await;
    let c = sentry(&desk, json!({"name": "c", "upstream": [id_in(&b)]})).await;
    for upstream in [&a, &b, &c] {
        let reply = desk.api.patch(&a, &json!({"upstream": [id_in(upstream)]})).await;
        reply.refused_at(&["body.upstream"]);
        assert_eq!(reply.json()["errors"][0]["code"], "upstream_cycle");
    }
    desk.api
        .patch(&c, &json!({"upstream": [id_in(&a), id_in(&b)]}))
        .await
        .ok(200);
    // The order is kept, and a downstream sentry loses what is deleted.
    desk.api
        .patch(&c, &json!({"upstream": [id_in(&b), id_in(&a)]}))
        .await
        .ok(200);
    assert_eq!(
        desk.api.get(&c).await.ok(200)["upstream"],
        json!([id_in(&b), id_in(&a)])
    );
    desk.api.delete(&b).await.no_content();
    assert_eq!(desk.api.get(&c).await.ok(200)["upstream"], json!([id_in(&a)]));
}

#[tokio::test]
async fn two_changes_cannot_close_a_circle_between_them() {
    let desk = Desk::open().await;
    for _ in 0..10 {
        let (a, b) = (plain(&desk).await, plain(&desk).await);
        let (to_b, to_a) = (json!({"upstream": [id_in(&b)]}), json!({"upstream": [id_in(&a)]}));
        let (one, other) = tokio::join!(desk.api.patch(&a, &to_b), desk.api.patch(&b, &to_a));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 422]);
    }
}

#[tokio::test]
async fn a_list_has_its_filters() {
    let desk = Desk::open().await;
    let happy = sentry(
        &desk,
        json!({"name": "Orders load", "description": "from the Warehouse"}),
    )
    .await;
    let sick = sentry(&desk, json!({"name": "Bills"})).await;
    let none = sentry(&desk, json!({"name": "Quiet"})).await;
    report(&desk, &happy, "happy").await;
    report(&desk, &sick, "sick").await;
    desk.api.patch(&none, &json!({"enabled": false})).await.ok(200);
    let found = async |query: &str| {
        let rows = all_pages(&desk.api, &format!("/v1/sentries?{query}"), 1).await;
        rows.iter().map(|row| text(row, "name")).collect::<Vec<_>>()
    };
    assert_eq!(found("").await, ["Quiet", "Bills", "Orders load"]);
    assert_eq!(found("state=sick").await, ["Bills"]);
    assert_eq!(found("state=none").await, ["Quiet"]);
    assert_eq!(found("enabled=true&state=happy").await, ["Orders load"]);
    assert_eq!(found("enabled=false").await, ["Quiet"]);
    assert_eq!(found("q=ware+ord").await, ["Orders load"]);
    assert_eq!(found("q=%3F").await, [""; 0]);
    for query in ["state=SICK", "enabled=1", "limit=0", "foo=1"] {
        desk.api.get(&format!("/v1/sentries?{query}")).await.refusal(422);
    }
}
