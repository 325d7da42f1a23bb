//! Decides what each row of a chunk does, given the stored records under its keys: as if rows were applied one after
//! another.
//!
//! Pure: the same rows and the same stored records give the same plan, so a chunk whose transaction failed is simply
//! planned again.

use std::collections::HashMap;

use super::chunk::{Chunk, Failure};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::bus::NewEvent;
use crate::imports::mode::Mode;
use crate::records::Object;
use crate::records::model::change;
use crate::records::model::record::{Extra, Record, is_same_value};

/// How rows are applied.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub object: &'static Object,
    pub workspace: WorkspaceId,
    pub mode: Mode,
    /// Whether each row emits its own event.
    pub emits_each: bool,
}

/// A record that is stored, and the number of its place in the list that the plan was made from.
#[derive(Debug)]
pub struct Stored {
    pub key: String,
    pub record: Record,
}

/// How many rows ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub failed: u64,
}

/// A record to be created.
#[derive(Debug)]
pub enum Created {
    /// Just what one row says.
    Row(usize),
    /// What several rows say.
    Record(Box<Record>),
}

/// What is to be written.
#[derive(Debug, Default)]
pub struct Plan {
    pub created: Vec<Created>,
    /// The place of the stored record, and what it becomes.
    pub updated: Vec<(usize, Record)>,
    pub failures: Vec<Failure>,
    pub counts: Counts,
    pub events: Vec<NewEvent>,
}

/// What stands under a key at some moment.
enum Slot {
    Stored(usize),
    Fresh(usize),
    Created(Box<Record>),
    Updated(usize, Box<Record>),
}

/// Plans a chunk.
pub fn plan(rules: &Rules, chunk: &Chunk, stored: &[Stored], now: Millis) -> Plan {
    let mut merge = Merge {
        rules,
        chunk,
        stored,
        now,
        slots: Vec::with_capacity(chunk.rows.len()),
        by_key: HashMap::with_capacity(chunk.rows.len()),
        plan: Plan::default(),
    };
    for (index, found) in stored.iter().enumerate() {
        merge.by_key.insert(&found.key, merge.slots.len());
        merge.slots.push(Slot::Stored(index));
    }
    for row in 0..chunk.rows.len() {
        merge.apply(row);
    }
    merge.finish()
}

struct Merge<'m> {
    rules: &'m Rules,
    chunk: &'m Chunk,
    stored: &'m [Stored],
    now: Millis,
    slots: Vec<Slot>,
    by_key: HashMap<&'m str, usize>,
    plan: Plan,
}

impl<'m> Merge<'m> {
    fn apply(&mut self, row: usize) {
        let key = self.chunk.key(row);
        match key.and_then(|key| self.by_key.get(key).copied()) {
            Some(slot) => self.change(row, slot),
            None => self.create(row, key),
        }
    }

    fn create(&mut self, row: usize, key: Option<&'m str>) {
        let object = self.rules.object;
        if self.rules.mode == Mode::Update {
            let message = format!(
                "no {} with this key exists, and mode=update creates none",
                object.name
            );
            return self.fail(row, message);
        }
        if !self.chunk.rows[row].is_complete {
            let mut message = String::new();
            object.push_need(&mut message);
            return self.fail(row, message);
        }
        self.plan.counts.created += 1;
        if let Some(key) = key {
            self.by_key.insert(key, self.slots.len());
        }
        self.slots.push(Slot::Fresh(row));
        if self.rules.emits_each {
            self.emit(None, &self.fresh(row));
        }
    }

    fn change(&mut self, row: usize, slot: usize) {
        let object = self.rules.object;
        if self.rules.mode == Mode::Create {
            let message = format!(
                "{} {} with this key exists already",
                object.article(),
                object.name
            );
            return self.fail(row, message);
        }
        let before = match &self.slots[slot] {
            Slot::Stored(index) => &self.stored[*index].record,
            Slot::Fresh(first) => &self.fresh(*first),
            Slot::Created(record) | Slot::Updated(_, record) => record,
        };
        if !self.differs(row, before) {
            self.plan.counts.unchanged += 1;
            return;
        }
        let mut after = before.clone();
        self.put(row, &mut after);
        if self.rules.emits_each {
            let before = before.clone();
            self.emit(Some(&before), &after);
        }
        self.plan.counts.updated += 1;
        self.slots[slot] = match self.slots[slot] {
            Slot::Stored(index) | Slot::Updated(index, _) => Slot::Updated(index, Box::new(after)),
            Slot::Fresh(_) | Slot::Created(_) => Slot::Created(Box::new(after)),
        };
    }

    fn differs(&self, row: usize, record: &Record) -> bool {
        let fields = self.rules.object.fields.iter().enumerate();
        let mut fields =
            fields.filter_map(|(index, field)| Some((index, field, self.chunk.value(row, index)?)));
        fields.any(|(index, field, value)| !is_same_value(field.kind, Some(value), record.value(index)))
            || self
                .chunk
                .extras(row)
                .any(|(name, text)| record.extra.get(name).map(String::as_str) != Some(text))
    }

    fn put(&self, row: usize, record: &mut Record) {
        for index in 0..self.rules.object.fields.len() {
            if let Some(value) = self.chunk.value(row, index) {
                record.values[index] = Some(value.to_owned());
            }
        }
        for (name, text) in self.chunk.extras(row) {
            record.extra.insert(name.to_owned(), text.to_owned());
        }
        record.updated_at = self.now;
    }

    /// The record that one row makes.
    fn fresh(&self, row: usize) -> Record {
        let object = self.rules.object;
        let values = object.fields.iter().enumerate().map(|(index, field)| {
            let value = self.chunk.value(row, index).or(field.default);
            value.map(str::to_owned)
        });
        let extras = self.chunk.extras(row);
        Record {
            object,
            id: self.chunk.rows[row].id,
            values: values.collect(),
            extra: extras
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .collect::<Extra>(),
            updated_at: self.now,
        }
    }

    fn emit(&mut self, before: Option<&Record>, after: &Record) {
        let events = change::events(self.rules.workspace, before, after);
        self.plan.events.extend(events);
    }

    fn fail(&mut self, row: usize, message: String) {
        self.plan.failures.push(self.chunk.failure(row, message));
    }

    fn finish(mut self) -> Plan {
        for slot in std::mem::take(&mut self.slots) {
            match slot {
                Slot::Stored(_) => {}
                Slot::Fresh(row) => self.plan.created.push(Created::Row(row)),
                Slot::Created(record) => self.plan.created.push(Created::Record(record)),
                Slot::Updated(index, record) => self.plan.updated.push((index, *record)),
            }
        }
        self.plan.counts.unchanged += self.chunk.unchanged_count;
        self.plan.counts.failed = (self.plan.failures.len() + self.chunk.failures.len()) as u64;
        self.plan
    }
}
