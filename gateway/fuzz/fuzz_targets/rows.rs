//! Any bytes, cut anywhere, as a file of any object: no panic, and the same rows as in one piece.
#![no_main]

use std::iter::once;

use gateway_fuzz::{Way, read, tell};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((way, file)) = Way::told(input) else {
        return;
    };
    let whole = rows(&way, once(file));
    let cut = rows(&way, way.cut(file));
    assert_eq!(whole, cut);
});

fn rows<'f>(way: &Way, pieces: impl Iterator<Item = &'f [u8]>) -> Option<Vec<String>> {
    let mut rows = Vec::new();
    let header = read(way.reading.clone(), pieces, |_, parsed| {
        let (row_number, line_number) = (parsed.record.row_number, parsed.record.line_number);
        assert_eq!(
            row_number,
            rows.len() as u64 + 1,
            "a row was counted twice, or not at all"
        );
        rows.push(format!("{row_number}@{line_number} {}", tell(&parsed.outcome)));
    })?;
    rows.push(format!("{:?}", header.columns));
    Some(rows)
}
