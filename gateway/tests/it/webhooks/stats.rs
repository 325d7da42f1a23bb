//! `GET /v1/webhooks/{id}/stats`: what instances count and write every ten seconds.

use gateway::facade::app;
use gateway::facade::config::Config;
use gateway::facade::maintenance::{self, Retention};
use serde_json::{Value, json};
use stage::{Act, Api, Cluster, Desk, Gateway, Hook, Receiver, SOON, desk::text, eventually};

async fn stats(api: &Api, hook: &Hook, range: &str) -> Value {
    api.get(&hook.at(&format!("stats?range={range}"))).await.ok(200)
}

fn sum(stats: &Value, field: &str) -> u64 {
    let buckets = stats["buckets"].as_array().expect("buckets").iter();
    buckets
        .map(|bucket| bucket[field].as_u64().expect("a count"))
        .sum()
}

async fn failing_at(desk: &Desk) -> (Receiver, Hook) {
    let receiver = Receiver::deciding(|_, received| {
        let answer = received.json()["data"]["answer"].as_u64().unwrap_or(200);
        Act::Status(u16::try_from(answer).expect("a status"))
    })
    .await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"max_attempts": 2}))
        .await;
    (receiver, hook)
}

#[tokio::test]
async fn buckets_are_aligned_and_without_gaps() {
    let desk = Desk::open().await;
    let (_receiver, hook) = failing_at(&desk).await;
    for (range, seconds, count) in [("24h", 300, 288), ("7d", 3_600, 168), ("30d", 14_400, 180)] {
        let shown = stats(&desk.api, &hook, range).await;
        assert_eq!(shown["range"], range);
        assert_eq!(shown["bucket_seconds"], seconds);
        let buckets = shown["buckets"].as_array().expect("buckets");
        assert_eq!(buckets.len(), count);
        let at = |bucket: &Value| {
            text(bucket, "at")
                .parse::<jiff::Timestamp>()
                .expect("a time")
                .as_second()
        };
        let times: Vec<i64> = buckets.iter().map(at).collect();
        assert!(
            times.windows(2).all(|pair| pair[1] - pair[0] == seconds),
            "{range}"
        );
        assert_eq!(times[0] % seconds, 0);
        let age = jiff::Timestamp::now().as_second() - times[count - 1];
        assert!(
            (-60..seconds + 60).contains(&age),
            "the last one is the present one: {age}"
        );
        for field in ["p50_ms", "p99_ms"] {
            assert_eq!(buckets[0][field], Value::Null);
        }
        assert_eq!(shown["causes"], json!([]));
    }
    let by_default = desk.api.get(&hook.at("stats")).await.ok(200);
    assert_eq!(by_default["range"], "24h");
    for wrong in ["range=1h", "range=", "until=x"] {
        let place = format!("query.{}", wrong.split('=').next().expect("a name"));
        let path = hook.at(&format!("stats?{wrong}"));
        desk.api.get(&path).await.refused_at(&[&place]);
    }
    let other = Desk::open().await;
    other.api.get(&hook.at("stats")).await.problem(404, "not_found");
}

#[tokio::test]
async fn two_instances_add_up_and_a_restart_forgets_nothing() {
    let (one, database, desk) = Desk::own(&[("GATEWAY_WEBHOOKS__RETRY_BASE_SECONDS", "0.1")]).await;
    let environment = [("GATEWAY_WEBHOOKS__RETRY_BASE_SECONDS", "0.1")];
    let two = Gateway::start(&database.url(), &environment).await;
    let other = desk.seen_from(&two);
    let (_receiver, hook) = failing_at(&desk).await;
    database.wait_until_known().await;
    for api in [&desk.api, &other] {
        for answer in [200, 503, 418] {
            let body = json!({"type": "deal.won", "data": {"answer": answer}});
            api.post("/v1/events", &body).await.ok(202);
        }
    }
    let succeeded = 2;
    for range in ["24h", "7d", "30d"] {
        eventually("both have written", SOON * 2, || async {
            let shown = stats(&desk.api, &hook, range).await;
            sum(&shown, "succeeded") == succeeded && sum(&shown, "failed") == 4 && sum(&shown, "retried") == 4
        })
        .await;
    }
    let shown = stats(&other, &hook, "24h").await;
    let expected = |cause: &str| json!({"cause": cause, "last_1h": 2, "last_24h": 2, "last_7d": 2});
    assert_eq!(
        shown["causes"],
        json!([expected("http_418"), expected("http_503")])
    );
    let buckets = shown["buckets"].as_array().expect("buckets");
    for bucket in buckets {
        let is_empty = ["succeeded", "failed", "retried"]
            .iter()
            .all(|field| bucket[field] == 0);
        let (half, most) = (&bucket["p50_ms"], &bucket["p99_ms"]);
        assert_eq!(half.is_null(), is_empty, "{bucket}");
        assert!(is_empty || half.as_f64() <= most.as_f64(), "{bucket}");
    }
    // What was counted last is written on the way out.
    other
        .post("/v1/events", &json!({"type": "deal.won", "data": {}}))
        .await
        .ok(202);
    eventually("it is delivered", SOON, || async {
        let found = desk
            .api
            .get(&hook.at("deliveries?status=succeeded&limit=200"))
            .await
            .ok(200);
        found["data"].as_array().expect("data").len() as u64 == succeeded + 1
    })
    .await;
    two.terminate().await;
    let shown = stats(&desk.api, &hook, "24h").await;
    assert_eq!(sum(&shown, "succeeded"), succeeded + 1);
    drop(one);
}

/// A row as an instance wrote it that long ago, in SQL: so many deliveries failed by a timeout.
fn row(destination: &str, span_seconds: i32, age: &str, failed: u32) -> String {
    format!(
        "insert into delivery_stats (destination_id, span_seconds, at_seconds, instance, succeeded, failed, retried, times, causes)
         values ('{destination}', {span_seconds},
             floor(extract(epoch from now() - interval '{age}') / {span_seconds}) * {span_seconds},
             gen_random_uuid(), 0, {failed}, 0, '{{\"60\": {failed}}}', '{{\"timeout\": {failed}}}');"
    )
}

#[tokio::test]
async fn each_range_reaches_as_far_as_it_says() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let (_receiver, hook) = failing_at(&desk).await;
    let id = &hook.id[3..];
    let rows = [
        row(id, 300, "10 minutes", 1),
        row(id, 300, "23 hours", 2),
        row(id, 300, "25 hours", 4),
        row(id, 3_600, "10 minutes", 1),
        row(id, 3_600, "23 hours", 2),
        row(id, 3_600, "6 days", 4),
        row(id, 3_600, "29 days", 8),
        row(id, 3_600, "32 days", 16),
        // Another instance counted in the same bucket, and in one of another endpoint.
        row(id, 3_600, "6 days", 32),
        row("00000000-0000-7000-8000-000000000000", 3_600, "6 days", 64),
    ];
    database.run(&rows.concat()).await;
    for (range, failed) in [("24h", 3), ("7d", 39), ("30d", 47)] {
        let shown = stats(&desk.api, &hook, range).await;
        assert_eq!(sum(&shown, "failed"), failed, "{range}");
        let cause = json!({"cause": "timeout", "last_1h": 1, "last_24h": 3, "last_7d": 39});
        assert_eq!(shown["causes"], json!([cause]), "{range}");
    }
}

#[tokio::test]
async fn what_no_range_shows_is_forgotten() {
    let database = Cluster::shared().database().await;
    let id = "00000000-0000-7000-8000-000000000000";
    let rows = [
        row(id, 300, "25 hours", 1),
        row(id, 300, "49 hours", 1),
        row(id, 3_600, "31 days", 1),
        row(id, 3_600, "33 days", 1),
    ];
    database.run(&rows.concat()).await;
    let config = Config::parse(&format!("[database]\nurl = \"{}\"\n", database.url()), []).expect("valid");
    let db = app::database(&config).expect("an address");
    maintenance::tidy(&db, Retention::of(&config))
        .await
        .expect("tidied");
    let kept = "select span_seconds || ' ' || (at_seconds > extract(epoch from now() - interval '32 days')) from delivery_stats order by 1";
    assert_eq!(database.ask(kept).await, "300 true\n3600 true");
}
