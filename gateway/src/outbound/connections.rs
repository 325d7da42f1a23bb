//! Open connections to one target: those of HTTP/1.1 that wait for the next request, or the one of HTTP/2 that all
//! requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use parking_lot::Mutex;

/// Room for more than so many answer headers costs a microsecond an answer, so a target gets the room once it has used up this much.
pub(super) const USUAL_HEADERS: usize = 100;
/// Connections that have been idle for longer are not used again: most servers close theirs after 60 s.
const IDLE: Duration = Duration::from_secs(30);
const MAX_IDLE: usize = 64;
/// A connection takes no further request after this, so that a name that has moved is followed.
const MAX_AGE: Duration = Duration::from_secs(60);

type Http1 = http1::SendRequest<Full<Bytes>>;
type Http2 = http2::SendRequest<Full<Bytes>>;

/// Open connections to one target.
#[derive(Debug, Default)]
pub struct Connections {
    idle: Mutex<Vec<(Http1Line, Instant)>>,
    shared: Mutex<Option<Arc<Shared>>>,
    /// Held by the first of several requests while it opens a connection that the others may share.
    opening: tokio::sync::Mutex<()>,
    /// Openings that came to nothing the others could share.
    vain_count: AtomicUsize,
    speaks_http1: AtomicBool,
    refuses_http2: AtomicBool,
    /// Whether a connection of HTTP/1.1 has been opened that has room for many headers: the first has, to see what comes.
    has_looked: AtomicBool,
    sends_many_headers: AtomicBool,
}

/// A connection that can carry one request now.
#[derive(Debug)]
pub(super) enum Line {
    Http1(Http1Line),
    Http2(Stream),
}

/// A connection of HTTP/1.1.
#[derive(Debug)]
pub(super) struct Http1Line {
    pub sender: Http1,
    opened: Instant,
    /// Whether it has room for the most headers that are read.
    pub is_roomy: bool,
    /// Whether it has carried a request before.
    pub is_kept: bool,
}

impl Http1Line {
    fn is_usable(&self, idle_since: Instant, now: Instant) -> bool {
        let is_idle = now.duration_since(idle_since) >= IDLE;
        let is_old = now.duration_since(self.opened) >= MAX_AGE;
        !(is_idle || is_old) && self.sender.is_ready()
    }
}

/// Leave to open a connection: alone, or with others that wait to share it.
pub(super) struct Opening<'a> {
    connections: &'a Connections,
    _turn: Option<tokio::sync::MutexGuard<'a, ()>>,
    is_shared: bool,
}

/// The answer to a request for leave.
pub(super) enum Leave<'a> {
    /// Another request has opened a connection meanwhile.
    Opened(Line),
    Granted(Opening<'a>),
}

impl Connections {
    /// A connection that is open already.
    pub(super) fn take(&self) -> Option<Line> {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> Option<Line> {
        if let Some(stream) = self.take_shared(now) {
            return Some(Line::Http2(stream));
        }
        let mut idle = self.idle.lock();
        while let Some((line, since)) = idle.pop() {
            if line.is_usable(since, now) {
                return Some(Line::Http1(line));
            }
        }
        None
    }

    fn take_shared(&self, now: Instant) -> Option<Stream> {
        let mut shared = self.shared.lock();
        let stream = shared.as_ref().and_then(|shared| Stream::begin(shared, now));
        if stream.is_none() {
            *shared = None;
        }
        stream
    }

    /// Keeps a connection of HTTP/1.1 for the next request.
    pub(super) fn put(&self, mut line: Http1Line) {
        line.is_kept = true;
        let now = Instant::now();
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE && line.is_usable(now, now) {
            idle.push((line, now));
        }
    }

    /// Waits for leave to open a connection. Where it may be shared one request goes ahead and the others wait for what
    /// comes of it; once it came to nothing, they do not wait for one another.
    pub(super) async fn leave_to_open(&self, is_tls: bool) -> Leave<'_> {
        let mut turn = None;
        if is_tls && !self.speaks_http1.load(Ordering::Acquire) {
            let vain_count = self.vain_count.load(Ordering::Acquire);
            let guard = self.opening.lock().await;
            if let Some(stream) = self.take_shared(Instant::now()) {
                return Leave::Opened(Line::Http2(stream));
            }
            let is_vain = self.vain_count.load(Ordering::Acquire) != vain_count;
            turn = (!is_vain).then_some(guard);
        }
        Leave::Granted(Opening {
            connections: self,
            _turn: turn,
            is_shared: false,
        })
    }

    /// Whether the target has asked not to be spoken to in HTTP/2 although it offered to.
    pub(super) fn refuses_http2(&self) -> bool {
        self.refuses_http2.load(Ordering::Acquire)
    }

    /// Notes that the target wants HTTP/1.1 (RFC 9113, 7: `HTTP_1_1_REQUIRED`).
    pub(super) fn refuse_http2(&self) {
        self.refuses_http2.store(true, Ordering::Release);
        self.speaks_http1.store(true, Ordering::Release);
        *self.shared.lock() = None;
    }

    /// Notes how many headers an answer of HTTP/1.1 had.
    pub(super) fn note_header_count(&self, count: usize) {
        if count >= USUAL_HEADERS && !self.sends_many_headers.load(Ordering::Relaxed) {
            self.make_room();
        }
    }

    /// Has further connections of HTTP/1.1 hold many headers.
    pub(super) fn make_room(&self) {
        self.sends_many_headers.store(true, Ordering::Release);
        self.idle.lock().retain(|(line, _)| line.is_roomy);
    }

    /// Closes what has been idle or open for too long; requests under way go on.
    pub fn close_idle(&self) {
        let now = Instant::now();
        let closed: Vec<_> = {
            let mut idle = self.idle.lock();
            idle.extract_if(.., |(line, since)| !line.is_usable(*since, now))
                .collect()
        };
        let mut shared = self.shared.lock();
        let ended = match shared.as_ref().is_some_and(|shared| !shared.is_usable(now)) {
            true => shared.take(),
            false => None,
        };
        drop(shared);
        drop((closed, ended));
    }

    /// Since when each connection has been idle.
    pub fn idle_since(&self) -> Vec<Instant> {
        let mut since: Vec<Instant> = self.idle.lock().iter().map(|(_, since)| *since).collect();
        let shared = self.shared.lock();
        since.extend(shared.as_ref().and_then(|shared| shared.idle_since()));
        since
    }

    /// Closes what has been idle since before `kept`, or all that is idle.
    pub fn close_idle_before(&self, kept: Option<Instant>) {
        let is_older = |since: Instant| kept.is_none_or(|kept| since < kept);
        let closed: Vec<_> = {
            let mut idle = self.idle.lock();
            idle.extract_if(.., |(_, since)| is_older(*since)).collect()
        };
        let mut shared = self.shared.lock();
        let since = shared.as_ref().and_then(|shared| shared.idle_since());
        let ended = match since.is_some_and(is_older) {
            true => shared.take(),
            false => None,
        };
        drop(shared);
        drop((closed, ended));
    }
}

impl Opening<'_> {
    /// Whether a connection of HTTP/1.1 is to have room for many headers.
    pub fn is_roomy(&self) -> bool {
        let connections = self.connections;
        !connections.has_looked.swap(true, Ordering::AcqRel)
            || connections.sends_many_headers.load(Ordering::Acquire)
    }

    /// A connection of HTTP/1.1 was opened, which is not shared.
    pub fn opened_http1(self, sender: Http1, is_roomy: bool) -> Line {
        self.connections.speaks_http1.store(true, Ordering::Release);
        Line::Http1(Http1Line {
            sender,
            opened: Instant::now(),
            is_roomy,
            is_kept: false,
        })
    }

    /// A connection of HTTP/2 was opened. If another one was at the same time, that one is used and this one closed.
    pub fn opened_http2(mut self, sender: Http2) -> Option<Line> {
        self.is_shared = true;
        self.connections.speaks_http1.store(false, Ordering::Release);
        let mut current = self.connections.shared.lock();
        let now = Instant::now();
        let mut stream = current.as_ref().and_then(|shared| Stream::begin(shared, now));
        if stream.is_none() {
            let shared = Arc::new(Shared::new(sender, now));
            stream = Stream::begin(&shared, now);
            *current = Some(shared);
        }
        stream.map(Line::Http2)
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        if !self.is_shared {
            self.connections.vain_count.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// A connection of HTTP/2.
#[derive(Debug)]
struct Shared {
    sender: Http2,
    opened: Instant,
    usage: Mutex<Usage>,
}

#[derive(Debug)]
struct Usage {
    stream_count: usize,
    /// When a request last began or ended.
    touched: Instant,
    /// When an answer last began.
    heard: Instant,
    is_given_up: bool,
}

impl Shared {
    fn new(sender: Http2, now: Instant) -> Self {
        Self {
            sender,
            opened: now,
            usage: Mutex::new(Usage {
                stream_count: 0,
                touched: now,
                heard: now,
                is_given_up: false,
            }),
        }
    }

    fn idle_since(&self) -> Option<Instant> {
        let usage = self.usage.lock();
        (usage.stream_count == 0).then_some(usage.touched)
    }

    fn is_usable(&self, now: Instant) -> bool {
        let usage = self.usage.lock();
        let is_idle = usage.stream_count == 0 && now.duration_since(usage.touched) >= IDLE;
        let is_old = now.duration_since(self.opened) >= MAX_AGE;
        !(is_idle || is_old || usage.is_given_up || self.sender.is_closed())
    }
}

/// One request on a connection of HTTP/2.
#[derive(Debug)]
pub(super) struct Stream {
    shared: Arc<Shared>,
    begun: Instant,
    is_answered: bool,
}

impl Stream {
    fn begin(shared: &Arc<Shared>, begun: Instant) -> Option<Self> {
        if !shared.is_usable(begun) {
            return None;
        }
        let mut usage = shared.usage.lock();
        usage.stream_count += 1;
        usage.touched = begun;
        drop(usage);
        Some(Self {
            shared: shared.clone(),
            begun,
            is_answered: false,
        })
    }

    /// What sends the request.
    pub fn sender(&self) -> Http2 {
        self.shared.sender.clone()
    }

    /// Has further requests go over another connection; those under way go on.
    pub fn give_up(&self) {
        self.shared.usage.lock().is_given_up = true;
    }

    /// Notes that an answer began, or that the receiver said something else about this request.
    pub fn answered(&mut self) {
        self.is_answered = true;
        self.shared.usage.lock().heard = Instant::now();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut usage = self.shared.usage.lock();
        usage.stream_count -= 1;
        usage.touched = Instant::now();
        // Nothing came back, for this request or any other since it began: the connection may be dead, and the next
        // request is better off with a new one. Those under way go on.
        usage.is_given_up |= !self.is_answered && usage.heard <= self.begun;
    }
}

#[cfg(test)]
mod tests;
