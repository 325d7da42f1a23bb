//! What is older than it is kept goes by whole days, events and the log of deliveries each by their own time.

use gateway::facade::db;

use stage::{Cluster, Database};

/// Makes a day's partitions, so many days ago, with a row in each.
async fn make_day(database: &Database, days_ago: i32) {
    database
        .run(&format!(
            "do $$
             declare
                 day timestamptz := date_trunc('day', now() at time zone 'utc') at time zone 'utc' - interval '{days_ago} days';
                 name text := to_char(day at time zone 'utc', 'YYYYMMDD');
                 low text := lpad(to_hex((extract(epoch from day) * 1000)::bigint), 12, '0');
                 high text := lpad(to_hex((extract(epoch from day + interval '1 day') * 1000)::bigint), 12, '0');
                 tail text := '00000000000000000000';
             begin
                 execute format('create table if not exists events_%s partition of events for values from (%L) to (%L)',
                     name, low || tail, high || tail);
                 execute format('create table if not exists deliveries_%s partition of deliveries for values from (%L) to (%L)',
                     name, low || tail, high || tail);
                 insert into events (id, workspace_id, type, owner, data)
                     values ((low || '7' || substr(tail, 2))::uuid, 1, 'deal.won', 0, '{{}}');
                 insert into deliveries (id, workspace_id, webhook_id, event_id, type, status, attempt_count, attempts)
                     values ((low || '7' || substr(tail, 2))::uuid, 1, gen_random_uuid(), gen_random_uuid(), 'deal.won', 1, 0, '');
             end $$"
        ))
        .await;
}

#[tokio::test]
async fn each_table_loses_its_own_old_days() {
    let database = Cluster::shared().database().await;
    for days_ago in [2, 10, 40] {
        make_day(&database, days_ago).await;
    }
    let count = async |table: &str| database.count(&format!("select count(*) from {table}")).await;
    assert_eq!((count("events").await, count("deliveries").await), (3, 3));
    let session = database.session().await;
    let today = db::Day::today(&session).await.expect("a day");
    let undone = db::drop_partitions(&session, "events", today, 30).await;
    assert!(undone.expect("dropped").is_empty());
    assert_eq!((count("events").await, count("deliveries").await), (2, 3));
    let undone = db::drop_partitions(&session, "deliveries", today, 5).await;
    assert!(undone.expect("dropped").is_empty());
    assert_eq!((count("events").await, count("deliveries").await), (2, 1));
}
