//! Sentries as the API shows them.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::base::clock::{Micros, Millis};
use crate::base::id::{HootId, KeyId, SentryId};

/// A state, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Happy,
    Sad,
    Sick,
}

impl State {
    /// All of them, from the best to the worst.
    pub const ALL: [Self; 3] = [Self::Happy, Self::Sad, Self::Sick];

    /// The public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Happy => "happy",
            Self::Sad => "sad",
            Self::Sick => "sick",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The state that a report means, without case.
    pub fn parse_reported(name: &str) -> Option<Self> {
        Self::parse(&name.to_ascii_lowercase())
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Why a sentry is in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Report,
    /// An upstream sentry made it worse than what was reported.
    Upstream,
    /// No report came in time.
    Timeout,
}

impl Reason {
    /// The public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Upstream => "upstream",
            Self::Timeout => "timeout",
        }
    }

    /// The reason of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Report, Self::Upstream, Self::Timeout]
            .into_iter()
            .find(|reason| reason.name() == name)
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A time-out in hundredths of an hour, 1 to 876,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeoutHours(pub i32);

impl TimeoutHours {
    const MOST: i32 = 876_000;
    const SECONDS_OF_HUNDREDTH: i64 = 36;

    /// Reads a JSON number of hours with at most two decimals, 0.01 to 8,760.
    pub fn parse(text: &str) -> Option<Self> {
        let hours: f64 = text.parse().ok()?;
        let hundredths = (hours * 100.0).round();
        // Both are the doubles nearest to the same decimal, or the text has further decimals.
        let is_exact = hundredths / 100.0 == hours;
        let is_within = (1.0..=f64::from(Self::MOST)).contains(&hundredths);
        (is_exact && is_within).then_some(Self(hundredths as i32))
    }

    /// When it ends that began at `from`.
    pub const fn after(self, from: Micros) -> Micros {
        Micros(from.0 + self.0 as i64 * Self::SECONDS_OF_HUNDREDTH * 1_000_000)
    }
}

impl Serialize for TimeoutHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 100 {
            0 => serializer.serialize_i32(self.0 / 100),
            _ => serializer.serialize_f64(f64::from(self.0) / 100.0),
        }
    }
}

/// A sentry.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Sentry {
    #[schema(value_type = String, example = "sen_0198c0de-0000-7000-8000-000000000001")]
    pub id: SentryId,
    pub name: String,
    pub description: Option<String>,
    pub enabled: bool,
    /// `happy`, `sad` or `sick`: what everyone sees; null before the first report.
    #[schema(value_type = Option<String>)]
    pub state: Option<State>,
    /// `report`, `upstream` or `timeout`.
    #[schema(value_type = Option<String>)]
    pub reason: Option<Reason>,
    /// What the last report that named a state said.
    #[schema(value_type = Option<String>)]
    pub reported_state: Option<State>,
    pub user_message: Option<String>,
    pub history_note: Option<String>,
    pub private_entry: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub latest_record_at: Option<Millis>,
    /// That of the last report, as it was sent.
    #[schema(value_type = Object)]
    pub meta: Box<RawValue>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_report_at: Option<Millis>,
    #[schema(value_type = Option<f64>)]
    pub timeout_hours: Option<TimeoutHours>,
    /// When the state becomes sick, or became, for lack of a report.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sick_at: Option<Millis>,
    #[schema(value_type = Vec<String>)]
    pub upstream: Vec<SentryId>,
    #[schema(value_type = Vec<String>)]
    pub hoots: Vec<HootId>,
    /// Where reports are sent.
    pub api_url: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Millis,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Millis,
}

impl Sentry {
    /// The same with `api_url` at an origin.
    pub fn at(mut self, origin: &str) -> Self {
        self.api_url = format!("{origin}/v1/sentries/{}", self.id);
        self
    }
}

/// Who made an entry of the history.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Reporter {
    #[schema(value_type = String)]
    pub key_id: KeyId,
    pub key_name: String,
}

/// The body of `POST /v1/sentries`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct CreateSentry {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[schema(max_length = 4000)]
    description: Option<String>,
    /// Without a report for so long the state becomes sick; at most two decimals.
    #[schema(minimum = 0.01, maximum = 8760)]
    timeout_hours: Option<f64>,
    /// Hoots that show it.
    #[schema(max_items = 50)]
    hoots: Option<Vec<String>>,
    /// Sentries whose states count at each report.
    #[schema(max_items = 50)]
    upstream: Option<Vec<String>>,
}

/// The body of `PATCH /v1/sentries/{id}`: any of the fields. Lists are replaced whole.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct UpdateSentry {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    #[schema(max_length = 4000)]
    description: Option<String>,
    #[schema(minimum = 0.01, maximum = 8760)]
    timeout_hours: Option<f64>,
    #[schema(max_items = 50)]
    hoots: Option<Vec<String>>,
    #[schema(max_items = 50)]
    upstream: Option<Vec<String>>,
    enabled: Option<bool>,
}

/// The body of `POST /v1/sentries/{id}`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct ReportSentry {
    /// `happy`, `sad` or `sick`, without case; absent: stays as it is.
    state: Option<String>,
    /// The badge's text.
    #[schema(max_length = 80)]
    user_message: Option<String>,
    /// Why it changed.
    #[schema(max_length = 4000)]
    history_note: Option<String>,
    /// Whether the note is hidden from hoots.
    private_entry: Option<bool>,
    /// Any object of at most 16 KiB; `latest_record_at` and `counts` in it are understood.
    #[schema(value_type = Option<Object>)]
    meta: Option<Box<RawValue>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_have_two_decimals() {
        for (text, hundredths) in [
            ("0.01", 1),
            ("0.29", 29),
            ("24", 2_400),
            ("1.10", 110),
            ("1e1", 1_000),
            ("8760", 876_000),
            ("8759.99", 875_999),
        ] {
            assert_eq!(
                TimeoutHours::parse(text),
                Some(TimeoutHours(hundredths)),
                "{text}"
            );
        }
        for bad in ["0", "0.001", "0.005", "1.005", "8760.01", "-1", "1e400", "x"] {
            assert_eq!(TimeoutHours::parse(bad), None, "{bad}");
        }
        let shown = |hundredths| serde_json::to_string(&TimeoutHours(hundredths)).expect("JSON");
        assert_eq!((shown(2_400), shown(29)), ("24".to_owned(), "0.29".to_owned()));
    }
}
