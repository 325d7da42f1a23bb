//! The result: a table to read and a JSON file to compare with the last one.

use super::Options;
use super::goals::ROWS;
use super::ledger::Ledger;
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::Path;

pub fn print(ledger: &Ledger) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "\n{:<32} {:>12} {:<27} {:>9}",
        "what", "median", " [min - max]", "goal"
    )?;
    for row in ROWS {
        let Some(spread) = ledger.spread(row.key) else {
            continue;
        };
        let range = format!(" [{} - {}]", number(spread.min), number(spread.max));
        let median = format!("{} {:<2}", number(spread.median), row.unit);
        let verdict = match row.goal.met(spread) {
            Some(true) => "ok",
            Some(false) => "MISSED",
            None => "",
        };
        let line = format!(
            "{:<32} {median:>12} {range:<27} {:>9} {verdict}",
            row.label,
            row.goal.to_string()
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

pub fn write_json(ledger: &Ledger, options: &Options, file: &Path) -> Result<()> {
    let mut rows = Map::new();
    for row in ROWS {
        let Some(spread) = ledger.spread(row.key) else {
            continue;
        };
        rows.insert(
            row.key.to_owned(),
            json!({
                "label": row.label.trim(),
                "unit": row.unit,
                "median": spread.median,
                "min": spread.min,
                "max": spread.max,
                "samples": ledger.samples(row.key),
                "goal": row.goal.to_string(),
                "met": row.goal.met(spread),
            }),
        );
    }
    let report = json!({
        "rounds": options.rounds,
        "seconds": options.seconds,
        "connections": options.connections,
        "payload_bytes": options.payload_bytes,
        "keys": options.keys,
        "rows": Value::Object(rows),
    });
    std::fs::write(file, serde_json::to_vec_pretty(&report)?)
        .with_context(|| format!("writing {}", file.display()))
}

/// Rates need no decimals, ratios and milliseconds do.
fn number(value: f64) -> String {
    if value >= 1_000.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}
