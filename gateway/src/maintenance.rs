//! Periodic upkeep: creates partitions ahead, drops old ones, old replies, changes and imports, and folds metrics.
//!
//! One instance at a time does it. A step that fails is logged and counted, and the others go on.

use std::time::Duration;

use metrics::counter;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::db::{self, Day, Db, DbError, Dedicated, Patience, Purpose, Undone};
use crate::telemetry::names;
use crate::telemetry::registry::{Metrics, UPKEEP};
use crate::{audit, bus, config, console, delivery, feed, imports, keys, sentries, sources};

const INTERVAL: Duration = Duration::from_secs(300);
/// "gateway upkeep": its holder works, the others do nothing.
const LOCK: i64 = 0x6761_7465_7570_6b70;

/// How many days things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    pub event_days: u32,
    /// Deliveries with their attempts and the answers to them.
    pub delivery_days: u32,
    pub import_days: u32,
    /// 0 keeps them for ever, as below.
    pub audit_months: u32,
    pub import_job_months: u32,
    pub sentry_history_days: u32,
}

impl Retention {
    /// What the settings say.
    pub const fn of(config: &config::Config) -> Self {
        Self {
            event_days: config.events.retention_days,
            delivery_days: config.webhooks.retention_days,
            import_days: config.imports.retention_days,
            audit_months: config.audit.retention_months,
            import_job_months: config.imports.jobs_retention_months,
            sentry_history_days: config.sentries.history_days,
        }
    }
}

/// Looks after things until `stop`, over connections of the engine's; `of_requests` is only observed.
pub async fn run(
    db: Db,
    of_requests: Db,
    retention: Retention,
    metrics: Option<Metrics>,
    stop: CancellationToken,
) {
    let mut next = Instant::now() + INTERVAL;
    loop {
        tokio::select! {
            () = tokio::time::sleep(UPKEEP) => {}
            () = stop.cancelled() => return,
        }
        if let Some(metrics) = &metrics {
            metrics.keep_up();
        }
        db.observe();
        of_requests.observe();
        if Instant::now() >= next {
            next = Instant::now() + INTERVAL;
            tokio::select! {
                tidied = tidy(&db, retention) => if let Err(fault) = tidied {
                    failed("round", &fault);
                },
                () = stop.cancelled() => return,
            }
        }
    }
}

/// One round of everything that is due; steps that fail do not keep the others from being done.
pub async fn tidy(db: &Db, retention: Retention) -> Result<(), DbError> {
    let partitions = db.connect_for(Purpose::Migration).await?;
    let today = Day::today(&partitions).await?;
    let locked = partitions
        .query_one("select pg_try_advisory_lock($1)", &[&LOCK])
        .await?;
    if locked.get(0) {
        note(
            "partitions",
            db::ensure_partitions(&partitions, Patience::Round).await,
        );
        note(
            "partitions",
            db::ensure_months(&partitions, Patience::Round).await,
        );
        for (table, days) in [
            ("events", retention.event_days),
            ("deliveries", retention.delivery_days),
        ] {
            note(
                "retention",
                db::drop_partitions(&partitions, table, today, days).await,
            );
        }
        note(
            "retention",
            db::drop_months(&partitions, retention.audit_months).await,
        );
        note("indexes", db::ensure_indexes(&partitions).await);
        purge(&db.connect().await?, today, retention).await;
    }
    db::observe_partitions(&partitions, today).await?;
    db::observe_months(&partitions, today).await
}

async fn purge(client: &Dedicated, today: Day, retention: Retention) {
    let days = retention.event_days;
    let purged = [
        ("rest", db::purge_rest(client, "events", today, days).await),
        (
            "rest",
            db::purge_rest(client, "deliveries", today, retention.delivery_days).await,
        ),
        ("once keys", db::forget_once_keys(client, today, days).await),
        ("damaged", bus::table::purge_damaged(client, days).await),
        ("replies", audit::purge_replies(client).await),
        ("deleted keys", keys::store::purge_deleted(client).await),
        ("console", console::access::store::purge(client).await),
        ("changes", feed::purge(client).await),
        ("source counts", sources::receipts::store::purge(client).await),
        ("delivery stats", delivery::stats::store::purge(client).await),
        (
            "imports",
            imports::job::purge_store::purge(client, retention.import_days).await,
        ),
        ("kept uploads", imports::kept::store::purge(client).await),
        (
            "import jobs",
            imports::job::purge_store::purge_jobs(client, retention.import_job_months).await,
        ),
        (
            "sentry history",
            sentries::history::retention_store::purge(client, retention.sentry_history_days).await,
        ),
    ];
    for (step, purged) in purged {
        if let Err(fault) = purged {
            failed(step, &fault);
        }
    }
}

fn note(step: &'static str, done: Result<Vec<Undone>, DbError>) {
    match done {
        Ok(undone) => {
            for Undone { partition, fault } in undone {
                tracing::warn!(partition, %fault, "left for the next round");
                failed(step, &fault);
            }
        }
        Err(fault) => failed(step, &fault),
    }
}

fn failed(step: &'static str, fault: &DbError) {
    counter!(names::UPKEEP_FAILURES, "step" => step).increment(1);
    tracing::warn!(step, %fault, "maintenance failed; it is tried again");
}
