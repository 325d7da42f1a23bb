//! What the receiver wrote down, read while it grows.

use super::site::Victim;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

pub struct Receipts {
    file: BufReader<File>,
    /// A line that the receiver had not finished.
    begun: String,
    /// For each number, when it came and as which event.
    numbers: HashMap<u64, Vec<Receipt>>,
}

struct Receipt {
    at_us: u64,
    event: String,
}

/// What came twice after the kills of one kind of victim.
#[derive(Default)]
pub struct Repeats {
    pub count: usize,
    /// After one kill.
    pub most: usize,
    /// The longest time from a first receipt to the kill after which the repeat came.
    pub oldest_us: u64,
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
}

impl Receipts {
    pub fn open(record: &Path) -> Result<Self> {
        let file = File::open(record).with_context(|| format!("opening {}", record.display()))?;
        Ok(Self {
            file: BufReader::new(file),
            begun: String::new(),
            numbers: HashMap::new(),
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
            self.numbers.entry(delivery.data.n).or_default().push(Receipt {
                at_us: line.received_at_us,
                event: delivery.id,
            });
            self.begun.clear();
        }
        Ok(())
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

    /// Repeats that came after a kill of `victim` and before the next kill.
    pub fn repeats(&self, kills: &[(Victim, u64)], victim: Victim) -> Repeats {
        let mut after_kill = vec![0; kills.len()];
        let mut repeats = Repeats::default();
        for receipts in self.numbers.values() {
            let Some((first, again)) = receipts.split_first() else {
                continue;
            };
            for receipt in again {
                let kill = kills
                    .partition_point(|kill| kill.1 <= receipt.at_us)
                    .checked_sub(1);
                if let Some(index) = kill.filter(|index| kills[*index].0 == victim) {
                    after_kill[index] += 1;
                    repeats.count += 1;
                    repeats.oldest_us = repeats.oldest_us.max(kills[index].1.saturating_sub(first.at_us));
                }
            }
        }
        repeats.most = after_kill.into_iter().max().unwrap_or(0);
        repeats
    }
}
