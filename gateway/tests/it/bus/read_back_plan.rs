//! What stayed in the table is read back by steps in an index, however much else the table holds.

use gateway::facade::bus::IN_RANGE;
use stage::Cluster;

const DAY_MILLIS: i64 = 86_400_000;
const DAYS: i64 = 4;
const EVENTS: i64 = 40_000;
const SPANS: i64 = 20;
const SPAN_EVENTS: i64 = 50;
const OWNER: i32 = 7;

#[tokio::test]
async fn spans_are_looked_up_in_the_index_of_ids() {
    let database = Cluster::shared().database().await;
    let first_day = 20_000 * DAY_MILLIS;
    let step = DAYS * DAY_MILLIS / EVENTS;
    database
        .run(&format!(
            "create function id_of(nth bigint) returns uuid language sql immutable as $$
                 select (lpad(to_hex({first_day} + nth * {step}), 12, '0') || '70008000000000000000')::uuid $$"
        ))
        .await;
    for day in 0..DAYS {
        let (from, until) = (day * EVENTS / DAYS, (day + 1) * EVENTS / DAYS);
        database
            .run(&format!(
                "do $$ begin execute format(
                     'create table events_day_{day} partition of events for values from (%L) to (%L)',
                     id_of({from}), id_of({until})); end $$"
            ))
            .await;
    }
    // One workspace has nearly all.
    database
        .run(&format!(
            "insert into events (id, workspace_id, type, owner, data)
             select id_of(nth), case when nth % 50 = 0 then 2 else 1 end, 'deal.won', {OWNER}, repeat('x', 300)
             from generate_series(0, {EVENTS} - 1) nth"
        ))
        .await;
    let prepared = format!("prepare read_back (int4, uuid[], uuid[], int4[]) as {IN_RANGE}");
    for statistics in ["none", "fresh"] {
        if statistics == "fresh" {
            database.run("analyze events").await;
        }
        for (workspace, count) in [(1, SPANS * (SPAN_EVENTS - 1)), (2, SPANS)] {
            // The spans lie apart, in the last day.
            let spans = format!(
                "select format('explain (analyze, costs off, timing off) execute read_back({OWNER}, %L, %L, %L)',
                    array_agg(id_of(first)), array_agg(id_of(first + {SPAN_EVENTS} - 1)), '{{{workspace}}}')
                 from generate_series({EVENTS} - {SPANS} * 300, {EVENTS} - 1, 300) first"
            );
            let explain: String = database.rows(&spans).await[0].get(0);
            let plan = database.ask(&format!("{prepared}; {explain}")).await;
            let reads: Vec<&str> = plan
                .lines()
                .filter(|line| line.contains("Scan") && !line.contains("never executed"))
                .collect();
            assert!(!reads.is_empty(), "{plan}");
            for read in &reads {
                let is_step = read.contains("Index Scan") && read.contains("_pkey");
                let is_bitmap = read.contains("Bitmap Heap Scan");
                assert!(
                    is_step || is_bitmap || read.contains("Function Scan"),
                    "{statistics}: {plan}"
                );
            }
            // What is sorted is what is wanted.
            let sorted = format!("Sort (actual rows={count} loops=1)");
            assert!(plan.contains(&sorted), "{statistics}: {plan}");
            let passed_over = |line: &str| {
                let count = line.trim().strip_prefix("Rows Removed by Filter: ")?;
                count.parse::<i64>().ok()
            };
            let most = plan.lines().filter_map(passed_over).max().unwrap_or(0);
            assert!(most <= SPAN_EVENTS, "{statistics}: {plan}");
        }
    }
}
