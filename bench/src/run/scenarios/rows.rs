//! Rows as the gateway would have written them, for databases that are filled by SQL.

use crate::payload::Payload;

/// The digits in the stored data that a statement replaces by a time of its own.
pub const SENT_AT: &str = "1111111111111111";

/// An attempt that succeeded, as `deliveries.attempts` keeps it.
pub const SUCCEEDED: &str = r#"{"number":1,"at":"2026-01-01T00:00:00.000Z","status_code":200,"error_code":null,"response_body":"ok","dns_ms":null,"connect_ms":null,"tls_ms":null,"first_byte_ms":0.412,"total_ms":0.437}"#;

/// An attempt that failed, as `deliveries.attempts` keeps it.
pub const FAILED: &str = r#"{"number":1,"at":"2026-01-01T00:00:00.000Z","status_code":503,"error_code":"http_status","response_body":"busy","dns_ms":null,"connect_ms":null,"tls_ms":null,"first_byte_ms":0.412,"total_ms":0.437}"#;

/// The `data` of the event that every load sends, as `events.data` keeps it.
pub fn data(payload_bytes: usize) -> String {
    let event = Payload::event(payload_bytes);
    let text = String::from_utf8_lossy(event.as_bytes()).into_owned();
    let data = text.split_once(r#""data":"#).map_or("{}}", |(_, data)| data);
    data[..data.len() - 1].to_owned()
}

/// The body of a CTE with a row (n, event_id, delivery_id) for each n from `first` to `last`: an event's UUIDv7 of the
/// moment `millis`, an expression over n, and the id of a first delivery, which begins with the same 64 bits.
pub fn ids(first: u64, last: u64, millis: &str) -> String {
    format!(
        "select n, (head || '8' || substr(tail, 4, 15))::uuid as event_id,
                (head || '8' || substr(tail, 17, 15))::uuid as delivery_id
         from (select n, tail, lpad(to_hex(({millis})::bigint), 12, '0') || '7' || substr(tail, 1, 3) as head
               from (select n, md5(n || '-' || random()) as tail from generate_series({first}, {last}) n) numbered) made"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_data_is_json_with_a_time_to_replace() {
        let text = data(400).replace(SENT_AT, "1767225600000001");
        let data: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(data["sent_at_us"], 1_767_225_600_000_001_u64);
        assert!(!text.contains('\''), "it stands between quotes in SQL");
    }

    #[test]
    fn attempts_are_lines_of_json() {
        for line in [SUCCEEDED, FAILED] {
            let attempt: serde_json::Value = serde_json::from_str(line).expect("valid JSON");
            assert_eq!(attempt["number"], 1);
            assert!(!line.contains('\n'));
        }
    }
}
