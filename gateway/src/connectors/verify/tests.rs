use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Held, Keyring, Received, Refusal, Unsupported, Verifier};
use crate::base::secret::Secret;
use crate::connectors::definition::Verify;

/// A row, a request and the one secret, `key`.
pub(super) struct Case<'a> {
    pub(super) rule: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a str,
    pub(super) secret: &'a str,
    pub(super) now: i64,
}

fn verifier(rule: &str) -> Result<Verifier, Unsupported> {
    let verify: Verify = toml::from_str(rule).expect("a row");
    Verifier::compile(&verify, Some("ada"))
}

pub(super) fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        map.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    map
}

pub(super) fn held(value: &str, until_unix_ms: Option<i64>) -> Held {
    let value = Secret::new(value.to_owned());
    Held { value, until_unix_ms }
}

pub(super) fn judge(
    case: &Case<'_>,
    method: &str,
    url: &str,
    url_secret: Option<&str>,
) -> Result<(), Refusal> {
    let mut secrets = Keyring::default();
    secrets.push("key", held(case.secret, None));
    let headers = header_map(case.headers);
    let request = Received {
        method,
        url,
        headers: &headers,
        body: case.body.as_bytes(),
        url_secret,
    };
    let verifier = verifier(case.rule).expect("compiles");
    verifier.verify(&request, &secrets, case.now * 1000)
}

const HUB: &str = r#"
scheme = "hmac_sha256"
key = "key"
signature = { header = "X-Hub-Signature-256", prefix = "sha256=", encoding = "hex" }
"#;

pub(super) fn hub(headers: &[(&str, &str)], body: &str, secret: &str) -> Result<(), Refusal> {
    let case = Case {
        rule: HUB,
        headers,
        body,
        secret,
        now: 0,
    };
    judge(&case, "POST", "", None)
}

/// Anybody can sign with an empty key.
#[test]
fn an_empty_secret_verifies_nothing() {
    let value = "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
    assert_eq!(
        hub(&[("x-hub-signature-256", value)], "", ""),
        Err(Refusal::Invalid)
    );
    let rule = r#"
        scheme = "token"
        key = "key"
        signature = { header = "X-Token", prefix = "t=" }
    "#;
    let case = Case {
        rule,
        headers: &[("x-token", "t=")],
        body: "",
        secret: "",
        now: 0,
    };
    assert_eq!(judge(&case, "POST", "", None), Err(Refusal::Invalid));
}

const LIST: &str = r#"
scheme = "hmac_sha256"
key = "key"
signature = { header = "S", field = "v1", separator = "," }
timestamp = { header = "S", field = "t", within_seconds = 10 }
signed = "{timestamp}.{body}"
"#;
/// HMAC-SHA256 of `5.x` under `k`, by Python's hmac.
const OF_LIST: &str = "a65dbbfe402be79ea9aca8939e5812fbc1374a0ac680cc03adff418aa4383b1b";

#[test]
fn a_list_has_one_timestamp_and_any_signature_of_its_scheme_may_match() {
    let zeros = "0".repeat(64);
    for (value, expected) in [
        (format!("t=5,v1={OF_LIST}"), Ok(())),
        (format!("t=5, v1={OF_LIST}"), Ok(())),
        (format!("v0={zeros},v1={zeros},v1={OF_LIST},t=5"), Ok(())),
        (format!("t=5,v0={OF_LIST}"), Err(Refusal::Invalid)),
        (format!("t=5,v11={OF_LIST}"), Err(Refusal::Invalid)),
        (format!("t=5,t=5,v1={OF_LIST}"), Err(Refusal::Invalid)),
        (format!("v1={OF_LIST}"), Err(Refusal::Missing)),
        (format!("t=,v1={OF_LIST}"), Err(Refusal::Missing)),
        (format!("t=+5,v1={OF_LIST}"), Err(Refusal::Invalid)),
        (format!("t=05,v1={OF_LIST}"), Err(Refusal::Invalid)),
        (format!("t=5e0,v1={OF_LIST}"), Err(Refusal::Invalid)),
        (
            format!("t=99999999999999999999,v1={OF_LIST}"),
            Err(Refusal::Invalid),
        ),
        ("t=5".to_owned(), Err(Refusal::Invalid)),
        (",".repeat(5000), Err(Refusal::Missing)),
    ] {
        let headers = [("S", value.as_str())];
        let case = Case {
            rule: LIST,
            headers: &headers,
            body: "x",
            secret: "k",
            now: 15,
        };
        assert_eq!(judge(&case, "POST", "", None), expected, "{value}");
    }
}

/// Who has no secret does not learn whether the clock is right.
#[test]
fn a_wrong_signature_is_invalid_and_not_stale() {
    let value = format!("t=5,v1={OF_LIST}");
    let headers = [("S", value.as_str())];
    let late = Case {
        rule: LIST,
        headers: &headers,
        body: "x",
        secret: "k",
        now: 16,
    };
    assert_eq!(judge(&late, "POST", "", None), Err(Refusal::Stale));
    let wrong = Case { body: "y", ..late };
    assert_eq!(judge(&wrong, "POST", "", None), Err(Refusal::Invalid));
}

#[test]
fn an_id_cannot_run_into_what_is_signed_beside_it() {
    let rule = r#"
        scheme = "hmac_sha256"
        key = "key"
        signature = { header = "S" }
        id = { header = "I" }
        signed = "{id}.{body}"
    "#;
    for (id, body, expected) in [
        ("5", "x", Ok(())),
        ("5.", "x", Err(Refusal::Invalid)),
        ("", "x", Err(Refusal::Missing)),
    ] {
        let headers = [("S", OF_LIST), ("I", id)];
        let case = Case {
            rule,
            headers: &headers,
            body,
            secret: "k",
            now: 0,
        };
        assert_eq!(judge(&case, "POST", "", None), expected, "{id}");
    }
    // HMAC-SHA256 of `5.x.y`: as `5` and `x.y` it holds, as `5.x` and `y` it does not.
    let whole = "578893e8e83679fec6e5c79c432e00c2cfcca9e9f25cbd1ffaf6c83d137a5324";
    for (id, body, expected) in [("5", "x.y", Ok(())), ("5.x", "y", Err(Refusal::Invalid))] {
        let headers = [("S", whole), ("I", id)];
        let case = Case {
            rule,
            headers: &headers,
            body,
            secret: "k",
            now: 0,
        };
        assert_eq!(judge(&case, "POST", "", None), expected, "{id}");
    }
}

#[test]
fn shared_tokens_are_compared_whole() {
    let token = r#"
        scheme = "token"
        key = "key"
        signature = { header = "Authorization", prefix = "Bearer " }
    "#;
    let basic = "scheme = \"basic\"\nkey = \"key\"";
    // `YWRhOnM6MQ==` is ada:s:1, `ZXZlOnM6MQ==` eve:s:1, `YWRhOnM6` ada:s:
    for (rule, value, expected) in [
        (token, "Bearer s:1", Ok(())),
        (token, "Bearer s:", Err(Refusal::Invalid)),
        (token, "Bearer s:11", Err(Refusal::Invalid)),
        (token, "s:1", Err(Refusal::Invalid)),
        (basic, "Basic YWRhOnM6MQ==", Ok(())),
        (basic, "basic YWRhOnM6MQ==", Ok(())),
        (basic, "Basic ZXZlOnM6MQ==", Err(Refusal::Invalid)),
        (basic, "Basic YWRhOnM6", Err(Refusal::Invalid)),
        (basic, "Basic", Err(Refusal::Invalid)),
        (basic, "Basic !", Err(Refusal::Invalid)),
        (basic, "", Err(Refusal::Missing)),
    ] {
        let headers = [("Authorization", value)];
        let case = Case {
            rule,
            headers: &headers,
            body: "",
            secret: "s:1",
            now: 0,
        };
        assert_eq!(judge(&case, "POST", "", None), expected, "{value}");
    }
    let rule = "scheme = \"url_secret\"\nkey = \"key\"";
    let case = Case {
        rule,
        headers: &[],
        body: "",
        secret: "s:1",
        now: 0,
    };
    assert_eq!(judge(&case, "POST", "", Some("s:1")), Ok(()));
    assert_eq!(judge(&case, "POST", "", Some("s:2")), Err(Refusal::Invalid));
    assert_eq!(judge(&case, "POST", "", None), Err(Refusal::Missing));
}

#[test]
fn a_row_that_could_be_passed_without_the_secret_does_not_compile() {
    let rule = |rest: &str| format!("key = \"key\"\nsignature = {{ header = \"S\" }}\n{rest}");
    for (rest, expected) in [
        ("scheme = \"sha256\"", Unsupported::NoSecretInMessage),
        (
            "scheme = \"hmac_sha256\"\nsigned = \"{secret}\"",
            Unsupported::SecretInMessage,
        ),
        (
            "scheme = \"hmac_sha256\"\nsigned = \"{timestamp}\"",
            Unsupported::NoTimestamp,
        ),
        ("scheme = \"hmac_sha256\"\nsigned = \"{id}\"", Unsupported::NoId),
        ("scheme = \"jwt\"", Unsupported::NoRules),
    ] {
        assert_eq!(verifier(&rule(rest)).err(), Some(expected), "{rest}");
    }
    for (whole, expected) in [
        (
            "scheme = \"token\"\nsignature = { header = \"S\" }",
            Unsupported::NoKey,
        ),
        ("scheme = \"hmac_sha256\"\nkey = \"key\"", Unsupported::NoHeader),
        (
            "scheme = \"hmac_sha256\"\nkey = \"key\"\nsignature = { body = \"{{item.clientState}}\" }",
            Unsupported::SignatureInBody,
        ),
        (
            "scheme = \"token\"\nkey = \"key\"\nsignature = { header = \"no name\" }",
            Unsupported::HeaderName,
        ),
    ] {
        assert_eq!(verifier(whole).err(), Some(expected), "{whole}");
    }
}
