//! The undo log of a part of a chunk: enough to take back what the part did to the records, in little space.
//!
//! A byte that names the format, then one zstd frame: the ids of created records, then a JSON list of replaced ones.
//! Fields are stored by name, because their positions change when an object gets more of them.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::merge::Stored;
use super::version::Version;
use crate::records::model::record::{Extra, Record};

/// The version of the format. The first version had no such byte, and the schema keeps none of it.
const FORM: u8 = 2;
/// Fast rather than small.
const LEVEL: i32 = 1;
/// A chunk's undo log is smaller by far; what is larger is damaged.
const MAX_BYTES: u64 = 256 << 20;

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
    pub values: BTreeMap<String, Option<String>>,
    /// The old `extra`, if it changed.
    pub extra: Option<Extra>,
}

impl Replaced {
    /// What `after` replaced.
    pub fn of(before: &Stored, version: Version, after: &Record) -> Self {
        let before = &before.record;
        let fields = before.object.fields.iter().map(|field| field.name);
        let pairs = fields.zip(before.values.iter().zip(&after.values));
        let changed = pairs.filter(|(_, (old, new))| old != new);
        Self {
            id: before.id.as_u64_pair(),
            import_no: version.import_no,
            updated_at: before.updated_at.0,
            values: changed
                .map(|(name, (old, _))| (name.to_owned(), old.clone()))
                .collect(),
            extra: (before.extra != after.extra).then(|| before.extra.clone()),
        }
    }

    /// The record's id.
    pub fn id(&self) -> Uuid {
        Uuid::from_u64_pair(self.id.0, self.id.1)
    }

    /// Puts the old values back.
    pub fn restore(&self, record: &mut Record) {
        for (name, old) in &self.values {
            // A field that the object has no more has nowhere to go.
            if let Some(index) = record.object.field_index(name) {
                record.values[index].clone_from(old);
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
    /// The bytes to store; `None` if nothing was changed.
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
        let mut kept = vec![FORM];
        kept.append(&mut zstd::bulk::compress(&plain, LEVEL)?);
        Ok(Some(kept))
    }

    /// Reads stored bytes.
    pub fn decode(kept: &[u8]) -> io::Result<Self> {
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        let frame = kept.strip_prefix(&[FORM]).ok_or_else(damaged)?;
        let mut plain = Vec::new();
        let frame = zstd::stream::Decoder::new(frame)?;
        frame.take(MAX_BYTES + 1).read_to_end(&mut plain)?;
        if plain.len() as u64 > MAX_BYTES {
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
    fn a_log_names_its_fields_so_that_they_may_move() {
        // As it is kept, by whatever version.
        let plain = [
            &0_u32.to_be_bytes()[..],
            br#"[{"id":[1,2],"import_no":7,"updated_at":5,"values":{"city":"Rome","gone":"x"},"extra":{"T":"1"}}]"#,
        ]
        .concat();
        let kept = [&[2][..], &zstd::bulk::compress(&plain, 1).expect("compresses")].concat();
        let log = UndoLog::decode(&kept).expect("decodes");
        let mut record = Record::new(crate::records::Object::named("contact").expect("an object"));
        log.replaced[0].restore(&mut record);
        assert_eq!(record.named("city"), Some("Rome"));
        assert_eq!(record.values.iter().flatten().count(), 1);
        assert_eq!((record.extra["T"].as_str(), record.updated_at.0), ("1", 5));
        // A frame without the byte is of the first form.
        assert!(UndoLog::decode(&kept[1..]).is_err());
    }

    #[test]
    fn what_was_done_is_read_back() {
        let log = UndoLog {
            created: vec![Uuid::now_v7(), Uuid::now_v7()],
            replaced: vec![Replaced {
                id: Uuid::now_v7().as_u64_pair(),
                import_no: None,
                updated_at: 7,
                values: [
                    ("email".to_owned(), None),
                    ("phone".to_owned(), Some("x".to_owned())),
                ]
                .into(),
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
