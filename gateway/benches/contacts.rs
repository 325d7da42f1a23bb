//! A million contacts, parsed and validated, beside csv-core alone over the same bytes.
//!
//! Prints rows and bytes a second, the ratio to the calibrator, and allocations a row in the steady
//! state; asserts the counts, and that there are no allocations. `cargo bench --bench contacts`.

#![allow(unsafe_code, reason = "a global allocator can only be wrapped with unsafe")]
#![allow(missing_docs, clippy::print_stdout, reason = "a program")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gateway::facade::imports::Outcome;
use gateway::facade::imports::{Opening, Reading};
use gateway::facade::records::Object;

const ROWS: u64 = 1_000_000;
const CHUNK_BYTES: usize = 64 * 1024;
/// Rows after which no buffer should have to grow any more.
const WARM_ROWS: u64 = 10_000;
const RUNS: usize = 7;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// 60 % of the rows have quoted cells, 4 % a line break in one, 1 % an address that is none.
fn contacts() -> String {
    let mut text = String::with_capacity(120 * ROWS as usize);
    text.push_str("Email,First Name,Last Name,Phone,Job Title,Company,City,Notes\n");
    for n in 0..ROWS {
        let at = if n % 100 == 77 { "-at-" } else { "@" };
        let _ = write!(text, "person{n}{at}example{}.com,First{},", n % 997, n % 5_000);
        let _ = write!(text, "Last{},+1 202 555 {:04},", n % 20_000, n % 10_000);
        let _ = match n % 25 {
            0 => write!(
                text,
                "Engineer,\"Company {}, Inc.\",Zürich,\"first line\nsecond\"",
                n % 3_000
            ),
            1..=14 => write!(
                text,
                "\"Engineer, senior\",\"Company {}\",Oslo,\"said \"\"yes\"\"\"",
                n % 3_000
            ),
            _ => write!(
                text,
                "Engineer,Company {},Rotterdam,plain note of the row",
                n % 3_000
            ),
        };
        text.push('\n');
    }
    text
}

#[derive(Debug, PartialEq, Eq, Default)]
struct Counts {
    good: u64,
    failed: u64,
    value_bytes: u64,
}

fn import(bytes: &[u8]) -> (Counts, Duration, f64) {
    let started = Instant::now();
    let object = Object::named("contact").expect("a built-in object");
    let mut opening = Opening::new(Reading::of(object));
    let mut stream = None;
    let mut counts = Counts::default();
    let mut warm_allocations = None;
    let end = std::iter::once(&[][..]);
    for mut piece in bytes.chunks(CHUNK_BYTES).chain(end) {
        if stream.is_none() {
            stream = opening.feed(&mut piece).expect("a good header");
        }
        let stream = stream.as_mut().expect("the header is in the first chunk");
        if piece.is_empty() {
            stream.end();
        }
        while let Some(parsed) = stream.next_row(&mut piece) {
            match parsed.outcome {
                Outcome::Row(row) => {
                    let values = (0..object.fields.len()).filter_map(|index| row.value(index));
                    counts.value_bytes += values.map(|value| value.len() as u64).sum::<u64>();
                    counts.good += 1;
                }
                _ => counts.failed += 1,
            }
            if warm_allocations.is_none() && counts.good + counts.failed == WARM_ROWS {
                warm_allocations = Some(ALLOCATIONS.load(Relaxed));
            }
        }
    }
    let steady = ALLOCATIONS.load(Relaxed) - warm_allocations.unwrap_or_default();
    (
        counts,
        started.elapsed(),
        steady as f64 / (ROWS - WARM_ROWS) as f64,
    )
}

/// csv-core alone: records and cells, nothing looked at.
fn calibrate(bytes: &[u8]) -> (u64, Duration) {
    let started = Instant::now();
    let mut core = csv_core::Reader::new();
    let (mut text, mut ends) = (vec![0; 64 * 1024], vec![0; 64]);
    let (mut text_used, mut ends_used, mut records) = (0, 0, 0);
    for mut piece in bytes.chunks(CHUNK_BYTES) {
        while !piece.is_empty() {
            let (result, read, written, found) =
                core.read_record(piece, &mut text[text_used..], &mut ends[ends_used..]);
            piece = &piece[read..];
            text_used += written;
            ends_used += found;
            if matches!(result, csv_core::ReadRecordResult::Record) {
                records += 1;
                (text_used, ends_used) = (0, 0);
            }
        }
    }
    std::hint::black_box(&text);
    (records, started.elapsed())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn report(name: &str, seconds: f64, bytes: usize) {
    let rows = ROWS as f64 / seconds / 1e6;
    println!(
        "{name:<28} {seconds:.3} s  {rows:.2} M rows/s  {:.0} MB/s",
        bytes as f64 / seconds / 1e6
    );
}

fn main() {
    let text = contacts();
    let bytes = text.as_bytes();
    let (mut imports, mut calibrations) = (Vec::new(), Vec::new());
    let mut allocations = 0.0;
    for _ in 0..RUNS {
        let (records, time) = calibrate(bytes);
        assert_eq!(records, ROWS + 1);
        calibrations.push(time);
        let (counts, time, steady) = import(bytes);
        assert_eq!((counts.good, counts.failed), (ROWS / 100 * 99, ROWS / 100));
        assert!(counts.value_bytes > 70 * ROWS);
        imports.push(time);
        allocations = steady;
    }
    let (import, calibration) = (median(imports), median(calibrations));
    println!(
        "{ROWS} contacts, {:.1} MB, chunks of {CHUNK_BYTES} bytes, medians of {RUNS}",
        bytes.len() as f64 / 1e6
    );
    report("csv-core alone", calibration, bytes.len());
    report("parsed and validated", import, bytes.len());
    println!(
        "ratio to csv-core            {:.2} x its time",
        import / calibration
    );
    println!("allocations a row            {allocations:.6} after {WARM_ROWS} rows");
    assert!(allocations < 0.001, "the steady state allocates");
}
