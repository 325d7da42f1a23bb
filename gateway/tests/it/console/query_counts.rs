//! A page takes at most three queries, that of its session included, as PostgreSQL counts them.

use std::collections::BTreeSet;

use serde_json::json;
use stage::desk::text;
use stage::{Act, Cluster, Database, Desk, Gateway, Receiver};

use super::browser::Browser;
use super::every_page::PAGES;
use super::every_page::made::Made;

const MOST: i64 = 3;
/// Each page is loaded so often, and what ran less often was no part of it.
const LOADS: i64 = 5;
/// The pages of one object that [`PAGES`] cannot name, and lists with filters that are looked up or are read from
/// an index which has others too.
const MORE: &[&str] = &[
    "/integrations/deliveries/DELIVERY",
    "/integrations/deliveries?event_id=SENT",
    "/integrations/deliveries?webhook_id=HOOK",
    "/integrations/deliveries?status_code=503",
    "/integrations/deliveries?error_code=timeout",
    "/integrations/deliveries?status=failed&type=deal.won&since=2020-01-01",
    "/integrations/webhooks/HOOK/deliveries?status_code=200",
    "/integrations/webhooks/HOOK/recover?sent_since=2020-01-01T00:00:00Z",
    "/integrations/deliveries/redeliver?event_id=SENT",
    "/integrations/events/SENT",
    "/integrations/events?type=deal.won&matched=false&since=2020-01-01",
];

/// Number and text of each statement that ran since the counts were last reset, and how often.
async fn counted(database: &Database) -> Vec<(i64, String, i64)> {
    let query =
        "select s.queryid, s.query, s.calls from pg_stat_statements s join pg_database d on d.oid = s.dbid
                 where d.datname = current_database() and s.query not like '%pg_stat_statements%'";
    let rows = database.rows(query).await;
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect()
}

async fn reset(database: &Database) {
    database.run("select pg_stat_statements_reset()").await;
}

#[tokio::test]
async fn a_page_takes_three_queries_at_most() {
    let settings = [
        "max_connections=400",
        "fsync=off",
        "shared_preload_libraries=pg_stat_statements",
    ];
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start_with(&settings, None)));
    let database = cluster.database().await;
    database.run("create extension pg_stat_statements").await;
    let gateway = Gateway::start(&database.url(), &[]).await;
    let desk = Desk::at(&gateway, &database).await;
    let receiver = Receiver::deciding(|_, _| Act::Status(503)).await;
    let hook = desk
        .hook_with(&receiver, &["deal.won"], json!({"max_attempts": 1}))
        .await;
    let event = desk.send("deal.won", json!({})).await;
    let delivery = text(&desk.delivery_that(&event, "failed").await, "id");
    let made = Made::at(&desk).await;
    let mut browser = Browser::at(&desk).await;

    // What runs while nobody looks at a page is no part of one.
    reset(&database).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let background: BTreeSet<i64> = counted(&database).await.iter().map(|(id, ..)| *id).collect();
    assert!(!background.is_empty(), "statements are counted");

    let mut too_many = Vec::new();
    let mut most = 0;
    for path in PAGES.iter().map(|(path, ..)| path).chain(MORE) {
        let path = made
            .path(&path.replace("HOOK", &hook.id))
            .replace("DELIVERY", &delivery)
            .replace("SENT", &event);
        reset(&database).await;
        for _ in 0..LOADS {
            browser.get(&path).await.expect(200);
        }
        let ran: Vec<(i64, String)> = counted(&database)
            .await
            .into_iter()
            .filter(|(id, _, calls)| !background.contains(id) && *calls >= LOADS)
            .map(|(_, text, calls)| (calls / LOADS, text))
            .collect();
        let count: i64 = ran.iter().map(|(count, _)| count).sum();
        assert!(count > 0, "{path}: that of its session is counted");
        most = most.max(count);
        if count > MOST {
            too_many.push((path, ran));
        }
    }
    assert!(too_many.is_empty(), "{too_many:#?}");
    assert_eq!(most, MOST, "several are counted");
}
