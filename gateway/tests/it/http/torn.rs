//! Connections that end in the middle, and bytes that are no HTTP.

use stage::{Desk, desk::a_moment, wire::Wire};

fn post(desk: &Desk, length: usize) -> String {
    let key = desk.api.key.as_deref().expect("a key");
    format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    )
}

const BODY: &str = r#"{"type":"deal.won","data":{}}"#;

#[tokio::test]
async fn a_client_that_only_listens_on_gets_its_answer() {
    let desk = Desk::open().await;
    let mut wire = Wire::open(desk.api.address).await;
    wire.write(format!("{}{BODY}", post(&desk, BODY.len()))).await;
    wire.finish().await;
    assert_eq!(wire.answer().await.expect("an answer").status, 202);
    assert!(wire.rest().await.is_empty());
}

#[tokio::test]
async fn half_a_body_is_no_event() {
    let desk = Desk::open().await;
    for length in [BODY.len() + 10, 5_000_000] {
        let mut wire = Wire::open(desk.api.address).await;
        wire.write(format!("{}{BODY}", post(&desk, length))).await;
        wire.finish().await;
        let rest = wire.rest().await;
        assert!(
            !rest.starts_with(b"HTTP/1.1 2"),
            "{}",
            String::from_utf8_lossy(&rest)
        );
    }
    let mut wire = Wire::open(desk.api.address).await;
    wire.write(&post(&desk, BODY.len())[..40]).await;
    drop(wire);
    a_moment().await;
    assert_eq!(
        desk.api.get("/v1/events").await.ok(200)["data"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn garbage_is_refused_and_affects_no_other() {
    let desk = Desk::open().await;
    let noise: Vec<u8> = (0..100_000).map(|_| fastrand::u8(..)).collect();
    let tls = [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        &noise[..200],
    ]
    .concat();
    let garbage: Vec<Vec<u8>> = vec![
        b"\r\n\r\n\r\n".to_vec(),
        b"hello\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\n: no name\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nx: \x00\r\n\r\n".to_vec(),
        b"G\x00T / HTTP/1.1\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame at all, really not".to_vec(),
        tls,
        noise,
    ];
    for bytes in garbage {
        let mut wire = Wire::open(desk.api.address).await;
        wire.write(&bytes).await;
        wire.finish().await;
        let rest = wire.rest().await;
        assert!(
            !rest.starts_with(b"HTTP/1.1 2"),
            "{:?}",
            &bytes[..bytes.len().min(30)]
        );
    }
    desk.api.get("/v1/whoami").await.ok(200);
}

#[tokio::test]
async fn strange_paths_are_not_found() {
    let desk = Desk::open().await;
    let key = desk.api.key.as_deref().expect("a key").to_owned();
    for path in [
        "/v1/../v1/whoami",
        "/v1//whoami",
        "/v1/whoami/",
        "/V1/whoami",
        "/v1/%77hoami",
        "/v1/whoami%00",
        "/v1/webhooks/%ff",
        "/%2e%2e/etc/passwd",
        "/v1/events/..",
        "/v1/webhooks/a/b/c/d",
    ] {
        let mut wire = Wire::open(desk.api.address).await;
        wire.write(format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n"
        ))
        .await;
        assert_eq!(wire.answer().await.expect("an answer").status, 404, "{path}");
    }
}
