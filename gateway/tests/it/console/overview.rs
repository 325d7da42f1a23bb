//! The overview: what needs attention is named and led to, and the last 24 hours are counted.

use serde_json::json;
use stage::desk::text;
use stage::{Desk, SOON, eventually};

use super::browser::Browser;
use super::every_page::check;
use super::html::Page;

const PATH: &str = "/integrations";

#[track_caller]
fn fact(page: &Page, name: &str) -> String {
    page.fact(name).expect(name)
}

#[tokio::test]
async fn a_new_workspace_has_nothing_to_attend_to() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let page = browser.page(PATH).await;
    check(PATH, &page);
    for heading in ["Needs attention", "Last 24 hours", "Instances"] {
        assert!(page.saying("h2", heading).is_some(), "{heading}");
    }
    let said = page.one("main").text();
    assert!(said.contains("Nothing needs attention."), "{said}");
    assert_eq!(fact(&page, "Events"), "0 accepted");
    assert_eq!(fact(&page, "Deliveries"), "0 succeeded, 0 failed, 0 pending");
    assert_eq!(fact(&page, "Imports"), "0 files, 0 rows written, 0 failed");
    assert_eq!(fact(&page, "Sentries now"), "0 happy, 0 sad, 0 sick");
    let instances = page.all("tbody").into_iter().map(|body| body.text());
    assert!(
        instances
            .into_iter()
            .any(|text| text.contains("live") && text.contains("this one")),
        "{said}"
    );
}

#[tokio::test]
async fn what_fails_is_named_and_led_to() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let hook = json!({"name": "<i>shop</i>", "url": "http://127.0.0.1:9/x", "events": ["deal.won"]});
    let hook = text(&desk.api.post("/v1/webhooks", &hook).await.ok(201), "id");
    database.run("update webhooks set health = 'paused'").await;
    let sentry = desk
        .api
        .post("/v1/sentries", &json!({"name": "backup"}))
        .await
        .ok(201);
    let sentry = text(&sentry, "id");
    let report = json!({"state": "sick", "user_message": "disk full"});
    let report = desk.api.post(&format!("/v1/sentries/{sentry}"), &report).await;
    assert!((200..300).contains(&report.status), "{}", report.text());
    let job = desk
        .api
        .import(
            "object=contact&filename=people.csv",
            b"email\nnobody\nada@example.com\n",
        )
        .await
        .ok(201);
    let key = desk
        .make_key(&json!({"name": "old key", "scopes": ["crm:read"]}))
        .await;
    let ending = format!(
        "update api_keys set expires_at = now() + interval '3 days' where name = '{}'",
        "old key"
    );
    database.run(&ending).await;

    let mut browser = Browser::at(&desk).await;
    let page = browser.page(PATH).await;
    check(PATH, &page);
    assert!(page.all("title")[0].text().starts_with("(1 failing) Overview · "));
    for (name, path) in [
        ("<i>shop</i>", format!("webhooks/{hook}")),
        ("backup", format!("sentries/{sentry}")),
        ("people.csv", format!("imports/{}", text(&job, "id"))),
        ("old key", format!("api-keys/{}", text(&key, "id"))),
    ] {
        let link = page.saying("a", name).and_then(|link| link.attribute("href"));
        assert_eq!(link, Some(format!("/integrations/{path}")), "{name}");
    }
    let said = page.one("main").text();
    for words in ["paused", "sick", "disk full", "1 row failed.", "expires soon"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(fact(&page, "Imports"), "1 file, 1 row written, 1 failed");
    assert_eq!(fact(&page, "Sentries now"), "0 happy, 0 sad, 1 sick");

    // Who may not see a kind is told so, and sees none of it.
    let narrow = desk
        .make_key(&json!({"name": "narrow", "scopes": ["imports:read"]}))
        .await;
    let mut narrow = Browser::with_key(desk.api.address, &text(&narrow, "key")).await;
    let page = narrow.page(PATH).await;
    check(PATH, &page);
    let said = page.one("main").text();
    assert!(page.saying("a", "people.csv").is_some(), "{said}");
    for name in ["<i>shop</i>", "backup", "old key", "disk full"] {
        assert!(!said.contains(name), "{name}: {said}");
    }
    for scope in [
        "webhooks:read",
        "sentries:read",
        "keys:read",
        "events:read",
        "audit:read",
    ] {
        assert!(said.contains(scope), "{scope}: {said}");
    }
    assert_eq!(fact(&page, "Events"), "needs events:read");
}

#[tokio::test]
async fn events_are_counted() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    for _ in 0..3 {
        let event = json!({"type": "deal.won", "data": {}});
        desk.api.post("/v1/events", &event).await.ok(202);
    }
    let own = json!({"name": "stripe.paid", "description": "x"});
    desk.api.post("/v1/event-types", &own).await.ok(201);
    let event = json!({"type": "stripe.paid", "data": {}});
    desk.api.post("/v1/events", &event).await.ok(202);
    let old = "update events set id = ('00000000' || substr(id::text, 9))::uuid
               where id = (select id from events where type = 'deal.won' order by id limit 1)";
    let browser = Browser::at(&desk).await;
    let page = browser.clone().page(PATH).await;
    assert_eq!(fact(&page, "Events"), "4 accepted");
    database.run(old).await;
    let page = browser.clone().page(PATH).await;
    assert_eq!(
        fact(&page, "Events"),
        "3 accepted",
        "older events are none of the last 24 hours"
    );
}

/// A bucket of what went to a webhook, `seconds_ago` in the past, with so many deliveries that succeeded.
fn bucket(hook: &str, span: i64, seconds_ago: i64, succeeded: i64) -> String {
    format!(
        "insert into delivery_stats (destination_id, span_seconds, at_seconds, instance, succeeded, failed, retried, times,
             causes)
         values ('{}', {span}, floor((extract(epoch from now()) - {seconds_ago}) / {span}) * {span}, gen_random_uuid(),
             {succeeded}, 1, 0, '{{}}', '{{}}');",
        &hook[3..]
    )
}

#[tokio::test]
async fn deliveries_of_the_day_are_added_up_from_their_rollups() {
    const DAY: i64 = 86_400;
    let (gateway, database, desk) = Desk::own(&[]).await;
    let hook = json!({"name": "shop", "url": "http://127.0.0.1:9/x", "events": ["deal.won"]});
    let hook = text(&desk.api.post("/v1/webhooks", &hook).await.ok(201), "id");
    let other = json!({"name": "other", "url": "http://127.0.0.1:9/x", "events": ["*"]});
    let stranger = Desk::at(&gateway, &database).await;
    let other = text(&stranger.api.post("/v1/webhooks", &other).await.ok(201), "id");
    let browser = Browser::at(&desk).await;
    let rows = [
        // Two instances; the buckets of five minutes are in that of the hour.
        bucket(&hook, 3_600, 0, 1_000_000),
        bucket(&hook, 3_600, 0, 20_000),
        bucket(&hook, 300, 0, 7),
        // The day begins within an hour, of which the buckets of five minutes tell.
        bucket(&hook, 3_600, DAY, 400),
        bucket(&hook, 300, DAY, 3),
        bucket(&hook, 300, DAY + 300, 50),
        bucket(&other, 3_600, 0, 600),
    ];
    let rows = format!("delete from delivery_stats; {}", rows.concat());
    // Written again each time: a bucket may begin while the page is asked for.
    eventually("deliveries are added up", SOON, async || {
        database.run(&rows).await;
        let page = browser.clone().page(PATH).await;
        fact(&page, "Deliveries") == "1020003 succeeded, 3 failed, 0 pending"
    })
    .await;
}
