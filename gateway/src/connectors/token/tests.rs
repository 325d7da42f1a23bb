use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use super::*;
use crate::base::clock::Millis;
use crate::connectors::catalogue::Catalogue;
use crate::connectors::definition::{Connection, ConnectionKind};
use crate::http::json;

fn defined(connector: &str, kind: ConnectionKind) -> Connection {
    let connector = Catalogue::load(None)
        .expect("valid")
        .get(connector)
        .expect("known");
    connector
        .definition
        .find_connection(kind)
        .expect("a kind")
        .clone()
}

fn judged(status: u16, body: &str) -> Judged {
    judge(
        &defined("gmail", ConnectionKind::Oauth2),
        status,
        &HeaderMap::new(),
        body.as_bytes(),
    )
}

#[test]
fn an_answer_without_a_lifetime_is_good() {
    let Judged::Granted(granted) = judged(200, r#"{"access_token":"a","refresh_token":"r","scope":"x y"}"#)
    else {
        panic!("granted");
    };
    assert_eq!(granted.lifetime_seconds, None);
    assert_eq!(granted.refresh_token.expect("a token").expose(), "r");
    assert_eq!(granted.scopes.expect("scopes"), ["x", "y"]);
}

#[test]
fn what_passes_is_told_from_what_is_refused() {
    for (status, body) in [
        (500, ""),
        (503, r#"{"error":"invalid_grant"}"#),
        (429, ""),
        (408, ""),
        (200, "no json"),
        (200, r#"{"access_token":""}"#),
        (200, r#"{"access_token":"a b"}"#),
        (400, r#"{"error":"temporarily_unavailable"}"#),
        (302, ""),
        (404, "<html>"),
    ] {
        let verdict = judged(status, body);
        assert!(
            matches!(verdict, Judged::Failed { .. }),
            "{status} {body}: {verdict:?}"
        );
    }
    for (status, body, wanted, of_grant) in [
        (400, r#"{"error":"invalid_grant"}"#, "invalid_grant", true),
        (401, r#"{"error":"invalid_client"}"#, "invalid_client", false),
        (
            400,
            r#"{"error":{"code":"unauthorized_client"}}"#,
            "unauthorized_client",
            false,
        ),
        (400, "", "http_400", false),
        (400, r#"{"error":"a token that stands here"}"#, "error", false),
    ] {
        match judged(status, body) {
            Judged::Refused { code, is_grant } => assert_eq!((code.as_str(), is_grant), (wanted, of_grant)),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn an_error_that_comes_with_a_200_is_one() {
    let slack = defined("slack", ConnectionKind::Oauth2);
    let judged = |body: &str| judge(&slack, 200, &HeaderMap::new(), body.as_bytes());
    let bad = judged(r#"{"ok":false,"error":"invalid_refresh_token"}"#);
    assert!(matches!(bad, Judged::Refused { is_grant: true, .. }), "{bad:?}");
    let passing = judged(r#"{"ok":false,"error":"ratelimited"}"#);
    assert!(matches!(passing, Judged::Failed { .. }), "{passing:?}");
    let good = judged(r#"{"ok":true,"access_token":"xoxb-1","team":{"name":"Acme"}}"#);
    let Judged::Granted(granted) = good else {
        panic!("granted")
    };
    assert_eq!(granted.account.as_deref(), Some("Acme"));
}

#[test]
fn a_person_is_sent_to_the_vendor_with_all_that_it_needs() {
    let gmail = defined("gmail", ConnectionKind::Oauth2);
    let scopes = ["a b".to_owned(), "c".to_owned()];
    let url = authorize_url(
        &gmail,
        &json::Node::Object(Vec::new()),
        "id&1",
        "https://gateway.example/oauth/callback",
        &scopes,
        "state",
        Some("challenge"),
    );
    assert_eq!(
        url.expect("a URL"),
        "https://accounts.google.com/o/oauth2/v2/auth?response_type=code&client_id=id%261\
         &redirect_uri=https%3A%2F%2Fgateway.example%2Foauth%2Fcallback&state=state&scope=a+b+c\
         &code_challenge=challenge&code_challenge_method=S256&access_type=offline&prompt=consent"
    );
}

/// Made for this test alone: `openssl genpkey -algorithm RSA`.
const KEY: &str = include_str!("test_key.pem");
/// Its public half, PKCS #1 in DER and base64.
const PUBLIC: &str = include_str!("test_key.pub");

#[test]
fn an_assertion_verifies_with_the_public_key() {
    let gmail = defined("gmail", ConnectionKind::ServiceAccount);
    let file = json!({"client_email": "robot@p.example", "private_key": KEY, "private_key_id": "k1"});
    let connection = json!({"key_file": file, "subject": "ada@x.example"}).to_string();
    let connection = json::parse(connection.as_bytes()).expect("JSON");
    let assertion = gmail.assertion.expect("an assertion");
    let jwt = sign_assertion(&assertion, &connection, Millis(1_700_000_000_000)).expect("signed");
    let parts: Vec<&str> = jwt.expose().split('.').collect();
    let read = |part: &str| -> Value {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    assert_eq!(read(parts[0]), json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    assert_eq!(
        read(parts[1]),
        json!({"iss": "robot@p.example", "sub": "ada@x.example", "aud": "https://oauth2.googleapis.com/token",
               "scope": "https://www.googleapis.com/auth/gmail.send", "iat": 1_700_000_000, "exp": 1_700_003_600})
    );
    let public = base64::engine::general_purpose::STANDARD
        .decode(PUBLIC.trim())
        .expect("base64");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
    let signature = URL_SAFE_NO_PAD.decode(parts[2]).expect("base64url");
    let signed = format!("{}.{}", parts[0], parts[1]);
    public.verify(signed.as_bytes(), &signature).expect("verifies");
}

#[test]
fn a_key_file_without_a_key_is_a_fault() {
    let gmail = defined("gmail", ConnectionKind::ServiceAccount);
    let assertion = gmail.assertion.expect("an assertion");
    for connection in [
        json!({}),
        json!({"key_file": {"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}}),
        json!({"key_file": {"private_key": ""}}),
    ] {
        let node = json::parse(connection.to_string().as_bytes()).expect("JSON");
        assert!(
            sign_assertion(&assertion, &node, Millis(0)).is_err(),
            "{connection}"
        );
    }
}
