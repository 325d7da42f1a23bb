use super::*;

/// Every schema within `value`, with the path to it.
fn walk(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            found.push((path.to_owned(), value.clone()));
            for (name, field) in fields {
                walk(field, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                walk(item, &format!("{path}/{at}"), found);
            }
        }
        _ => {}
    }
}

fn specification() -> Value {
    serde_json::from_str(&crate::routes::openapi::text()).expect("JSON")
}

#[test]
fn an_object_says_what_it_holds() {
    let mut found = Vec::new();
    walk(&specification()["components"]["schemas"], "", &mut found);
    let is_object = |schema: &Value| match &schema["type"] {
        Value::String(kind) => kind == "object",
        Value::Array(kinds) => kinds.contains(&json!("object")),
        _ => false,
    };
    let silent: Vec<_> = found
        .iter()
        .filter(|(path, _)| !path.ends_with("/example"))
        .filter(|(_, schema)| is_object(schema))
        .filter(|(_, schema)| {
            ["properties", "additionalProperties", "anyOf"]
                .iter()
                .all(|field| schema.get(field).is_none())
        })
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn what_has_a_body_has_a_content_type() {
    let whole = specification();
    for (path, operations) in whole["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            for (status, reply) in operation["responses"].as_object().expect("responses") {
                let has_content = reply["content"]
                    .as_object()
                    .is_some_and(|content| content.len() == 1);
                assert_eq!(has_content, status != "204", "{method} {path} {status}");
            }
        }
    }
}

#[test]
fn what_is_never_replayed_does_not_say_so() {
    let whole = specification();
    for (path, operations) in whole["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let takes_key = operation["parameters"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["name"] == "Idempotency-Key"));
            for (status, reply) in operation["responses"].as_object().expect("responses") {
                let says_so = reply["headers"].get("Idempotent-Replayed").is_some();
                let may = takes_key && status.starts_with('2');
                assert_eq!(says_so, may, "{method} {path} {status}");
            }
        }
    }
}

#[test]
fn every_delimiter_that_is_taken_is_described() {
    let pattern = regex::Regex::new(DELIMITER).expect("a pattern");
    for byte in 0..=127_u8 {
        let text = char::from(byte).to_string();
        let is_taken = crate::imports::read::sniff::delimiter::named(&text).is_some();
        assert_eq!(pattern.is_match(&text), is_taken, "{text:?}");
    }
    let is_match = |text| pattern.is_match(text);
    assert!(is_match("tab") && is_match("TAB") && !is_match("tabs") && !is_match(";;"));
}

#[test]
fn selectors_and_masked_headers_are_described_as_they_are_taken() {
    let selector = regex::Regex::new(SELECTOR).expect("a pattern");
    for taken in ["*", "deal.won", "a.b.c", "stripe.*", "stripe.charge.*"] {
        assert!(selector.is_match(taken), "{taken}");
    }
    for refused in [
        "",
        "deal",
        "stripe*",
        ".*",
        "*.paid",
        "Stripe.*",
        "stripe..*",
        "stripe.**",
    ] {
        assert!(!selector.is_match(refused), "{refused}");
    }
    let value = regex::Regex::new(HEADER_VALUE).expect("a pattern");
    assert!(value.is_match(crate::webhooks::model::MASK) && value.is_match("Bearer x"));
    assert!(!value.is_match("\u{2022}"));
}

#[test]
fn every_refinement_meets_a_property() {
    let schemas = &specification()["components"]["schemas"];
    for (schema, property, _) in refinements() {
        let found = &schemas[schema]["properties"][property];
        assert!(found.is_object(), "{schema} has no {property}");
    }
}
