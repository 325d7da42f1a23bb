//! What the public sees of hoots, and what it does not.

use http::Method;
use serde_json::{Value, json};

use stage::desk::text;
use stage::{Api, Desk, Gateway, SOON, eventually};

use super::{hoot, id_in, plain, report, sentry};

/// A client without a key.
fn public(desk: &Desk) -> Api {
    Api::new(desk.api.address, None)
}

#[tokio::test]
async fn the_public_forms_follow_the_sentries() {
    let desk = Desk::open().await;
    let nobody = public(&desk);
    let sentry = plain(&desk).await;
    let id = hoot(&desk, json!({"name": "Orders", "sentries": [id_in(&sentry)]})).await;
    let body = json!({"state": "sick", "user_message": "Load <failed> & \"so\"", "history_note": "disk full",
        "meta": {"latest_record_at": 1_700_000_000}});
    desk.api.post(&sentry, &body).await.ok(200);
    let json_path = format!("/hoots/{id}.json");
    eventually("the JSON follows", SOON, || async {
        nobody.get(&json_path).await.ok(200)["state"] == "sick"
    })
    .await;
    let told = nobody.get(&json_path).await;
    assert_eq!(told.header("access-control-allow-origin"), Some("*"));
    assert_eq!(told.header("cross-origin-resource-policy"), Some("cross-origin"));
    assert_eq!(told.header("cache-control"), Some("no-cache"));
    let shown = told.ok(200);
    let hoot = desk.api.get(&format!("/v1/hoots/{id}")).await.ok(200);
    assert_eq!(
        shown,
        json!({"id": id, "name": "Orders", "description": null, "state": "sick",
            "message": "Load <failed> & \"so\"", "latest_record_at": "2023-11-14T22:13:20.000Z", "resource_url": null,
            "sentries": [{"name": "nightly load", "state": "sick", "user_message": "Load <failed> & \"so\"",
                "latest_record_at": "2023-11-14T22:13:20.000Z"}],
            "history": [{"at": shown["history"][0]["at"], "source": "report", "state": "sick",
                "user_message": "Load <failed> & \"so\"", "history_note": "disk full"}],
            "links": [], "faqs": [], "updated_at": hoot["updated_at"]})
    );
    let badge = nobody.get(&format!("/hoots/{id}/badge.svg")).await;
    assert_eq!(
        (badge.status, badge.header("content-type")),
        (200, Some("image/svg+xml"))
    );
    assert!(badge.body.len() <= 4_096 && badge.text().contains("Load &lt;failed&gt; &amp; \"so\""));
    assert!(badge.text().contains("latest record ") && badge.text().contains(" d ago"));
    assert!(badge.text().contains("2023-11-14 22:13:20 UTC"));
    let other = nobody
        .get(&format!(
            "/hoots/{id}/badge.svg?style=pill&theme=dark&label=Quality"
        ))
        .await;
    assert!(other.status == 200 && other.body != badge.body && other.text().contains("Quality"));
    let odd = nobody
        .get(&format!("/hoots/{id}/badge.svg?style=x&theme=y&z=1"))
        .await;
    assert_eq!(odd.status, 200);
    let page = nobody.get(&format!("/hoots/{id}")).await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("frame-ancestors *") && policy.contains("default-src 'none'"));
    assert!(page.header("x-frame-options").is_none() && page.header("set-cookie").is_none());
    assert!(page.text().contains("disk full") && !page.text().contains("<script"));
    assert!(page.text().contains("Load &lt;failed&gt;"));

    for path in [
        json_path.clone(),
        format!("/hoots/{id}/badge.svg"),
        format!("/hoots/{id}"),
    ] {
        // Ages may turn between the two.
        eventually("it matches", SOON, || async {
            let reply = nobody.get(&path).await;
            let etag = reply.header("etag").expect("an etag").to_owned();
            let again = nobody.get_call(&path).header("if-none-match", &etag).send().await;
            again.status == 304 && again.body.is_empty() && again.header("etag") == Some(etag.as_str())
        })
        .await;
        let head = nobody.call(Method::HEAD, &path).send().await;
        assert!(head.status == 200 && head.body.is_empty());
        nobody
            .call(Method::POST, &path)
            .send()
            .await
            .problem(405, "method_not_allowed");
    }
    // A disabled sentry counts for no hoot.
    desk.api.patch(&sentry, &json!({"enabled": false})).await.ok(200);
    eventually("it is neutral", SOON, || async {
        nobody.get(&json_path).await.ok(200)["state"] == "neutral"
    })
    .await;
    // An override ends by itself.
    let (_, database) = Gateway::shared().await;
    let until =
        "select to_char((now() + interval '3 seconds') at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
    let soon = json!({"override": {"state": "happy", "until": database.ask(until).await}});
    desk.api.patch(&format!("/v1/hoots/{id}"), &soon).await.ok(200);
    assert_eq!(nobody.get(&json_path).await.ok(200)["state"], "happy");
    eventually("it has ended", SOON, || async {
        nobody.get(&json_path).await.ok(200)["state"] == "neutral"
    })
    .await;
}

#[tokio::test]
async fn what_is_not_public_looks_as_if_it_were_not_there() {
    let desk = Desk::open().await;
    let nobody = public(&desk);
    let hidden = hoot(&desk, json!({"name": "hidden", "public": false})).await;
    let unknown = "hoot_0198c0de-0000-7000-8000-000000000001";
    for end in ["", "/badge.svg"] {
        let replies = [
            nobody.get(&format!("/hoots/{hidden}{end}")).await,
            nobody.get(&format!("/hoots/{unknown}{end}")).await,
            nobody.get(&format!("/hoots/nonsense{end}")).await,
        ];
        for reply in &replies {
            assert_eq!(reply.status, 404);
            assert_eq!(reply.body, replies[0].body);
            assert_eq!(reply.header("content-type"), replies[0].header("content-type"));
        }
        assert!(
            replies[0]
                .text()
                .contains(if end.is_empty() { "Not found" } else { "unknown" })
        );
    }
    for id in [hidden.as_str(), unknown, "nonsense"] {
        let problem = nobody
            .get(&format!("/hoots/{id}.json"))
            .await
            .problem(404, "not_found");
        assert_eq!(problem["detail"], "There is no such hoot, or it is not public.");
    }
    nobody
        .get(&format!("/hoots/{unknown}/other"))
        .await
        .problem(404, "not_found");
    // Shown, and hidden again.
    let path = format!("/v1/hoots/{hidden}");
    desk.api.patch(&path, &json!({"public": true})).await.ok(200);
    nobody.get(&format!("/hoots/{hidden}.json")).await.ok(200);
    desk.api.patch(&path, &json!({"public": false})).await.ok(200);
    nobody.get(&format!("/hoots/{hidden}.json")).await.refusal(404);
}

#[tokio::test]
async fn nothing_private_is_ever_public() {
    let (gateway, database, desk) = Desk::own(&[
        ("GATEWAY_TELEMETRY__LOG_LEVEL", "debug"),
        ("GATEWAY_TELEMETRY__ACCESS_LOG", "all"),
    ])
    .await;
    let canary = "canary-0b5e55ed";
    let sentry = sentry(&desk, json!({"name": "s", "description": canary})).await;
    let id = hoot(&desk, json!({"name": "Orders", "sentries": [id_in(&sentry)]})).await;
    let key = desk
        .make_key(&json!({"name": canary, "scopes": ["sentries:write"]}))
        .await;
    let reporter = desk.api.with_key(&text(&key, "key"));
    let secret = json!({"state": "sad", "user_message": "seen", "history_note": canary, "private_entry": true,
        "meta": {"x": canary, "counts": {canary: 1}}});
    reporter.post(&sentry, &secret).await.ok(200);
    reporter
        .post(&sentry, &json!({"state": "good", "history_note": canary}))
        .await
        .refusal(422);
    let nobody = public(&desk);
    eventually("it is seen", SOON, || async {
        nobody.get(&format!("/hoots/{id}.json")).await.ok(200)["message"] == "seen"
    })
    .await;
    let told = nobody.get(&format!("/hoots/{id}.json")).await.ok(200);
    assert_eq!(
        (&told["history"][0]["state"], &told["history"][0]["history_note"]),
        (&json!("sad"), &Value::Null)
    );
    let mut seen = Vec::new();
    for path in [
        format!("/hoots/{id}.json"),
        format!("/hoots/{id}/badge.svg?label=x"),
        format!("/hoots/{id}"),
    ] {
        let reply = nobody.get(&path).await;
        seen.push(format!("{:?} {}", reply.headers, reply.text()));
    }
    seen.push(gateway.operations("/metrics").await.text().to_owned());
    seen.push(gateway.log());
    let me = desk.api.get("/v1/whoami").await.ok(200);
    let workspace = database.ask("select max(id) from workspaces").await;
    assert!(!workspace.is_empty());
    for text_seen in &seen[..3] {
        for hidden in [
            id_in(&sentry).as_str(),
            "api_url",
            "his_",
            "key_",
            me["key_id"].as_str().expect("text"),
        ] {
            assert!(!text_seen.contains(hidden), "{hidden} in {text_seen}");
        }
    }
    for text_seen in &seen {
        assert!(!text_seen.contains(canary), "{text_seen}");
    }
}

#[tokio::test]
async fn a_change_shows_on_the_other_instance_and_a_network_has_its_limit() {
    let (_one, database, desk) = Desk::own(&[]).await;
    let two = Gateway::start(&database.url(), &[("GATEWAY_HOOTS__MAX_PER_SECOND", "1")]).await;
    let there = Api::new(two.api, None);
    let sentry = plain(&desk).await;
    let id = hoot(&desk, json!({"name": "Orders", "sentries": [id_in(&sentry)]})).await;
    let path = format!("/hoots/{id}.json");
    eventually("it is there", SOON, || async {
        there.get(&path).await.status == 200
    })
    .await;
    report(&desk, &sentry, "sad").await;
    eventually("the report is there", SOON, || async {
        let reply = there.get(&path).await;
        reply.status == 200 && reply.json()["state"] == "sad"
    })
    .await;
    let mut refused = None;
    for _ in 0..1_000 {
        let reply = there.get(&path).await;
        if reply.status != 200 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("a refusal");
    refused.problem(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
    desk.api.delete(&format!("/v1/hoots/{id}")).await.no_content();
    eventually("it is gone", SOON, || async {
        there.get(&path).await.status == 404
    })
    .await;
}
