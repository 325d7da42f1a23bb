//! Writes what came of a token call.

use std::time::Duration;

use metrics::counter;

use super::Refresher;
use super::fresh::fresh_of;
use super::lease_store::{self, Leased};
use crate::audit::{Actor, Changes, Work};
use crate::base::backoff::Backoff;
use crate::connections::editing::{kind_in, target_of};
use crate::connections::notice::{RECONNECT_NEEDED, notice};
use crate::connections::tokens::Tokens;
use crate::connectors::token::{Granted, Judged};
use crate::db::{self, DbError};
use crate::feed::{self, ChangeKind};
use crate::telemetry::names;

/// After a call that failed the next comes so much later, and ever later.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(300));
const MIN_PAUSE_SECONDS: f64 = 1.0;
const DAY_SECONDS: f64 = 86_400.0;

impl Refresher {
    /// Gives the lease on a connection back that nobody uses.
    pub(super) async fn postpone(&self, leased: &Leased, after_days: Option<u32>) -> Result<(), DbError> {
        let ago = leased.refreshed_seconds_ago.unwrap_or_default();
        let due_after = after_days.map(|days| (f64::from(days) * DAY_SECONDS - ago).max(MIN_PAUSE_SECONDS));
        let client = self.connections.db.client().await?;
        lease_store::give_back(&client, leased, due_after).await
    }

    /// Writes a verdict, if this lease is still the last one.
    pub(super) async fn end(&self, leased: &Leased, judged: Judged, is_unsure: bool) -> Result<(), DbError> {
        let connection = &leased.connection;
        let (is_ours, outcome) = match judged {
            Judged::Granted(granted) => (self.put_fresh(leased, &granted).await?, "ok"),
            Judged::Refused { code, is_grant } => {
                let detail = match is_grant && leased.is_in_doubt {
                    true => format!(
                        "rotation_in_doubt: a refresh was cut off, and now the vendor says {code}. Connect it again."
                    ),
                    false => format!("{code}: the vendor refused to renew the token. Connect it again."),
                };
                (self.put_refused(leased, &detail).await?, "refused")
            }
            Judged::Failed { why } => {
                let failure_count = u32::try_from(leased.failure_count).unwrap_or_default() + 1;
                let pause = BACKOFF.step(failure_count).as_secs_f64();
                let keeps_doubt = is_unsure || leased.is_in_doubt;
                (self.put_failed(leased, &why, pause, keeps_doubt).await?, "failed")
            }
        };
        let outcome = if is_ours { outcome } else { "lost" };
        let connector = connection.connector.clone();
        counter!(names::CONNECTION_REFRESHES, "connector" => connector, "outcome" => outcome).increment(1);
        let client = self.connections.db.client().await?;
        self.connections.hold_at_once(&client, connection.id).await;
        self.bell.ring();
        Ok(())
    }

    async fn put_fresh(&self, leased: &Leased, granted: &Granted) -> Result<bool, DbError> {
        let connection = &leased.connection;
        let vault = self.connections.registry.vault();
        let before = connection.tokens.as_ref();
        let before = before.and_then(|sealed| Tokens::open(vault, connection.id, sealed).ok());
        let connector = self.connections.catalogue.get(&connection.connector);
        let keep_alive_days = connector
            .as_deref()
            .and_then(|connector| kind_in(&connector.definition, connection))
            .and_then(|defined| defined.keep_alive_days);
        let fresh = match fresh_of(granted, before.as_ref(), keep_alive_days, connection, vault) {
            Ok(fresh) => fresh,
            Err(fault) => {
                tracing::error!(connection = %connection.id, %fault, "new tokens cannot be sealed");
                return Ok(false);
            }
        };
        let mut client = self.connections.db.client().await?;
        let transaction = db::begin(&mut client).await?;
        let is_ours = lease_store::put_fresh(&transaction, connection.id, leased.fence, &fresh).await?;
        if is_ours {
            let changed = [connection.id.uuid()];
            feed::record_quietly(
                &transaction,
                ChangeKind::Connection,
                connection.workspace,
                &changed,
            )
            .await?;
        }
        db::commit(transaction).await?;
        Ok(is_ours)
    }

    async fn put_refused(&self, leased: &Leased, detail: &str) -> Result<bool, DbError> {
        let connection = &leased.connection;
        let mut client = self.connections.db.client().await?;
        let mut work = Work::begin_as(&mut client, connection.workspace, Actor::System).await?;
        let refused =
            lease_store::put_refused(work.transaction(), connection.id, leased.fence, detail).await?;
        let Some(after) = refused else {
            return Ok(false);
        };
        // Told once a change: a connection that waited for a person already is no news.
        if connection.status != after.status {
            let mut changes = Changes::default();
            changes.note("status", &connection.status.name(), &after.status.name());
            changes.note("status_detail", &connection.status_detail, &after.status_detail);
            work.audit("connection.reconnect_needed", &target_of(&after), &changes)
                .await?;
            work.emit(&*self.bus, vec![notice(RECONNECT_NEEDED, &after)])
                .await?;
        }
        work.changed(ChangeKind::Connection, connection.id.uuid()).await?;
        work.commit_silently().await?;
        Ok(true)
    }

    async fn put_failed(
        &self,
        leased: &Leased,
        why: &str,
        pause_seconds: f64,
        keeps_doubt: bool,
    ) -> Result<bool, DbError> {
        let connection = &leased.connection;
        let mut client = self.connections.db.client().await?;
        let transaction = db::begin(&mut client).await?;
        let (id, fence) = (connection.id, leased.fence);
        let is_ours =
            lease_store::put_failed(&transaction, id, fence, why, pause_seconds, keeps_doubt).await?;
        if is_ours {
            let changed = [id.uuid()];
            feed::record_quietly(
                &transaction,
                ChangeKind::Connection,
                connection.workspace,
                &changed,
            )
            .await?;
        }
        db::commit(transaction).await?;
        Ok(is_ours)
    }
}
