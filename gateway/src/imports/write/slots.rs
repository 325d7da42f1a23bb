//! The records that a chunk touches, as its rows so far leave them, and the keys that each of them has.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::records::model::record::Record;

/// A record that is stored.
#[derive(Debug)]
pub struct Stored {
    pub natural_key: Option<String>,
    pub record: Record,
}

/// The content of a record while its chunk is planned.
pub enum Slot {
    /// The stored record at this index, unchanged.
    Stored(usize),
    /// A new record with the values of the row at this index.
    Fresh(usize),
    /// A new record with the merged values of several rows.
    Created(Box<Record>),
    /// The stored record at this index, with its new content.
    Updated(usize, Box<Record>),
}

/// Which slot has which value of one key.
#[derive(Default)]
struct Holders<'m> {
    slots: HashMap<Cow<'m, str>, usize>,
    /// Values that a stored record had and gave up: in the database it has them until it is updated.
    given_up: HashSet<String>,
}

impl<'m> Holders<'m> {
    fn of(&self, key: Option<&str>) -> Option<usize> {
        self.slots.get(key?).copied()
    }

    /// Whether the key waits in the database for its former holder's update.
    fn take(&mut self, key: Cow<'m, str>, slot: usize) -> bool {
        let is_handed_on = !self.given_up.is_empty() && self.given_up.contains(&*key);
        self.slots.insert(key, slot);
        is_handed_on
    }

    fn release(&mut self, key: &str, slot: usize, is_stored: bool) {
        if self.slots.get(key) != Some(&slot) {
            return;
        }
        self.slots.remove(key);
        if is_stored {
            self.given_up.insert(key.to_owned());
        }
    }
}

/// See the module.
pub struct Slots<'m> {
    list: Vec<Slot>,
    external_ids: Holders<'m>,
    natural_keys: Holders<'m>,
    hands_keys_on: bool,
}

impl<'m> Slots<'m> {
    /// The stored records, with room for so many more.
    pub fn of(stored: &'m [Stored], room: usize) -> Self {
        let mut slots = Self {
            list: Vec::with_capacity(stored.len() + room),
            external_ids: Holders::default(),
            natural_keys: Holders::default(),
            hands_keys_on: false,
        };
        slots.natural_keys.slots.reserve(room);
        for (index, found) in stored.iter().enumerate() {
            let slot = slots.push(Slot::Stored(index));
            slots.take_external_id(found.record.external_id().map(Cow::Borrowed), slot);
            slots.take_natural_key(found.natural_key.as_deref().map(Cow::Borrowed), slot);
        }
        slots
    }

    pub fn get(&self, slot: usize) -> &Slot {
        &self.list[slot]
    }

    pub fn push(&mut self, slot: Slot) -> usize {
        self.list.push(slot);
        self.list.len() - 1
    }

    /// Notes the new content of a record.
    pub fn update(&mut self, slot: usize, after: Record) {
        let after = Box::new(after);
        self.list[slot] = match self.list[slot] {
            Slot::Stored(index) | Slot::Updated(index, _) => Slot::Updated(index, after),
            Slot::Fresh(_) | Slot::Created(_) => Slot::Created(after),
        };
    }

    pub fn of_external_id(&self, id: Option<&str>) -> Option<usize> {
        self.external_ids.of(id)
    }

    pub fn of_natural_key(&self, key: Option<&str>) -> Option<usize> {
        self.natural_keys.of(key)
    }

    pub fn take_external_id(&mut self, id: Option<Cow<'m, str>>, slot: usize) {
        if let Some(id) = id {
            self.hands_keys_on |= self.external_ids.take(id, slot);
        }
    }

    pub fn take_natural_key(&mut self, key: Option<Cow<'m, str>>, slot: usize) {
        if let Some(key) = key {
            self.hands_keys_on |= self.natural_keys.take(key, slot);
        }
    }

    pub fn release_external_id(&mut self, id: Option<&str>, slot: usize) {
        let is_stored = self.is_stored(slot);
        if let Some(id) = id {
            self.external_ids.release(id, slot, is_stored);
        }
    }

    pub fn release_natural_key(&mut self, key: Option<&str>, slot: usize) {
        let is_stored = self.is_stored(slot);
        if let Some(key) = key {
            self.natural_keys.release(key, slot, is_stored);
        }
    }

    /// Whether one record took a key that another has in the database.
    pub const fn hand_keys_on(&self) -> bool {
        self.hands_keys_on
    }

    pub fn into_slots(self) -> Vec<Slot> {
        self.list
    }

    fn is_stored(&self, slot: usize) -> bool {
        matches!(self.list[slot], Slot::Stored(_) | Slot::Updated(..))
    }
}
