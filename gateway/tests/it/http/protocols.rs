//! HTTP/1.0, `Expect`, and HTTP/2 by prior knowledge.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use stage::{Desk, Receiver, SOON, wire::Wire};

const BODY: &str = r#"{"type":"deal.won","data":{"v":2}}"#;

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it() {
    let desk = Desk::open().await;
    let key = desk.api.key.as_deref().expect("a key");
    let head = |key: &str, length: usize| {
        format!(
            "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nexpect: 100-continue\r\n\r\n"
        )
    };
    let mut wire = Wire::open(desk.api.address).await;
    wire.write(head(key, BODY.len())).await;
    assert_eq!(wire.answer().await.expect("an interim answer").status, 100);
    wire.write(BODY).await;
    assert_eq!(wire.answer().await.expect("an answer").status, 202);
    // Who is refused need not send the body at all.
    let mut wire = Wire::open(desk.api.address).await;
    wire.write(head("sk_nonsense", BODY.len())).await;
    assert_eq!(wire.answer().await.expect("an answer").status, 401);
    let mut wire = Wire::open(desk.api.address).await;
    wire.write(head(key, 5_000_000)).await;
    assert_eq!(wire.answer().await.expect("an answer").status, 413);
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let desk = Desk::open().await;
    let key = desk.api.key.as_deref().expect("a key");
    let mut wire = Wire::open(desk.api.address).await;
    wire.write(format!(
        "GET /v1/whoami HTTP/1.0\r\nauthorization: Bearer {key}\r\n\r\n"
    ))
    .await;
    assert_eq!(wire.answer().await.expect("an answer").status, 200);
    assert!(wire.rest().await.is_empty());
}

#[tokio::test]
async fn http_2_by_prior_knowledge_and_many_at_once() {
    let desk = Desk::open().await;
    let receiver = Receiver::start().await;
    desk.hook(&receiver, &["deal.won"]).await;
    let stream = TcpStream::connect(desk.api.address).await.expect("a connection");
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    tokio::spawn(connection);
    let key = desk.api.key.clone().expect("a key");
    let request = |method: Method, path: &str, body: &'static str| {
        Request::builder()
            .method(method)
            .uri(format!("http://gateway{path}"))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from_static(body.as_bytes())))
            .expect("a request")
    };
    let sending: Vec<_> = (0..50)
        .map(|_| {
            let mut sender = sender.clone();
            let request = request(Method::POST, "/v1/events", BODY);
            tokio::spawn(async move {
                sender.ready().await.expect("open");
                sender
                    .send_request(request)
                    .await
                    .expect("a reply")
                    .status()
                    .as_u16()
            })
        })
        .collect();
    for task in sending {
        assert_eq!(task.await.expect("sent"), 202);
    }
    receiver.wait_for(50).await;
    let mut sender = sender;
    for (method, path, status) in [
        (Method::GET, "/v1/whoami", 200),
        (Method::HEAD, "/v1/whoami", 200),
        (Method::GET, "/v1/nothing", 404),
    ] {
        let reply = sender
            .send_request(request(method.clone(), path, ""))
            .await
            .expect("a reply");
        assert_eq!(reply.status().as_u16(), status);
        let body = reply.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(body.is_empty(), method == Method::HEAD);
    }
}

/// The kind of a frame, its stream and its content (RFC 9113, 4.1).
async fn frame(stream: &mut TcpStream) -> (u8, u32, Vec<u8>) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.expect("a frame");
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut content = vec![0; length as usize];
    stream.read_exact(&mut content).await.expect("its content");
    let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    (head[3], id, content)
}

#[tokio::test]
async fn a_client_of_http_2_may_send_little_before_it_is_known() {
    const SETTINGS: u8 = 4;
    const WINDOW_UPDATE: u8 = 8;
    const INITIAL_WINDOW_SIZE: u16 = 4;
    const DEFAULT_WINDOW: u32 = 65_535;
    let desk = Desk::open().await;
    let mut stream = TcpStream::connect(desk.api.address).await.expect("a connection");
    let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    stream.write_all(hello).await.expect("written");
    let (kind, _, settings) = frame(&mut stream).await;
    assert_eq!(kind, SETTINGS);
    let mut windows = settings.chunks_exact(6).filter_map(|setting| {
        let is_window = u16::from_be_bytes([setting[0], setting[1]]) == INITIAL_WINDOW_SIZE;
        is_window.then(|| u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]))
    });
    assert_eq!(windows.next_back().unwrap_or(DEFAULT_WINDOW), 64 * 1024);
    let update = async {
        loop {
            if let (WINDOW_UPDATE, 0, more) = frame(&mut stream).await {
                return u32::from_be_bytes([more[0], more[1], more[2], more[3]]);
            }
        }
    };
    let more = tokio::time::timeout(SOON, update).await.expect("an update");
    assert_eq!(
        DEFAULT_WINDOW + more,
        256 * 1024,
        "for all streams of a connection"
    );
}
