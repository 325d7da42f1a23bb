//! What the OpenAPI file says of replies. One that it does not describe is a fault of the file, or of the gateway.

use std::process::Command;
use std::sync::LazyLock;

use http::Method;
use serde_json::{Map, Value};

use super::reply::Reply;

/// The file's paths, as the gateway under test prints them; nothing where none is under test.
static PATHS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let Some(gateway) = std::env::var_os("CARGO_BIN_EXE_gateway") else {
        return Map::new();
    };
    let printed = Command::new(gateway)
        .arg("openapi")
        .output()
        .expect("the gateway runs");
    let file: Value = serde_json::from_slice(&printed.stdout).expect("JSON");
    file["paths"].as_object().expect("paths").clone()
});

/// Fails the test if the reply to this request is not described.
pub(super) fn check(method: &Method, path: &str, reply: &Reply) {
    // Not of the gateway itself: a proxy's, say.
    if reply.header("x-request-id").is_none() {
        return;
    }
    let Some((template, operations)) = find(path) else {
        return;
    };
    let method = match *method {
        Method::HEAD => "get".to_owned(),
        _ => method.as_str().to_ascii_lowercase(),
    };
    // What the path does not offer is a 405, which belongs to no operation.
    let Some(operation) = operations.get(&method) else {
        return;
    };
    let response = &operation["responses"][reply.status.to_string()];
    assert!(
        response.is_object(),
        "the OpenAPI file does not describe {} of {method} {template}: {:?}",
        reply.status,
        reply.body
    );
    let sent = reply
        .header("content-type")
        .and_then(|value| value.split(';').next());
    let is_described = |sent: &str| response["content"].get(sent).is_some();
    assert!(
        sent.is_none_or(is_described),
        "the OpenAPI file does not describe {sent:?} as a {} of {method} {template}",
        reply.status
    );
}

/// The template that a path matches; the one with a word of its own over one with a parameter there.
fn find(path: &str) -> Option<(&'static str, &'static Value)> {
    let path = path.split('?').next().unwrap_or_default();
    let matching = PATHS.iter().filter(|(template, _)| {
        let mut parts = path.split('/');
        let fits = template.split('/').all(|expected| {
            parts
                .next()
                .is_some_and(|part| part == expected || expected.starts_with('{'))
        });
        fits && parts.next().is_none()
    });
    let found = matching.min_by_key(|(template, _)| template.matches('{').count());
    found.map(|(template, operations)| (template.as_str(), operations))
}
