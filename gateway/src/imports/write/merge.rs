//! Decides what each row of a chunk does, given the stored records under its keys: as if rows were applied one after
//! another.
//!
//! Pure: the same rows and the same stored records give the same plan, so a chunk whose transaction failed is simply
//! planned again.

use std::borrow::Cow;
use std::ops::Range;

use super::chunk::{Chunk, Failure};
use super::row_error::RowError;
pub use super::slots::Stored;
use super::slots::{Slot, Slots};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::bus::NewEvent;
use crate::imports::causes::tally::Tally;
use crate::imports::causes::{Cause, RowCode};
use crate::imports::mode::Mode;
use crate::records::Object;
use crate::records::model::change;
use crate::records::model::record::{Extra, Record, extra_fault, is_same_value};

/// How rows are applied.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub object: &'static Object,
    pub workspace: WorkspaceId,
    pub mode: Mode,
    /// The place within [`Object::key`] of the one field that rows are matched by (`&match=`).
    pub match_by: Option<usize>,
    /// Whether each row emits its own event.
    pub emits_each: bool,
}

/// Rows by their outcome.
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
    /// The values of one row.
    Row(usize),
    /// The merged values of several rows.
    Record(Box<Record>),
}

/// The writes that a part needs.
#[derive(Debug, Default)]
pub struct Plan {
    pub created: Vec<Created>,
    /// The index of the stored record, and its new content.
    pub updated: Vec<(usize, Record)>,
    /// Whether one record gets a key that another has in the database until it is updated.
    pub hands_keys_on: bool,
    pub failures: Vec<Failure>,
    /// Why they failed.
    pub causes: Tally,
    /// Of the rows that were planned.
    pub counts: Counts,
    pub events: Vec<NewEvent>,
}

/// Plans the rows of a chunk that are within `rows`.
pub fn plan(rules: &Rules, chunk: &Chunk, rows: Range<usize>, stored: &[Stored], now: Millis) -> Plan {
    let mut merge = Merge {
        rules,
        chunk,
        external_id: rules.object.external_id_index(),
        stored,
        now,
        slots: Slots::of(stored, rows.len()),
        plan: Plan::default(),
    };
    for row in rows {
        if let Err(RowError {
            message,
            cause,
            value,
        }) = merge.apply(row)
        {
            let failure = chunk.failure(row, message);
            merge.plan.causes.add(failure.row_number, cause, value.as_deref());
            merge.plan.failures.push(failure);
        }
    }
    merge.finish()
}

/// The keys that a row changes: the former, and the one that takes its place.
#[derive(Default)]
struct NewKeys<'m> {
    external_id: Option<(Option<String>, &'m str)>,
    natural: Option<(Option<String>, String)>,
}

struct Merge<'m> {
    rules: &'m Rules,
    chunk: &'m Chunk,
    /// The place of the object's `external_id`.
    external_id: Option<usize>,
    stored: &'m [Stored],
    now: Millis,
    slots: Slots<'m>,
    plan: Plan,
}

impl<'m> Merge<'m> {
    /// Applies a row, or says why it fails.
    fn apply(&mut self, row: usize) -> Result<(), RowError> {
        match self.find(row)? {
            Some(slot) => self.change(row, slot),
            None => self.create(row),
        }
    }

    fn external_id(&self, row: usize) -> Option<&'m str> {
        self.chunk.value(row, self.external_id?)
    }

    /// The slot of the record that a row belongs to.
    fn find(&self, row: usize) -> Result<Option<usize>, RowError> {
        let by_external_id = || self.slots.of_external_id(self.external_id(row));
        match self.rules.match_by {
            Some(0) => Ok(by_external_id()),
            Some(_) => Ok(self.slots.of_natural_key(self.chunk.matched_key(row))),
            None => {
                let natural = self.slots.of_natural_key(self.chunk.natural_key(row));
                match (by_external_id(), natural) {
                    (Some(one), Some(other)) if one != other => {
                        let (name, field) = (self.rules.object.name, self.natural_field(row));
                        let message =
                            format!("its external_id is that of one {name}, and its {field} that of another");
                        Err(self.error(RowCode::KeysContradict, row, field, message))
                    }
                    (one, other) => Ok(one.or(other)),
                }
            }
        }
    }

    /// The name of the field that is a row's natural key.
    fn natural_field(&self, row: usize) -> &'static str {
        let object = self.rules.object;
        let fields = object.natural_key().iter().map(|key| key.field);
        let mut given = fields.filter(|field| self.given(row, field).is_some());
        given.next().unwrap_or("key")
    }

    /// The error of a row by one of its fields.
    fn error(&self, code: RowCode, row: usize, field: &'static str, message: String) -> RowError {
        RowError {
            message,
            cause: Cause::of_field(code, Some(field)),
            value: self.given(row, field).map(str::to_owned),
        }
    }

    /// The field that a row is found by.
    fn key_field(&self, row: usize) -> &'static str {
        match self.rules.match_by {
            Some(place) => self.rules.object.key[place].field,
            None if self.external_id(row).is_some() => self.rules.object.key[0].field,
            None => self.natural_field(row),
        }
    }

    fn create(&mut self, row: usize) -> Result<(), RowError> {
        let object = self.rules.object;
        if self.rules.mode == Mode::Update {
            let field = self.key_field(row);
            if self.rules.match_by.is_some() && self.given(row, field).is_none() {
                let message = format!("no key is given to find the record by ({field})");
                return Err(self.error(RowCode::KeyNotGiven, row, field, message));
            }
            let message = format!(
                "no {} with this key exists, and mode=update creates none",
                object.name
            );
            return Err(self.error(RowCode::NotFound, row, field, message));
        }
        if !self.chunk.rows[row].is_complete {
            let mut message = String::new();
            object.push_need(&mut message);
            return Err(RowError {
                message,
                cause: Cause::incomplete(object.needs_words),
                value: None,
            });
        }
        let external_id = self.external_id(row);
        let natural_key = self.chunk.natural_key(row);
        self.check_free(row, "external_id", self.slots.of_external_id(external_id))?;
        let taken = self.slots.of_natural_key(natural_key);
        self.check_free(row, self.natural_field(row), taken)?;
        self.plan.counts.created += 1;
        let slot = self.slots.push(Slot::Fresh(row));
        self.slots.take_external_id(external_id.map(Cow::Borrowed), slot);
        self.slots.take_natural_key(natural_key.map(Cow::Borrowed), slot);
        if self.rules.emits_each {
            self.emit(None, &self.fresh(row));
        }
        Ok(())
    }

    fn given(&self, row: usize, field: &str) -> Option<&'m str> {
        self.chunk.value(row, self.rules.object.field_index(field)?)
    }

    /// An error if another record has a key.
    fn check_free(&self, row: usize, field: &'static str, holder: Option<usize>) -> Result<(), RowError> {
        match holder {
            Some(_) => {
                let message = format!("another {} has its {field}", self.rules.object.name);
                Err(self.error(RowCode::KeyTaken, row, field, message))
            }
            None => Ok(()),
        }
    }

    fn change(&mut self, row: usize, slot: usize) -> Result<(), RowError> {
        let object = self.rules.object;
        if self.rules.mode == Mode::Create {
            let message = format!(
                "{} {} with this key exists already",
                object.article(),
                object.name
            );
            return Err(self.error(RowCode::Exists, row, self.key_field(row), message));
        }
        let before = self.present(slot);
        if !self.differs(row, &before) {
            drop(before);
            self.plan.counts.unchanged += 1;
            return Ok(());
        }
        let mut after = before.clone().into_owned();
        self.put(row, &mut after);
        if let Some(message) = extra_fault(&after.extra) {
            return Err(RowError {
                message,
                cause: Cause::of_row(RowCode::ExtraTooLarge),
                value: None,
            });
        }
        let keys = self.new_keys(row, slot, &before, &after)?;
        let before = self.rules.emits_each.then(|| before.into_owned());
        self.move_keys(slot, keys);
        if let Some(before) = before {
            self.emit(Some(&before), &after);
        }
        self.plan.counts.updated += 1;
        self.slots.update(slot, after);
        Ok(())
    }

    /// The present content of a record.
    fn present(&self, slot: usize) -> Cow<'_, Record> {
        match self.slots.get(slot) {
            Slot::Stored(index) => Cow::Borrowed(&self.stored[*index].record),
            Slot::Fresh(first) => Cow::Owned(self.fresh(*first)),
            Slot::Created(record) | Slot::Updated(_, record) => Cow::Borrowed(&**record),
        }
    }

    /// The keys that a row changes; one that another record has is the row's error.
    fn new_keys(
        &self,
        row: usize,
        slot: usize,
        before: &Record,
        after: &Record,
    ) -> Result<NewKeys<'m>, RowError> {
        let mut keys = NewKeys::default();
        if let Some(id) = self
            .external_id(row)
            .filter(|id| Some(*id) != before.external_id())
        {
            self.check_free(row, "external_id", self.slots.of_external_id(Some(id)))?;
            keys.external_id = Some((before.external_id().map(str::to_owned), id));
        }
        let natural = self.chunk.natural_key(row);
        if natural.is_some() && self.slots.of_natural_key(natural) != Some(slot) {
            let (old, new) = (before.natural_key(), after.natural_key());
            if let Some(new) = new.filter(|new| Some(new) != old.as_ref()) {
                self.check_free(
                    row,
                    self.natural_field(row),
                    self.slots.of_natural_key(Some(&new)),
                )?;
                keys.natural = Some((old, new));
            }
        }
        Ok(keys)
    }

    fn move_keys(&mut self, slot: usize, keys: NewKeys<'m>) {
        if let Some((old, new)) = keys.external_id {
            self.slots.release_external_id(old.as_deref(), slot);
            self.slots.take_external_id(Some(Cow::Borrowed(new)), slot);
        }
        if let Some((old, new)) = keys.natural {
            self.slots.release_natural_key(old.as_deref(), slot);
            self.slots.take_natural_key(Some(Cow::Owned(new)), slot);
        }
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

    fn finish(mut self) -> Plan {
        self.plan.hands_keys_on = self.slots.hand_keys_on();
        for slot in self.slots.into_slots() {
            match slot {
                Slot::Stored(_) => {}
                Slot::Fresh(row) => self.plan.created.push(Created::Row(row)),
                Slot::Created(record) => self.plan.created.push(Created::Record(record)),
                Slot::Updated(index, record) => self.plan.updated.push((index, *record)),
            }
        }
        self.plan.counts.failed = self.plan.failures.len() as u64;
        self.plan
    }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
