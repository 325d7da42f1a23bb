//! Reads a definition's file.

use std::ops::Range;

use toml::de::DeTable;

use super::positions::Positions;
use super::{Definition, DefinitionFault, rules};

/// Largest file that is read.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

/// The definition that stands in `text`; `file` is how its faults name the file. Where the form is wrong the first fault
/// is told, else all.
pub fn read(file: &str, text: &str) -> Result<Definition, Vec<DefinitionFault>> {
    let fault = |at: usize, key: &str, message: String| DefinitionFault {
        file: file.to_owned(),
        line: line_of(text, at),
        key: key.to_owned(),
        message,
    };
    if text.len() > MAX_FILE_BYTES {
        let message = format!("is larger than {MAX_FILE_BYTES} bytes");
        return Err(vec![fault(0, "", message)]);
    }
    let start = |span: Option<Range<usize>>| span.unwrap_or(0..0);
    let table = DeTable::parse(text)
        .map_err(|error| vec![fault(start(error.span()).start, "", error.message().to_owned())])?;
    let positions = Positions::of(&table);
    let definition: Definition = toml::from_str(text).map_err(|error: toml::de::Error| {
        let span = start(error.span());
        let key = positions.key_at(&span);
        vec![fault(span.start, key, error.message().to_owned())]
    })?;
    let faults = rules::faults(&definition);
    if faults.is_empty() {
        return Ok(definition);
    }
    let placed = faults
        .into_iter()
        .map(|(key, message)| fault(positions.start_of(&key), &key, message));
    Err(placed.collect())
}

/// The line of a key in a file that was read; 1 where it has none.
pub fn line_of_key(text: &str, key: &str) -> usize {
    let table = DeTable::parse(text).ok();
    let start = table.map_or(0, |table| Positions::of(&table).start_of(key));
    line_of(text, start)
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}
