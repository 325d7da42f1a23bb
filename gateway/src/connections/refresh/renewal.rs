//! A token that is wanted at once: after a 401, or where the present one has ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::renewal_store;
use crate::connections::model::Status;
use crate::connections::registry::{Live, Registry};
use crate::db::{Db, DbError};

/// The longest that a new token is waited for.
const LIMIT: Duration = Duration::from_secs(12);

/// Asks for tokens on behalf of those who use them.
#[derive(Clone)]
pub struct Renewals {
    pub db: Db,
    pub registry: Arc<Registry>,
    /// Rings the refresher of this instance.
    pub wake: Arc<Notify>,
}

impl Renewals {
    /// A newer token than that of `live`. However many ask at once, on however many instances, the vendor is asked once.
    /// `None`: none came in time, the vendor refuses, or the call of before failed a moment ago and is repeated later.
    pub async fn newer(&self, live: &Live) -> Result<Option<Arc<Live>>, DbError> {
        let until = Instant::now() + LIMIT;
        loop {
            let changed = self.registry.changed();
            let Some(present) = self.registry.find(live.workspace, live.id) else {
                return Ok(None);
            };
            if present.refreshed_at > live.refreshed_at {
                return Ok(Some(present));
            }
            if present.status == Status::Reconnect {
                return Ok(None);
            }
            let is_due = {
                let client = self.db.client().await?;
                renewal_store::want(&client, live.workspace, live.id, live.refreshed_at).await?
            };
            if !is_due {
                return Ok(None);
            }
            self.wake.notify_one();
            if timeout_at(until, changed).await.is_err() {
                return Ok(None);
            }
        }
    }
}
