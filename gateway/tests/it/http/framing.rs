//! Where a request begins and ends: lengths that contradict, heads that are too large, requests in one go.

use stage::{Desk, wire::Wire};

fn authorization(desk: &Desk) -> String {
    format!(
        "authorization: Bearer {}\r\n",
        desk.api.key.as_deref().expect("a key")
    )
}

const BODY: &str = r#"{"type":"deal.won","data":{}}"#;

#[tokio::test]
async fn two_ways_to_tell_the_length_are_400() {
    let desk = Desk::open().await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    for lengths in [
        "Content-Length: 29\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 29\r\n",
        "content-length: 0\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 29\r\nx-a: b\r\n",
        "tRANSFER-eNCODING:\tchunked\r\ncONTENT-lENGTH: 29\r\n",
    ] {
        let mut wire = Wire::open(desk.api.address).await;
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nhost: x\r\n{}content-type: application/json\r\n{lengths}\r\n",
            authorization(&desk)
        );
        wire.write(format!("{head}1d\r\n{BODY}\r\n0\r\n\r\n{smuggled}"))
            .await;
        let answer = wire.answer().await.expect("an answer");
        assert_eq!(answer.status, 400, "{lengths:?}");
        let rest = String::from_utf8_lossy(&wire.rest().await).into_owned();
        assert!(
            !rest.contains(" 404 "),
            "what follows is not taken for a request: {rest}"
        );
    }
    assert_eq!(
        desk.api.get("/v1/events").await.ok(200)["data"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn they_are_seen_when_the_head_comes_in_pieces() {
    let desk = Desk::open().await;
    for first in ["content-length: 29\r\n", "transfer-encoding: chunked\r\n"] {
        let second = if first.starts_with('c') {
            "transfer-encoding: chunked\r\n"
        } else {
            "content-length: 29\r\n"
        };
        let mut wire = Wire::open(desk.api.address).await;
        wire.write(format!(
            "POST /v1/events HTTP/1.1\r\nhost: x\r\n{}{first}",
            authorization(&desk)
        ))
        .await;
        // So that the gateway reads the pieces apart.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        wire.write(format!(
            "content-type: application/json\r\n{second}\r\n1d\r\n{BODY}\r\n0\r\n\r\n"
        ))
        .await;
        assert_eq!(
            wire.answer().await.expect("an answer").status,
            400,
            "{first:?} first"
        );
    }
}

#[tokio::test]
async fn they_are_seen_on_a_connection_that_was_used_before() {
    let desk = Desk::open().await;
    let mut wire = Wire::open(desk.api.address).await;
    let whoami = format!(
        "GET /v1/whoami HTTP/1.1\r\nhost: x\r\n{}\r\n",
        authorization(&desk)
    );
    wire.write(&whoami).await;
    assert_eq!(wire.answer().await.expect("an answer").status, 200);
    // Together with the request before it, and alone.
    let bad = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\n{}content-type: application/json\r\ncontent-length: 29\r\n\
         transfer-encoding: chunked\r\n\r\n1d\r\n{BODY}\r\n0\r\n\r\n",
        authorization(&desk)
    );
    wire.write(format!("{whoami}{bad}")).await;
    let mut statuses = Vec::new();
    while let Some(answer) = wire.answer().await {
        statuses.push(answer.status);
    }
    assert_eq!(statuses.last(), Some(&400), "{statuses:?}");
    assert!(!statuses.contains(&202), "{statuses:?}");
}

#[tokio::test]
async fn other_lengths_that_make_no_sense_are_400() {
    let desk = Desk::open().await;
    for lengths in [
        "content-length: -1\r\n",
        "content-length: x\r\n",
        "content-length: 1\r\ncontent-length: 2\r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: chunked, identity\r\n",
    ] {
        let mut wire = Wire::open(desk.api.address).await;
        wire.write(format!("POST /v1/events HTTP/1.1\r\nhost: x\r\n{lengths}\r\n"))
            .await;
        let answer = wire.answer().await.expect("an answer");
        assert!(
            (400..500).contains(&answer.status) && answer.status != 401,
            "{lengths:?}: {}",
            answer.status
        );
    }
    // A chunk whose length is none.
    let mut wire = Wire::open(desk.api.address).await;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\n{}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        authorization(&desk)
    );
    wire.write(format!("{head}zz\r\n")).await;
    assert!(wire.answer().await.is_none_or(|answer| answer.status == 400));
}

#[tokio::test]
async fn a_chunked_body_is_a_body() {
    let desk = Desk::open().await;
    let mut wire = Wire::open(desk.api.address).await;
    wire.write(format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\n{}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        authorization(&desk)
    ))
    .await;
    for piece in BODY.as_bytes().chunks(7) {
        wire.write(format!(
            "{:x}\r\n{}\r\n",
            piece.len(),
            String::from_utf8_lossy(piece)
        ))
        .await;
    }
    wire.write("0\r\nx-trailer: y\r\n\r\n").await;
    assert_eq!(wire.answer().await.expect("an answer").status, 202);
}

#[tokio::test]
async fn a_head_of_60_kb_passes_and_one_of_70_does_not() {
    let desk = Desk::open().await;
    let with_filler = |bytes: usize| {
        let lines: String = (0..bytes / 1000)
            .map(|nth| format!("x-filler-{nth:03}: {}\r\n", "y".repeat(984)))
            .collect();
        format!(
            "GET /v1/whoami HTTP/1.1\r\nhost: x\r\n{}{lines}\r\n",
            authorization(&desk)
        )
    };
    let mut wire = Wire::open(desk.api.address).await;
    wire.write(with_filler(60_000)).await;
    assert_eq!(wire.answer().await.expect("an answer").status, 200);
    let mut wire = Wire::open(desk.api.address).await;
    wire.write(with_filler(70_000)).await;
    // Cut or 431: who closes while bytes arrive may cut its own answer off.
    assert!(wire.answer().await.is_none_or(|answer| answer.status == 431));
    let mut wire = Wire::open(desk.api.address).await;
    wire.write(format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(80_000)))
        .await;
    assert!(
        wire.answer()
            .await
            .is_none_or(|answer| [414, 431].contains(&answer.status))
    );
}

#[tokio::test]
async fn requests_in_one_go_are_answered_in_turn() {
    let desk = Desk::open().await;
    let mut wire = Wire::open(desk.api.address).await;
    let auth = authorization(&desk);
    let post = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\n{auth}content-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let get = format!("GET /v1/whoami HTTP/1.1\r\nhost: x\r\n{auth}\r\n");
    let unknown = format!("GET /v1/nothing HTTP/1.1\r\nhost: x\r\n{auth}\r\n");
    wire.write(format!("{post}{get}{unknown}{post}{get}")).await;
    for expected in [202, 200, 404, 202, 200] {
        assert_eq!(wire.answer().await.expect("an answer").status, expected);
    }
}

#[tokio::test]
async fn a_refused_body_does_not_spoil_the_next_request() {
    let desk = Desk::open().await;
    let mut wire = Wire::open(desk.api.address).await;
    // No key, so the body is not looked at; it must not be taken for a request.
    let body = "GET /v1/whoami HTTP/1.1\r\nhost: x\r\n\r\n".repeat(3);
    let refused = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let get = format!(
        "GET /v1/scopes HTTP/1.1\r\nhost: x\r\n{}\r\n",
        authorization(&desk)
    );
    wire.write(format!("{refused}{get}")).await;
    assert_eq!(wire.answer().await.expect("an answer").status, 401);
    match wire.answer().await {
        // Either the body was read to its end, or the connection with it.
        Some(answer) => assert_eq!(answer.status, 200),
        None => assert!(wire.rest().await.is_empty()),
    }
}
