//! What is done about a credential that a vendor refuses: a newer token is asked for once, and then a person.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::base::clock::Millis;
use crate::bus::Bus;
use crate::connections::Connections;
use crate::connections::registry::Live;
use crate::connectors::definition::{ConnectionKind, Verdict};
use crate::db::DbError;

/// Refusals that may wait; beyond these the next refused request tells again.
const MAX_WAITING: usize = 1_000;

/// A connection as it was when a vendor refused it.
pub struct Refused {
    live: Arc<Live>,
    /// Whether a newer token may help.
    may_renew: bool,
    why: String,
}

/// Tells of refusals. Until one is dealt with, nothing more goes out with that credential.
pub struct Refusals {
    waiting: mpsc::Sender<Refused>,
    /// The connections that are being dealt with.
    doubted: papaya::HashMap<Uuid, ()>,
}

impl Refusals {
    /// None yet, and where they come out.
    pub fn new() -> (Self, mpsc::Receiver<Refused>) {
        let (waiting, receiver) = mpsc::channel(MAX_WAITING);
        let doubted = papaya::HashMap::new();
        (Self { waiting, doubted }, receiver)
    }

    /// Notes that a vendor refused the credential of a connection.
    pub fn note(&self, live: Arc<Live>, verdict: Verdict, why: Option<&str>) {
        let doubted = self.doubted.pin();
        if doubted.insert(live.id.uuid(), ()).is_some() {
            return;
        }
        let id = live.id.uuid();
        let refused = Refused {
            live,
            may_renew: verdict == Verdict::Refresh,
            why: why.unwrap_or("The vendor refuses the credential.").to_owned(),
        };
        if self.waiting.try_send(refused).is_err() {
            doubted.remove(&id);
        }
    }

    /// Whether a connection's credential was refused and nothing has come of it yet.
    pub fn is_doubted(&self, live: &Live) -> bool {
        let doubted = self.doubted.pin();
        !doubted.is_empty() && doubted.contains_key(&live.id.uuid())
    }
}

/// Deals with refusals, one after another.
pub struct Mender {
    pub refusals: Arc<Refusals>,
    pub connections: Connections,
    pub bus: Arc<dyn Bus>,
}

impl Mender {
    /// Deals with what comes until `stop`.
    pub async fn run(self, mut waiting: mpsc::Receiver<Refused>, stop: CancellationToken) {
        // The tokens that came because those before were refused: one that is refused too is not renewed again.
        let mut renewed: HashMap<Uuid, Option<Millis>> = HashMap::new();
        loop {
            let refused = tokio::select! {
                refused = waiting.recv() => refused,
                () = stop.cancelled() => return,
            };
            let Some(refused) = refused else { return };
            let id = refused.live.id.uuid();
            if let Err(fault) = self.mend(&refused, &mut renewed).await {
                tracing::warn!(connection = %refused.live.id, %fault, "a refused credential is used again");
            }
            self.refusals.doubted.pin().remove(&id);
        }
    }

    async fn mend(
        &self,
        refused: &Refused,
        renewed: &mut HashMap<Uuid, Option<Millis>>,
    ) -> Result<(), DbError> {
        let live = &refused.live;
        let id = live.id.uuid();
        let has_token = live.kind.is_some_and(ConnectionKind::has_access_token);
        let is_second = renewed.get(&id) == Some(&live.refreshed_at);
        if refused.may_renew && has_token && !is_second {
            if let Some(newer) = self.connections.renewals.newer(live).await? {
                renewed.insert(id, newer.refreshed_at);
            }
            // Without one the connection tells by itself why.
            return Ok(());
        }
        renewed.remove(&id);
        let bus = &*self.bus;
        self.connections
            .need_reconnect(bus, live.workspace, live.id, &refused.why)
            .await
    }
}
