//! Any bytes, cut anywhere, as a file of any object: no panic, and the same rows as in one piece.
#![no_main]

use gateway::imports::opening::{Opening, Reading};
use gateway::imports::row::Outcome;
use gateway::records::object::OBJECTS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (object, size, bytes) = input;
    let object = OBJECTS[usize::from(object) % OBJECTS.len()];
    let whole = read(Reading::of(object), bytes, bytes.len().max(1));
    let cut = read(Reading::of(object), bytes, usize::from(size).max(1));
    assert_eq!(whole, cut);
});

/// The rows, or nothing where the file is refused.
fn read(reading: Reading, bytes: &[u8], size: usize) -> Option<Vec<String>> {
    let mut opening = Some(Opening::new(reading));
    let mut stream = None;
    let mut rows = Vec::new();
    for mut piece in bytes.chunks(size) {
        if let Some(open) = &mut opening
            && let Some(opened) = open.feed(&mut piece).ok()?
        {
            stream = Some(opened);
            opening = None;
        }
        if let Some(stream) = &mut stream {
            take(stream, piece, &mut rows);
        }
    }
    let mut stream = match opening {
        Some(mut opening) => opening.end().ok()?,
        None => stream?,
    };
    stream.end();
    take(&mut stream, &[], &mut rows);
    Some(rows)
}

fn take(stream: &mut gateway::imports::rows::RowStream, mut piece: &[u8], rows: &mut Vec<String>) {
    while let Some(parsed) = stream.next_row(&mut piece) {
        let place = (parsed.record.row_number, parsed.record.line_number);
        rows.push(match parsed.outcome {
            Outcome::Row(row) => format!("{place:?} {row:?}"),
            Outcome::Unchanged => format!("{place:?}"),
            Outcome::Failed(faults) => format!("{place:?} {faults}"),
        });
    }
}
