//! Counts of deliveries as the API shows them.

use serde::Serialize;

use crate::base::clock::Millis;

/// How far back counts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Range {
    #[default]
    Day,
    Week,
    Month,
}

impl Range {
    /// The ranges that there are.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// The public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// The range of that public name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.name() == name)
    }

    /// The length of a bucket in seconds.
    pub const fn bucket_seconds(self) -> i64 {
        match self {
            Self::Day => 300,
            Self::Week => 3_600,
            Self::Month => 14_400,
        }
    }

    /// How many days it has.
    pub const fn days(self) -> i64 {
        match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
        }
    }
}

/// How deliveries to a webhook went.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Stats {
    /// `24h`, `7d` or `30d`.
    pub range: &'static str,
    pub bucket_seconds: i64,
    /// Without gaps, oldest first; the last one is not over yet.
    pub buckets: Vec<Bucket>,
    /// Why deliveries failed, the most frequent first.
    pub causes: Vec<Cause>,
}

/// A stretch of time that begins at a whole multiple of its length.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Bucket {
    #[schema(value_type = String, format = DateTime)]
    pub at: Millis,
    /// Deliveries that ended so.
    pub succeeded: u64,
    pub failed: u64,
    /// Failed attempts that were repeated.
    pub retried: u64,
    /// The time within which half of all attempts ended, to about 5 %; absent without attempts.
    pub p50_ms: Option<f64>,
    /// The same for 99 of 100.
    pub p99_ms: Option<f64>,
}

/// How many deliveries failed for one cause.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Cause {
    /// An attempt's error code, or `http_` and the status code of the answer.
    #[schema(example = "http_503")]
    pub cause: String,
    pub last_1h: u64,
    pub last_24h: u64,
    pub last_7d: u64,
}

impl Cause {
    /// A cause of which nothing is counted yet.
    pub fn named(name: &str) -> Self {
        Self {
            cause: name.to_owned(),
            last_1h: 0,
            last_24h: 0,
            last_7d: 0,
        }
    }
}
