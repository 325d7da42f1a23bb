//! Which partition an event goes to. Events that belong together share one, and so their order; all others are spread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use tokio::sync::Notify;

use crate::bus::{NewEvent, PublishError};

/// Events without a key go to one partition for this long, so that those that come together are fetched together.
const STAY: Duration = Duration::from_millis(10);

/// The partitions of the topic, as last heard.
#[derive(Debug)]
pub(super) struct Partitions {
    known: RwLock<Known>,
    /// Rings when the topic must be checked before it is used again.
    pub doubted: Notify,
    turn: AtomicUsize,
    began: Instant,
}

#[derive(Debug, Default)]
struct Known {
    count: usize,
    /// Those that can be written to at the moment.
    led: Vec<i32>,
    /// The copies of each, when the topic was checked.
    shape: Vec<usize>,
    is_doubted: bool,
}

impl Known {
    fn doubt(&mut self) {
        *self = Self {
            is_doubted: true,
            ..Self::default()
        };
    }
}

impl Default for Partitions {
    fn default() -> Self {
        Self {
            known: RwLock::default(),
            doubted: Notify::new(),
            // Instances do not all begin with the first.
            turn: AtomicUsize::new(usize::from(fastrand::u16(..))),
            began: Instant::now(),
        }
    }
}

impl Partitions {
    /// Notes the copies of each, and which of them have a leader. Whether the topic is the one that was checked, as far as
    /// can be seen; if it is not, nothing goes to it.
    pub(super) fn set(&self, shape: Vec<usize>, mut led: Vec<i32>) -> bool {
        led.sort_unstable();
        let mut known = self.known.write();
        // Partitions may be added to a topic that stays.
        let is_same = !known.is_doubted && !shape.is_empty() && shape.starts_with(&known.shape);
        if is_same {
            known.count = shape.len();
            known.led = led;
            known.shape = shape;
        } else {
            known.doubt();
        }
        is_same
    }

    /// Has nothing go to the topic until it is checked: it is another one.
    pub(super) fn doubt(&self) {
        self.known.write().doubt();
        self.doubted.notify_one();
    }

    /// Notes that the topic as it is now was checked.
    pub(super) fn trust(&self) {
        *self.known.write() = Known::default();
    }

    /// The partition for an event; one without a key goes to none that `is_slow`, if there is another.
    ///
    /// # Errors
    /// No partition is known, or the event's own has no leader.
    pub(super) fn of(&self, content: &NewEvent, is_slow: impl Fn(i32) -> bool) -> Result<i32, PublishError> {
        let known = self.known.read();
        match key(content) {
            Some(key) => {
                let count = u64::try_from(known.count).ok().filter(|count| *count > 0);
                let partition = count.and_then(|count| i32::try_from(key % count).ok());
                let partition = partition.ok_or(PublishError::Away)?;
                // Led partitions come in the order of their numbers.
                match known.led.binary_search(&partition) {
                    Ok(_) => Ok(partition),
                    Err(_) => Err(PublishError::NotLed),
                }
            }
            None => {
                let stays = self.began.elapsed().as_millis() / STAY.as_millis();
                let turn = self
                    .turn
                    .load(Ordering::Relaxed)
                    .wrapping_add(usize::try_from(stays).unwrap_or(0));
                let at = turn.checked_rem(known.led.len()).ok_or(PublishError::Away)?;
                let (before, from) = known.led.split_at(at);
                let mut in_turn = from.iter().chain(before).copied();
                let good = in_turn.clone().find(|partition| !is_slow(*partition));
                good.or_else(|| in_turn.next()).ok_or(PublishError::Away)
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
    fn what_belongs_together_stays_together() {
        let partitions = Partitions::default();
        let of = |event: &NewEvent| partitions.of(event, |_| false);
        assert_eq!(of(&event(1, Some("a"))), Err(PublishError::Away));
        assert_eq!(of(&event(1, None)), Err(PublishError::Away));
        assert!(partitions.set(vec![3; 12], (0..12).rev().collect()));
        let first = of(&event(1, Some("a")));
        assert_eq!(first, Ok(7), "the same in every version");
        assert_eq!(first, of(&event(1, Some("a"))));
        let spread: BTreeSet<_> = (0..100)
            .map(|workspace| of(&event(workspace, Some("a"))).expect("led"))
            .collect();
        assert_eq!(spread.len(), 12);
    }

    #[test]
    fn what_has_no_key_goes_where_it_can_and_the_rest_is_refused_at_once() {
        let partitions = Partitions::default();
        assert!(partitions.set(vec![3; 12], vec![5, 3]));
        let keyed = partitions.of(&event(1, Some("a")), |_| false);
        assert_eq!(keyed, Err(PublishError::NotLed));
        let plain = event(1, None);
        assert!([Ok(3), Ok(5)].contains(&partitions.of(&plain, |_| false)));
        assert_eq!(partitions.of(&plain, |partition| partition == 3), Ok(5));
        assert_eq!(partitions.of(&plain, |partition| partition == 5), Ok(3));
        assert!(
            partitions.of(&plain, |_| true).is_ok(),
            "better slow than not at all"
        );
    }

    #[test]
    fn nothing_goes_to_another_topic_of_the_same_name_until_it_is_checked() {
        let partitions = Partitions::default();
        let all = |count: i32| (0..count).collect::<Vec<i32>>();
        let goes = || partitions.of(&event(1, None), |_| false).is_ok();
        assert!(partitions.set(vec![3; 6], all(6)) && goes());
        assert!(partitions.set(vec![3; 9], all(9)) && goes(), "more of the same");
        assert!(!partitions.set(vec![1; 9], all(9)) && !goes(), "fewer copies");
        assert!(!partitions.set(vec![3; 9], all(9)) && !goes(), "not checked yet");
        partitions.trust();
        assert!(partitions.set(vec![1; 2], all(2)) && goes());
        assert!(!partitions.set(Vec::new(), Vec::new()) && !goes(), "it is gone");
        partitions.trust();
        assert!(partitions.set(vec![1; 2], all(2)) && goes());
        partitions.doubt();
        assert!(!goes() && !partitions.set(vec![1; 2], all(2)));
    }
}
