//! `gateway sentries report`.

use serde_json::json;

use stage::cli;
use stage::desk::text;
use stage::{Act, Desk, Receiver};

use super::{id_in, plain};

fn report(desk: &Desk, key: &str, arguments: &[&str]) -> (bool, String, String) {
    let line: Vec<&str> = ["sentries", "report"].iter().chain(arguments).copied().collect();
    let ran = cli::run(&desk.url, &line, &[("GATEWAY_KEY", key)]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.success(), text(&ran.stdout), text(&ran.stderr))
}

#[tokio::test]
async fn it_reports_and_says_what_is_wrong() {
    let desk = Desk::open().await;
    let path = plain(&desk).await;
    let (id, url) = (id_in(&path), format!("http://{}/", desk.api.address));
    let key = desk.api.key.clone().expect("a key");
    let good = report(
        &desk,
        &key,
        &[&id, "--url", &url, "--state", "SICK", "--message", "no rows"],
    );
    assert_eq!(
        (good.0, good.1.as_str()),
        (true, format!("{id} is sick.\n").as_str()),
        "{good:?}"
    );
    let told = desk.api.get(&path).await.ok(200);
    assert_eq!(
        (&told["user_message"], &told["private_entry"]),
        (&json!("no rows"), &json!(false))
    );
    let heartbeat = report(&desk, &key, &[&id, "--url", &url, "--json"]);
    let told: serde_json::Value = serde_json::from_str(&heartbeat.1).expect("JSON");
    assert_eq!(text(&told, "state"), "sick");

    let wrong = format!("sk_{}", "0".repeat(64));
    for (key, arguments, said) in [
        (
            wrong.as_str(),
            vec![id.as_str(), "--url", url.as_str(), "--state", "sad"],
            "401",
        ),
        (key.as_str(), vec!["sen_1", "--state", "sad"], "sen_"),
        (
            key.as_str(),
            vec![id.as_str(), "--state", "good"],
            "happy, sad or sick",
        ),
        (key.as_str(), vec![id.as_str(), "--meta", "[]"], "JSON object"),
        (
            key.as_str(),
            vec![id.as_str(), "--url", "ftp://x", "--state", "sad"],
            "http or https",
        ),
    ] {
        let (is_done, _, errors) = report(&desk, key, &arguments);
        assert!(!is_done && errors.contains(said), "{arguments:?}: {errors}");
        assert!(!errors.contains(key), "the key is told");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_sends_a_report_again_under_the_same_key() {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(vec![Act::Status(503), Act::Status(200)]).await;
    let id = "sen_0198c0de-0000-7000-8000-000000000001";
    let url = receiver.url().replace("/hook?from=test", "");
    let (is_done, _, errors) = report(&desk, "sk_x", &[id, "--url", &url, "--state", "sad"]);
    assert!(is_done, "{errors}");
    let received = receiver.wait_for(2).await;
    assert_eq!(
        received[0].header("idempotency-key"),
        received[1].header("idempotency-key")
    );
    assert_eq!(received[0].line, format!("POST /v1/sentries/{id} HTTP/1.1"));
    assert_eq!(received[0].body, received[1].body);
}
