//! Tests the ledger, the ownership and the shelf together, through any interleaving of committer, emitters, dispatcher and
//! recorder: every event comes out exactly once, those of a workspace in the order of their ids, and no watermark passes
//! an unfinished one.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::backlog::Range;
use super::owner::{Numbered, Ownership};
use super::shelf::{Next, Shelf};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::uuid_floor;
use crate::bus::{BatchId, Event, Ledger, NewEvent, Origin};

const OWNER: i32 = 7;
/// As many deliveries fill memory, whatever each event weighs.
const FULL: usize = 16_000;

/// What one of the tasks does next. A number picks one of the things that are there, by its remainder.
#[derive(Debug, Clone)]
enum Step {
    /// The committer numbers its next group, of events of these workspaces.
    Number(Vec<u8>),
    /// An emitter numbers events in somebody's transaction.
    Emit(Vec<u8>),
    /// The committer finds that its group must come behind an event of another instance.
    NumberBehind,
    /// The committer's group is committed.
    Commit,
    /// It is refused.
    Refuse,
    /// A transaction with emitted events ends, well or not, in whatever order.
    End(usize, bool),
    /// The dispatcher takes what is next, which makes so many deliveries.
    Receive(usize),
    /// All deliveries of a batch are recorded.
    Finish(usize),
    /// Memory is filled by so much, in sixteenths, or emptied.
    Fill(usize),
    /// The recorder notes the watermark, and this happens between its two looks.
    Acknowledge(Vec<Step>),
}

fn workspaces() -> impl Strategy<Value = Vec<u8>> {
    // Two of them share a queue.
    prop::collection::vec(prop::sample::select(vec![1_u8, 2, 33]), 1..4)
}

fn step() -> impl Strategy<Value = Step> {
    let plain = prop_oneof![
        4 => workspaces().prop_map(Step::Number),
        3 => workspaces().prop_map(Step::Emit),
        1 => Just(Step::NumberBehind),
        4 => Just(Step::Commit),
        1 => Just(Step::Refuse),
        4 => (any::<usize>(), prop::bool::weighted(0.8)).prop_map(|(which, well)| Step::End(which, well)),
        6 => (0_usize..3).prop_map(Step::Receive),
        4 => any::<usize>().prop_map(Step::Finish),
        3 => prop::sample::select(vec![0_usize, 9, 16]).prop_map(Step::Fill),
    ];
    let between = prop::collection::vec(plain.clone(), 0..6);
    prop_oneof![6 => plain, 1 => between.prop_map(Step::Acknowledge)]
}

#[derive(Default)]
struct World {
    ledger: Rc<Ledger>,
    ownership: Rc<Ownership>,
    shelf: Shelf,
    /// What the database holds.
    table: BTreeMap<Uuid, Event>,
    /// The committer's group, which is one at a time.
    group: Option<(Numbered, Vec<Event>)>,
    emitted: Vec<(Numbered, Vec<Event>)>,
    /// Batches that are out, with the deliveries each has left and its events.
    out: Vec<(BatchId, usize, Vec<Uuid>)>,
    filling: Option<BatchId>,
    /// Events that a successor would have to find.
    owed: BTreeSet<Uuid>,
    /// Committed and not come out yet.
    expected: BTreeSet<Uuid>,
    /// The last event of the committer's that came out of each workspace.
    last: BTreeMap<WorkspaceId, Uuid>,
    /// Events that were committed in the order of their ids.
    in_turn: BTreeSet<Uuid>,
    watermark: Uuid,
}

fn event(workspace: u8) -> NewEvent {
    NewEvent {
        workspace: WorkspaceId(workspace.into()),
        label: "deal.won".into(),
        client_id: None,
        once_key: None,
        occurred_at: None,
        ordering_key: None,
        data: Bytes::new(),
    }
}

impl World {
    fn number(&mut self, workspaces: &[u8]) -> (Numbered, Vec<Event>) {
        let contents = workspaces.iter().map(|workspace| event(*workspace));
        let numbered = self.ownership.number(&self.ledger, contents);
        self.owed.extend(numbered.1.iter().map(|event| event.id));
        numbered
    }

    fn store(&mut self, numbered: Numbered, events: Vec<Event>) {
        for event in &events {
            self.expected.insert(event.id);
            self.table.insert(event.id, event.clone());
        }
        self.shelf.put_own(&self.ledger, numbered, OWNER, events);
    }

    fn forget(&mut self, numbered: Numbered, events: &[Event]) {
        for event in events {
            self.owed.remove(&event.id);
        }
        self.ledger.count(numbered.batch, 0);
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Number(workspaces) => {
                if self.group.is_none() {
                    self.group = Some(self.number(&workspaces));
                }
            }
            Step::Emit(workspaces) => {
                let emitted = self.number(&workspaces);
                self.emitted.push(emitted);
            }
            Step::NumberBehind => {
                if let Some((numbered, events)) = &mut self.group {
                    for event in &*events {
                        self.owed.remove(&event.id);
                    }
                    let passed = uuid_floor(Millis::now().0 + 1);
                    self.ownership.number_behind(passed, numbered, events);
                    self.owed.extend(events.iter().map(|event| event.id));
                }
            }
            Step::Commit => {
                if let Some((numbered, events)) = self.group.take() {
                    self.in_turn.extend(events.iter().map(|event| event.id));
                    self.store(numbered, events);
                }
            }
            Step::Refuse => {
                if let Some((numbered, events)) = self.group.take() {
                    self.forget(numbered, &events);
                }
            }
            Step::End(which, is_well) => {
                if !self.emitted.is_empty() {
                    let (numbered, events) = self.emitted.remove(which % self.emitted.len());
                    match is_well {
                        true => self.store(numbered, events),
                        false => self.forget(numbered, &events),
                    }
                }
            }
            Step::Receive(delivery_count) => {
                self.receive(delivery_count);
            }
            Step::Finish(which) => {
                if !self.out.is_empty() {
                    let (batch, delivery_count, events) = self.out.remove(which % self.out.len());
                    for id in events {
                        self.owed.remove(&id);
                    }
                    self.ledger.finish(batch, delivery_count);
                }
            }
            Step::Fill(sixteenths) => self.fill(sixteenths),
            Step::Acknowledge(between) => {
                let (ledger, ownership) = (self.ledger.clone(), self.ownership.clone());
                let until = ownership
                    .finished_until_with(&ledger, || between.into_iter().for_each(|step| self.run(step)));
                // It is written only where it is higher.
                self.watermark = self.watermark.max(until);
            }
        }
        let first = self.owed.first().copied().unwrap_or(Uuid::max());
        assert!(self.watermark <= first, "{} passed {first}", self.watermark);
    }

    /// Whether something came out.
    fn receive(&mut self, delivery_count: usize) -> bool {
        let (id, events) = match self.shelf.next(&self.ledger) {
            Next::Ready(batch) => (batch.id, batch.events),
            Next::InTable(range) => {
                let events = self.read_back(&range);
                assert_eq!(events.len(), range.event_count);
                self.ledger.load(range.id, &events);
                (range.id, events)
            }
            Next::NoRoom | Next::Nothing | Next::Closed => return false,
        };
        for event in &events {
            assert!(self.expected.remove(&event.id), "{} came out twice", event.id);
            if self.in_turn.contains(&event.id) {
                let last = self.last.insert(event.content.workspace, event.id);
                assert!(last < Some(event.id), "{} came behind {last:?}", event.id);
            }
        }
        let ids = events.iter().map(|event| event.id).collect();
        self.ledger.count(id, delivery_count);
        match delivery_count {
            // Nobody wants them.
            0 => self.owed.retain(|id| !events.iter().any(|event| event.id == *id)),
            _ => self.out.push((id, delivery_count, ids)),
        }
        true
    }

    /// What the query gives.
    fn read_back(&self, range: &Range) -> Vec<Event> {
        let is_wanted = |event: &&Event| {
            let spans = range.spans.iter();
            range.owner == OWNER
                && range.workspaces.contains(&event.content.workspace)
                && spans
                    .clone()
                    .any(|span| (span.first..=span.last).contains(&event.id))
        };
        self.table.values().filter(is_wanted).cloned().collect()
    }

    fn fill(&mut self, sixteenths: usize) {
        if let Some(before) = self.filling.take() {
            self.ledger.abandon(before);
        }
        if sixteenths > 0 {
            let batch = self.ledger.open(Origin::Foreign, Uuid::nil());
            self.ledger.count(batch, FULL / 16 * sixteenths);
            self.filling = Some(batch);
        }
    }

    /// Everything ends well.
    fn end(&mut self) {
        self.run(Step::Commit);
        while !self.emitted.is_empty() {
            self.run(Step::End(0, true));
        }
        self.run(Step::Fill(0));
        while self.receive(1) {}
        while !self.out.is_empty() {
            self.run(Step::Finish(0));
        }
        assert!(self.expected.is_empty(), "{} never came out", self.expected.len());
        assert!(self.owed.is_empty());
        assert_eq!(self.ledger.open_count(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_event_comes_out_once_and_in_order_and_no_watermark_passes_it(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::default();
        for step in steps {
            world.run(step);
        }
        world.end();
    }
}

#[test]
fn nothing_that_is_numbered_between_the_two_looks_is_passed() {
    let mut world = World::default();
    // Two groups of different milliseconds, of which the second has the floor lie above the first.
    let between = vec![Step::Emit(vec![1]), Step::Number(vec![1]), Step::NumberBehind];
    world.run(Step::Acknowledge(between));
    world.end();
}

#[test]
fn no_id_lies_below_the_watermark_that_a_life_begins_with() {
    let world = World::default();
    let ahead = Millis(Millis::now().0 + 60_000);
    let first = world.ownership.begin(ahead);
    assert_eq!(first, uuid_floor(ahead.0));
    let (_, events) = world.ownership.number(&world.ledger, [event(1)]);
    assert!(events[0].id >= first, "the clock stepped back");
}
