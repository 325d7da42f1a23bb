//! `GET /v1/webhooks/{id}/verify-snippets`: each file is run with its language against real deliveries.

mod toolbox;

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use stage::desk::{Desk, text};
use stage::receiver::{Received, Receiver};

use toolbox::{Program, Verdict};

/// What a webhook's receiver got, before a rotation and during its overlap, and the secrets that sign.
struct Scene {
    snippets: Vec<Value>,
    before: Received,
    during: Received,
    /// `secret` and `standard_secret`, the old ones and the new.
    old: Value,
    new: Value,
}

async fn scene() -> Scene {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["deal.won"]).await;
    desk.send("deal.won", json!({"ü": "😀 $HOME `x`", "n": 1})).await;
    let before = receiver.only().await;
    let new = desk.api.post_nothing(&hook.at("rotate-secret")).await.ok(200);
    desk.send("deal.won", json!({"n": 2})).await;
    let during = receiver.wait_for(2).await.remove(1);
    let listed = desk.api.get(&hook.at("verify-snippets")).await;
    for secret in [&hook.secret, &text(&new, "secret"), &hook.standard_secret] {
        assert!(!listed.text().contains(secret.as_str()), "no secret is embedded");
    }
    Scene {
        snippets: listed.ok(200)["data"].as_array().expect("data").clone(),
        before,
        during,
        old: json!({"secret": hook.secret, "standard_secret": hook.standard_secret}),
        new,
    }
}

fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("small")
}

/// The arguments that carry a delivery's signature.
fn arguments(signature: &str, received: &Received) -> Vec<String> {
    let names: &[&str] = match signature {
        "x-sentinel-signature" => &["x-sentinel-signature"],
        _ => &["webhook-id", "webhook-timestamp", "webhook-signature"],
    };
    names
        .iter()
        .map(|name| received.header(name).to_owned())
        .collect()
}

/// The arguments of a message that was signed rightly at another time.
fn signed_at(at: i64, secret: &str, body: &[u8]) -> Vec<String> {
    let key = STANDARD.decode(&secret["whsec_".len()..]).expect("base64");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let mut signed = format!("evt_1.{at}.").into_bytes();
    signed.extend_from_slice(body);
    let tag = STANDARD.encode(hmac::sign(&key, &signed));
    vec!["evt_1".into(), at.to_string(), format!("v1,{tag}")]
}

async fn check(language: &str, must_be_there: bool) {
    let Some(tools) = toolbox::find(language) else {
        assert!(!must_be_there, "{language} is not installed");
        toolbox::say_loudly(&format!(
            "NOT RUN: the snippets in {language}, which is not installed"
        ));
        return;
    };
    let scene = scene().await;
    let mine: Vec<&Value> = scene
        .snippets
        .iter()
        .filter(|snippet| snippet["language"] == language)
        .collect();
    assert_eq!(mine.len(), 2, "one for each signature");
    for snippet in mine {
        let program = tools.prepare(&text(snippet, "filename"), &text(snippet, "code"));
        check_one(&program, snippet, &scene);
    }
}

fn check_one(program: &Program, snippet: &Value, scene: &Scene) {
    let signature = text(snippet, "signature");
    let field = text(snippet, "secret_field");
    let (old, new) = (text(&scene.old, &field), text(&scene.new, &field));
    let mut changed = scene.before.clone();
    *changed.body.last_mut().expect("a body") ^= 1;
    let mut changed_during = scene.during.clone();
    changed_during.body.push(b'\n');
    let cases = [
        ("the true body", &scene.before, &old, Verdict::Valid),
        ("a changed body", &changed, &old, Verdict::Invalid),
        ("another secret", &scene.before, &new, Verdict::Invalid),
        (
            "the new secret in the overlap",
            &scene.during,
            &new,
            Verdict::Valid,
        ),
        (
            "the old secret in the overlap",
            &scene.during,
            &old,
            Verdict::Valid,
        ),
        (
            "a changed body in the overlap",
            &changed_during,
            &old,
            Verdict::Invalid,
        ),
    ];
    for (what, received, secret, expected) in cases {
        let verdict = program.run(&arguments(&signature, received), secret, &received.body);
        assert_eq!(verdict, expected, "{}: {what}", program.name);
    }
    let mut nonsense = arguments(&signature, &scene.before);
    *nonsense.last_mut().expect("a signature") = "* é,v1, sha256=".into();
    let verdict = program.run(&nonsense, &old, &scene.before.body);
    assert_eq!(verdict, Verdict::Invalid, "{}: nonsense", program.name);
    let without = program.run(&arguments(&signature, &scene.before), "", &scene.before.body);
    assert_eq!(without, Verdict::Unusable, "{}: no secret", program.name);
    if signature == "standard-webhooks" {
        let body = &scene.before.body;
        for (seconds, expected) in [
            (0, Verdict::Valid),
            (-200, Verdict::Valid),
            (-400, Verdict::Invalid),
            (400, Verdict::Invalid),
        ] {
            let signed = signed_at(unix_now() + seconds, &old, body);
            let verdict = program.run(&signed, &old, body);
            assert_eq!(verdict, expected, "{}: {seconds} s off", program.name);
        }
        let mut soon = signed_at(unix_now(), &old, body);
        soon[1] = "soon".into();
        assert_eq!(
            program.run(&soon, &old, body),
            Verdict::Invalid,
            "{}",
            program.name
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shell() {
    check("shell", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python() {
    check("python", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node() {
    check("node", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn go() {
    check("go", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rust() {
    check("rust", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn java() {
    check("java", false).await;
}

#[tokio::test]
async fn every_language_has_both_signatures_and_strangers_get_none() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    let hook = desk.hook(&receiver, &["*"]).await;
    let narrow = desk.with_scopes(&["webhooks:read"]).await;
    let listed = narrow.get(&hook.at("verify-snippets")).await.ok(200);
    let mut found: Vec<String> = listed["data"]
        .as_array()
        .expect("data")
        .iter()
        .map(|snippet| {
            assert!(text(snippet, "code").contains("WEBHOOK_SECRET"));
            format!("{} {}", text(snippet, "language"), text(snippet, "signature"))
        })
        .collect();
    found.sort();
    let mut expected = Vec::new();
    for language in ["go", "java", "node", "python", "rust", "shell"] {
        for signature in ["standard-webhooks", "x-sentinel-signature"] {
            expected.push(format!("{language} {signature}"));
        }
    }
    assert_eq!(found, expected);
    let other = Desk::open().await;
    other
        .api
        .get(&hook.at("verify-snippets"))
        .await
        .problem(404, "not_found");
    let wrong = desk.with_scopes(&["events:read"]).await;
    wrong
        .get(&hook.at("verify-snippets"))
        .await
        .problem(403, "scope_missing");
}
