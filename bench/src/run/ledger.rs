//! Every sample of the run, by row; one sample a round.

use super::spread::Spread;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Ledger {
    samples: BTreeMap<&'static str, Vec<f64>>,
}

impl Ledger {
    pub fn note(&mut self, row: &'static str, value: f64) {
        self.samples.entry(row).or_default().push(value);
    }

    pub fn samples(&self, row: &str) -> &[f64] {
        self.samples.get(row).map_or(&[], Vec::as_slice)
    }

    pub fn latest(&self, row: &str) -> Option<f64> {
        self.samples(row).last().copied()
    }

    pub fn spread(&self, row: &str) -> Option<Spread> {
        Spread::of(self.samples(row))
    }
}
