use super::{Scheme, SignedPart, read};

const WHOLE: &str = r#"format  = 1
name    = "example"
title   = "Example"
hosts   = ["api.example"]
checked = 2026-11-30

[source]
secrets = { secret = { title = "Secret", from = "vendor" } }
bodies  = ["json", "form:payload"]
type    = "example.{{body.type}}"
reply   = { status = 200 }

[source.verify]
scheme    = "hmac_sha256"
key       = "secret"
signature = { header = "X-Signature", prefix = "v0=" }
timestamp = { header = "X-Timestamp", within_seconds = 300 }
signed    = "v0:{timestamp}:{body}"

[[source.handshake]]
when  = { "body.type" = "hello" }
reply = { status = 200, json = { z = "{{body.a}}", a = "{{body.a | hmac_sha256_hex(secret)}}" } }

[[connection]]
kind = "bearer"

[[action]]
name        = "send"
title       = "Send"
connections = ["bearer"]
inputs      = { to = { required = true }, id = {} }

[action.request]
method = "POST"
url    = "https://api.example/v1/{{input.id}}"
json   = { to = "{{input.to}}" }

[[action.outcome]]
when = { "status" = 200 }
is   = "fail"
why  = "{{body.error}}"
"#;

#[test]
fn a_whole_definition_is_read() {
    let definition = read("example.toml", WHOLE).expect("valid");
    let source = definition.source.expect("a source");
    assert_eq!(source.verify.scheme, Scheme::HmacSha256);
    let fixed = |text: &str| SignedPart::Fixed(text.into());
    assert_eq!(
        source.verify.signed.0,
        [fixed("v0:"), SignedPart::Timestamp, fixed(":"), SignedPart::Body]
    );
    assert_eq!(definition.action.len(), 1);
}

#[test]
fn members_stay_in_their_order() {
    use crate::connectors::template::Scope;
    let definition = read("example.toml", WHOLE).expect("valid");
    let source = definition.source.expect("a source");
    let json = source.handshake[0].reply.json.as_ref().expect("JSON");
    let body = crate::http::json::parse(br#"{"a":1}"#).expect("JSON");
    let scope = Scope::new([("body", &body)]).with_secret("secret", b"k");
    let rendered = json.render(&scope).expect("renders");
    let text = serde_json::to_string(&rendered).expect("JSON");
    assert!(text.starts_with(r#"{"z":1,"a":""#), "{text}");
}

/// Each changes one place of [`WHOLE`]; the fault has the line and the key of that place.
#[test]
fn faults_have_file_line_and_key() {
    for (old, new, line, key, words) in [
        ("format  = 1", "format  = 2", 1, "format", "the only format"),
        ("\"example\"\ntitle", "\"Ex\"\ntitle", 2, "name", "takes a-z"),
        ("title   = \"Example\"\n", "", 1, "", "missing field `title`"),
        ("title   =", "titel   =", 3, "titel", "unknown field"),
        (
            "[\"api.example\"]",
            "[\"api.example\", \"A b\"]",
            4,
            "hosts[1]",
            "the name of a host",
        ),
        ("form:payload", "yaml", 9, "source.bodies", "no form of body"),
        (
            "example.{{body.type}}",
            "{{body.type}}",
            10,
            "source.type",
            "begins with example.",
        ),
        (
            "example.{{body.type}}",
            "example.{{body.type",
            10,
            "source.type",
            "{{ without }}",
        ),
        (
            "example.{{body.type}}",
            "example.{{input.type}}",
            10,
            "source.type",
            "input is unknown here",
        ),
        (
            "reply   = { status = 200 }",
            "reply   = { status = 500 }",
            11,
            "source.reply.status",
            "no 2xx",
        ),
        (
            "hmac_sha256\"\n",
            "md5\"\n",
            14,
            "source.verify.scheme",
            "unknown variant",
        ),
        (
            "key       = \"secret\"",
            "key       = \"other\"",
            15,
            "source.verify.key",
            "no secret",
        ),
        ("key       = \"secret\"\n", "", 13, "source.verify", "needs key"),
        (
            ", prefix",
            ", prefixx",
            16,
            "source.verify.signature.prefixx",
            "unknown field",
        ),
        (
            "v0:{timestamp}",
            "v0:{stamp}",
            18,
            "source.verify.signed",
            "{stamp} is none of",
        ),
        (
            "{timestamp}:{body}",
            "{id}:{body}",
            18,
            "source.verify.signed",
            "{id} needs id",
        ),
        (
            "hex(secret)",
            "hex(other)",
            22,
            "source.handshake[0].reply.json",
            "no secret",
        ),
        (
            "[\"bearer\"]",
            "[\"url\"]",
            30,
            "action[0].connections",
            "no kind",
        ),
        (
            "https://api.example",
            "https://evil.example",
            35,
            "action[0].request.url",
            "none of hosts",
        ),
        (
            "https://api.example/v1/{{input.id}}",
            "https://{{input.id}}/",
            35,
            "action[0].request.url",
            "host",
        ),
        (
            "\"{{input.to}}\"",
            "\"{{input.too}}\"",
            36,
            "action[0].request.json",
            "no input",
        ),
        (
            "\"{{input.to}}\"",
            "[\"{{input.to | x}}\"]",
            36,
            "action[0].request.json",
            "to.0: there is no filter",
        ),
        (
            "{{body.error}}",
            "{{input.to}}",
            41,
            "action[0].outcome[0].why",
            "unknown here",
        ),
        ("is   = \"fail\"", "is   = ", 40, "", ""),
    ] {
        let text = WHOLE.replacen(old, new, 1);
        assert_ne!(text, WHOLE, "{old} stands in the definition");
        let faults = read("example.toml", &text).expect_err(new);
        let found = faults.iter().any(|fault| {
            fault.file == "example.toml"
                && fault.line == line
                && fault.key == key
                && fault.message.contains(words)
        });
        assert!(found, "{new}: expected {line} {key} {words}, found {faults:#?}");
    }
}

#[test]
fn all_faults_of_one_file_are_told() {
    let text = WHOLE
        .replace("format  = 1", "format  = 3")
        .replace("key       = \"secret\"", "key = \"b\"");
    assert_eq!(read("example.toml", &text).expect_err("two faults").len(), 2);
}

/// The definitions of config/connectors are valid, and each stands in the file of its name.
#[test]
fn the_files_of_config_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/connectors");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let definition = read(&file, &text).unwrap_or_else(|faults| panic!("{file}: {faults:#?}"));
        assert_eq!(format!("{}.toml", definition.name), file);
        count += 1;
    }
    assert!(count >= 3, "only {count} were found");
}
