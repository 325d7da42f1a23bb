//! The listener for probes and metrics.

use std::collections::BTreeSet;

use http::Method;
use serde_json::json;

use stage::{Act, Api, Cluster, Desk, Gateway, Receiver, SOON, desk::text, eventually};

#[tokio::test]
async fn probes_name_each_dependency() {
    let (gateway, _) = Gateway::shared().await;
    let live = gateway.operations("/livez").await;
    assert_eq!(live.status, 200);
    let ready = gateway.operations("/readyz").await.ok(200);
    assert!(ready["status"].is_string());
    for dependency in ["postgres", "feed", "bus"] {
        assert_eq!(ready["checks"][dependency]["ok"], true, "{ready}");
    }
    let api = Api::new(gateway.operations, None);
    // Byte by byte, for the OpenAPI file knows no such answer: it is the other listener's.
    let mut wire = api.begin("GET", "/v1/whoami", &[]).await;
    assert_eq!(wire.answer().await.map(|answer| answer.status), Some(404));
    let refused = api.post_nothing("/livez").await;
    refused.problem(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), Some("GET, HEAD"));
    assert_eq!(api.call(Method::HEAD, "/readyz").send().await.status, 200);
    // Nor are probes and metrics on the API's listener.
    for path in ["/livez", "/readyz", "/metrics"] {
        gateway.anonymous().get(path).await.problem(404, "not_found");
    }
}

/// Has a source refuse a request, and a rule act.
async fn integrate(desk: &Desk) {
    let source = json!({"name": "in", "connector": "stripe", "secrets": {"signing_secret": "whsec_x"}});
    let made = desk.api.post("/v1/sources", &source).await.ok(201);
    let url = text(&made, "url");
    let (_, token) = url.split_once("/in/").expect("a token");
    let mut public = desk.api.clone();
    public.key = None;
    let refused = public.post(&format!("/in/{token}"), &json!({})).await;
    refused.problem(401, "signature_missing");
    let receiver = Receiver::start().await;
    let input = json!({"method": "POST", "url": format!("http://{}/rule", receiver.address()), "json": {}});
    let rule = json!({"name": "out", "events": ["deal.lost"], "action": "http.request", "input": input});
    desk.api.post("/v1/rules", &rule).await.ok(201);
    desk.send("deal.lost", json!({})).await;
    receiver.wait_for(1).await;
}

#[tokio::test]
async fn every_metric_stands_in_the_table_of_names() {
    let (gateway, _database, desk) = Desk::own(&[]).await;
    let receiver = Receiver::scripted(vec![Act::Status(500), Act::Status(200)]).await;
    desk.hook(&receiver, &["deal.won"]).await;
    let unwanted = json!({"filter": {"wanted": true}});
    desk.hook_with(&receiver, &["deal.won"], unwanted).await;
    let body = json!({"type": "deal.won", "data": {}, "id": "one"});
    for _ in 0..2 {
        desk.api.post("/v1/events", &body).await.ok(202);
    }
    receiver.wait_for(2).await;
    desk.api
        .with_key("sk_nonsense")
        .get("/v1/whoami")
        .await
        .problem(401, "key_invalid");
    desk.delivery_that("one", "succeeded").await;
    desk.api
        .call(Method::POST, "/v1/imports?object=contact")
        .body("text/csv", "email\nada@example.com\n")
        .send()
        .await
        .ok(201);
    integrate(&desk).await;
    let known: BTreeSet<&str> = gateway::facade::telemetry::METRICS
        .iter()
        .map(|(name, _)| *name)
        .collect();
    // After this much traffic all but the signs of trouble are there, some of them after a second.
    let trouble = [
        "gateway_http_connections_refused_total",
        "gateway_events_refused_total",
        "gateway_bus_takeovers_total",
        "gateway_recorder_failures_total",
        "gateway_delivery_stats_dropped_total",
        "gateway_dispatch_panics_total",
        "gateway_idle_connections_closed_total",
        "gateway_outcomes_lost_total",
        "gateway_upkeep_failures_total",
        "gateway_source_failures_throttled_total",
        "gateway_source_receipts_dropped_total",
    ];
    // Tokens are asked for at vendors.
    let vendors = ["gateway_connection_refreshes_total"];
    // The first round of upkeep is five minutes after the start.
    let later = ["gateway_partition_days_ahead", "gateway_partition_rest_rows"];
    // Those of the other bus are looked at in its own suite.
    let is_kafkas = |name: &str| name.starts_with("gateway_kafka_") || name.starts_with("gateway_bus_relay");
    let expected = known.iter().filter(|name| {
        !trouble.contains(name) && !later.contains(name) && !vendors.contains(name) && !is_kafkas(name)
    });
    let missing = async || -> Vec<&str> {
        let shown = gateway.operations("/metrics").await;
        let is_missing = |name: &&&str| !shown.text().contains(&format!("# TYPE {name} "));
        expected.clone().filter(is_missing).copied().collect()
    };
    let _ = tokio::time::timeout(
        SOON,
        eventually("every metric is shown", SOON * 2, || async {
            missing().await.is_empty()
        }),
    )
    .await;
    assert!(missing().await.is_empty(), "never shown: {:?}", missing().await);
    let reply = gateway.operations("/metrics").await;
    assert_eq!(reply.status, 200);
    assert!(
        reply
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/plain"))
    );
    let mut shown = BTreeSet::new();
    for line in reply.text().lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split_whitespace().nth(2).expect("a name");
        let is_known = known.contains(name) || name.starts_with("process_");
        assert!(is_known, "{name} stands in no table");
        shown.insert(name);
        assert!(
            reply.text().contains(&format!("# HELP {name} ")),
            "{name} is not explained"
        );
    }
    for name in [
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_max_fds",
    ] {
        assert!(shown.contains(name), "{name} is missing");
    }
    // The route is told, never ids or queries.
    assert!(reply.text().contains("route=\"/v1/events/{id}\"") && !reply.text().contains("evt_"));
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let (gateway, _database, desk) = Desk::own(&[]).await;
    let value = async |sample: &str| gateway.metric(sample).await.unwrap_or(0.0);
    for nth in 0..5 {
        desk.send("deal.won", json!({"n": nth})).await;
    }
    assert_eq!(value("gateway_events_accepted_total").await, 5.0);
    let posts = "gateway_http_requests_total{method=\"POST\",route=\"/v1/events\",status=\"202\"}";
    assert_eq!(value(posts).await, 5.0);
    let before = value("gateway_key_failures_total{code=\"key_invalid\"}").await;
    for _ in 0..3 {
        desk.api
            .with_key("sk_nonsense")
            .get("/v1/whoami")
            .await
            .problem(401, "key_invalid");
    }
    assert_eq!(
        value("gateway_key_failures_total{code=\"key_invalid\"}").await,
        before + 3.0
    );
}

#[tokio::test]
async fn no_secret_is_logged_whatever_the_level() {
    let (gateway, _database, desk) = Desk::own(&[
        ("GATEWAY_TELEMETRY__LOG_LEVEL", "trace"),
        ("GATEWAY_TELEMETRY__LOG_FORMAT", "json"),
        ("GATEWAY_TELEMETRY__ACCESS_LOG", "all"),
    ])
    .await;
    let receiver = Receiver::scripted(vec![Act::Status(500), Act::Status(200)]).await;
    let hook = desk
        .hook_with(
            &receiver,
            &["deal.won"],
            json!({"headers": {"authorization": "Bearer s3same"}}),
        )
        .await;
    let id = desk
        .send("deal.won", json!({"confidential": "c0nfidential"}))
        .await;
    desk.delivery_that(&id, "succeeded").await;
    desk.api.get("/v1/webhooks?limit=7").await.ok(200);
    let made = desk.make_key(&json!({"name": "x", "scopes": ["crm:read"]})).await;
    let log = gateway.log();
    let keys = [
        desk.api.key.clone().expect("a key"),
        stage::desk::text(&made, "key"),
    ];
    for hidden in [
        &keys[0][3..],
        &keys[1][3..],
        &hook.secret,
        &hook.standard_secret[6..],
        "s3same",
        "c0nfidential",
        "limit=7",
    ] {
        assert!(!log.contains(hidden), "{hidden} is in the log");
    }
    // The access log holds the route, and the request's id.
    let line = log
        .lines()
        .find(|line| line.contains("/v1/events/{id}"))
        .expect("a line for each request");
    let line: serde_json::Value = serde_json::from_str(line).expect("one JSON object a line");
    assert!(line["request_id"].is_string() && line["status"] == 200, "{line}");
}

#[tokio::test]
async fn as_many_files_may_be_open_as_the_system_grants() {
    let database = Cluster::shared().database().await;
    let gateway = Gateway::start_with_open_files(&database.url(), 300).await;
    let most = gateway.metric("process_max_fds").await;
    assert!(most.is_some_and(|most| most > 300.0), "{most:?}");
}

#[tokio::test]
async fn a_pool_whose_connections_are_all_in_use_shows_it() {
    // No request may end before the wait for a connection does.
    let settings = [
        ("GATEWAY_DATABASE__POOL_SIZE", "2"),
        ("GATEWAY_SERVER__REQUEST_TIMEOUT_SECONDS", "60"),
    ];
    let (gateway, database, desk) = Desk::own(&settings).await;
    let value = async |name: &str| gateway.metric(&format!("{name}{{pool=\"requests\"}}")).await;
    eventually("the pool is at rest", SOON, || async {
        value("gateway_db_pool_in_use").await == Some(0.0)
            && value("gateway_db_pool_timeouts_total").await == Some(0.0)
    })
    .await;
    let holder = database.session().await;
    holder
        .batch_execute("begin; lock table contacts")
        .await
        .expect("the table is locked");
    let held = [(); 2].map(|()| {
        let api = desk.api.clone();
        tokio::spawn(async move { api.get("/v1/crm/contacts").await })
    });
    eventually("both connections are in use", SOON, || async {
        value("gateway_db_pool_in_use").await == Some(2.0)
    })
    .await;
    let api = desk.api.clone();
    let waiting = tokio::spawn(async move { api.get("/v1/webhooks").await });
    eventually("one waits", SOON, || async {
        value("gateway_db_pool_waiting").await >= Some(1.0)
    })
    .await;
    eventually("a wait is given up", SOON, || async {
        value("gateway_db_pool_timeouts_total").await >= Some(1.0)
    })
    .await;
    waiting.await.expect("answered").problem(503, "unavailable");
    holder.batch_execute("rollback").await.expect("released");
    for reply in held {
        reply.await.expect("answered").ok(200);
    }
}
