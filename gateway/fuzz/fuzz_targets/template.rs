//! Any JSON as a template, over any JSON: what is rendered is JSON again, as it was before it was written.
#![no_main]

use gateway::facade::connectors::{Scope, Text, Tree};
use gateway::facade::http::parse_json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (template, body) = input.split_once('\n').unwrap_or((input, "{}"));
    let Ok(body) = parse_json(body.as_bytes()) else {
        return;
    };
    let scope = || Scope::new([("body", &body)]);
    if let Ok(text) = Text::compile(template) {
        let _ = text.text(&scope());
        if text.check_url(false).is_ok() {
            let _ = text.url(&scope());
        }
        if let Ok(header) = text.header(&scope()) {
            assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
    }
    let Ok(template) = parse_json(template.as_bytes()) else {
        return;
    };
    let Ok(tree) = Tree::compile(&template) else {
        return;
    };
    if let Ok(Some(value)) = tree.render(&scope()) {
        let written = serde_json::to_vec(&value).expect("JSON");
        // Values may be nested deeper together than one text may be.
        if let Ok(again) = parse_json(&written) {
            assert_eq!(again, value);
        }
    }
});
