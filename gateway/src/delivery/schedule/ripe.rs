//! Keys whose next delivery may have its turn, as the recorder reports them to the schedule.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::base::id::DestinationId;
use crate::delivery::engine::outcome::{Outcome, Verdict};

/// Keys to be looked at at once; beyond these the walk along the lines finds them.
const MAX_RIPE: usize = 10_000;

/// Keys of which the next delivery may have its turn.
#[derive(Debug, Default)]
pub struct Ripe {
    keys: Mutex<HashSet<(DestinationId, Box<str>)>>,
    rung: Notify,
}

impl Ripe {
    /// Notes the keys that a group of outcomes, now committed, may have given a turn.
    pub fn note(&self, group: &[Outcome]) {
        let freed = group.iter().filter_map(|outcome| match outcome {
            Outcome::Park { new, .. } => Some((new.destination, new.order_key()?)),
            Outcome::Again {
                destination,
                payload,
                verdict: Verdict::Succeeded | Verdict::Failed,
                ..
            } => Some((*destination, payload.ordering_key.as_deref()?)),
            _ => None,
        });
        let mut freed = freed.peekable();
        if freed.peek().is_none() {
            return;
        }
        let mut ripe = self.keys.lock();
        for (destination, key) in freed {
            if ripe.len() < MAX_RIPE {
                ripe.insert((destination, key.into()));
            }
        }
        drop(ripe);
        self.rung.notify_one();
    }

    /// Waits until something was noted.
    pub(super) async fn rung(&self) {
        self.rung.notified().await;
    }

    /// Takes out what was noted.
    pub(super) fn take(&self) -> HashMap<DestinationId, Vec<Box<str>>> {
        let mut by_destination: HashMap<DestinationId, Vec<Box<str>>> = HashMap::new();
        for (destination, key) in self.keys.lock().drain() {
            by_destination.entry(destination).or_default().push(key);
        }
        by_destination
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::caller::WorkspaceId;
    use crate::base::clock::Millis;
    use crate::base::id::DeliveryId;
    use crate::delivery::engine::job::Payload;
    use crate::delivery::log::Attempt;

    fn again(destination: DestinationId, key: Option<&str>, verdict: Verdict) -> Outcome {
        let payload = Payload {
            event: uuid::Uuid::nil(),
            event_id: String::new(),
            workspace: WorkspaceId(1),
            label: "deal.won".into(),
            ordering_key: key.map(Box::from),
            body: bytes::Bytes::new(),
        };
        Outcome::Again {
            delivery: DeliveryId::from_uuid(uuid::Uuid::nil()),
            destination,
            payload: Arc::new(payload),
            fence: 1,
            attempt: Attempt {
                number: 1,
                at: Millis(0),
                status_code: None,
                error_code: None,
                error_detail: None,
                response_body: None,
                dns_ms: None,
                connect_ms: None,
                tls_ms: None,
                first_byte_ms: None,
                total_ms: 0.0,
                request: None,
                revision: None,
                result: None,
            },
            verdict,
        }
    }

    #[test]
    fn what_ended_makes_its_key_ripe_and_a_retry_does_not() {
        let ripe = Ripe::default();
        let destination = DestinationId::generate();
        ripe.note(&[
            again(destination, Some("a"), Verdict::Succeeded),
            again(destination, Some("b"), Verdict::Failed),
            again(destination, Some("c"), Verdict::Retry(Millis(0))),
            again(destination, None, Verdict::Succeeded),
        ]);
        let mut keys = ripe.take().remove(&destination).expect("ripe");
        keys.sort();
        assert_eq!(keys, ["a".into(), "b".into()]);
        assert!(ripe.take().is_empty());
    }
}
