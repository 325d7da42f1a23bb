//! What the receiver wrote down, read while it grows.

use super::site::Victim;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

pub struct Receipts {
    file: BufReader<File>,
    /// A line that the receiver had not finished.
    begun: String,
    /// For each number, when it came and as which event.
    numbers: HashMap<u64, Vec<Receipt>>,
    /// The longest time from a post to the first receipt.
    latest_us: u64,
}

struct Receipt {
    at_us: u64,
    event: String,
}

/// A victim still works for this long after its kill was noted.
const DYING_US: u64 = 20_000;

/// What came twice because of the kills of one kind of victim.
#[derive(Default)]
pub struct Repeats {
    pub count: usize,
    /// For one kill.
    pub most: usize,
    /// The longest time from a first receipt to its kill.
    pub earliest_us: u64,
    /// The longest time from a kill to a repeat.
    pub latest_us: u64,
}

#[derive(Deserialize)]
struct Line {
    received_at_us: u64,
    body: String,
}

#[derive(Deserialize)]
struct Delivery {
    id: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    n: u64,
    sent_at_us: u64,
}

impl Receipts {
    pub fn open(record: &Path) -> Result<Self> {
        let file = File::open(record).with_context(|| format!("opening {}", record.display()))?;
        Ok(Self {
            file: BufReader::new(file),
            begun: String::new(),
            numbers: HashMap::new(),
            latest_us: 0,
        })
    }

    /// Reads what has come since.
    pub fn read(&mut self) -> Result<()> {
        while self.file.read_line(&mut self.begun)? > 0 {
            if !self.begun.ends_with('\n') {
                break;
            }
            let line: Line = serde_json::from_str(&self.begun)?;
            let delivery: Delivery = serde_json::from_str(&line.body)?;
            let receipts = self.numbers.entry(delivery.data.n).or_default();
            if receipts.is_empty() {
                let took_us = line.received_at_us.saturating_sub(delivery.data.sent_at_us);
                self.latest_us = self.latest_us.max(took_us);
            }
            receipts.push(Receipt {
                at_us: line.received_at_us,
                event: delivery.id,
            });
            self.begun.clear();
        }
        Ok(())
    }

    /// The longest time from a post to the first receipt. Of several posts under one `id` the first counts.
    pub const fn latest_us(&self) -> u64 {
        self.latest_us
    }

    /// Events, whatever their numbers.
    pub fn event_count(&self) -> usize {
        let receipts = self.numbers.values().flatten();
        receipts
            .map(|receipt| &receipt.event)
            .collect::<HashSet<_>>()
            .len()
    }

    pub fn distinct_count(&self) -> usize {
        self.numbers.len()
    }

    /// Those of `acknowledged` that have not come.
    pub fn missing(&self, acknowledged: &[u64]) -> Vec<u64> {
        let is_missing = |number: &&u64| !self.numbers.contains_key(number);
        acknowledged.iter().filter(is_missing).copied().collect()
    }

    /// Numbers that came as more than one event, though each was posted under one `id` only, or once only.
    pub fn split_count(&self) -> usize {
        let is_split =
            |receipts: &&Vec<Receipt>| receipts.iter().any(|receipt| receipt.event != receipts[0].event);
        self.numbers.values().filter(is_split).count()
    }

    /// Repeats of what was first received before a kill of `victim`, and after the kill before that. They may come much
    /// later: nobody takes over from a dead instance while the database has only just started.
    pub fn repeats(&self, kills: &[(Victim, u64)], victim: Victim) -> Repeats {
        let mut of_kill = vec![0; kills.len()];
        let mut repeats = Repeats::default();
        for receipts in self.numbers.values() {
            let first_at_us = receipts[0].at_us;
            let index = kills.partition_point(|kill| kill.1 + DYING_US <= first_at_us);
            if kills.get(index).is_none_or(|kill| kill.0 != victim) {
                continue;
            }
            for receipt in &receipts[1..] {
                of_kill[index] += 1;
                repeats.count += 1;
                repeats.earliest_us = repeats
                    .earliest_us
                    .max(kills[index].1.saturating_sub(first_at_us));
                repeats.latest_us = repeats
                    .latest_us
                    .max(receipt.at_us.saturating_sub(kills[index].1));
            }
        }
        repeats.most = of_kill.into_iter().max().unwrap_or(0);
        repeats
    }
}
