//! The part of a chunk that is written in one transaction: all of it, unless the stored records under its keys are
//! large.

use std::ops::Range;

use super::chunk::Chunk;
use crate::records::Object;

/// See the module.
#[derive(Debug)]
pub struct Part<'c> {
    pub chunk: &'c Chunk,
    pub rows: Range<usize>,
    /// Parts count from 0 through the whole import, in the order in which each writer writes.
    pub number: i32,
}

/// What a part's rows are looked up by.
#[derive(Debug, Default)]
pub struct LookupKeys<'c> {
    pub natural_keys: Vec<&'c str>,
    pub external_ids: Vec<&'c str>,
}

impl<'c> Part<'c> {
    /// Whether it brings along what the chunk has beside its rows to apply.
    pub const fn is_first(&self) -> bool {
        self.rows.start == 0
    }

    /// The keys of its rows, each once and in order.
    pub fn keys(&self, object: &Object) -> LookupKeys<'c> {
        let chunk = self.chunk;
        let external_id = object.external_id_index();
        let mut keys = LookupKeys::default();
        for row in self.rows.clone() {
            keys.natural_keys.extend(chunk.natural_key(row));
            keys.natural_keys.extend(chunk.matched_key(row));
            keys.external_ids
                .extend(external_id.and_then(|index| chunk.value(row, index)));
        }
        for list in [&mut keys.natural_keys, &mut keys.external_ids] {
            list.sort_unstable();
            list.dedup();
        }
        keys
    }
}
