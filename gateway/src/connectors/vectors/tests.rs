//! The built-in definitions through their own vectors, and definitions whose vectors are wrong.

use super::{gaps, run};
use crate::connectors::built_in;
use crate::connectors::definition::{Definition, read};

fn definitions() -> Vec<Definition> {
    let files = built_in::FILES.iter();
    files
        .map(|(file, text)| read(file, text).unwrap_or_else(|faults| panic!("{faults:#?}")))
        .collect()
}

#[test]
fn the_built_in_vectors_hold() {
    let mut count = 0;
    for definition in definitions() {
        let faults = run(&definition);
        assert!(faults.is_empty(), "{}: {faults:#?}", definition.name);
        count += definition.vector.outgoing.len() + definition.vector.outcome.len();
    }
    assert!(count > 100, "only {count} vectors");
}

#[test]
fn nothing_built_in_lacks_a_vector() {
    for definition in definitions() {
        let gaps = gaps(&definition);
        assert!(gaps.is_empty(), "{}: {gaps:#?}", definition.name);
    }
}

const WHOLE: &str = r#"
format  = 1
name    = "example"
title   = "Example"
hosts   = ["api.example"]
checked = 2026-12-01

[source]
secrets = { secret = { title = "Secret", from = "vendor" } }
type    = "example.{{body.type}}"
reply   = { status = 200 }

[source.verify]
scheme    = "token"
key       = "secret"
signature = { header = "X-Token" }

[[source.handshake]]
when  = { "body.type" = "hello" }
reply = { status = 200 }

[[connection]]
kind = "bearer"

[[action]]
name        = "send"
title       = "Send"
connections = ["bearer"]
inputs      = { to = { required = true } }
request     = { method = "POST", url = "https://api.example/{{input.to}}", json = { to = "{{input.to}}" } }

[[action.outcome]]
when = { "body.error" = "busy" }
is   = "retry"
wait = { at_least_seconds = 2 }
"#;

const VECTORS: &str = r#"
[[vector.in]]
from    = "self-made"
now     = 1
secrets = { secret = "s" }
headers = { X-Token = "s" }
body    = '{"type":"x"}'
expect  = { outcome = "accepted" }

[[vector.in]]
from    = "self-made"
now     = 1
secrets = { secret = "s" }
headers = { X-Token = "t" }
expect  = { outcome = "signature_invalid" }

[[vector.in]]
from    = "self-made"
now     = 1
secrets = { secret = "s" }
headers = { X-Token = "s" }
body    = '{"type":"hello"}'
expect  = { outcome = "handshake" }

[[vector.out]]
action     = "send"
connection = { kind = "bearer", token = "t" }
input      = { to = "a b" }
expect     = { method = "POST", url = "https://api.example/a%20b", headers = { Authorization = "Bearer t", Content-Type = "application/json" }, body = '{"to":"a b"}' }

[[vector.outcome]]
action = "send"
answer = { status = 200, body = '{"error":"busy"}' }
expect = { is = "retry", wait_seconds = 2 }
"#;

fn definition(vectors: &str) -> Definition {
    read("example.toml", &format!("{WHOLE}{vectors}")).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

#[test]
fn a_wrong_vector_is_told_by_its_place() {
    assert_eq!(run(&definition(VECTORS)), []);
    for (right, wrong, key, words) in [
        ("a%20b", "a+b", "vector.out[0]", "url is"),
        ("Bearer t", "Bearer x", "vector.out[0]", "headers is"),
        (r#"'{"to":"a b"}'"#, r#"'{"to":"a"}'"#, "vector.out[0]", "body is"),
        (
            "input      = { to = \"a b\" }",
            "input      = {}",
            "vector.out[0]",
            "cannot be rendered: input.to",
        ),
        (
            "wait_seconds = 2",
            "wait_seconds = 3",
            "vector.outcome[0]",
            "wait_seconds is",
        ),
        (
            "is = \"retry\", wait",
            "is = \"fail\", wait",
            "vector.outcome[0]",
            "is is",
        ),
    ] {
        let vectors = VECTORS.replace(right, wrong);
        assert_ne!(vectors, VECTORS, "{right}");
        let faults = run(&definition(&vectors));
        assert!(faults.len() == 1 && faults[0].key == key, "{faults:?}");
        assert!(faults[0].message.contains(words), "{faults:?}");
    }
}

#[test]
fn what_has_no_vector_is_told() {
    assert_eq!(gaps(&definition(VECTORS)), []);
    let keys = |vectors: &str| -> Vec<String> {
        gaps(&definition(vectors))
            .into_iter()
            .map(|gap| gap.key)
            .collect()
    };
    assert_eq!(
        keys(""),
        [
            "source",
            "source.handshake[0]",
            "action[0]",
            "action[0].outcome[0]"
        ]
    );
    for (right, wrong, key) in [
        ("outcome = \"accepted\"", "outcome = \"filtered\"", "source"),
        (
            "outcome = \"signature_invalid\"",
            "outcome = \"filtered\"",
            "source",
        ),
        (
            r#"'{"type":"hello"}'"#,
            r#"'{"type":"other"}'"#,
            "source.handshake[0]",
        ),
        (
            r#"'{"error":"busy"}'"#,
            r#"'{"error":"no"}'"#,
            "action[0].outcome[0]",
        ),
    ] {
        let vectors = VECTORS.replace(right, wrong);
        assert_ne!(vectors, VECTORS, "{right}");
        assert_eq!(keys(&vectors), [key]);
    }
}
