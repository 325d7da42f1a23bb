//! Turns sentries sick that were not reported to in time.
//!
//! Every instance looks every other second, by the database's clock. What is due is locked with `skip locked`, so each
//! sentry is written once, by one instance; if that one dies before its commit, another finds it still due.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;

use super::model::{Reason, Sentry, State};
use super::store::{self, Kept};
use super::{connection_store, event, history};
use crate::base::fail_point::{self, Point};
use crate::base::id::{HootId, SentryId};
use crate::bus::{Bus, NewEvent};
use crate::db::{self, Db, DbError};
use crate::feed::bell::Bell;
use crate::feed::{self, ChangeKind};
use crate::telemetry::names;

const LOOK: Duration = Duration::from_secs(2);
/// Sentries that are counted anew once in so many looks.
const LOOKS_A_COUNT: u32 = 5;
/// Sentries in one transaction.
const AT_ONCE: i64 = 100;

/// Looks for sentries that are due until `stop`.
pub async fn sweep(db: Db, bus: Arc<dyn Bus>, bell: Arc<Bell>, stop: CancellationToken) {
    // So that they are there before the first one.
    counter!(names::SENTRY_REPORTS).increment(0);
    counter!(names::SENTRY_REPORTS_REFUSED).increment(0);
    counter!(names::SENTRY_TIMEOUTS).increment(0);
    let mut look_count: u32 = 0;
    loop {
        if let Err(fault) = look(&db, &*bus, &bell, look_count.is_multiple_of(LOOKS_A_COUNT)).await {
            tracing::debug!(%fault, "sentries whose time-out has come are looked for again");
        }
        look_count = look_count.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn look(db: &Db, bus: &dyn Bus, bell: &Bell, counts: bool) -> Result<(), DbError> {
    loop {
        let count = time_out(db, bus).await?;
        if count > 0 {
            bell.ring();
        }
        if count < AT_ONCE as usize {
            break;
        }
    }
    if counts {
        let client = db.client().await?;
        gauge!(names::SENTRIES_SICK).set(store::sick_count(&client).await? as f64);
    }
    Ok(())
}

/// One transaction; how many sentries it turned.
async fn time_out(db: &Db, bus: &dyn Bus) -> Result<usize, DbError> {
    let mut client = db.client().await?;
    let transaction = db::begin(&mut client).await?;
    let due = store::lock_due(&transaction, AT_ONCE).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let ids: Vec<SentryId> = due.iter().map(|kept| kept.sentry.id).collect();
    history::store::record_timeouts(&transaction, &ids).await?;
    let connected = connection_store::hoots_of(&transaction, &ids).await?;
    let mut told = Vec::new();
    for kept in &due {
        let found = connected.iter().find(|(id, _)| *id == kept.sentry.id);
        let hoots = found.map_or(&[][..], |(_, hoots)| hoots);
        let entities: Vec<_> = hoots.iter().map(|hoot| hoot.uuid()).collect();
        feed::record_quietly(&transaction, ChangeKind::Hoot, kept.workspace, &entities).await?;
        told.extend(event_of(kept, hoots));
    }
    let emission = bus.emit(&transaction, told).await?;
    if fail_point::reach(Point::SentryTimeout) {
        // A test kills this process here.
        std::future::pending::<()>().await;
    }
    db::commit(transaction).await?;
    emission.committed();
    counter!(names::SENTRY_TIMEOUTS).increment(ids.len() as u64);
    Ok(ids.len())
}

/// The event of a time-out; none of a sentry that was sick already.
fn event_of(kept: &Kept, hoots: &[HootId]) -> Option<NewEvent> {
    let after = Sentry {
        state: Some(State::Sick),
        reason: Some(Reason::Timeout),
        user_message: None,
        ..kept.sentry.clone()
    };
    event::state_changed(kept.workspace, kept.sentry.state, &after, hoots)
}
