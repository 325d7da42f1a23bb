use std::convert::Infallible;

use http::{Request, Response};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;
use crate::outbound::exchange::{begin_http1, begin_http2};

/// One end of a connection to a receiver that answers for each permit that it is given.
fn receiver(is_http2: bool, permits: Arc<Semaphore>) -> (tokio::io::DuplexStream, JoinHandle<()>) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let service = service_fn(move |_| {
        let permits = permits.clone();
        async move {
            permits.acquire().await.expect("open").forget();
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
        }
    });
    let theirs = TokioIo::new(theirs);
    let serving = tokio::spawn(async move {
        if is_http2 {
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(theirs, service).await;
        } else {
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(theirs, service)
                .await;
        }
    });
    (ours, serving)
}

async fn leave(connections: &Connections) -> Opening<'_> {
    match connections.leave_to_open(true).await {
        Leave::Granted(opening) => opening,
        Leave::Opened(_) => panic!("one is open"),
    }
}

#[tokio::test]
async fn a_kept_connection_is_at_most_a_minute_old() {
    let connections = Connections::default();
    let (stream, _serving) = receiver(false, Arc::new(Semaphore::new(0)));
    let opening = leave(&connections).await;
    assert!(opening.is_roomy(), "the first looks how much comes");
    let sender = begin_http1(stream, true).await.expect("begun");
    let Line::Http1(mut line) = opening.opened_http1(sender, true) else {
        panic!("it is HTTP/1.1");
    };
    line.sender.ready().await.expect("ready");
    assert!(!line.is_kept);
    let opened = line.opened;
    let at = |seconds| opened + Duration::from_secs(seconds);
    for (idle_since, now, is_usable) in [(0, 29, true), (0, 31, false), (50, 59, true), (59, 61, false)] {
        assert_eq!(line.is_usable(at(idle_since), at(now)), is_usable, "{now}");
    }
    connections.put(line);
    let Some(Line::Http1(line)) = connections.take() else {
        panic!("it was kept");
    };
    assert!(line.is_kept);
    connections.put(line);
    connections.idle.lock()[0].1 = at(59);
    assert!(connections.take_at(at(61)).is_none());
    assert!(!leave(&connections).await.is_roomy());
    connections.note_header_count(USUAL_HEADERS);
    assert!(leave(&connections).await.is_roomy());
}

#[tokio::test]
async fn an_old_connection_of_http2_is_drained() {
    let connections = Connections::default();
    let permits = Arc::new(Semaphore::new(0));
    let (stream, serving) = receiver(true, permits.clone());
    let sender = begin_http2(stream).await.expect("begun");
    let opened = leave(&connections).await.opened_http2(sender);
    let Some(Line::Http2(stream)) = opened else {
        panic!("it is HTTP/2");
    };
    let request = Request::post("https://example.com/")
        .body(Full::default())
        .expect("valid");
    let waiting = tokio::spawn({
        let mut sender = stream.sender();
        async move { sender.send_request(request).await }
    });
    let begun = stream.begun;
    assert!(connections.take_at(begun + Duration::from_secs(59)).is_some());
    assert!(connections.take_at(begun + Duration::from_secs(61)).is_none());
    assert!(!waiting.is_finished());
    permits.add_permits(1);
    assert!(
        waiting.await.expect("no panic").is_ok(),
        "what was under way is answered"
    );
    drop(stream);
    serving.await.expect("it ends when nothing holds it");
}
