//! Committed events that stayed in the table, remembered by their ranges of ids, and read back in turns.
//!
//! Workspaces stand in different queues, and the queues take turns, so that whoever floods the bus waits behind itself
//! alone. A range covers what lies between its ends and nothing else: where batches do not come in the order of their ids,
//! a new one begins. There are so many queues and no more because each reads back by a query that passes over the others' events.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::bus::{BatchId, Event};

/// Up to this many workspaces never share a queue.
const QUEUES: usize = 32;
/// Events that are read back at once.
pub(super) const READ_COUNT: usize = 2_000;

/// Events of some workspaces between two ids.
#[derive(Debug)]
pub(super) struct Range {
    /// Holds the watermark for all of them.
    pub id: BatchId,
    pub owner: i32,
    pub first: Uuid,
    pub last: Uuid,
    pub event_count: usize,
    pub workspaces: Vec<WorkspaceId>,
    run: u64,
}

impl Range {
    fn of(id: BatchId, run: Run, event: &Event) -> Self {
        Self {
            id,
            owner: run.owner,
            run: run.number,
            first: event.id,
            last: event.id,
            event_count: 1,
            workspaces: vec![event.content.workspace],
        }
    }

    const fn takes(&self, run: Run) -> bool {
        self.run == run.number && self.event_count < READ_COUNT
    }

    fn extend(&mut self, event: &Event) {
        self.last = event.id;
        self.event_count += 1;
        // Mostly one.
        if !self.workspaces.contains(&event.content.workspace) {
            self.workspaces.push(event.content.workspace);
        }
    }
}

/// Batches of one owner that came in the order of their ids, with none missing.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    number: u64,
    owner: i32,
    last_sequence: u64,
}

/// The queues of ranges.
#[derive(Debug)]
pub(super) struct Backlog {
    queues: [VecDeque<Range>; QUEUES],
    range_count: usize,
    run: Run,
    /// Whose turn it is.
    turn: usize,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            queues: std::array::from_fn(|_| VecDeque::new()),
            range_count: 0,
            run: Run::default(),
            turn: 0,
        }
    }
}

impl Backlog {
    pub(super) const fn is_empty(&self) -> bool {
        self.range_count == 0
    }

    /// Whether events that `workspace` could overtake are waiting.
    pub(super) fn holds(&self, workspace: WorkspaceId) -> bool {
        !self.queues[place(workspace)].is_empty()
    }

    /// Notes that a batch has come, of which events may be pushed.
    pub(super) fn begin(&mut self, owner: i32, sequence: u64) {
        let run = &mut self.run;
        if owner != run.owner || sequence != run.last_sequence + 1 {
            run.number += 1;
            run.owner = owner;
        }
        run.last_sequence = sequence;
    }

    /// Remembers an event of the batch that has come last; `open` opens a batch for a new range.
    pub(super) fn push(&mut self, event: &Event, open: impl FnOnce() -> BatchId) {
        let queue = &mut self.queues[place(event.content.workspace)];
        match queue.back_mut() {
            Some(last) if last.takes(self.run) => last.extend(event),
            _ => {
                queue.push_back(Range::of(open(), self.run, event));
                self.range_count += 1;
            }
        }
    }

    /// The oldest range of the queue whose turn it is.
    pub(super) fn pop(&mut self) -> Option<Range> {
        for step in 0..QUEUES {
            let place = (self.turn + step) % QUEUES;
            if let Some(range) = self.queues[place].pop_front() {
                self.turn = place + 1;
                self.range_count -= 1;
                return Some(range);
            }
        }
        None
    }
}

/// Workspaces are numbered one after another.
fn place(workspace: WorkspaceId) -> usize {
    workspace.0.unsigned_abs() as usize % QUEUES
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::bus::{Ledger, NewEvent, Origin};

    fn event(number: u128, workspace: i32) -> Event {
        Event {
            id: Uuid::from_u128(number),
            content: NewEvent {
                workspace: WorkspaceId(workspace),
                label: "deal.won".into(),
                client_id: None,
                once_key: None,
                occurred_at: None,
                ordering_key: None,
                data: Bytes::new(),
            },
        }
    }

    fn push(backlog: &mut Backlog, ledger: &Ledger, event: &Event) {
        backlog.push(event, || ledger.open(Origin::Own, event.id));
    }

    #[test]
    fn a_small_workspace_is_next_however_much_a_large_one_has_waiting() {
        let (mut backlog, ledger) = (Backlog::default(), Ledger::default());
        for number in 0..5 * READ_COUNT as u64 {
            backlog.begin(7, number);
            push(&mut backlog, &ledger, &event(number.into(), 1));
        }
        push(&mut backlog, &ledger, &event(1_000_000, 2));
        assert!(backlog.holds(WorkspaceId(1)) && backlog.holds(WorkspaceId(2)));
        assert!(!backlog.holds(WorkspaceId(3)));
        let ranges: Vec<Range> = std::iter::from_fn(|| backlog.pop()).collect();
        let workspaces: Vec<i32> = ranges.iter().map(|range| range.workspaces[0].0).collect();
        assert_eq!(workspaces, [1, 2, 1, 1, 1, 1]);
        assert!(backlog.is_empty());
        // Each workspace's own come in their order, and each range holds the watermark.
        let ends = (ranges[0].first, ranges[0].last);
        assert_eq!(ends, (Uuid::from_u128(0), Uuid::from_u128(1_999)));
        assert_eq!(ranges[2].first, Uuid::from_u128(2_000));
        assert_eq!(ledger.open_count(), ranges.len());
    }

    #[test]
    fn a_range_covers_nothing_that_came_before_its_turn_or_is_still_to_come() {
        let (mut backlog, ledger) = (Backlog::default(), Ledger::default());
        // The second batch comes after the third.
        for (sequence, ids) in [
            (1, [10, 11]),
            (3, [30, 31]),
            (2, [20, 21]),
            (4, [40, 41]),
            (5, [50, 51]),
        ] {
            backlog.begin(7, sequence);
            for id in ids {
                push(&mut backlog, &ledger, &event(id, 1));
            }
        }
        // Its owner's life ended.
        backlog.begin(8, 6);
        push(&mut backlog, &ledger, &event(60, 1));
        let ranges = std::iter::from_fn(|| backlog.pop());
        let ends: Vec<_> = ranges
            .map(|range| {
                (
                    range.owner,
                    range.first.as_u128(),
                    range.last.as_u128(),
                    range.event_count,
                )
            })
            .collect();
        let expected = [
            (7, 10, 11, 2),
            (7, 30, 31, 2),
            (7, 20, 21, 2),
            (7, 40, 51, 4),
            (8, 60, 60, 1),
        ];
        assert_eq!(ends, expected);
    }

    #[test]
    fn a_range_names_the_workspaces_that_share_it() {
        let (mut backlog, ledger) = (Backlog::default(), Ledger::default());
        let shared = i32::try_from(QUEUES).expect("small") + 1;
        backlog.begin(7, 1);
        push(&mut backlog, &ledger, &event(1, 1));
        push(&mut backlog, &ledger, &event(2, shared));
        let range = backlog.pop().expect("one range");
        assert_eq!(range.event_count, 2);
        assert_eq!(range.workspaces, [WorkspaceId(1), WorkspaceId(shared)]);
    }
}
