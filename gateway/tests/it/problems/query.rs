//! Query parameters that are wrong, doubled or unknown.

use http::Method;

use stage::Desk;

#[tokio::test]
async fn unknown_parameters_are_named() {
    let desk = Desk::open().await;
    desk.api.get("/v1/whoami?x=1").await.refused_at(&["query.x"]);
    desk.api
        .get("/v1/scopes?limit=1")
        .await
        .refused_at(&["query.limit"]);
    desk.api
        .get("/v1/webhooks?lmit=1&limit=0&colour=red")
        .await
        .refused_at(&["query.colour", "query.limit", "query.lmit"]);
    let call = desk.api.call(Method::POST, "/v1/events?dry=1");
    let call = call.body("application/json", r#"{"type":"deal.won","data":{}}"#);
    call.send().await.refused_at(&["query.dry"]);
    // A question mark alone asks nothing.
    desk.api.get("/v1/whoami?").await.ok(200);
}

#[tokio::test]
async fn values_are_checked_and_a_parameter_stands_once() {
    let desk = Desk::open().await;
    desk.api
        .get("/v1/webhooks?limit=1&limit=2")
        .await
        .refused_at(&["query.limit"]);
    desk.api
        .get("/v1/audit?since=yesterday&until=2026-01-01T00:00:00")
        .await
        .refused_at(&["query.since", "query.until"]);
    // Half a letter, and a letter of another encoding.
    desk.api
        .get("/v1/crm/contacts?q=%ff&owner=a%C3&limit=0")
        .await
        .refused_at(&["query.limit", "query.owner", "query.q"]);
    desk.api.get("/v1/whoami?%ff=1").await.refused_at(&["query.?"]);
    desk.api.get("/v1/crm/contacts?q=Zo%C3%AB+%26").await.ok(200);
    desk.api
        .get("/v1/audit?since=2026-01-01T00:00:00Z&until=2026-01-01T00:00:00%2B02:00")
        .await
        .ok(200);
}
