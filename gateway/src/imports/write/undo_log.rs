//! What a chunk did to the records, in a form that is small to keep and enough to undo it.
//!
//! Ids of what it created, then a JSON list of what it replaced, all in one zstd frame: one row a chunk.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::merge::Stored;
use super::version::Version;
use crate::records::model::record::{Extra, Record};

/// Fast rather than small.
const LEVEL: i32 = 1;
/// A chunk's undo log is smaller by far; what is larger is damaged.
const MAX_BYTES: usize = 256 << 20;

/// What a change replaced.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Replaced {
    /// The record's id in two halves.
    id: (u64, u64),
    /// The import that had written the record before.
    pub import_no: Option<i32>,
    /// Milliseconds since the Unix epoch.
    pub updated_at: i64,
    /// The old values of the fields that changed.
    pub values: BTreeMap<usize, Option<String>>,
    /// The old `extra`, if it changed.
    pub extra: Option<Extra>,
}

impl Replaced {
    /// What `after` replaced.
    pub fn of(before: &Stored, version: Version, after: &Record) -> Self {
        let before = &before.record;
        let pairs = before.values.iter().zip(&after.values).enumerate();
        let changed = pairs.filter(|(_, (old, new))| old != new);
        Self {
            id: before.id.as_u64_pair(),
            import_no: version.import_no,
            updated_at: before.updated_at.0,
            values: changed.map(|(index, (old, _))| (index, old.clone())).collect(),
            extra: (before.extra != after.extra).then(|| before.extra.clone()),
        }
    }

    /// The record's id.
    pub fn id(&self) -> Uuid {
        Uuid::from_u64_pair(self.id.0, self.id.1)
    }

    /// Puts the old values back.
    pub fn restore(&self, record: &mut Record) {
        for (index, old) in &self.values {
            if let Some(value) = record.values.get_mut(*index) {
                value.clone_from(old);
            }
        }
        if let Some(extra) = &self.extra {
            record.extra.clone_from(extra);
        }
        record.updated_at = crate::base::clock::Millis(self.updated_at);
    }
}

/// See the module.
#[derive(Debug, Default, PartialEq)]
pub struct UndoLog {
    pub created: Vec<Uuid>,
    pub replaced: Vec<Replaced>,
}

impl UndoLog {
    /// The form that is kept; nothing where nothing was done.
    pub fn encode(&self) -> io::Result<Option<Vec<u8>>> {
        if self.created.is_empty() && self.replaced.is_empty() {
            return Ok(None);
        }
        let mut plain = Vec::with_capacity(4 + self.created.len() * 16);
        // A chunk has some thousand rows.
        plain.extend_from_slice(&(self.created.len() as u32).to_be_bytes());
        for id in &self.created {
            plain.extend_from_slice(id.as_bytes());
        }
        serde_json::to_writer(&mut plain, &self.replaced)?;
        zstd::bulk::compress(&plain, LEVEL).map(Some)
    }

    /// Reads that form.
    pub fn decode(kept: &[u8]) -> io::Result<Self> {
        let plain = zstd::stream::decode_all(kept)?;
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        if plain.len() > MAX_BYTES {
            return Err(damaged());
        }
        let (count, rest) = plain.split_first_chunk().ok_or_else(damaged)?;
        let id_bytes = u32::from_be_bytes(*count) as usize * 16;
        let (ids, rest) = rest.split_at_checked(id_bytes).ok_or_else(damaged)?;
        let ids = ids.chunks_exact(16).filter_map(|id| Uuid::from_slice(id).ok());
        Ok(Self {
            created: ids.collect(),
            replaced: serde_json::from_slice(rest)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_read_back() {
        let log = UndoLog {
            created: vec![Uuid::now_v7(), Uuid::now_v7()],
            replaced: vec![Replaced {
                id: Uuid::now_v7().as_u64_pair(),
                import_no: None,
                updated_at: 7,
                values: [(0, None), (3, Some("x".to_owned()))].into(),
                extra: Some(Extra::new()),
            }],
        };
        let kept = log.encode().expect("encodes").expect("something was done");
        assert_eq!(UndoLog::decode(&kept).expect("decodes"), log);
        assert_eq!(UndoLog::default().encode().expect("encodes"), None);
        assert!(UndoLog::decode(&kept[..kept.len() - 1]).is_err());
        assert!(UndoLog::decode(b"").is_err());
    }
}
