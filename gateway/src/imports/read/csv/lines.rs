//! Counts the lines of a file. csv-core counts LF alone; a file may use CRLF, or lone CR as old Macs did, or all of
//! them.

/// Counts the lines of the bytes that go by, in whatever pieces.
#[derive(Debug)]
pub struct LineCounter {
    /// From 1.
    line: u64,
    /// Whether the last byte was a CR: an LF that follows belongs to it.
    is_after_cr: bool,
}

impl LineCounter {
    /// Stands at the beginning of line `line`.
    pub fn at(line: u64) -> LineCounter {
        LineCounter {
            line,
            is_after_cr: false,
        }
    }

    /// The line of the next byte (a LF that completes a CRLF aside).
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Goes past `bytes`.
    pub fn pass(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else {
            return;
        };
        let line_feeds = memchr::memchr_iter(b'\n', bytes).count() as u64;
        let completes_cr = self.is_after_cr && bytes[0] == b'\n';
        let returns = memchr::memchr_iter(b'\r', bytes);
        let lone_returns = returns.filter(|at| bytes.get(at + 1) != Some(&b'\n')).count() as u64;
        self.line += line_feeds + lone_returns - u64::from(completes_cr);
        self.is_after_cr = *last == b'\r';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lf_crlf_and_cr_in_any_pieces() {
        let text = b"a\nb\r\nc\rd\r\r\n\n\re\r\n";
        for size in 1..text.len() {
            let mut counter = LineCounter::at(1);
            text.chunks(size).for_each(|piece| counter.pass(piece));
            assert_eq!(counter.line(), 9, "pieces of {size}");
        }
    }
}
