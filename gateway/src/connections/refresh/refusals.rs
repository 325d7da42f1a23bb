//! What those who use a connection learn of it: that a vendor refuses its token, or the connection itself.
//!
//! They tell it without waiting, by [`Refusals`]; the refresher acts on it. A token that is refused is renewed once. If the
//! new one is refused too, or there is nothing to renew, a person has to connect it again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Refresher, refusal_store, renewal_store};
use crate::audit::{Actor, Changes, Work};
use crate::base::clock::Millis;
use crate::connections::editing::target_of;
use crate::connections::notice::{RECONNECT_NEEDED, notice};
use crate::connections::registry::Live;
use crate::db::DbError;
use crate::feed::ChangeKind;

/// Refusals that wait; further ones are told again by the next attempt.
const QUEUE: usize = 1_000;
/// A second token that is refused within this long is no accident.
const SOON: Duration = Duration::from_secs(600);
/// Connections that are remembered.
const MAX_REMEMBERED: usize = 10_000;

/// What a vendor refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The token: a newer one may be taken.
    Token,
    /// The connection: nothing but a person helps.
    Connection,
}

/// A refusal of the connection as it was then.
#[derive(Debug)]
pub(super) struct Refusal {
    refused: Refused,
    live: Arc<Live>,
    detail: String,
}

/// Takes refusals from those who use connections.
#[derive(Debug, Clone)]
pub struct Refusals(mpsc::Sender<Refusal>);

/// Refusals on their way to the refresher.
#[derive(Debug)]
pub struct Waiting(pub(super) mpsc::Receiver<Refusal>);

impl Refusals {
    /// A way for refusals, and its end.
    pub fn new() -> (Self, Waiting) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), Waiting(receiver))
    }

    /// Tells that a request with `live` was refused; `detail` is what a person reads, and holds no secret.
    pub fn tell(&self, live: Arc<Live>, refused: Refused, detail: String) {
        let refusal = Refusal {
            refused,
            live,
            detail,
        };
        // A full queue loses nothing: the next attempt is refused as well.
        let _ = self.0.try_send(refusal);
    }
}

/// The tokens that were refused last, by connection, and when: if the next one is refused soon after, it is enough.
#[derive(Debug, Default)]
pub(super) struct Remembered(HashMap<Uuid, (Option<Millis>, Instant)>);

impl Remembered {
    /// Whether the token before that of `live` was refused a moment ago.
    fn is_second(&mut self, live: &Live) -> bool {
        if self.0.len() >= MAX_REMEMBERED {
            self.0.clear();
        }
        let now = Instant::now();
        match self.0.insert(live.id.uuid(), (live.refreshed_at, now)) {
            Some((refused, at)) => refused != live.refreshed_at && now.duration_since(at) < SOON,
            None => false,
        }
    }
}

impl Refresher {
    /// Acts on a refusal.
    pub(super) async fn hear(&self, refusal: Refusal, remembered: &mut Remembered) -> Result<(), DbError> {
        let live = &refusal.live;
        let present = self.connections.registry.find(live.workspace, live.id);
        if !present.is_some_and(|present| present.is_same_credential(live)) {
            // It has been changed or renewed meanwhile.
            return Ok(());
        }
        if refusal.refused == Refused::Token && !remembered.is_second(live) {
            let client = self.connections.db.client().await?;
            let is_renewed = renewal_store::want(&client, live.workspace, live.id, live.refreshed_at).await?;
            if is_renewed {
                return Ok(());
            }
        }
        self.give_up(&refusal).await
    }

    async fn give_up(&self, refusal: &Refusal) -> Result<(), DbError> {
        let live = &refusal.live;
        let mut client = self.connections.db.client().await?;
        let mut work = Work::begin_as(&mut client, live.workspace, Actor::System).await?;
        let given_up = refusal_store::give_up(work.transaction(), live, &refusal.detail).await?;
        let Some(after) = given_up else {
            return Ok(());
        };
        let mut changes = Changes::default();
        changes.note("status", &live.status.name(), &after.status.name());
        work.audit("connection.reconnect_needed", &target_of(&after), &changes)
            .await?;
        work.emit(&*self.bus, vec![notice(RECONNECT_NEEDED, &after)])
            .await?;
        work.changed(ChangeKind::Connection, live.id.uuid()).await?;
        work.commit_silently().await?;
        self.connections.hold_at_once(&client, live.id).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::caller::WorkspaceId;
    use crate::base::id::ConnectionId;
    use crate::connections::model::Status;
    use crate::connections::values::Values;

    #[test]
    fn a_second_token_that_is_refused_soon_is_enough() {
        let id = ConnectionId::generate();
        let live = |refreshed_at| Live {
            id,
            workspace: WorkspaceId(1),
            name: "x".into(),
            connector: "x".into(),
            kind: None,
            status: Status::Ready,
            status_detail: None,
            values: Values::default(),
            tokens: None,
            expires_at: None,
            refreshed_at: Some(Millis(refreshed_at)),
            updated_at: Millis(0),
        };
        let mut remembered = Remembered::default();
        assert!(!remembered.is_second(&live(1)));
        assert!(!remembered.is_second(&live(1)), "many tell of the same");
        assert!(remembered.is_second(&live(2)));
        let long_ago = Instant::now()
            .checked_sub(SOON)
            .expect("a machine that is up for longer");
        remembered.0.insert(id.uuid(), (Some(Millis(2)), long_ago));
        assert!(!remembered.is_second(&live(3)));
    }
}
