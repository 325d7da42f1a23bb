//! Confirms a change: waits until every instance that may still act on older memory has seen it.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::instance_store::count_seen;
use crate::base::id::InstanceId;
use crate::db::Connection;

/// How long a change waits for its confirmation by others.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the others are asked meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// On how many instances a change holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Confirmed {
    /// Instances whose memory has the change.
    #[schema(minimum = 0)]
    pub instances: i64,
    /// Instances that are alive, or were a moment ago.
    #[schema(minimum = 0)]
    pub of: i64,
    /// From the commit to the last confirmation, or for how long the missing ones were waited for.
    #[schema(minimum = 0)]
    pub milliseconds: u64,
}

/// Waits for at most a second until every live instance has seen the transaction `change`. The one that asks, `me`, has
/// seen it already; the command line is none. `None` if the database did not tell: the change holds all the same.
pub async fn confirm(client: &Connection, me: Option<InstanceId>, change: &str) -> Option<Confirmed> {
    let committed = Instant::now();
    let mut last = None;
    while committed.elapsed() < PATIENCE {
        let asked = tokio::time::timeout(PATIENCE, count_seen(client, me, change)).await;
        match asked {
            Ok(Ok((instances, of))) => {
                last = Some(confirmed(instances, of, committed.elapsed()));
                if instances == of {
                    break;
                }
            }
            Ok(Err(fault)) => {
                tracing::debug!(%fault, "a change could not be confirmed");
                break;
            }
            Err(_) => break,
        }
        tokio::time::sleep(LOOK).await;
    }
    last
}

fn confirmed(instances: i64, of: i64, waited: Duration) -> Confirmed {
    Confirmed {
        instances,
        of,
        milliseconds: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
    }
}
