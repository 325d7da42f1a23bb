//! Keeps tokens fresh.
//!
//! A connection that has a token to renew has a time at which it is due. Every instance looks for what is due and takes a
//! lease on one connection at a time: the lease raises the connection's fence and writes, in the same commit, that a token
//! is about to be asked for. Then the vendor is asked, with no transaction open. The answer is written only where the fence
//! is still the same, and the tokens in it are used only after that commit. So a refresh token is spent once, whatever dies
//! or hangs. What stands written without an answer after a crash leaves it open whether the refresh token is spent: if the
//! vendor then refuses it, `status_detail` says `rotation_in_doubt`.

pub mod asking;
pub mod census;
mod ending;
pub mod fresh;
mod lapse;
mod lapse_store;
mod lease_store;
mod refusal_store;
pub mod refusals;
mod refused;
pub mod renewal;
mod renewal_store;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Connections;
use crate::bus::Bus;
use crate::db::DbError;
use crate::feed::bell::Bell;
use lease_store::Leased;
use refusals::{Refusals, Remembered, Waiting};

/// What is due is looked for this often.
const LOOK: Duration = Duration::from_millis(500);
/// Tokens that end are looked for once in so many looks.
const LOOKS_A_LAPSE: u32 = 20;
/// Token calls under way at once, all together …
const AT_ONCE: usize = 8;
/// … and to one vendor.
const AT_ONCE_OF_ONE: usize = 4;

/// What refreshes tokens on this instance.
pub struct Refresher {
    pub connections: Connections,
    pub bus: Arc<dyn Bus>,
    pub bell: Arc<Bell>,
    /// Rung when a token is wanted at once.
    pub wake: Arc<Notify>,
    pub refusals: Waiting,
}

impl Refresher {
    /// Refreshes what is due until `stop`, and ends once the answers of calls under way then are written.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut refusals = std::mem::replace(&mut self.refusals, Refusals::new().1).0;
        let mut remembered = Remembered::default();
        let mut under_way = FuturesUnordered::new();
        let mut busy: HashMap<String, usize> = HashMap::new();
        let mut look_count: u32 = 0;
        loop {
            while under_way.len() < AT_ONCE {
                let full: Vec<String> = busy
                    .iter()
                    .filter(|(_, count)| **count >= AT_ONCE_OF_ONE)
                    .map(|(connector, _)| connector.clone())
                    .collect();
                match self.lease(&full).await {
                    Ok(Some(leased)) => {
                        let connector = leased.connection.connector.clone();
                        *busy.entry(connector.clone()).or_default() += 1;
                        under_way.push(async {
                            self.refresh(leased).await;
                            connector
                        });
                    }
                    Ok(None) => break,
                    Err(fault) => {
                        tracing::debug!(%fault, "connections that are due are looked for again");
                        break;
                    }
                }
            }
            if look_count.is_multiple_of(LOOKS_A_LAPSE)
                && let Err(fault) = lapse::look(&self).await
            {
                tracing::debug!(%fault, "tokens that end are looked for again");
            }
            look_count = look_count.wrapping_add(1);
            tokio::select! {
                Some(connector) = under_way.next() => {
                    if let Some(count) = busy.get_mut(&connector) {
                        *count -= 1;
                    }
                }
                Some(refusal) = refusals.recv() => {
                    if let Err(fault) = self.hear(refusal, &mut remembered).await {
                        tracing::debug!(%fault, "a refusal is heard of again");
                    }
                }
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => break,
            }
        }
        while under_way.next().await.is_some() {}
    }

    async fn lease(&self, full: &[String]) -> Result<Option<Leased>, DbError> {
        let client = self.connections.db.client().await?;
        lease_store::lease(&client, full).await
    }

    /// Asks for a token and writes what came of it.
    async fn refresh(&self, leased: Leased) {
        let id = leased.connection.id;
        let ended = match self.ask(&leased).await {
            asking::Asked::Postponed { after_days } => self.postpone(&leased, after_days).await,
            asking::Asked::Judged { judged, is_unsure } => self.end(&leased, judged, is_unsure).await,
        };
        // The lease runs out, and then it is tried again.
        if let Err(fault) = ended {
            tracing::warn!(connection = %id, %fault, "the answer of a token call could not be written");
        }
    }
}
