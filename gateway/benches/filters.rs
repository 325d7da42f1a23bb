//! A webhook's filter over the `data` of an event: opened lazily by serde_json, as the gateway does, beside the least
//! that simd-json must do for the same answer: copy the body, build its tape or its values, walk to the two fields.
//!
//! Prints nanoseconds an event for bodies of 400 B and 64 KiB with the fields first or last, medians of interleaved runs,
//! and the quotient; asserts each answer. `cargo bench --bench filters`.

#![allow(missing_docs, clippy::print_stdout, reason = "a program")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use gateway::facade::webhooks::{Data, Filter, FilterText};
use simd_json::prelude::*;

const RUNS: usize = 15;
const FILTER: &str = r#"{"record.stage": {"in": ["won", "lost"]}, "record.owner": {"prefix": "ad"}}"#;
const RECORD: &str =
    r#""record":{"id":"deal_0198c0de","name":"Renewal","stage":"won","owner":"ada","amount":"1200.50"}"#;

/// A body of about `size` bytes: the record that the filter asks for, and line items beside it.
fn body(size: usize, record_first: bool) -> Vec<u8> {
    let mut items = String::from("\"items\":[");
    let mut number = 0;
    while items.len() + RECORD.len() + 60 < size {
        if number > 0 {
            items.push(',');
        }
        let _ = write!(
            items,
            r#"{{"sku":"A-{number}","count":{number},"price":"19.90","note":"said \"yes\""}}"#
        );
        number += 1;
    }
    items.push(']');
    match record_first {
        true => format!("{{{RECORD},{items}}}"),
        false => format!("{{{items},{RECORD}}}"),
    }
    .into_bytes()
}

fn is_stage(text: &str) -> bool {
    matches!(text, "won" | "lost")
}

fn is_owner(text: &str) -> bool {
    text.starts_with("ad")
}

/// Nanoseconds a call.
fn time(calls: u32, judge: &mut dyn FnMut() -> bool) -> f64 {
    let started = Instant::now();
    for _ in 0..calls {
        assert!(black_box(judge()), "the filter holds");
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let text = FilterText::parse(FILTER.to_owned()).expect("JSON");
    let filter = Filter::stored(&text).expect("a filter");
    for (size, calls) in [(400, 20_000), (64 * 1024, 200)] {
        for record_first in [true, false] {
            let body = body(size, record_first);
            let (mut lazy, mut tape, mut values) = (Vec::new(), Vec::new(), Vec::new());
            let mut buffers = simd_json::Buffers::new(body.len());
            let mut copy = Vec::with_capacity(body.len());
            for _ in 0..RUNS {
                lazy.push(time(calls, &mut || filter.holds(&Data::of(black_box(&body)))));
                tape.push(time(calls, &mut || {
                    copy.clear();
                    copy.extend_from_slice(black_box(&body));
                    let tape = simd_json::to_tape_with_buffers(&mut copy, &mut buffers).expect("JSON");
                    let record = tape.as_value().get("record").expect("a record");
                    let holds = |name: &str, is_wanted: fn(&str) -> bool| {
                        record
                            .get(name)
                            .is_some_and(|value| value.as_str().is_some_and(is_wanted))
                    };
                    holds("stage", is_stage) && holds("owner", is_owner)
                }));
                values.push(time(calls, &mut || {
                    copy.clear();
                    copy.extend_from_slice(black_box(&body));
                    let whole = simd_json::to_borrowed_value(&mut copy).expect("JSON");
                    let record = whole.get("record").expect("a record");
                    let holds = |name: &str, is_wanted: fn(&str) -> bool| {
                        record
                            .get(name)
                            .is_some_and(|value| value.as_str().is_some_and(is_wanted))
                    };
                    holds("stage", is_stage) && holds("owner", is_owner)
                }));
            }
            let [lazy, tape, values] = [&mut lazy, &mut tape, &mut values].map(|times| median(times));
            println!(
                "{:>6} B, record {}: serde_json, lazily {lazy:>8.0} ns; simd-json's tape {tape:>8.0} ns ({:.2} x), values {values:>8.0} ns ({:.2} x)",
                body.len(),
                if record_first { "first" } else { "last " },
                tape / lazy,
                values / lazy,
            );
        }
    }
}
