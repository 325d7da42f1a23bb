//! Heads that say more than one thing, or nothing, about whom they ask and how their body comes.

use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use stage::{Desk, wire::Wire};

async fn status(desk: &Desk, request_line: &str, lines: &str, body: &str) -> u16 {
    let mut wire = Wire::open(desk.api.address).await;
    let key = desk.api.key.as_deref().expect("a key");
    wire.write(format!(
        "{request_line}\r\nauthorization: Bearer {key}\r\n{lines}\r\n{body}"
    ))
    .await;
    wire.answer().await.expect("an answer").status
}

#[tokio::test]
async fn one_well_formed_host_is_needed() {
    let desk = Desk::open().await;
    for hosts in [
        "",
        "host:\r\n",
        "host: a\r\nhost: a\r\n",
        "host: a, b\r\n",
        "host: a b\r\n",
        "host: a/b\r\n",
        "host: user@a\r\n",
        "host: a:port\r\n",
        "host: a:\u{7f}\r\n",
        "host: a:99999\r\n",
        "host: [::1\r\n",
        "host: [nothing]\r\n",
        "host: a?b\r\n",
        "host: a#b\r\n",
        "host: a\\b\r\n",
    ] {
        assert_eq!(
            status(&desk, "GET /v1/whoami HTTP/1.1", hosts, "").await,
            400,
            "{hosts:?}"
        );
    }
    for host in [
        "gateway",
        "gateway.example.com:443",
        "127.0.0.1:8080",
        "[::1]",
        "[2001:db8::1]:8080",
        "a_b.internal",
        "xn--bcher-kva.example",
        "gateway.",
        "a:",
        "b%C3%BCcher.example",
    ] {
        let line = format!("host: {host}\r\n");
        assert_eq!(
            status(&desk, "GET /v1/whoami HTTP/1.1", &line, "").await,
            200,
            "{host}"
        );
    }
    // HTTP/1.0 had none.
    assert_eq!(status(&desk, "GET /v1/whoami HTTP/1.0", "", "").await, 200);
    // A request without a key is no other than one with it.
    let mut wire = Wire::open(desk.api.address).await;
    wire.write("GET /v1/whoami HTTP/1.1\r\n\r\n").await;
    assert_eq!(wire.answer().await.expect("an answer").status, 400);
}

#[tokio::test]
async fn http_2_names_its_host_once() {
    let desk = Desk::open().await;
    let stream = TcpStream::connect(desk.api.address).await.expect("a connection");
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    tokio::spawn(connection);
    for (host, expected) in [(None, 200), (Some("GATEWAY"), 200), (Some("elsewhere"), 400)] {
        let mut request = http::Request::get("http://gateway/v1/whoami")
            .header(
                "authorization",
                format!("Bearer {}", desk.api.key.as_deref().expect("a key")),
            )
            .body(Empty::<bytes::Bytes>::new())
            .expect("a request");
        if let Some(host) = host {
            request
                .headers_mut()
                .insert("host", host.parse().expect("a value"));
        }
        let reply = sender.send_request(request).await.expect("a reply");
        assert_eq!(reply.status(), expected, "{host:?}");
        reply.into_body().collect().await.expect("a body");
    }
}

const CHUNKED: &str = "1d\r\n{\"type\":\"deal.won\",\"data\":{}}\r\n0\r\n\r\n";

#[tokio::test]
async fn chunked_alone_is_the_only_transfer_coding() {
    let desk = Desk::open().await;
    let post = "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json";
    for coding in ["chunked", "Chunked", "CHUNKED "] {
        let line = format!("transfer-encoding: {coding}\r\n");
        assert_eq!(status(&desk, post, &line, CHUNKED).await, 202, "{coding}");
    }
    for lines in [
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: identity, chunked\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding: chunked;q=1\r\n",
        "transfer-encoding:\r\n",
        "TrAnSfEr-Encoding: chunked\r\nContent-Length: 29\r\n",
        "Content-Length: 29\r\ntransfeR-encodinG: chunked\r\n",
        "tRansFer-EnCoding: chunked\r\ncontent-length: 29\r\n",
    ] {
        assert_eq!(status(&desk, post, lines, CHUNKED).await, 400, "{lines:?}");
    }
}
