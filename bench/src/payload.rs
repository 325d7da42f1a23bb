//! The event that every load sends, laid out once and patched in place.
//!
//! Its two numbers have a fixed width, so that making the next event costs 28 bytes written and
//! no allocation: `n` tells events apart, `sent_at_us` lets the receiver measure latency.

use std::time::{SystemTime, UNIX_EPOCH};

/// First value of `n`: twelve digits from the start, because JSON forbids leading zeros.
const COUNTER_BASE: u64 = 100_000_000_000;
const COUNTER_DIGITS: usize = 12;
/// Stands for the counter, wherever it is to be written; a number, so that what was never stamped is JSON too.
pub const COUNTER: &str = "100000000000";
/// Microseconds since 1970 have sixteen digits until the year 2286.
const MICROS_DIGITS: usize = 16;

/// JSON bytes with the places of the two numbers.
pub struct Payload {
    bytes: Vec<u8>,
    counters_at: Vec<usize>,
    sent_at: usize,
}

impl Payload {
    /// An event as `POST /v1/events` takes it, of `size` bytes (or the least possible).
    pub fn event(size: usize) -> Self {
        Self::padded(br#"{"type":"deal.won","#, size)
    }

    /// The same event with an id of the client's, which begins with `prefix` and ends with the counter.
    pub fn named_event(prefix: &str, size: usize) -> Self {
        Self::padded(
            format!(r#"{{"id":"{prefix}-{COUNTER}","type":"deal.won","#).as_bytes(),
            size,
        )
    }

    /// The same event as an endpoint receives it: `size` counts what was posted, and the id and
    /// timestamp that the gateway adds come on top.
    pub fn delivery(id: &str, timestamp: &str, size: usize) -> Self {
        let added = format!(r#""id":"{id}","timestamp":"{timestamp}","#).len();
        let head = format!(r#"{{"id":"{id}","type":"deal.won","timestamp":"{timestamp}","#);
        Self::padded(head.as_bytes(), size + added)
    }

    /// Gives a delivery another id, which must be as long as the one it was made with.
    pub fn rename(&mut self, id: &str) {
        const ID_AT: usize = br#"{"id":""#.len();
        self.bytes[ID_AT..ID_AT + id.len()].copy_from_slice(id.as_bytes());
    }

    fn padded(head: &[u8], size: usize) -> Self {
        const OPEN: &[u8] = br#""data":{"object":"deal","id":"deal_0199d1c2-7a30-7c41-9f0e-3b5f8f1d2a64","record":{"name":"Renewal","amount":"1200.50","currency":"EUR","stage":"closed","notes":""#;
        const COUNTED: &[u8] = br#""},"n":"#;
        const SENT: &[u8] = br#","sent_at_us":"#;
        const CLOSE: &[u8] = b"}}";
        let fixed = head.len()
            + OPEN.len()
            + COUNTED.len()
            + COUNTER_DIGITS
            + SENT.len()
            + MICROS_DIGITS
            + CLOSE.len();
        let mut bytes = Vec::with_capacity(size.max(fixed));
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(OPEN);
        let filler = b"the quick brown fox jumps over the lazy dog ";
        bytes.extend(filler.iter().cycle().take(size.saturating_sub(fixed)));
        bytes.extend_from_slice(COUNTED);
        bytes.extend_from_slice(COUNTER.as_bytes());
        bytes.extend_from_slice(SENT);
        let sent_at = bytes.len();
        bytes.extend_from_slice(&[b'1'; MICROS_DIGITS]);
        bytes.extend_from_slice(CLOSE);
        let counters_at = counters(&bytes);
        Self {
            bytes,
            counters_at,
            sent_at,
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Puts `lead` (a request's head, which may hold the counter too) before the JSON; the places move with it. Nothing
    /// may be stamped before.
    pub fn preceded_by(mut self, lead: &[u8]) -> Self {
        self.bytes.splice(0..0, lead.iter().copied());
        self.counters_at = counters(&self.bytes);
        self.sent_at += lead.len();
        self
    }

    pub fn stamp(&mut self, counter: u64, sent_at_us: u64) {
        for &at in &self.counters_at {
            write_digits(&mut self.bytes[at..at + COUNTER_DIGITS], COUNTER_BASE + counter);
        }
        let sent_end = self.sent_at + MICROS_DIGITS;
        write_digits(&mut self.bytes[self.sent_at..sent_end], sent_at_us);
    }
}

/// Where the counter is to be written.
fn counters(bytes: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(COUNTER_DIGITS).enumerate();
    let found = windows.filter(|(_, window)| *window == COUNTER.as_bytes());
    found.map(|(at, _)| at).collect()
}

/// Microseconds since 1970.
pub fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| {
        u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
    })
}

/// Writes `value` in decimal over the whole of `place`, high digits first.
pub fn write_digits(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_json_of_the_size_asked_for_and_carries_its_stamp() {
        let mut payload = Payload::event(400);
        payload.stamp(7, 1_767_225_600_000_001);
        assert_eq!(payload.as_bytes().len(), 400);
        let event: serde_json::Value = serde_json::from_slice(payload.as_bytes()).expect("valid JSON");
        assert_eq!(event["type"], "deal.won");
        assert_eq!(event["data"]["n"], 100_000_000_007_u64);
        assert_eq!(event["data"]["sent_at_us"], 1_767_225_600_000_001_u64);
    }

    #[test]
    fn the_counter_stands_wherever_it_is_asked_for() {
        let mut request = Payload::named_event("run", 400).preceded_by(format!("key {COUNTER}\n").as_bytes());
        request.stamp(3, 1_767_225_600_000_001);
        let text = String::from_utf8(request.as_bytes().to_vec()).expect("text");
        let (head, body) = text.split_once('\n').expect("a head");
        assert_eq!(head, "key 100000000003");
        let event: serde_json::Value = serde_json::from_str(body).expect("valid JSON");
        assert_eq!(event["id"], "run-100000000003");
        assert_eq!(body.len(), 400);
    }

    #[test]
    fn a_delivery_is_json_and_a_lead_moves_the_places() {
        let mut delivery = Payload::delivery("evt_0", "2026-01-01T00:00:00.000Z", 400);
        delivery.rename("evt_1");
        let body: serde_json::Value = serde_json::from_slice(delivery.as_bytes()).expect("valid JSON");
        assert_eq!(body["id"], "evt_1");

        let mut request = Payload::event(400).preceded_by(b"HEAD");
        request.stamp(1, 1_767_225_600_000_002);
        let event: serde_json::Value = serde_json::from_slice(&request.as_bytes()[4..]).expect("valid JSON");
        assert_eq!(event["data"]["sent_at_us"], 1_767_225_600_000_002_u64);
    }
}
