//! Reports in each of their forms, and what they do.

use http::Method;
use serde_json::{Value, json};

use stage::desk::text;
use stage::{Desk, Reply, SOON, eventually};

use super::{id_in, plain, report, sentry};

const FORM: &str = "application/x-www-form-urlencoded";

async fn form(desk: &Desk, path: &str, body: &str) -> Reply {
    let call = desk.api.call(Method::POST, path);
    call.body(FORM, body.to_owned()).send().await
}

async fn parts(desk: &Desk, path: &str, pairs: &[(&str, &str)]) -> Reply {
    let part = |(name, value): &(&str, &str)| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body: String = pairs.iter().map(part).collect::<String>() + "--B--\r\n";
    let call = desk.api.call(Method::POST, path);
    call.body("multipart/form-data; boundary=B", body).send().await
}

#[tokio::test]
async fn all_four_forms_say_the_same() {
    let desk = Desk::open().await;
    let meta = json!({"latest_record_at": "1700000000", "counts": {"orders": "12"}});
    let pairs = [
        ("state", "SAD"),
        ("user_message", "Späte Daten"),
        ("history_note", "why"),
        ("private_entry", "true"),
        ("meta[latest_record_at]", "1700000000"),
        ("meta[counts][orders]", "12"),
    ];
    let encoded = url_encoded(&pairs);
    let mut replies = Vec::new();
    for way in 0..4 {
        let path = plain(&desk).await;
        let reply = match way {
            0 => {
                let body = json!({"state": "sad", "user_message": "Späte Daten", "history_note": "why",
                    "private_entry": true, "meta": {"latest_record_at": "1700000000", "counts": {"orders": 12}}});
                desk.api.post(&path, &body).await
            }
            1 => form(&desk, &path, &encoded).await,
            2 => parts(&desk, &path, &pairs).await,
            _ => desk.api.post_nothing(&format!("{path}?{encoded}")).await,
        };
        let told = reply.ok(200);
        assert_eq!(
            (&told["state"], &told["reported_state"]),
            (&json!("sad"), &json!("sad"))
        );
        assert_eq!(
            (&told["reason"], &told["user_message"]),
            (&json!("report"), &json!("Späte Daten"))
        );
        assert_eq!(
            (&told["history_note"], &told["private_entry"]),
            (&json!("why"), &json!(true))
        );
        assert_eq!(told["latest_record_at"], "2023-11-14T22:13:20.000Z");
        if way > 0 {
            assert_eq!(told["meta"], meta);
        }
        assert_eq!(desk.api.get(&path).await.ok(200), told);
        let history = desk.api.get(&format!("{path}/history")).await.ok(200);
        assert_eq!(history["data"][0]["meta"], told["meta"]);
        replies.push(told);
    }
    assert_eq!(replies.len(), 4);
}

fn url_encoded(pairs: &[(&str, &str)]) -> String {
    let escape = |text: &str| {
        let bytes = text.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        });
        bytes.collect::<String>()
    };
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[tokio::test]
async fn the_body_wins_field_by_field() {
    let desk = Desk::open().await;
    let path = plain(&desk).await;
    let query = format!("{path}?state=sick&user_message=query&history_note=query&meta[a]=1");
    let told = form(&desk, &query, "state=happy&user_message=&meta[b]=2")
        .await
        .ok(200);
    assert_eq!(
        (&told["state"], &told["user_message"]),
        (&json!("happy"), &Value::Null)
    );
    assert_eq!(
        (&told["history_note"], &told["meta"]),
        (&json!("query"), &json!({"b": "2"}))
    );
    let told = desk
        .api
        .post(&query, &json!({"state": null, "user_message": "body"}))
        .await
        .ok(200);
    assert_eq!(
        (&told["state"], &told["user_message"]),
        (&json!("sick"), &json!("body"))
    );
    // A bad value in the query is one even where the body has a good one.
    form(&desk, &format!("{path}?state=good"), "state=happy")
        .await
        .refused_at(&["query.state"]);
    let both = form(&desk, &format!("{path}?foo=1"), "bar=1").await;
    both.refused_at(&["body.bar", "query.foo"]);
}

#[tokio::test]
async fn what_is_refused_and_where() {
    let desk = Desk::open().await;
    let path = plain(&desk).await;
    desk.api.post_nothing(&path).await.refused_at(&["body.state"]);
    desk.api
        .post(&path, &json!({"user_message": "x"}))
        .await
        .refused_at(&["body.state"]);
    for (body, places) in [
        (json!({"state": "good"}), &["body.state"][..]),
        (json!({"state": ""}), &["body.state"]),
        (
            json!({"state": "sad", "user_message": "x".repeat(81)}),
            &["body.user_message"],
        ),
        (
            json!({"state": "sad", "user_message": "a\tb"}),
            &["body.user_message"],
        ),
        (
            json!({"state": "sad", "history_note": "x".repeat(4_001)}),
            &["body.history_note"],
        ),
        (
            json!({"state": "sad", "private_entry": "true"}),
            &["body.private_entry"],
        ),
        (json!({"state": "sad", "meta": []}), &["body.meta"]),
        (
            json!({"state": "sad", "meta": {"latest_record_at": -1}}),
            &["body.meta.latest_record_at"],
        ),
        (
            json!({"state": "sad", "meta": {"counts": {"a": "1"}}}),
            &["body.meta.counts.a"],
        ),
        (
            json!({"state": "sad", "meta": {"a": "x".repeat(16_400)}}),
            &["body.meta"],
        ),
        (json!({"state": "sad", "note": "x"}), &["body.note"]),
        (json!([]), &["body"]),
    ] {
        desk.api.post(&path, &body).await.refused_at(places);
    }
    desk.api
        .post(&path, &json!({"state": "sad", "user_message": "é".repeat(80)}))
        .await
        .ok(200);
    for (body, place) in [
        ("state=sad&state=sad", "body.state"),
        ("state=&user_message=x", "body.state"),
        ("meta=x", "body.meta"),
        ("state[x]=sad", "body.state[x]"),
        ("meta[a]=1&meta[a][b]=2", "body.meta[a][b]"),
    ] {
        form(&desk, &path, body).await.refused_at(&[place]);
    }
    desk.api
        .post_text(&path, "{")
        .await
        .problem(400, "malformed_json");
    desk.api
        .post_text(&path, r#"{"state":"sad","state":"sad"}"#)
        .await
        .problem(400, "malformed_json");
    let call = desk.api.call(Method::POST, &path);
    call.body("text/plain", "state=sad")
        .send()
        .await
        .problem(415, "media_type_unsupported");
    let call = desk.api.call(Method::POST, &path);
    let large = format!("{{\"history_note\":\"{}\"}}", "x".repeat(70_000));
    call.body("application/json", large)
        .send()
        .await
        .problem(413, "too_large");
    let call = desk.api.call(Method::POST, &path);
    call.body("multipart/form-data; boundary=B", "--B\r\n")
        .send()
        .await
        .problem(400, "bad_request");
    let gone = "/v1/sentries/sen_0198c0de-0000-7000-8000-000000000001";
    desk.api
        .post(gone, &json!({"state": "good"}))
        .await
        .problem(404, "not_found");
    desk.api
        .post("/v1/sentries/x", &json!({"state": "sad"}))
        .await
        .problem(404, "not_found");
    // Nothing of all that was taken.
    let history = desk.api.get(&format!("{path}/history")).await.ok(200);
    assert_eq!(history["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn the_worst_of_the_enabled_upstreams_counts_at_the_report() {
    let desk = Desk::open().await;
    let (a, b) = (plain(&desk).await, plain(&desk).await);
    let body = json!({"name": "down", "upstream": [id_in(&a), id_in(&b)]});
    let down = sentry(&desk, body).await;
    desk.api
        .post(
            &a,
            &json!({"state": "sad", "meta": {"latest_record_at": 1_700_000_000}}),
        )
        .await
        .ok(200);
    desk.api
        .post(
            &b,
            &json!({"state": "sick", "meta": {"latest_record_at": 1_600_000_000}}),
        )
        .await
        .ok(200);
    let told = report(&desk, &down, "happy").await;
    assert_eq!(
        (&told["state"], &told["reported_state"], &told["reason"]),
        (&json!("sick"), &json!("happy"), &json!("upstream"))
    );
    assert_eq!(told["latest_record_at"], "2023-11-14T22:13:20.000Z");
    // An upstream change does nothing by itself, and a disabled one counts for nothing.
    desk.api.patch(&b, &json!({"enabled": false})).await.ok(200);
    assert_eq!(desk.api.get(&down).await.ok(200)["state"], "sick");
    let told = desk.api.post(&down, &json!({})).await.ok(200);
    assert_eq!(
        (&told["state"], &told["reason"]),
        (&json!("sad"), &json!("upstream"))
    );
    assert_eq!((&told["meta"], &told["history_note"]), (&json!({}), &Value::Null));
    let told = report(&desk, &down, "sick").await;
    assert_eq!(
        (&told["state"], &told["reason"]),
        (&json!("sick"), &json!("report"))
    );
}

#[tokio::test]
async fn a_change_of_state_is_told_once_and_nothing_private_with_it() {
    let desk = Desk::open().await;
    let path = plain(&desk).await;
    let canary = "canary-4711";
    let body = json!({"state": "sad", "user_message": "late", "history_note": canary, "private_entry": true,
        "meta": {"secret": canary}});
    desk.api.post(&path, &body).await.ok(200);
    desk.api.post(&path, &body).await.ok(200);
    report(&desk, &path, "sick").await;
    // A disabled sentry takes reports, keeps its state and tells nothing.
    desk.api.patch(&path, &json!({"enabled": false})).await.ok(200);
    let told = report(&desk, &path, "happy").await;
    assert_eq!(
        (&told["state"], &told["reported_state"]),
        (&json!("sick"), &json!("happy"))
    );
    let events = desk.api.get("/v1/events?type=sentry.state_changed").await.ok(200);
    let events = events["data"].as_array().expect("data").clone();
    let data: Vec<&Value> = events.iter().map(|event| &event["data"]).collect();
    assert_eq!(data.len(), 2, "{data:?}");
    assert_eq!(
        *data[1],
        json!({"sentry_id": id_in(&path), "name": "nightly load", "state": "sad", "previous_state": null,
            "reason": "report", "user_message": "late", "latest_record_at": null, "hoots": []})
    );
    assert_eq!(
        (&data[0]["state"], &data[0]["previous_state"]),
        (&json!("sick"), &json!("sad"))
    );
    assert!(!format!("{events:?}").contains(canary));
    let history = desk.api.get(&format!("{path}/history")).await.ok(200);
    assert_eq!(history["data"][0]["state"], "sick");
    assert_eq!(history["data"][0]["reported_state"], "happy");
    let audit = desk.api.get("/v1/audit?target=sentry").await.ok(200);
    let actions: Vec<String> = audit["data"]
        .as_array()
        .expect("data")
        .iter()
        .map(|row| text(row, "action"))
        .collect();
    assert_eq!(actions, ["sentry.updated", "sentry.created"]);
}

#[tokio::test]
async fn a_repeat_with_its_key_is_one_report() {
    let desk = Desk::open().await;
    let path = plain(&desk).await;
    let send = async |path: &str, body: &str| {
        let call = desk.api.call(Method::POST, path).header("idempotency-key", "one");
        call.body(FORM, body.to_owned()).send().await
    };
    let query = format!("{path}?user_message=x");
    let first = send(&query, "state=sad").await.ok(200);
    let again = send(&query, "state=sad").await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.ok(200), first);
    send(&path, "state=sad")
        .await
        .problem(422, "idempotency_mismatch");
    let history = desk.api.get(&format!("{path}/history")).await.ok(200);
    assert_eq!(history["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn sixty_reports_at_once_and_then_so_many_a_second() {
    let (_gateway, _database, desk) = Desk::own(&[("GATEWAY_SENTRIES__MAX_REPORTS_PER_SECOND", "1")]).await;
    let (path, other) = (plain(&desk).await, plain(&desk).await);
    let mut refused = None;
    for _ in 0..200 {
        let reply = desk.api.post(&path, &json!({"state": "sad"})).await;
        if reply.status != 200 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("a refusal");
    refused.problem(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.header("ratelimit-policy"), Some("\"reports\";q=1;w=1"));
    report(&desk, &other, "sad").await;
    eventually("it takes reports again", SOON, || async {
        desk.api.post(&path, &json!({"state": "sad"})).await.status == 200
    })
    .await;
}

#[tokio::test]
async fn reports_at_once_are_applied_one_after_the_other() {
    let desk = Desk::open().await;
    let path = plain(&desk).await;
    let (happy, sick) = (json!({"state": "happy"}), json!({"state": "sick"}));
    for _ in 0..10 {
        let replies = tokio::join!(
            desk.api.post(&path, &happy),
            desk.api.post(&path, &sick),
            desk.api.post(&path, &happy),
            desk.api.post(&path, &sick)
        );
        for reply in [replies.0, replies.1, replies.2, replies.3] {
            reply.ok(200);
        }
    }
    let history = desk.api.get(&format!("{path}/history?limit=200")).await.ok(200);
    let mut entries = history["data"].as_array().expect("data").clone();
    entries.reverse();
    assert_eq!(entries.len(), 40);
    let mut changes = Vec::new();
    let mut before = Value::Null;
    for entry in &entries {
        if entry["state"] != before {
            changes.push((before.clone(), entry["state"].clone()));
        }
        before = entry["state"].clone();
    }
    let events = desk
        .api
        .get("/v1/events?type=sentry.state_changed&limit=200")
        .await
        .ok(200);
    let mut told: Vec<(Value, Value)> = events["data"]
        .as_array()
        .expect("data")
        .iter()
        .map(|event| {
            (
                event["data"]["previous_state"].clone(),
                event["data"]["state"].clone(),
            )
        })
        .collect();
    told.reverse();
    assert_eq!(told.len(), changes.len());
    assert_eq!(desk.api.get(&path).await.ok(200)["state"], before);
}
