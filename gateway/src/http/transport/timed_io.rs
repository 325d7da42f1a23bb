//! A connection with timeouts for slow clients.
//!
//! There are three: between requests, within a request's head, and while the client does not read a reply.
//! The service reports when a request is running; then reading has no limit here, because bodies have their own.
//! Timers are lazy: a moved deadline is checked when the old one fires, not re-armed at each request.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// The largest head of a request, in bytes.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// How long each kind of wait may last.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    pub head: Duration,
    pub idle: Duration,
    /// How long a reply may find no room in the client's window.
    pub write: Duration,
}

/// What a connection and its service tell each other.
#[derive(Debug, Default)]
pub struct Watch {
    requests_under_way: AtomicU32,
    has_ambiguous_framing: AtomicBool,
    /// Set by a request, taken by the stream: one that was answered at once is never seen under way.
    has_begun: AtomicBool,
}

impl Watch {
    /// Marks a request as under way until the guard is dropped.
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        self.requests_under_way.fetch_add(1, Ordering::Relaxed);
        self.has_begun.store(true, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    /// Whether a head held both Content-Length and Transfer-Encoding (RFC 9112, 6.3: an attempt to smuggle).
    pub fn has_ambiguous_framing(&self) -> bool {
        self.has_ambiguous_framing.load(Ordering::Relaxed)
    }

    fn is_busy(&self) -> bool {
        self.requests_under_way.load(Ordering::Relaxed) > 0
    }
}

/// A request that is under way.
#[derive(Debug)]
pub struct UnderWay(Arc<Watch>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.requests_under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Head,
    Busy,
}

/// A stream with those limits.
pub struct TimedIo<S> {
    stream: S,
    watch: Arc<Watch>,
    waits: Waits,
    phase: Phase,
    deadline: Instant,
    alarm: Pin<Box<Sleep>>,
    write_alarm: Option<Pin<Box<Sleep>>>,
    is_http2: bool,
    /// What has come of a head that is not whole yet.
    partial_head: Vec<u8>,
}

impl<S> TimedIo<S> {
    /// Puts limits on `stream`. The first byte has to arrive within the time for a head.
    pub fn new(stream: S, watch: Arc<Watch>, waits: Waits) -> Self {
        let deadline = Instant::now() + waits.head;
        Self {
            stream,
            watch,
            waits,
            phase: Phase::Idle,
            deadline,
            alarm: Box::pin(tokio::time::sleep_until(deadline)),
            write_alarm: None,
            is_http2: false,
            partial_head: Vec::new(),
        }
    }

    fn enter(&mut self, phase: Phase) {
        if self.phase == phase {
            return;
        }
        self.phase = phase;
        match phase {
            Phase::Idle => self.deadline = Instant::now() + self.waits.idle,
            Phase::Head => self.deadline = Instant::now() + self.waits.head,
            Phase::Busy => {}
        }
    }

    fn note_bytes(&mut self, bytes: &[u8]) {
        if self.watch.has_begun.swap(false, Ordering::Relaxed) {
            self.phase = Phase::Busy;
        }
        if self.watch.is_busy() {
            self.look_for_two_lengths(bytes, false);
            return self.enter(Phase::Busy);
        }
        if bytes.starts_with(b"PRI * HTTP/2") {
            self.is_http2 = true;
        }
        if self.is_http2 {
            // Frames are small heads of their own; hyper's pings look after a silent peer.
            self.phase = Phase::Busy;
            return self.enter(Phase::Idle);
        }
        if self.phase != Phase::Head {
            self.phase = Phase::Busy;
            self.enter(Phase::Head);
        }
        self.look_for_two_lengths(bytes, true);
    }

    /// A head that comes in pieces is put together first.
    fn look_for_two_lengths(&mut self, bytes: &[u8], is_head: bool) {
        let is_whole = !is_head || memmem::find(bytes, END_OF_HEAD).is_some();
        let found = if self.partial_head.is_empty() && is_whole {
            is_framed_twice(bytes)
        } else {
            let room = MAX_HEAD_BYTES.saturating_sub(self.partial_head.len());
            self.partial_head
                .extend_from_slice(&bytes[..bytes.len().min(room)]);
            let found = is_framed_twice(&self.partial_head);
            if memmem::find(&self.partial_head, END_OF_HEAD).is_some() {
                self.partial_head = Vec::new();
            }
            found
        };
        if found {
            self.watch.has_ambiguous_framing.store(true, Ordering::Relaxed);
        }
    }

    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let is_busy = self.watch.is_busy();
        if self.watch.has_begun.swap(false, Ordering::Relaxed) {
            self.phase = Phase::Busy;
        }
        match (is_busy, self.phase) {
            (true, _) => self.enter(Phase::Busy),
            (false, Phase::Busy) => self.enter(Phase::Idle),
            (false, _) => {}
        }
        if is_busy {
            return Poll::Pending;
        }
        if self.alarm.deadline() > self.deadline {
            self.alarm.as_mut().reset(self.deadline);
        }
        loop {
            ready!(self.alarm.as_mut().poll(context));
            if Instant::now() >= self.deadline {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            let deadline = self.deadline;
            self.alarm.as_mut().reset(deadline);
        }
    }
}

/// Whether one of the heads in `bytes` names both ways to tell a body's length. hyper drops one of them before we could
/// see it. A head is told from a body by its request line.
fn is_framed_twice(bytes: &[u8]) -> bool {
    if !may_name_a_transfer_coding(bytes) {
        return false;
    }
    let mut rest = bytes;
    loop {
        let end = memmem::find(rest, END_OF_HEAD);
        let head = &rest[..end.unwrap_or(rest.len())];
        if has_request_line(head) && has_both_lengths(head) {
            return true;
        }
        match end {
            Some(end) => rest = &rest[end + END_OF_HEAD.len()..],
            None => return false,
        }
    }
}

/// Looks at everything that arrives, so it searches for all cases of a few letters of `Transfer-Encoding` at once, with
/// vector instructions, and may be wrong where it says yes.
fn may_name_a_transfer_coding(bytes: &[u8]) -> bool {
    const LETTERS: &[u8; 5] = b"r-enc";
    static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let cases = (0..1_u8 << LETTERS.len()).map(|upper| {
            let mut word = *LETTERS;
            for (at, letter) in word.iter_mut().enumerate() {
                if upper >> at & 1 == 1 {
                    letter.make_ascii_uppercase();
                }
            }
            word
        });
        let words: std::collections::BTreeSet<_> = cases.collect();
        AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(words)
            .ok()
    });
    SEARCH.as_ref().is_none_or(|search| search.is_match(bytes))
}

fn has_request_line(head: &[u8]) -> bool {
    // A body without a line break may stand before the next request's line.
    let line = head
        .split(|&byte| byte == b'\n')
        .find(|line| !line.trim_ascii().is_empty());
    let line = line.unwrap_or_default().trim_ascii_end();
    line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0")
}

fn has_both_lengths(head: &[u8]) -> bool {
    let head = head.to_ascii_lowercase();
    memmem::find(&head, b"\ntransfer-encoding:").is_some()
        && memmem::find(&head, b"\ncontent-length:").is_some()
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().get(before..).unwrap_or_default();
                if !bytes.is_empty() {
                    this.note_bytes(bytes);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(fault)) => Poll::Ready(Err(fault)),
            Poll::Pending => this.poll_deadline(context).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> TimedIo<S> {
    fn timed<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_alarm = None;
            return written;
        }
        let wait = self.waits.write;
        let alarm = self
            .write_alarm
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
        ready!(alarm.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.timed(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.timed(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.timed(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.timed(context, shut)
    }
}

#[cfg(test)]
mod tests {
    use super::is_framed_twice;

    #[test]
    fn both_lengths_in_one_head_are_seen_in_any_case() {
        let head = |lines: &str| format!("POST / HTTP/1.1\r\nhost: a\r\n{lines}\r\n\r\n");
        let of = |lines: &str| is_framed_twice(head(lines).as_bytes());
        assert!(of("Content-Length: 1\r\nTransfer-Encoding: chunked"));
        assert!(of("transfer-encoding: chunked\r\ncontent-length: 1"));
        assert!(of("TRANSFER-ENCODING: chunked\r\nCONTENT-LENGTH: 1"));
        assert!(of("TrAnSfEr-EnCoDiNg: chunked\r\ncOnTeNt-LeNgTh: 1"));
        assert!(!of("transfer-encoding: chunked"));
        assert!(!of("x-note: transfer-encoding: no\r\ncontent-length: 1"));
        let two = format!(
            "{}{{}}POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: x\r\n\r\n",
            head("a: b")
        );
        assert!(is_framed_twice(two.as_bytes()));
        let in_body = format!("{}\ntransfer-encoding: x", head("content-length: 21"));
        assert!(!is_framed_twice(in_body.as_bytes()));
    }
}
