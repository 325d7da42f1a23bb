//! Hoots: how they are made and changed, and what the API shows of them.

use serde_json::{Value, json};

use stage::Desk;
use stage::desk::{all_pages, text};

use super::{hoot, id_in, plain};

#[tokio::test]
async fn a_hoot_from_its_creation_to_its_end() {
    let desk = Desk::open().await;
    let sentry = plain(&desk).await;
    let body = json!({"name": "Orders ] <b>", "description": "what\nit is", "resource_url": "https://example.com/r",
        "sentries": [id_in(&sentry)], "message": "own", "links": [{"label": "docs", "url": "https://example.com/d"}],
        "faqs": [{"question": "why?", "answer": "because\nso"}]});
    let made = desk.api.post("/v1/hoots", &body).await.ok(201);
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
            "badge_url",
            "created_at",
            "description",
            "embed",
            "enabled",
            "faqs",
            "id",
            "json_url",
            "latest_record_at",
            "links",
            "message",
            "name",
            "override",
            "page_url",
            "public",
            "resource_url",
            "sentries",
            "state",
            "updated_at"
        ]
    );
    let id = text(&made, "id");
    let origin = format!("http://{}", desk.api.address);
    assert_eq!(made["badge_url"], format!("{origin}/hoots/{id}/badge.svg"));
    assert_eq!(made["json_url"], format!("{origin}/hoots/{id}.json"));
    assert_eq!(
        (&made["state"], &made["message"]),
        (&json!("neutral"), &json!("own"))
    );
    assert!(text(&made["embed"], "markdown").starts_with(r"[![Orders \] \<b\>]("));
    assert_eq!(
        made["sentries"],
        json!([{"id": id_in(&sentry), "name": "nightly load", "state": null, "user_message": null,
            "latest_record_at": null, "enabled": true}])
    );
    assert_eq!(desk.api.get(&sentry).await.ok(200)["hoots"], json!([id]));
    let path = format!("/v1/hoots/{id}");
    assert_eq!(desk.api.get(&path).await.ok(200), made);
    let listed = all_pages(&desk.api, "/v1/hoots", 1).await;
    assert_eq!(listed, std::slice::from_ref(&made));

    let until = "2999-01-01T00:00:00.000Z";
    let patch =
        json!({"name": "Orders", "override": {"state": "sad", "message": "being looked at", "until": until}});
    let patched = desk.api.patch(&path, &patch).await.ok(200);
    assert_eq!(
        (&patched["state"], &patched["message"]),
        (&json!("sad"), &json!("being looked at"))
    );
    assert_eq!(
        patched["override"],
        json!({"state": "sad", "message": "being looked at", "until": until})
    );
    let patched = desk.api.patch(&path, &json!({"override": null})).await.ok(200);
    assert_eq!(
        (&patched["override"], &patched["state"]),
        (&Value::Null, &json!("neutral"))
    );
    let same = desk.api.patch(&path, &json!({"override": null})).await.ok(200);
    assert_eq!(same["updated_at"], patched["updated_at"]);
    let off = desk
        .api
        .patch(&path, &json!({"enabled": false, "sentries": []}))
        .await
        .ok(200);
    assert_eq!(
        (&off["state"], &off["sentries"]),
        (&json!("disabled"), &json!([]))
    );
    assert_eq!(desk.api.get(&sentry).await.ok(200)["hoots"], json!([]));
    desk.api.delete(&path).await.no_content();
    desk.api.get(&path).await.problem(404, "not_found");
    let audit = desk.api.get(&format!("/v1/audit?target={id}")).await.ok(200);
    let mut actions: Vec<String> = audit["data"]
        .as_array()
        .expect("data")
        .iter()
        .map(|row| text(row, "action"))
        .collect();
    actions.reverse();
    assert_eq!(
        actions,
        [
            "hoot.created",
            "hoot.updated",
            "hoot.overridden",
            "hoot.overridden",
            "hoot.updated",
            "hoot.deleted"
        ]
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_hoot() {
    let desk = Desk::open().await;
    let path = format!("/v1/hoots/{}", hoot(&desk, json!({"name": "x"})).await);
    for (body, places) in [
        (json!({}), &["body.name"][..]),
        (
            json!({"name": "x", "override": null, "enabled": true}),
            &["body.enabled", "body.override"],
        ),
        (
            json!({"name": "x", "resource_url": "javascript:alert(1)"}),
            &["body.resource_url"],
        ),
        (json!({"name": "x", "message": "m".repeat(81)}), &["body.message"]),
        (
            json!({"name": "x", "links": [{"label": "a"}]}),
            &["body.links[0].url"],
        ),
        (
            json!({"name": "x", "sentries": ["sen_0198c0de-0000-7000-8000-000000000001"]}),
            &["body.sentries[0]"],
        ),
    ] {
        desk.api.post("/v1/hoots", &body).await.refused_at(places);
    }
    for field in ["name", "public", "sentries", "links", "faqs", "enabled"] {
        let reply = desk.api.patch(&path, &json!({field: null})).await;
        reply.refused_at(&[&format!("body.{field}")]);
    }
    let past = json!({"override": {"state": "sad", "until": "2020-01-01T00:00:00Z"}});
    desk.api
        .patch(&path, &past)
        .await
        .refused_at(&["body.override.until"]);
    let stranger = Desk::open().await;
    stranger.api.get(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn links_begin_with_the_public_url() {
    let (_gateway, _database, desk) =
        Desk::own(&[("GATEWAY_SERVER__PUBLIC_URL", "https://gateway.example.com/")]).await;
    let sentry = desk.api.get(&plain(&desk).await).await.ok(200);
    assert!(text(&sentry, "api_url").starts_with("https://gateway.example.com/v1/sentries/sen_"));
    let made = desk.api.post("/v1/hoots", &json!({"name": "x"})).await.ok(201);
    assert!(text(&made, "page_url").starts_with("https://gateway.example.com/hoots/hoot_"));
}
