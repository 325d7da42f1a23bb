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

mod interleavings {
    //! Tests the leave to open connections through any interleaving of requests to one target: nobody waits for an opening that
    //! has ended, requests share the connection of HTTP/2, and each of its streams is counted as long as it is held.

    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use http::Response;
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use proptest::prelude::*;

    use super::super::*;
    use crate::outbound::exchange::{begin_http1, begin_http2};

    /// What happens next. A number picks one of the requests that are there, by its remainder.
    #[derive(Debug, Clone)]
    enum Step {
        /// A request takes what is open, or asks for leave to open a connection.
        Ask,
        /// One that asks is polled.
        Poll(usize),
        /// One that asks is given up.
        Forget(usize),
        /// One that has leave opens nothing.
        Fail(usize),
        OpenHttp1(usize),
        OpenHttp2(usize),
        /// One ends its exchange, answered or not.
        End(usize, bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        let any = any::<usize>;
        prop_oneof![
            6 => Just(Step::Ask),
            6 => any().prop_map(Step::Poll),
            1 => any().prop_map(Step::Forget),
            2 => any().prop_map(Step::Fail),
            1 => any().prop_map(Step::OpenHttp1),
            3 => any().prop_map(Step::OpenHttp2),
            4 => (any(), prop::bool::weighted(0.7)).prop_map(|(which, well)| Step::End(which, well)),
        ]
    }

    type Asking = Pin<Box<dyn Future<Output = Leave<'static>>>>;

    struct World {
        connections: &'static Connections,
        asking: Vec<Asking>,
        openings: Vec<Opening<'static>>,
        lines: Vec<Line>,
    }

    async fn http1() -> Http1 {
        let (ours, theirs) = tokio::io::duplex(1_024);
        // The other end stays open, and says nothing.
        tokio::spawn(async move {
            let _theirs = theirs;
            std::future::pending::<()>().await;
        });
        begin_http1(ours, false).await.expect("begun")
    }

    async fn http2() -> Http2 {
        let (ours, theirs) = tokio::io::duplex(64 * 1_024);
        let service =
            service_fn(async |_| Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default())));
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        tokio::spawn(async move { drop(server.serve_connection(TokioIo::new(theirs), service).await) });
        begin_http2(ours).await.expect("begun")
    }

    impl World {
        fn new() -> Self {
            Self {
                connections: Box::leak(Box::default()),
                asking: Vec::new(),
                openings: Vec::new(),
                lines: Vec::new(),
            }
        }

        /// Polls the request at `index`; whether it got an answer.
        fn poll(&mut self, index: usize) -> bool {
            let asking = self.asking[index].as_mut();
            let Poll::Ready(leave) = asking.poll(&mut Context::from_waker(Waker::noop())) else {
                return false;
            };
            drop(self.asking.remove(index));
            match leave {
                Leave::Granted(opening) => self.openings.push(opening),
                Leave::Opened(line) => self.lines.push(line),
            }
            true
        }

        async fn run(&mut self, step: Step) {
            let of = |count: usize, which: usize| (count > 0).then(|| which % count);
            match step {
                Step::Ask => match self.connections.take() {
                    Some(line) => self.lines.push(line),
                    None => {
                        let connections = self.connections;
                        self.asking
                            .push(Box::pin(async move { connections.leave_to_open(true).await }));
                    }
                },
                Step::Poll(which) => {
                    if let Some(index) = of(self.asking.len(), which) {
                        self.poll(index);
                    }
                }
                Step::Forget(which) => {
                    if let Some(index) = of(self.asking.len(), which) {
                        drop(self.asking.remove(index));
                    }
                }
                Step::Fail(which) => {
                    if let Some(index) = of(self.openings.len(), which) {
                        drop(self.openings.remove(index));
                    }
                }
                Step::OpenHttp1(which) => {
                    if let Some(index) = of(self.openings.len(), which) {
                        let opening = self.openings.remove(index);
                        self.lines.push(opening.opened_http1(http1().await, false));
                    }
                }
                Step::OpenHttp2(which) => {
                    if let Some(index) = of(self.openings.len(), which) {
                        let opening = self.openings.remove(index);
                        let line = opening.opened_http2(http2().await);
                        self.lines.push(line.expect("a stream of what was just opened"));
                    }
                }
                Step::End(which, is_answered) => {
                    if let Some(index) = of(self.lines.len(), which) {
                        match self.lines.remove(index) {
                            Line::Http1(line) if is_answered => self.connections.put(line),
                            Line::Http1(_) => {}
                            Line::Http2(mut stream) => {
                                if is_answered {
                                    stream.answered();
                                }
                            }
                        }
                    }
                }
            }
            self.check();
        }

        fn check(&self) {
            let turns = self.openings.iter().filter(|opening| opening._turn.is_some());
            assert!(turns.count() <= 1, "two have the turn to open");
            if let Some(shared) = &*self.connections.shared.lock() {
                let streams = self.lines.iter().filter(|line| match line {
                    Line::Http2(stream) => Arc::ptr_eq(&stream.shared, shared),
                    Line::Http1(_) => false,
                });
                assert_eq!(shared.usage.lock().stream_count, streams.count());
            }
            assert!(self.connections.idle.lock().len() <= MAX_IDLE);
        }

        /// Nothing opens any more: all that ask get an answer.
        fn end(&mut self) {
            loop {
                self.openings.clear();
                // The turn goes to one of those that wait; only that one moves.
                let has_moved = (0..self.asking.len()).any(|index| self.poll(index));
                self.check();
                if !has_moved {
                    break;
                }
            }
            assert!(self.asking.is_empty(), "{} wait for nothing", self.asking.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn nobody_waits_for_an_opening_that_has_ended(steps in prop::collection::vec(step(), 1..60)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let mut world = World::new();
                for step in steps {
                    world.run(step).await;
                }
                world.end();
            });
        }
    }

    #[tokio::test]
    async fn those_that_waited_share_what_was_opened() {
        let mut world = World::new();
        for _ in 0..5 {
            world.run(Step::Ask).await;
        }
        for index in [0, 0, 1, 2, 3] {
            world.run(Step::Poll(index)).await;
        }
        assert_eq!(
            (world.openings.len(), world.asking.len()),
            (1, 4),
            "one goes ahead"
        );
        world.run(Step::OpenHttp2(0)).await;
        for _ in 0..4 {
            world.run(Step::Poll(0)).await;
        }
        assert_eq!((world.openings.len(), world.lines.len()), (0, 5));
    }

    #[tokio::test]
    async fn those_that_waited_for_nothing_do_not_wait_for_each_other() {
        let mut world = World::new();
        for _ in 0..4 {
            world.run(Step::Ask).await;
        }
        for index in [0, 0, 1, 2] {
            world.run(Step::Poll(index)).await;
        }
        world.run(Step::Fail(0)).await;
        for _ in 0..3 {
            world.run(Step::Poll(0)).await;
        }
        assert_eq!((world.openings.len(), world.asking.len()), (3, 0));
    }
}
