//! Committed events that stayed in the table, remembered by their ranges of ids, and read back in turns.
//!
//! Workspaces are spread over queues that take turns, so that a workspace that floods the bus delays mostly itself. A range
//! holds one or more spans of ids, each of which covers exactly what lies between its ends: where batches do not come in
//! the order of their ids, a new span begins. The number of queues is small because each reads back by a query that skips
//! the others' events.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::bus::{BatchId, Event, Ledger, Origin};

/// Up to this many workspaces never share a queue.
const QUEUES: usize = 32;
/// Events that are read back at once.
pub(super) const READ_COUNT: usize = 2_000;
/// What they may weigh together, in bytes.
const READ_BYTES: usize = 8 << 20;
/// Spans that are read back at once. Batches that come out of turn share ranges, so that ranges stay few.
const MAX_SPANS: usize = 100;

/// Ids from `first` to `last`, both among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub first: Uuid,
    pub last: Uuid,
}

/// Events of some workspaces in some spans of ids.
#[derive(Debug)]
pub(super) struct Range {
    /// Holds the watermark for all of them.
    pub id: BatchId,
    pub owner: i32,
    pub spans: Vec<Span>,
    pub event_count: usize,
    weight: usize,
    pub workspaces: Vec<WorkspaceId>,
    /// The run of the last span.
    run: u64,
    /// Batches that were ready before its first event came, and may hold earlier events of its workspaces.
    behind: u64,
}

impl Range {
    const fn takes(&self, run: Run) -> bool {
        self.owner == run.owner
            && self.event_count < READ_COUNT
            && self.weight < READ_BYTES
            && (self.run == run.number || self.spans.len() < MAX_SPANS)
    }

    fn take(&mut self, run: Run, event: &Event) {
        match self.spans.last_mut() {
            Some(span) if self.run == run.number => span.last = event.id,
            _ => self.spans.push(Span {
                first: event.id,
                last: event.id,
            }),
        }
        self.run = run.number;
        self.event_count += 1;
        self.weight += event.weight();
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

    /// Remembers an event of the batch that has come last, when `ready_count` batches had been made ready so far. Its range
    /// holds the watermark in `ledger`.
    pub(super) fn push(&mut self, event: &Event, ready_count: u64, ledger: &Ledger) {
        let run = self.run;
        let queue = &mut self.queues[place(event.content.workspace)];
        if let Some(last) = queue.back_mut().filter(|last| last.takes(run)) {
            // Out of turn it may lie below what the range holds so far.
            ledger.lower(last.id, event.id);
            last.take(run, event);
            return;
        }
        let mut range = Range {
            id: ledger.open(Origin::Own, event.id),
            owner: run.owner,
            spans: Vec::with_capacity(1),
            event_count: 0,
            weight: 0,
            workspaces: Vec::with_capacity(1),
            run: run.number,
            behind: ready_count,
        };
        range.take(run, event);
        queue.push_back(range);
        self.range_count += 1;
    }

    /// The oldest range of the queue whose turn it is, among those behind no more than `given_count` batches that were ready.
    pub(super) fn pop(&mut self, given_count: u64) -> Option<Range> {
        for step in 0..QUEUES {
            let place = (self.turn + step) % QUEUES;
            if let Some(range) = self.queues[place].pop_front_if(|range| range.behind <= given_count) {
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
    use crate::bus::NewEvent;

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
        backlog.push(event, 0, ledger);
    }

    fn ends(range: &Range) -> Vec<(u128, u128)> {
        let spans = range.spans.iter();
        spans
            .map(|span| (span.first.as_u128(), span.last.as_u128()))
            .collect()
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
        let ranges: Vec<Range> = std::iter::from_fn(|| backlog.pop(0)).collect();
        let workspaces: Vec<i32> = ranges.iter().map(|range| range.workspaces[0].0).collect();
        assert_eq!(workspaces, [1, 2, 1, 1, 1, 1]);
        assert!(backlog.is_empty());
        // Each workspace's own come in their order, and each range holds the watermark.
        assert_eq!(ends(&ranges[0]), [(0, 1_999)]);
        assert_eq!(ends(&ranges[2]), [(2_000, 3_999)]);
        assert_eq!(ledger.open_count(), ranges.len());
    }

    #[test]
    fn a_range_of_heavy_events_is_short() {
        let (mut backlog, ledger) = (Backlog::default(), Ledger::default());
        backlog.begin(7, 1);
        for number in 0..100 {
            let mut heavy = event(number, 1);
            heavy.content.data = Bytes::from(vec![b'x'; 256 << 10]);
            push(&mut backlog, &ledger, &heavy);
        }
        let ranges: Vec<Range> = std::iter::from_fn(|| backlog.pop(0)).collect();
        assert!(ranges.iter().all(|range| range.weight < READ_BYTES + (257 << 10)));
        assert_eq!(ranges.iter().map(|range| range.event_count).sum::<usize>(), 100);
    }

    #[test]
    fn a_span_covers_nothing_that_came_before_its_turn_or_is_still_to_come() {
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
        let ranges = std::iter::from_fn(|| backlog.pop(0));
        let found: Vec<_> = ranges
            .map(|range| (range.owner, range.event_count, ends(&range)))
            .collect();
        let expected = [
            (7, 10, vec![(10, 11), (30, 31), (20, 21), (40, 51)]),
            (8, 1, vec![(60, 60)]),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn batches_out_of_turn_make_few_ranges_which_hold_the_watermark_at_their_lowest_id() {
        const COUNT: usize = 1_000;
        let (mut backlog, ledger) = (Backlog::default(), Ledger::default());
        // Each comes before the one that was numbered before it.
        for number in (1..=COUNT as u64).rev() {
            backlog.begin(7, number);
            push(&mut backlog, &ledger, &event(number.into(), 1));
            assert_eq!(ledger.watermark(), Some(Uuid::from_u128(number.into())));
        }
        assert_eq!(ledger.open_count(), COUNT / MAX_SPANS);
        let ranges: Vec<Range> = std::iter::from_fn(|| backlog.pop(0)).collect();
        assert_eq!(ranges.len(), COUNT / MAX_SPANS);
        assert_eq!(ranges.iter().map(|range| range.spans.len()).sum::<usize>(), COUNT);
    }

    #[test]
    fn a_range_waits_for_what_was_ready_before_it() {
        let (mut backlog, ledger) = (Backlog::default(), Ledger::default());
        backlog.begin(7, 1);
        backlog.push(&event(1, 1), 2, &ledger);
        backlog.push(&event(2, 2), 1, &ledger);
        assert!(backlog.pop(0).is_none());
        let first = backlog.pop(1).expect("behind one");
        assert_eq!(first.workspaces, [WorkspaceId(2)]);
        assert!(backlog.pop(1).is_none());
        assert!(backlog.pop(2).is_some() && backlog.is_empty());
    }

    #[test]
    fn a_range_names_the_workspaces_that_share_it() {
        let (mut backlog, ledger) = (Backlog::default(), Ledger::default());
        let shared = i32::try_from(QUEUES).expect("small") + 1;
        backlog.begin(7, 1);
        push(&mut backlog, &ledger, &event(1, 1));
        push(&mut backlog, &ledger, &event(2, shared));
        let range = backlog.pop(0).expect("one range");
        assert_eq!(range.event_count, 2);
        assert_eq!(range.workspaces, [WorkspaceId(1), WorkspaceId(shared)]);
    }
}
