//! The filters of both lists of deliveries.

use serde_json::{Value, json};

use stage::{Act, Database, Desk, Hook, Receiver, SOON, desk::all_pages, desk::text, eventually};

struct Scene {
    desk: Desk,
    database: Database,
    _gateway: stage::Gateway,
    /// Answers 200, or what an event's `answer` says.
    answering: Hook,
    /// Nobody listens there.
    dead: Hook,
    sent: Vec<String>,
    _receiver: Receiver,
}

async fn scene() -> Scene {
    let (gateway, database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::deciding(|_, received| {
        let answer = received.json()["data"]["answer"].as_u64().unwrap_or(200);
        Act::Status(u16::try_from(answer).expect("a status"))
    })
    .await;
    let once = json!({"max_attempts": 1});
    let types = ["deal.won", "deal.lost"];
    let answering = desk.hook_with(&receiver, &types, once).await;
    let address = Receiver::start().await.stop().await;
    let body = json!({"name": "dead", "url": format!("http://{address}/"), "events": ["deal.lost"],
                      "max_attempts": 1});
    let made = desk.api.post("/v1/webhooks", &body).await.ok(201);
    let dead = Hook {
        id: text(&made, "id"),
        secret: text(&made, "secret"),
        standard_secret: text(&made, "standard_secret"),
    };
    let mut sent = Vec::new();
    for (label, answer) in [
        ("deal.won", 200),
        ("deal.won", 503),
        ("deal.lost", 206),
        ("deal.lost", 503),
        ("deal.won", 204),
    ] {
        sent.push(desk.send(label, json!({"answer": answer})).await);
    }
    let scene = Scene {
        desk,
        database,
        _gateway: gateway,
        answering,
        dead,
        sent,
        _receiver: receiver,
    };
    eventually("all have ended", SOON, || async {
        scene.found("status=succeeded,failed").await.len() == 7
    })
    .await;
    scene
}

impl Scene {
    async fn rows(&self, query: &str) -> Vec<Value> {
        all_pages(&self.desk.api, &format!("/v1/deliveries?{query}"), 2).await
    }

    /// Which events' deliveries match, newest first, by their number; those to the dead endpoint as 10 more.
    async fn found(&self, query: &str) -> Vec<usize> {
        let rows = self.rows(query).await;
        let number = |row: &Value| {
            let event = text(row, "event_id");
            let number = self.sent.iter().position(|sent| *sent == event).expect("sent");
            number
                + if row["webhook_id"] == self.dead.id.as_str() {
                    10
                } else {
                    0
                }
        };
        rows.iter().map(number).collect()
    }

    async fn sorted(&self, query: &str) -> Vec<usize> {
        let mut found = self.found(query).await;
        found.sort_unstable();
        found
    }
}

#[tokio::test]
async fn each_filter_and_all_of_them() {
    let scene = scene().await;
    let (answering, dead) = (&scene.answering.id, &scene.dead.id);
    let first = &scene.sent[0];
    for (query, expected) in [
        (String::new(), vec![0, 1, 2, 3, 4, 12, 13]),
        ("status=failed".into(), vec![1, 3, 12, 13]),
        ("status=succeeded".into(), vec![0, 2, 4]),
        ("status=pending".into(), vec![]),
        ("type=deal.lost".into(), vec![2, 3, 12, 13]),
        ("type=deal.lost&status=failed".into(), vec![3, 12, 13]),
        ("type=no.such".into(), vec![]),
        (format!("webhook_id={dead}"), vec![12, 13]),
        (format!("webhook_id={answering}&type=deal.won"), vec![0, 1, 4]),
        (format!("webhook_id={answering}&type=contact.created"), vec![]),
        (
            "webhook_id=wh_0198c0de-0000-7000-8000-000000000001".into(),
            vec![],
        ),
        (format!("event_id={first}"), vec![0]),
        (format!("event_id={first}&status=failed"), vec![]),
        (format!("event_id={}", scene.sent[3]), vec![3, 13]),
        ("event_id=never-sent".into(), vec![]),
        ("status_code=503".into(), vec![1, 3]),
        ("status_code=503&type=deal.won".into(), vec![1]),
        ("status_code=200".into(), vec![0]),
        ("status_code=204".into(), vec![4]),
        ("status_code=206".into(), vec![2]),
        ("status_code=200&status=failed".into(), vec![]),
        ("status_code=599".into(), vec![]),
        ("error_code=http_status".into(), vec![1, 3]),
        ("error_code=connect_failed".into(), vec![12, 13]),
        ("error_code=connect_failed&status=succeeded".into(), vec![]),
        (
            format!("error_code=connect_failed&webhook_id={answering}"),
            vec![],
        ),
        (
            "error_code=http_status&status_code=503&status=failed".into(),
            vec![1, 3],
        ),
        ("error_code=timeout".into(), vec![]),
    ] {
        assert_eq!(scene.sorted(&query).await, expected, "{query}");
    }
    let rows = scene.rows("").await;
    let ids: Vec<String> = rows.iter().map(|row| text(row, "id")).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "newest first: {ids:?}");
    let of = |number: usize| {
        rows.iter()
            .find(|row| row["event_id"] == scene.sent[number].as_str())
    };
    assert_eq!(of(1).expect("it")["last_status_code"], 503);
    assert_eq!(of(1).expect("it")["last_error_code"], "http_status");
    assert_eq!(of(0).expect("it")["last_error_code"], Value::Null);
    // Both lists take the same filters.
    for (query, count) in [
        ("status_code=503", 2),
        ("type=deal.lost&error_code=http_status", 1),
        (&format!("webhook_id={dead}"), 0),
        (&format!("webhook_id={answering}&status=succeeded"), 3),
    ] {
        let path = format!("{}?{query}", scene.answering.at("deliveries"));
        assert_eq!(all_pages(&scene.desk.api, &path, 1).await.len(), count, "{query}");
    }
}

#[tokio::test]
async fn times_are_of_creation_and_half_open() {
    let scene = scene().await;
    let middle = &scene.rows(&format!("event_id={}", scene.sent[1])).await[0];
    let at = text(middle, "created_at");
    assert_eq!(scene.sorted(&format!("since={at}&type=deal.won")).await, [1, 4]);
    assert_eq!(scene.sorted(&format!("until={at}")).await, [0]);
    assert!(scene.found(&format!("since={at}&until={at}")).await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let desk = Desk::open().await;
    for wrong in [
        "webhook_id=wh_1",
        "webhook_id=evt_0198c0de-0000-7000-8000-000000000001",
        "status=lost",
        "type=Deal!",
        "event_id=a%20b",
        "status_code=99",
        "status_code=5xx",
        "error_code=http_503",
        "error_code=",
        "since=today",
        "until=2026-01-01T00:00:00Z&since=2026-01-01T00:00:01Z",
        "limit=201",
        "colour=red",
    ] {
        let place = format!("query.{}", wrong.split('=').next().expect("a name"));
        desk.api
            .get(&format!("/v1/deliveries?{wrong}"))
            .await
            .refused_at(&[&place]);
    }
    desk.with_scopes(&["events:read"])
        .await
        .get("/v1/deliveries")
        .await
        .problem(403, "scope_missing");
}

#[tokio::test]
async fn a_cursor_fits_its_own_filters_alone() {
    let scene = scene().await;
    let page = scene
        .desk
        .api
        .get("/v1/deliveries?limit=1&status=failed")
        .await
        .ok(200);
    let cursor = text(&page, "next_cursor");
    let other = format!("/v1/deliveries?limit=1&status=succeeded&cursor={cursor}");
    scene.desk.api.get(&other).await.problem(422, "cursor_invalid");
}

#[tokio::test]
async fn another_workspace_sees_none_of_it() {
    let scene = scene().await;
    let name = "other-of-filters";
    stage::cli::succeed(&scene.database.url(), &["workspaces", "create", name]);
    let key = stage::cli::make_key(&scene.database.url(), name, "*");
    let other = scene.desk.api.with_key(&key);
    let queries = [
        String::new(),
        "status=failed".into(),
        format!("webhook_id={}", scene.dead.id),
        format!("webhook_id={}&type=deal.lost", scene.dead.id),
        format!("event_id={}", scene.sent[0]),
        "status_code=503".into(),
        "status_code=200".into(),
        "error_code=connect_failed".into(),
    ];
    eventually("the key is known", SOON, || async {
        other.get("/v1/whoami").await.status == 200
    })
    .await;
    for query in queries {
        let found = other.get(&format!("/v1/deliveries?{query}")).await.ok(200);
        assert_eq!(found["data"], json!([]), "{query}");
    }
}

/// Where an index has far more entries than match, a page may end early; all pages together have everything.
#[tokio::test]
async fn a_page_that_ends_early_goes_on() {
    let scene = scene().await;
    let statement = format!(
        "insert into deliveries (id, workspace_id, webhook_id, event_id, type, status, attempt_count, attempts,
                                 last_status_code, last_error)
         select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || '7'
                 || substr(replace(gen_random_uuid()::text, '-', ''), 14, 19))::uuid,
                d.workspace_id, '{}', d.event_id, 'deal.won', 2, 1, '', 503, 7
         from generate_series(1, 41000), (select * from deliveries limit 1) d",
        &scene.dead.id[3..]
    );
    scene.database.run(&statement).await;
    let query = format!("webhook_id={}&status_code=503", scene.answering.id);
    let first = scene
        .desk
        .api
        .get(&format!("/v1/deliveries?{query}"))
        .await
        .ok(200);
    assert_eq!(first["data"], json!([]));
    assert!(first["next_cursor"].is_string());
    assert_eq!(scene.sorted(&query).await, [1, 3]);
}

#[tokio::test]
async fn tests_and_redeliveries_are_found_by_their_event() {
    let scene = scene().await;
    let tested = scene
        .desk
        .api
        .post_nothing(&scene.answering.at("test"))
        .await
        .ok(202);
    let test = scene
        .desk
        .wait_for_delivery(&text(&tested, "delivery_id"), "succeeded")
        .await;
    let found = scene.rows(&format!("event_id={}", text(&test, "event_id"))).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["test"], true);
    let original = scene.rows(&format!("event_id={}", scene.sent[0])).await;
    let path = format!("/v1/deliveries/{}/redeliver", text(&original[0], "id"));
    let again = scene.desk.api.post_nothing(&path).await.ok(202);
    scene
        .desk
        .wait_for_delivery(&text(&again, "delivery_id"), "succeeded")
        .await;
    assert_eq!(scene.found(&format!("event_id={}", scene.sent[0])).await, [0, 0]);
}
