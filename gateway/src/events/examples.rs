//! An example of each built-in event's data, for tests of endpoints and for readers of the API.

/// The example's JSON; types that a workspace added have a plain one.
pub fn data(label: &str) -> String {
    let record = |object: &str, record: &str| {
        format!(r#"{{"object":"{object}","id":"{object}_example","record":{record}}}"#)
    };
    const CONTACT: &str = r#"{"email":"ada@example.com","first_name":"Ada","last_name":"Lovelace"}"#;
    const ACCOUNT: &str = r#"{"name":"Acme","domain":"acme.com","employees":120}"#;
    const DEAL: &str = r#"{"name":"Renewal","amount":"1200.50","currency":"EUR","stage":"closed"}"#;
    const PRODUCT: &str = r#"{"name":"Lamp","sku":"LMP-1","price":"49.90","currency":"EUR"}"#;
    match label {
        "contact.created" | "contact.updated" => record("contact", CONTACT),
        "account.created" | "account.updated" => record("account", ACCOUNT),
        "deal.created" | "deal.stage_changed" | "deal.won" | "deal.lost" => record("deal", DEAL),
        "product.created" | "product.updated" => record("product", PRODUCT),
        "invoice.paid" => r#"{"invoice":"INV-1001","amount":"99.00","currency":"EUR"}"#.into(),
        "ticket.created" => r#"{"ticket":"T-17","subject":"Cannot log in","priority":"high"}"#.into(),
        "ticket.assigned" => r#"{"ticket":"T-17","assignee":"ada@example.com"}"#.into(),
        "import.completed" => {
            r#"{"id":"imp_example","object":"contact","status":"completed","rows_total":2,"rows_created":2,"rows_updated":0,"rows_unchanged":0,"rows_failed":0}"#.into()
        }
        "sentry.state_changed" => {
            r#"{"sentry_id":"sen_example","name":"nightly load","state":"sick","previous_state":"happy","reason":"report","user_message":"Load failed","latest_record_at":"2026-01-31T02:00:00.000Z","hoots":["hoot_example"]}"#.into()
        }
        "webhook.paused" | "webhook.disabled" => r#"{"id":"wh_example","reason":"It failed for too long."}"#.into(),
        "delivery.failed" => {
            r#"{"id":"dlv_example","webhook_id":"wh_example","event_id":"evt_example","type":"deal.won","attempt_count":5,"status_code":500,"error_code":"http_status"}"#.into()
        }
        _ => r#"{"example":true}"#.into(),
    }
}

#[cfg(test)]
mod tests {
    use crate::events::types::BUILT_IN;

    #[test]
    fn every_example_is_an_object() {
        for (name, _) in BUILT_IN {
            let value: serde_json::Value = serde_json::from_str(&super::data(name)).expect(name);
            assert!(value.as_object().is_some_and(|object| object.len() > 1), "{name}");
        }
    }
}
