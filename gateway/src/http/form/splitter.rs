//! Where the parts of a form begin and end, in pieces of any size.

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::memmem;

use super::part_head::PartHead;

/// Most bytes of a part's headers.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Most blanks behind a boundary.
const MAX_PADDING: usize = 256;

/// See the module. Give it pieces with [`push`](Self::push), and ask with [`find`](Self::find) until there is nothing more.
pub struct Splitter {
    /// A line break, two hyphens and the boundary.
    delimiter: Vec<u8>,
    finder: memmem::Finder<'static>,
    held: BytesMut,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Before the first boundary.
    Preamble,
    Head,
    Body,
    /// Behind the last boundary, where nothing counts.
    Epilogue,
}

/// What stands next in the form.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A part begins.
    Head(PartHead),
    /// Some of its bytes.
    Body(Bytes),
    /// It ends.
    BodyEnd,
    /// The form ends.
    End,
    /// Another piece is needed.
    Nothing,
}

/// A part whose headers do not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the headers of a part are over {MAX_HEAD_BYTES} bytes")]
pub struct HeadTooLong;

/// What follows the characters of a boundary.
enum Follows {
    /// A line break, after so many blanks.
    Part(usize),
    /// Two hyphens.
    End,
    /// Something else, so that it was no boundary.
    Text,
    /// Too little to tell.
    Open,
}

impl Splitter {
    /// Nothing was read yet.
    pub fn new(boundary: &str) -> Self {
        let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
        Self {
            finder: memmem::Finder::new(&delimiter).into_owned(),
            delimiter,
            // The first boundary may stand at the very beginning.
            held: BytesMut::from(&b"\r\n"[..]),
            stage: Stage::Preamble,
        }
    }

    /// Takes the next piece of the form.
    pub fn push(&mut self, piece: &[u8]) {
        self.held.extend_from_slice(piece);
    }

    /// How many of the pushed bytes are not told of yet.
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// What stands next.
    pub fn find(&mut self) -> Result<Found, HeadTooLong> {
        match self.stage {
            Stage::Preamble => loop {
                match self.find_text() {
                    Some(Found::Body(_)) => {}
                    Some(Found::BodyEnd) => return self.find(),
                    Some(other) => return Ok(other),
                    None => return Ok(Found::Nothing),
                }
            },
            Stage::Body => Ok(self.find_text().unwrap_or(Found::Nothing)),
            Stage::Head => self.find_head(),
            Stage::Epilogue => {
                self.held.clear();
                Ok(Found::Nothing)
            }
        }
    }

    /// Whether the form's last boundary was read.
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Epilogue
    }

    /// Text up to the next boundary, or the boundary; `None`: another piece is needed.
    fn find_text(&mut self) -> Option<Found> {
        let at = self.finder.find(&self.held).unwrap_or_else(|| self.safe_bytes());
        if at > 0 {
            return Some(Found::Body(self.held.split_to(at).freeze()));
        }
        if self.held.len() < self.delimiter.len() {
            return None;
        }
        let is_preamble = self.stage == Stage::Preamble;
        match self.follows() {
            Follows::Open => None,
            // Its line break is not the end of anything; the rest may be.
            Follows::Text => Some(Found::Body(self.held.split_to(2).freeze())),
            Follows::Part(padding) => {
                self.held.advance(self.delimiter.len() + padding);
                self.stage = Stage::Head;
                Some(Found::BodyEnd)
            }
            Follows::End => {
                self.held.advance(self.delimiter.len());
                self.stage = Stage::Epilogue;
                Some(if is_preamble { Found::End } else { Found::BodyEnd })
            }
        }
    }

    /// How many bytes cannot be part of a boundary of which the rest is still to come.
    fn safe_bytes(&self) -> usize {
        let from = self.held.len().saturating_sub(self.delimiter.len() - 1);
        let breaks = memchr::memchr_iter(b'\r', &self.held[from..]);
        let mut beginnings = breaks.map(|at| from + at);
        beginnings
            .find(|at| self.delimiter.starts_with(&self.held[*at..]))
            .unwrap_or(self.held.len())
    }

    fn follows(&self) -> Follows {
        let rest = &self.held[self.delimiter.len()..];
        if rest.starts_with(b"--") {
            return Follows::End;
        }
        let padding = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        match &rest[padding..] {
            _ if padding > MAX_PADDING => Follows::Text,
            [b'\r', b'\n', ..] => Follows::Part(padding),
            [] | [b'\r'] => Follows::Open,
            [b'-'] if padding == 0 => Follows::Open,
            _ => Follows::Text,
        }
    }

    /// The head begins with the line break of its boundary, so that one without any line ends as others do.
    fn find_head(&mut self) -> Result<Found, HeadTooLong> {
        let end = memmem::find(&self.held, b"\r\n\r\n");
        if end.unwrap_or(self.held.len()) > MAX_HEAD_BYTES {
            return Err(HeadTooLong);
        }
        let Some(end) = end else {
            return Ok(Found::Nothing);
        };
        let head = self.held.split_to(end + 4);
        self.stage = Stage::Body;
        Ok(Found::Head(PartHead::parse(&head[2.min(end)..end])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A form in words, given in pieces of `size`.
    fn told(form: &[u8], boundary: &str, size: usize) -> Vec<String> {
        let mut splitter = Splitter::new(boundary);
        let mut words: Vec<String> = Vec::new();
        let mut body: Option<Vec<u8>> = None;
        for piece in form.chunks(size) {
            splitter.push(piece);
            loop {
                match splitter.find() {
                    Ok(Found::Nothing) => break,
                    Ok(Found::Head(head)) => {
                        words.push(format!("part {:?}", head.name.unwrap_or_default()));
                        body = Some(Vec::new());
                    }
                    Ok(Found::Body(bytes)) => body.as_mut().expect("a part").extend_from_slice(&bytes),
                    Ok(Found::BodyEnd) => {
                        let text = body.take().expect("a part");
                        words.push(format!("{:?}", String::from_utf8_lossy(&text)));
                    }
                    Ok(Found::End) => words.push("end".to_owned()),
                    Err(HeadTooLong) => {
                        words.push("too long".to_owned());
                        return words;
                    }
                }
            }
            assert!(splitter.held_bytes() <= size + MAX_HEAD_BYTES + 4);
        }
        words.push(if splitter.is_over() { "over" } else { "cut" }.to_owned());
        words
    }

    fn alike(form: &[u8], boundary: &str) -> Vec<String> {
        let whole = told(form, boundary, form.len().max(1));
        for size in [1, 2, 3, 7, 50] {
            assert_eq!(told(form, boundary, size), whole, "pieces of {size}");
        }
        whole
    }

    const A: &str = "Content-Disposition: form-data; name=a\r\n";

    #[test]
    fn parts_and_what_stands_around_them() {
        let form =
            format!("preamble\r\n--B\r\n{A}\r\none\r\n--B  \r\n\r\n\r\n--B--\r\nepilogue\r\n--B\r\n\r\nx");
        assert_eq!(
            alike(form.as_bytes(), "B"),
            ["part \"a\"", "\"one\"", "part \"\"", "\"\"", "over"]
        );
        let form = format!("--B\r\n{A}\r\na\r\n--Bx\r\n--B-\r\n-\r\n--b\n--B\r\r\n--\r\n\r\n--B--");
        assert_eq!(
            alike(form.as_bytes(), "B"),
            [
                "part \"a\"",
                "\"a\\r\\n--Bx\\r\\n--B-\\r\\n-\\r\\n--b\\n--B\\r\\r\\n--\\r\\n\"",
                "over"
            ]
        );
        assert_eq!(alike(b"--B--", "B"), ["end", "over"]);
    }

    #[test]
    fn what_does_not_end() {
        assert_eq!(alike(b"", "B"), ["cut"]);
        assert_eq!(alike(&[b'x'; 5_000], "B"), ["cut"]);
        assert_eq!(
            alike(format!("--B\r\n{A}\r\none\r\n--B").as_bytes(), "B"),
            ["part \"a\"", "cut"]
        );
        let long = format!("--B\r\n{}", "x".repeat(MAX_HEAD_BYTES + 1));
        assert_eq!(alike(long.as_bytes(), "B"), ["too long"]);
        let ends = format!("--B\r\n{}\r\n\r\n", "x".repeat(MAX_HEAD_BYTES + 1));
        assert_eq!(alike(ends.as_bytes(), "B"), ["too long"]);
    }

    #[test]
    fn bytes_that_can_be_no_boundary_are_told_at_once() {
        let mut splitter = Splitter::new("B");
        splitter.push(format!("--B\r\n{A}\r\nemail\r\na@b.c\r\n").as_bytes());
        assert!(matches!(splitter.find(), Ok(Found::Head(_))));
        assert_eq!(
            splitter.find(),
            Ok(Found::Body(Bytes::from_static(b"email\r\na@b.c")))
        );
        assert_eq!(splitter.find(), Ok(Found::Nothing));
        assert_eq!(splitter.held_bytes(), 2);
    }

    proptest! {
        #[test]
        fn any_form_is_told_alike_however_it_is_cut(pieces in prop::collection::vec("(\r\n|--B|-| |\r|\n|x|--B--|: )", 0..40), size in 1..9_usize) {
            let form = format!("--B\r\n{A}\r\n{}", pieces.concat());
            prop_assert_eq!(told(form.as_bytes(), "B", size), told(form.as_bytes(), "B", form.len()));
        }

        #[test]
        fn a_file_comes_out_as_it_went_in(file in prop::collection::vec(prop::sample::select(b"\r\n-Bx".to_vec()), 0..60), size in 1..9_usize) {
            let boundary = "a boundary that it does not hold";
            let form = [format!("--{boundary}\r\n{A}\r\n").as_bytes(), &file, format!("\r\n--{boundary}--").as_bytes()].concat();
            let words = told(&form, boundary, size);
            prop_assert_eq!(&words[1], &format!("{:?}", String::from_utf8_lossy(&file)));
        }
    }
}
