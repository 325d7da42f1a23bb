//! A bounded buffer of log lines, and one thread that writes them.
//!
//! If the reader is gone, stalls or its disk is full, logging goes on. The crate tracing-appender does much of this, but
//! bounds lines by their number, not their size, and does not count failed writes.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use metrics::counter;
use parking_lot::{Condvar, Mutex};

use crate::telemetry::names;

/// What may wait to be written; once more as much is under way.
const MAX_BYTES: usize = 1 << 20;
/// Before another try where the other side made the file one that does not block.
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// Takes lines from everybody.
#[derive(Clone)]
pub(super) struct LogWriter(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lines: Mutex<Lines>,
    arrived: Condvar,
    written: Condvar,
    /// Dropped lines of which the log does not tell yet.
    untold: AtomicU64,
}

#[derive(Default)]
struct Lines {
    waiting: Vec<u8>,
    is_writing: bool,
}

impl LogWriter {
    /// Writes to standard error.
    pub(super) fn to_standard_error() -> io::Result<Self> {
        // Its own descriptor: the standard library's lock on standard error would be held while a write hangs.
        let file = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        Self::to(file)
    }

    fn to(out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let writer = Self(shared.clone());
        let mut out = Out { out, is_torn: false };
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || shared.write_all_to(&mut out))?;
        Ok(writer)
    }

    /// Takes whole lines, or drops them where there is no room. Never waits for the reader.
    pub(super) fn submit(&self, text: &[u8]) {
        let mut lines = self.0.lines.lock();
        if lines.waiting.len() + text.len() > MAX_BYTES {
            drop(lines);
            return self.0.note_dropped(text);
        }
        lines.waiting.extend_from_slice(text);
        self.0.arrived.notify_one();
    }

    /// Waits until everything is written, but not for long.
    pub(super) fn flush_within(&self, limit: Duration) {
        let until = Instant::now() + limit;
        let mut lines = self.0.lines.lock();
        while lines.is_writing || !lines.waiting.is_empty() {
            if self.0.written.wait_until(&mut lines, until).timed_out() {
                return;
            }
        }
    }
}

impl Shared {
    fn write_all_to<W: Write>(&self, out: &mut Out<W>) {
        let mut taken = Vec::new();
        loop {
            {
                let mut lines = self.lines.lock();
                lines.is_writing = false;
                self.written.notify_all();
                while lines.waiting.is_empty() {
                    self.arrived.wait(&mut lines);
                }
                lines.is_writing = true;
                std::mem::swap(&mut lines.waiting, &mut taken);
            }
            let left = out.write(&taken);
            if left.is_empty() {
                let dropped = self.untold.swap(0, Ordering::Relaxed);
                if dropped > 0 {
                    tracing::warn!(dropped, "log lines could not be written and were dropped");
                }
            } else {
                self.note_dropped(left);
            }
            taken.clear();
        }
    }

    fn note_dropped(&self, text: &[u8]) {
        let count = text.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.untold.fetch_add(count, Ordering::Relaxed);
        counter!(names::LOG_LINES_DROPPED).increment(count);
    }
}

/// The other side.
struct Out<W> {
    out: W,
    /// Whether what was written last ends within a line.
    is_torn: bool,
}

impl<W: Write> Out<W> {
    /// Writes as much of `text` as can be written; what is left of it.
    fn write<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        if self.is_torn && self.write_some(b"\n").is_empty() {
            self.is_torn = false;
        }
        let left = match self.is_torn {
            true => text,
            false => self.write_some(text),
        };
        if left.len() < text.len() {
            self.is_torn = !text[..text.len() - left.len()].ends_with(b"\n");
        }
        left
    }

    fn write_some<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let mut left = text;
        while !left.is_empty() {
            match self.out.write(left) {
                Ok(0) => break,
                Ok(count) => left = &left[count..],
                Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => std::thread::sleep(FULL_PAUSE),
                Err(_) => break,
            }
        }
        left
    }
}

/// One event's line, for the formatter, which writes it whole.
pub(super) struct Submitted(&'static LogWriter);

impl Submitted {
    pub(super) const fn to(writer: &'static LogWriter) -> Self {
        Self(writer)
    }
}

impl Write for Submitted {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.submit(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::mpsc;

    use super::*;

    /// Follows a script of results, write by write, and keeps the bytes that it took.
    struct Script {
        acts: VecDeque<io::Result<usize>>,
        took: Vec<u8>,
    }

    impl Write for Script {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let count = self.acts.pop_front().unwrap_or(Ok(text.len()))?.min(text.len());
            self.took.extend_from_slice(&text[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_was_full_gets_whole_lines_again() {
        let acts = [
            Ok(6),
            Err(ErrorKind::WouldBlock.into()),
            Err(ErrorKind::StorageFull.into()),
            Err(ErrorKind::StorageFull.into()),
        ];
        let mut out = Out {
            out: Script {
                acts: acts.into(),
                took: Vec::new(),
            },
            is_torn: false,
        };
        assert_eq!(out.write(b"one\ntwo\nthree\n"), b"o\nthree\n");
        assert_eq!(out.write(b"four\n"), b"four\n", "it is still full");
        assert!(out.write(b"five\n").is_empty());
        assert_eq!(out.out.took, b"one\ntw\nfive\n");
    }

    /// Takes nothing until it is let go.
    struct Stalled(mpsc::Receiver<()>);

    impl Write for Stalled {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stalls_holds_nobody_up_and_costs_no_more_than_the_bound() {
        let (let_go, stalled) = mpsc::channel();
        let writer = LogWriter::to(Stalled(stalled)).expect("a thread");
        let line = [b'x'; 999].into_iter().chain([b'\n']).collect::<Vec<u8>>();
        // Were there a wait for the reader, this would not return.
        for _ in 0..10_000 {
            writer.submit(&line);
        }
        assert!(writer.0.lines.lock().waiting.len() <= MAX_BYTES);
        let dropped = writer.0.untold.load(Ordering::Relaxed);
        assert!(
            dropped >= 10_000 - 2 * (MAX_BYTES as u64 / 1_000) - 1,
            "{dropped}"
        );
        writer.flush_within(Duration::from_millis(20));
        drop(let_go);
        writer.flush_within(Duration::from_secs(60));
        assert!(writer.0.lines.lock().waiting.is_empty());
    }
}
