//! `GET /v1/events` and `GET /v1/events/{id}`.

use std::time::Duration;

use serde_json::{Value, json};

use stage::{Desk, desk::all_pages, desk::text};

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| text(row, "id")).collect()
}

#[tokio::test]
async fn newest_first_by_type_and_page_by_page() {
    let desk = Desk::open().await;
    let mut sent = Vec::new();
    for nth in 0..7 {
        let label = if nth % 2 == 0 { "deal.won" } else { "deal.lost" };
        sent.push(desk.send(label, json!({"nth": nth})).await);
    }
    sent.reverse();
    assert_eq!(ids(&all_pages(&desk.api, "/v1/events", 2).await), sent);
    let won: Vec<String> = sent.iter().step_by(2).cloned().collect();
    assert_eq!(
        ids(&all_pages(&desk.api, "/v1/events?type=deal.won", 3).await),
        won
    );
    assert_eq!(
        all_pages(&desk.api, "/v1/events?type=deal.created", 3).await,
        Vec::<Value>::new()
    );
    let first = desk.api.get("/v1/events?limit=1").await.ok(200);
    let mut shown = desk.api.get(&format!("/v1/events/{}", sent[0])).await.ok(200);
    let unmatched = shown.as_object_mut().expect("an event").remove("unmatched");
    assert_eq!(unmatched, Some(json!([])), "there is no webhook");
    assert_eq!(first["data"][0], shown);
}

#[tokio::test]
async fn another_workspaces_events_are_not_there() {
    let (mine, theirs) = (Desk::open().await, Desk::open().await);
    let id = theirs.send("deal.won", json!({})).await;
    theirs
        .api
        .post(
            "/v1/events",
            &json!({"type": "deal.won", "data": {}, "id": "named"}),
        )
        .await
        .ok(202);
    mine.api
        .get(&format!("/v1/events/{id}"))
        .await
        .problem(404, "not_found");
    mine.api.get("/v1/events/named").await.problem(404, "not_found");
    assert_eq!(
        mine.api.get("/v1/events").await.ok(200),
        json!({"data": [], "next_cursor": null})
    );
    mine.api
        .get("/v1/events/evt_0198c0de-0000-7000-8000-000000000001")
        .await
        .problem(404, "not_found");
}

/// The rows that were read of both tables, and how often the log was looked into.
const READ: &str = "
    select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint,
           sum(seq_scan + coalesce(idx_scan, 0)) filter (where relname like 'deliveries%')::bigint
    from pg_stat_user_tables where relname like any (array['events\\_%', 'deliveries\\_%'])";

#[tokio::test]
async fn a_list_reads_little_of_what_is_stored() {
    const STORED: i64 = 30_000;
    let (_gateway, database, desk) = Desk::own(&[]).await;
    for _ in 0..3 {
        desk.send("deal.won", json!({})).await;
    }
    // In the partition of the events themselves, for one of another day is left out without a look; of one type, so that
    // the other types' newest are looked for among them in vain.
    let id = "(left(e.id::text, 9) || lpad(to_hex(n), 4, '0') || '-7000-8' || right(gen_random_uuid()::text, 16))::uuid";
    let source = format!("from (select * from events limit 1) e, generate_series(1, {STORED}) n");
    database
        .run(&format!(
            "insert into deliveries (id, workspace_id, webhook_id, event_id, type, status, attempt_count, attempts)
             select {id}, e.workspace_id, gen_random_uuid(), gen_random_uuid(), 'deal.won', 1, 1, '' {source};
             insert into events (id, workspace_id, type, owner, data)
             select {id}, e.workspace_id, 'deal.won', 0, '{{}}' {source};
             analyze deliveries, events"
        ))
        .await;
    let read = async || {
        let rows = database.rows(READ).await;
        let row = rows.first().expect("a row");
        (row.get::<_, i64>(0), row.get::<_, i64>(1))
    };
    // Our own session tells its part when it is gone.
    let untold = format!(
        "select ({STORED} * 2 > sum(n_tup_ins))::int::bigint from pg_stat_user_tables
         where relname like any (array['events\\_%', 'deliveries\\_%'])"
    );
    database.wait_for_count(&untold, 0).await;
    let (rows_before, looks_before) = read().await;
    // A session tells what it has read once a second at most, and only when it has something to do.
    for _ in 0..60 {
        let list = desk.api.get("/v1/events?limit=50").await.ok(200);
        assert_eq!(list["data"].as_array().map(Vec::len), Some(50));
        let (rows, looks) = read().await;
        if looks > looks_before {
            assert!(rows - rows_before < STORED, "{} rows read", rows - rows_before);
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("no look into the log was seen");
}
