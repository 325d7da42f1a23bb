//! The time that a sender gives.

use http::header::HeaderName;

use super::Received;
use super::header;
use super::refusal::{Refusal, Unsupported};
use crate::connectors::definition::{TimeUnit, TimestampField};

/// A `timestamp` of a definition, compiled.
#[derive(Debug, Clone)]
pub(super) struct Timestamp {
    header: HeaderName,
    rule: TimestampField,
}

/// What was sent: the digits are signed as they stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'a> {
    pub(super) digits: &'a [u8],
    value: i64,
}

impl Timestamp {
    pub(super) fn compile(rule: &TimestampField) -> Result<Self, Unsupported> {
        let header = header::name(&rule.header)?;
        let rule = rule.clone();
        Ok(Self { header, rule })
    }

    /// The timestamp of a request: digits alone, so that it cannot run into what is signed beside it.
    pub(super) fn read<'a>(&self, request: &Received<'a>) -> Result<Sent<'a>, Refusal> {
        let whole = header::single(request.headers, &self.header)?;
        let digits = match &self.rule.field {
            Some(field) => header::field(whole, field)?,
            None => whole,
        };
        if digits.is_empty() {
            return Err(Refusal::Missing);
        }
        let text = str::from_utf8(digits).map_err(|_| Refusal::Invalid)?;
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let value = text.parse().ok().filter(|_| is_digits).ok_or(Refusal::Invalid)?;
        Ok(Sent { digits, value })
    }

    /// Refuses a timestamp that lies further from now than the width, in the past as in the future.
    pub(super) fn check(&self, sent: Sent<'_>, now_unix_ms: i64) -> Result<(), Refusal> {
        let Some(within_seconds) = self.rule.within_seconds else {
            return Ok(());
        };
        let (now, width) = match self.rule.unit {
            TimeUnit::S => (now_unix_ms.div_euclid(1000), u64::from(within_seconds)),
            TimeUnit::Ms => (now_unix_ms, u64::from(within_seconds) * 1000),
        };
        match now.abs_diff(sent.value) <= width {
            true => Ok(()),
            false => Err(Refusal::Stale),
        }
    }
}
