//! Which partition an event goes to. Events that belong together share one, and so their order; all others are spread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;

use crate::bus::NewEvent;

/// Events without a key go to one partition for this long, so that those that come together are fetched together.
const STAY: Duration = Duration::from_millis(10);

/// The partitions of the topic, as last heard.
#[derive(Debug)]
pub(super) struct Partitions {
    known: RwLock<Known>,
    turn: AtomicUsize,
    began: Instant,
}

#[derive(Debug, Default)]
struct Known {
    count: usize,
    /// Those that can be written to at the moment.
    led: Vec<i32>,
}

impl Default for Partitions {
    fn default() -> Self {
        Self {
            known: RwLock::default(),
            // Instances do not all begin with the first.
            turn: AtomicUsize::new(usize::from(fastrand::u16(..))),
            began: Instant::now(),
        }
    }
}

impl Partitions {
    /// Notes how many there are, and which of them have a leader.
    pub(super) fn set(&self, count: usize, led: Vec<i32>) {
        *self.known.write() = Known { count, led };
    }

    /// The partition for an event; `None` while none is known.
    pub(super) fn of(&self, content: &NewEvent) -> Option<i32> {
        let known = self.known.read();
        match key(content) {
            Some(key) => {
                let count = u64::try_from(known.count).ok().filter(|count| *count > 0)?;
                i32::try_from(key % count).ok()
            }
            None => {
                let stays = self.began.elapsed().as_millis() / STAY.as_millis();
                let turn = self
                    .turn
                    .load(Ordering::Relaxed)
                    .wrapping_add(usize::try_from(stays).unwrap_or(0));
                let at = turn.checked_rem(known.led.len())?;
                known.led.get(at).copied()
            }
        }
    }
}

/// What events that belong together have in common. Without an `ordering_key` it is the client's own id: a repeat follows
/// its first, which a consumer that still has it in memory knows.
fn key(content: &NewEvent) -> Option<u64> {
    let key = content.ordering_key.as_deref().or(content.once_key.as_deref())?;
    let mut hash = FNV_OFFSET;
    for byte in content.workspace.0.to_le_bytes().iter().chain(key.as_bytes()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
    }
    Some(hash)
}

/// FNV-1a of 64 bits: the same on every instance and in every version, which the standard library's hashers are not.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bytes::Bytes;

    use super::*;
    use crate::base::caller::WorkspaceId;

    fn event(workspace: i32, once_key: Option<&str>) -> NewEvent {
        NewEvent {
            workspace: WorkspaceId(workspace),
            label: "deal.won".into(),
            client_id: None,
            once_key: once_key.map(Box::from),
            occurred_at: None,
            ordering_key: None,
            data: Bytes::from_static(b"{}"),
        }
    }

    #[test]
    fn what_belongs_together_stays_together_and_the_rest_goes_where_it_can() {
        let partitions = Partitions::default();
        assert_eq!(partitions.of(&event(1, Some("a"))), None);
        assert_eq!(partitions.of(&event(1, None)), None);
        partitions.set(12, vec![3, 5]);
        let first = partitions.of(&event(1, Some("a")));
        assert_eq!(first, Some(7), "the same in every version");
        assert_eq!(first, partitions.of(&event(1, Some("a"))));
        let spread: BTreeSet<_> = (0..100)
            .map(|workspace| partitions.of(&event(workspace, Some("a"))))
            .collect();
        assert_eq!(spread.len(), 12);
        assert!([Some(3), Some(5)].contains(&partitions.of(&event(1, None))));
    }
}
