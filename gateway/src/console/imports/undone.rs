//! What an undo did, as its import's page tells it.

use serde::Deserialize;

use crate::base::clock::Millis;
use crate::imports::model::Job;

/// Records that the page lists as left; the API lists more.
const MOST_LEFT: usize = 100;

/// The result of an undo, or what it has come to so far.
#[derive(Deserialize)]
pub struct Undone {
    pub removed: u64,
    pub restored: u64,
    /// Records that were left as they are.
    pub left: Vec<Left>,
    #[serde(default)]
    left_more: u64,
    at: String,
}

/// A record that was left, and why.
#[derive(Deserialize)]
pub struct Left {
    pub id: String,
    pub reason: String,
}

impl Undone {
    /// The undo of a job, if there is one.
    pub fn of(job: &Job) -> Option<Self> {
        let text = job.undo.as_ref()?.get();
        // What the gateway has written can be read.
        serde_json::from_str(text).ok()
    }

    /// When it began.
    pub fn at(&self) -> Option<Millis> {
        Millis::parse(&self.at)
    }

    /// How many were left.
    pub fn left_count(&self) -> u64 {
        self.left.len() as u64 + self.left_more
    }

    /// Those that are listed.
    pub fn listed(&self) -> &[Left] {
        &self.left[..self.left.len().min(MOST_LEFT)]
    }

    /// How many more there are.
    pub fn more_count(&self) -> u64 {
        self.left_count() - self.listed().len() as u64
    }
}
