//! What OpenAPI says of sentries and hoots beyond the types.

use serde_json::{Value, json};

/// The values of a parameter `state`.
pub(super) fn states(path: &str) -> Value {
    match path {
        "/v1/sentries/{id}" => json!(["happy", "sad", "sick"]),
        _ => json!(["happy", "sad", "sick", "none"]),
    }
}

/// Schema, property, and what is added to it.
pub(super) fn refinements() -> Vec<(&'static str, &'static str, Value)> {
    let open = json!({"additionalProperties": true});
    let name = json!({"pattern": r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"});
    let set_name = json!({"type": "string", "pattern": name["pattern"]});
    let prose = json!({"pattern": r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"});
    let ids = |prefix: &str| {
        let pattern = format!("^{prefix}[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$");
        json!({"uniqueItems": true, "items": {"type": "string", "pattern": pattern}})
    };
    let set_ids = |prefix: &str| {
        let mut ids = ids(prefix);
        ids["type"] = json!("array");
        ids
    };
    let (line, set_line, many_lines) = (name.clone(), set_name.clone(), prose.clone());
    let message = json!({"pattern": r"^[^\x00-\x1f\x7f-\x9f]*$"});
    let url = json!({"pattern": r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,4})?(/[!-~]*)?$", "example": "https://example.com/report"});
    let hours = json!({"multipleOf": 0.01});
    vec![
        ("Sentry", "meta", open.clone()),
        ("SentryHistoryEntry", "meta", open.clone()),
        ("ReportSentry", "meta", open),
        (
            "ReportSentry",
            "state",
            json!({"pattern": "^([Hh][Aa][Pp][Pp][Yy]|[Ss][Aa][Dd]|[Ss][Ii][Cc][Kk])$"}),
        ),
        (
            "ReportSentry",
            "user_message",
            json!({"pattern": r"^[^\x00-\x1f\x7f-\x9f]*$"}),
        ),
        (
            "ReportSentry",
            "history_note",
            json!({"pattern": r"^[^\u0000]*$"}),
        ),
        ("CreateSentry", "name", name),
        ("CreateSentry", "description", prose.clone()),
        ("CreateSentry", "timeout_hours", hours.clone()),
        ("CreateSentry", "hoots", ids("hoot_")),
        ("CreateSentry", "upstream", ids("sen_")),
        ("UpdateSentry", "name", set_name),
        ("UpdateSentry", "description", prose),
        ("UpdateSentry", "timeout_hours", hours),
        ("UpdateSentry", "hoots", set_ids("hoot_")),
        ("UpdateSentry", "upstream", set_ids("sen_")),
        ("UpdateSentry", "enabled", json!({"type": "boolean"})),
        ("CreateHoot", "name", line.clone()),
        ("CreateHoot", "description", many_lines.clone()),
        ("CreateHoot", "resource_url", url.clone()),
        ("CreateHoot", "sentries", ids("sen_")),
        ("CreateHoot", "message", message.clone()),
        ("UpdateHoot", "name", set_line),
        ("UpdateHoot", "description", many_lines.clone()),
        ("UpdateHoot", "resource_url", url.clone()),
        ("UpdateHoot", "public", json!({"type": "boolean"})),
        ("UpdateHoot", "enabled", json!({"type": "boolean"})),
        ("UpdateHoot", "sentries", set_ids("sen_")),
        ("UpdateHoot", "message", message.clone()),
        ("UpdateHoot", "links", json!({"type": "array"})),
        ("UpdateHoot", "faqs", json!({"type": "array"})),
        ("SetOverride", "message", message),
        ("SetOverride", "until", json!({"example": "2999-01-01T00:00:00Z"})),
        ("Link", "label", line.clone()),
        ("Link", "url", url),
        ("Faq", "question", line),
        ("Faq", "answer", many_lines),
    ]
}
