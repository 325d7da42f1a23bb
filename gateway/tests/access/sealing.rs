//! Secrets at rest change their key without a pause.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;

use crate::cluster::Cluster;
use crate::stage::{Gateway, command, first_key};

const OLD: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
const PRESENT: &str = "GATEWAY_WEBHOOKS__SECRET_KEY";
const PREVIOUS: &str = "GATEWAY_WEBHOOKS__PREVIOUS_SECRET_KEY";

/// Takes one request and gives its text.
fn take(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece).unwrap();
        text.extend_from_slice(&piece[..count]);
        let seen = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = seen.split_once("\r\n\r\n") {
            let length = head
                .to_lowercase()
                .split("content-length: ")
                .nth(1)
                .map(|rest| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
            if body.len() >= length.unwrap_or_default() {
                stream
                    .write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
                    .unwrap();
                return seen;
            }
        }
    }
}

fn is_signed(request: &str, secret: &str) -> bool {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let given = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("x-sentinel-signature")
            .then(|| value.to_owned())
    });
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = ring::hmac::sign(&key, body.as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    given.unwrap().contains(&format!("sha256={hex}")) && head.contains("x-canary: brought along")
}

#[test]
fn a_new_key_seals_everything_again_and_the_old_one_can_go() {
    let cluster = Cluster::start();
    let first = first_key(&cluster);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());

    // It begins without a key of the operator's.
    let gateway = Gateway::start(&cluster);
    let body = json!({"name": "w", "url": url, "events": ["*"], "headers": {"x-canary": "brought along"}});
    let made = gateway.post("/v1/webhooks", &first, body).expect(201).json();
    let secret = made["secret"].as_str().unwrap().to_owned();
    let path = format!("/v1/webhooks/{}/test", made["id"].as_str().unwrap());
    let check = |gateway: &Gateway| {
        gateway.post(&path, &first, json!({})).expect(202);
        assert!(is_signed(&take(&listener), &secret));
    };
    check(&gateway);
    gateway.stop();

    let rotate = |settings: &[(&str, &str)]| {
        let mut rotation = std::process::Command::new(env!("CARGO_BIN_EXE_gateway"));
        rotation
            .args(["secrets", "rotate", "--json"])
            .env("GATEWAY_DATABASE__URL", cluster.url())
            .envs(settings.iter().copied());
        rotation.output().unwrap()
    };
    assert!(
        !command(&cluster.url(), &["secrets", "rotate"]).status.success(),
        "there is no key to seal with"
    );
    let key_ids = || cluster.sql("select distinct encode(substr(secret, 2, 4), 'hex') from webhooks");

    // From the database's key to the operator's first, then to the next, with instances running on both.
    for settings in [vec![(PRESENT, OLD)], vec![(PRESENT, NEW), (PREVIOUS, OLD)]] {
        let before = key_ids();
        let gateway = Gateway::start_with(&cluster.url(), &settings);
        check(&gateway);
        let output = rotate(&settings);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["resealed"], 1, "{told}");
        assert_ne!(key_ids(), before);
        check(&gateway);
        let again: serde_json::Value = serde_json::from_slice(&rotate(&settings).stdout).unwrap();
        assert_eq!((&again["resealed"], &again["unchanged"]), (&json!(0), &json!(1)));
        gateway.stop();
    }
    let gateway = Gateway::start_with(&cluster.url(), &[(PRESENT, NEW)]);
    check(&gateway);
    gateway.stop();

    // A key that opens nothing says so, and leaves everything as it is.
    let before = cluster.sql("select secret, headers from webhooks");
    let output = rotate(&[(PRESENT, "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("wh_"));
    assert_eq!(cluster.sql("select secret, headers from webhooks"), before);
}
