//! Any file's rows as errors.csv gives them back, read again: the same rows, if nobody mends them.
#![no_main]

use std::iter::once;

use gateway::facade::imports::Parsed;
use gateway::facade::imports::RecordFault;
use gateway::facade::imports::Stated;
use gateway::facade::imports::{Chunk, own_columns};
use gateway_fuzz::{Way, read, tell};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((mut way, file)) = Way::told(input) else {
        return;
    };
    let mut chunk = Chunk::new(0);
    let mut rows = Vec::new();
    let mut can_compare = true;
    let header = read(way.reading.clone(), once(file), |header, parsed| {
        // What was too long, or could not be read as text, comes back as far as it could be kept.
        can_compare &= match parsed.record.cells {
            Ok(_) => true,
            Err(_) => is_miscounted(&parsed) && !parsed.record.raw.is_empty(),
        };
        rows.push(tell_row(&parsed));
        chunk.push_failure(&parsed.record, "a reason", header);
    });
    let Some(header) = header.filter(|_| can_compare) else {
        return;
    };
    // Escapes make cells longer than they were.
    way.reading.limits = gateway::facade::imports::Limits::default();
    way.reading.encoding = Stated::Nothing;
    way.reading.delimiter = None;
    let mut repair = format!(
        "row_number,line_number,error_message,{}\r\n",
        own_columns(&header)
    );
    for failure in &chunk.failures {
        let cells = failure.cells.as_deref().unwrap_or_default();
        repair.push_str(&format!(
            "{},{},a reason,{cells}\r\n",
            failure.row_number, failure.line_number
        ));
    }
    let mut again = Vec::new();
    let reread = read(way.reading.clone(), once(repair.as_bytes()), |_, parsed| {
        again.push(tell_row(&parsed))
    });
    assert!(reread.is_some(), "the repair file is refused: {repair:?}");
    assert_eq!(rows, again, "{repair:?}");
});

/// The report's own columns are cells of its rows.
fn tell_row(parsed: &Parsed<'_>) -> String {
    match is_miscounted(parsed) {
        true => "too few cells or too many".to_owned(),
        false => tell(&parsed.outcome),
    }
}

fn is_miscounted(parsed: &Parsed<'_>) -> bool {
    let cells = parsed.record.cells;
    matches!(
        cells,
        Err(RecordFault::TooFewCells { .. } | RecordFault::TooManyCells { .. })
    )
}
