//! What waits to be written of one source.

use std::collections::VecDeque;

use super::model::{KEPT, Receipt};
use crate::base::clock::Millis;

/// What happened at one source since the last write.
#[derive(Debug, Default, Clone)]
pub struct Pending {
    pub accepted: u64,
    pub refused: u64,
    /// Refusals since the last acceptance, or since the last write.
    pub row: u32,
    pub is_row_broken: bool,
    pub last_accepted_at: Option<Millis>,
    pub last_refused_at: Option<Millis>,
    pub last_refusal: Option<&'static str>,
    pub taken: VecDeque<Receipt>,
    pub turned_away: VecDeque<Receipt>,
}

impl Pending {
    /// Adds a receipt.
    pub fn note(&mut self, receipt: Receipt) {
        let (at, outcome) = (receipt.at, receipt.outcome);
        let queue = if outcome.is_refused() {
            self.refused += 1;
            self.row += 1;
            self.last_refused_at = self.last_refused_at.max(Some(at));
            self.last_refusal = Some(outcome.name());
            &mut self.turned_away
        } else {
            self.accepted += 1;
            self.row = 0;
            self.is_row_broken = true;
            self.last_accepted_at = self.last_accepted_at.max(Some(at));
            &mut self.taken
        };
        queue.push_back(receipt);
        if queue.len() > KEPT {
            queue.pop_front();
        }
    }

    /// Puts what came later behind.
    pub fn append(&mut self, later: Self) {
        self.accepted += later.accepted;
        self.refused += later.refused;
        self.row = match later.is_row_broken {
            true => later.row,
            false => self.row + later.row,
        };
        self.is_row_broken |= later.is_row_broken;
        self.last_accepted_at = self.last_accepted_at.max(later.last_accepted_at);
        self.last_refused_at = self.last_refused_at.max(later.last_refused_at);
        self.last_refusal = later.last_refusal.or(self.last_refusal);
        for (queue, more) in [
            (&mut self.taken, later.taken),
            (&mut self.turned_away, later.turned_away),
        ] {
            queue.extend(more);
            let excess = queue.len().saturating_sub(KEPT);
            queue.drain(..excess);
        }
    }
}
