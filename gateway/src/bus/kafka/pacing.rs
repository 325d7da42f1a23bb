//! How many messages are in flight at once, and which partitions a group does not wait for.
//!
//! Few groups are under way, so that messages hold many events. A partition that has kept a message for long is *slow* until
//! it acknowledges one: its messages hold up no group, and it has a single message under way while what comes for it
//! waits behind that. So a partition without a leader, or without enough replicas, holds up its own events alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Groups that are under way at once: while one waits for its acknowledgement the next is on its way …
const UNDER_WAY: usize = 2;
/// … unless it holds so many events that the next is better for waiting too: fewer messages cost less.
const MANY: usize = 16;
/// A partition is slow if a message has had no acknowledgement for this long.
pub(super) const PATIENCE: Duration = Duration::from_millis(150);

/// A message that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub partition: i32,
    number: u64,
}

#[derive(Debug)]
struct Message {
    partition: i32,
    group: u64,
    since: Instant,
}

/// The messages that are under way.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    messages: BTreeMap<u64, Message>,
    slow: Vec<i32>,
    next_number: u64,
    group: u64,
    /// Whether the last group held many events.
    is_many: bool,
}

impl Pacing {
    /// Whether the next group may be sent.
    pub(super) fn has_place(&self) -> bool {
        let places = if self.is_many { 1 } else { UNDER_WAY };
        let mut holding: Vec<u64> = Vec::with_capacity(UNDER_WAY);
        for message in self.messages.values().filter(|one| !self.is_slow(one.partition)) {
            if !holding.contains(&message.group) {
                holding.push(message.group);
            }
        }
        holding.len() < places
    }

    /// Begins the next group, of so many events.
    pub(super) const fn begin(&mut self, event_count: usize) {
        self.group += 1;
        self.is_many = event_count >= MANY;
    }

    /// Notes a message that was sent.
    pub(super) fn sent(&mut self, partition: i32, now: Instant) -> Sent {
        self.next_number += 1;
        let (number, group) = (self.next_number, self.group);
        let message = Message {
            partition,
            group,
            since: now,
        };
        self.messages.insert(number, message);
        Sent { partition, number }
    }

    /// Notes that a message was acknowledged, or that it failed.
    pub(super) fn ended(&mut self, sent: Sent, is_acknowledged: bool) {
        self.messages.remove(&sent.number);
        if is_acknowledged {
            self.slow.retain(|one| *one != sent.partition);
        } else if !self.is_slow(sent.partition) {
            self.slow.push(sent.partition);
        }
    }

    /// Whether events for a partition do better to go elsewhere.
    pub(super) fn is_slow(&self, partition: i32) -> bool {
        self.slow.contains(&partition)
    }

    /// Whether events for a partition must wait until its message has ended.
    pub(super) fn is_held(&self, partition: i32) -> bool {
        self.is_slow(partition) && self.messages.values().any(|one| one.partition == partition)
    }

    /// When the next partition will count as slow if nothing is heard of it.
    pub(super) fn patient_until(&self) -> Option<Instant> {
        let waited_for = self.messages.values().filter(|one| !self.is_slow(one.partition));
        waited_for.map(|one| one.since + PATIENCE).min()
    }

    /// Notes the partitions that are slow by `now`.
    pub(super) fn look(&mut self, now: Instant) {
        for message in self.messages.values() {
            if now >= message.since + PATIENCE && !self.slow.contains(&message.partition) {
                self.slow.push(message.partition);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_groups_are_under_way_and_one_if_it_is_large() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        pacing.begin(1);
        let first = pacing.sent(0, now);
        assert!(pacing.has_place());
        pacing.begin(2);
        let (second, third) = (pacing.sent(0, now), pacing.sent(1, now));
        assert!(!pacing.has_place());
        pacing.ended(second, true);
        assert!(!pacing.has_place(), "a group counts until its last message");
        pacing.ended(third, true);
        assert!(pacing.has_place());
        pacing.ended(first, true);
        pacing.begin(MANY);
        let large = pacing.sent(0, now);
        assert!(!pacing.has_place());
        pacing.ended(large, true);
        assert!(pacing.has_place() && pacing.patient_until().is_none());
    }

    #[test]
    fn a_slow_partition_holds_up_its_own_events_alone() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        pacing.begin(MANY);
        let stuck = pacing.sent(3, now);
        assert_eq!(pacing.patient_until(), Some(now + PATIENCE));
        pacing.look(now + PATIENCE / 2);
        assert!(!pacing.has_place() && !pacing.is_held(3));
        pacing.look(now + PATIENCE);
        assert!(pacing.has_place() && pacing.is_held(3) && !pacing.is_slow(4));
        assert!(pacing.patient_until().is_none());
        // It failed, and the next try is not waited for either.
        pacing.ended(stuck, false);
        assert!(pacing.is_slow(3) && !pacing.is_held(3));
        pacing.begin(MANY);
        let again = pacing.sent(3, now);
        assert!(pacing.has_place() && pacing.is_held(3));
        pacing.ended(again, true);
        assert!(!pacing.is_slow(3));
    }
}
