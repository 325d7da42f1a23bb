//! Answers that are odd and yet answers, and what stands on a connection before it was asked.

use serde_json::{Value, json};

use stage::{Act, Desk, Receiver};

async fn scene(acts: Vec<Act>) -> (Desk, Receiver) {
    let desk = Desk::open().await;
    let receiver = Receiver::scripted(acts).await;
    desk.hook_with(&receiver, &["deal.won"], json!({"max_attempts": 1}))
        .await;
    (desk, receiver)
}

async fn ended(desk: &Desk) -> Value {
    let id = desk.send("deal.won", json!({})).await;
    desk.delivery_when(&id, |delivery| delivery["status"] != "pending")
        .await
}

#[tokio::test]
async fn what_is_odd_in_a_head_does_not_undo_its_status() {
    let many: String = (0..990)
        .map(|nth| format!("x-{nth}: {}\r\n", "v".repeat(40)))
        .collect();
    let odd = [
        "x-a: one\r\n  two\r\n",
        " x-first: led by a blank\r\n",
        "x-a : one\r\n",
        "x-a\t: one\r\n",
        "x a: one\r\n",
        "a stray line\r\n",
        ": no name\r\n",
        "x-a: b\x7fc\r\n",
        "x-a: b\x01c\r\n",
        "x-\u{e4}: \u{fc}\r\n",
        "x-a: one\n",
        &many,
    ];
    for line in odd {
        for ending in [
            "content-length: 2\r\n\r\nok",
            "transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ] {
            let answer = format!("HTTP/1.1 200 OK\r\n{line}{ending}");
            assert!(answer.len() < 64 * 1024);
            let (desk, _receiver) = scene(vec![Act::Raw(answer.into_bytes())]).await;
            let delivery = ended(&desk).await;
            let shown = line.chars().take(40).collect::<String>();
            assert_eq!(delivery["status"], "succeeded", "{shown:?}: {delivery}");
            assert_eq!(delivery["attempts"][0]["response_body"], "ok", "{shown:?}");
        }
    }
}

#[tokio::test]
async fn a_receiver_may_begin_to_send_many_headers() {
    let many: String = (0..990).map(|nth| format!("x-{nth}: v\r\n")).collect();
    let many = Act::Raw(format!("HTTP/1.1 200 OK\r\n{many}content-length: 0\r\n\r\n").into_bytes());
    let closing = Act::with(200, "connection", "close");
    let (desk, receiver) = scene(vec![closing, Act::Status(200), many]).await;
    for _ in 0..4 {
        let delivery = ended(&desk).await;
        assert_eq!(delivery["status"], "succeeded", "{delivery}");
    }
    assert_eq!(receiver.count(), 5, "the one that found no room came twice");
}

/// A whole answer, and more behind it that nobody asked for.
fn followed_by(stray: &str) -> Act {
    Act::Raw(format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n{stray}").into_bytes())
}

const TIMEOUT: &str = "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn what_was_said_before_a_request_is_not_its_answer() {
    for stray in [
        "good morning\r\n\r\n",
        "\0",
        TIMEOUT,
        "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n",
    ] {
        let (desk, receiver) = scene(vec![followed_by(stray), Act::Status(200)]).await;
        for _ in 0..3 {
            let delivery = ended(&desk).await;
            assert_eq!(delivery["status"], "succeeded", "after {stray:?}: {delivery}");
        }
        assert_eq!(receiver.count(), 3, "each once");
    }
}

#[tokio::test]
async fn what_crosses_a_request_on_a_kept_connection_sends_it_again() {
    for stray in ["good morning\r\n\r\n", TIMEOUT] {
        let crossing = Act::Raw(stray.as_bytes().to_vec());
        let (desk, receiver) = scene(vec![Act::Status(200), crossing, Act::Status(200)]).await;
        for _ in 0..2 {
            let delivery = ended(&desk).await;
            assert_eq!(delivery["status"], "succeeded", "across {stray:?}: {delivery}");
            assert_eq!(delivery["attempt_count"], 1);
        }
        assert_eq!(receiver.count(), 3);
        assert_eq!(receiver.connection_count(), 2);
    }
}

#[tokio::test]
async fn what_a_new_connection_says_is_the_answer() {
    let (desk, receiver) = scene(vec![Act::Raw(TIMEOUT.into())]).await;
    let delivery = ended(&desk).await;
    assert_eq!(delivery["attempts"][0]["status_code"], 408, "{delivery}");
    let (desk, other) = scene(vec![Act::Garbage]).await;
    let delivery = ended(&desk).await;
    assert_eq!(delivery["attempts"][0]["error_code"], "bad_answer", "{delivery}");
    assert_eq!((receiver.count(), other.count()), (1, 1), "sent once");
}
