//! Any body as a form, cut anywhere: its parts are those that a search through the whole of it finds, and no more than a
//! part's head is held meanwhile. Any text as a header's parameters.
#![no_main]

use gateway::facade::http::{Found, HeadTooLong, MAX_HEAD_BYTES, PartHead, Splitter, parameters};
use gateway_fuzz::pieces;
use libfuzzer_sys::fuzz_target;

const BOUNDARY: &str = "B";
const DELIMITER: &[u8] = b"\r\n--B";
/// RFC 2046's transport padding, as much of it as is taken.
const MAX_PADDING: usize = 256;

/// The parts that end, each with its name, and whether the form does.
type Told = (Vec<(Option<String>, Vec<u8>)>, bool);

fuzz_target!(|input: &[u8]| {
    let Some((cuts, form)) = input.split_first() else {
        return;
    };
    let expected = searched(form);
    assert_eq!(told(std::iter::once(form)), expected);
    assert_eq!(told(pieces(*cuts, form)), expected);
    let text = String::from_utf8_lossy(form);
    for (name, _) in parameters(&text) {
        assert!(!name.contains(['=', ';']) && name.trim() == name, "{name:?}");
    }
});

fn told<'f>(pieces: impl Iterator<Item = &'f [u8]>) -> Told {
    let mut splitter = Splitter::new(BOUNDARY);
    let mut ended = Vec::new();
    let mut open: Option<(Option<String>, Vec<u8>)> = None;
    for piece in pieces {
        splitter.push(piece);
        loop {
            match splitter.find() {
                Ok(Found::Nothing) => break,
                Ok(Found::Head(head)) => {
                    let before = open.replace((head.name, Vec::new()));
                    assert!(before.is_none(), "a part begins within another");
                }
                Ok(Found::Body(bytes)) => {
                    assert!(!bytes.is_empty());
                    open.as_mut().expect("a part").1.extend_from_slice(&bytes);
                }
                Ok(Found::BodyEnd) => ended.push(open.take().expect("a part")),
                Ok(Found::End) => assert!(open.is_none()),
                Err(HeadTooLong) => panic!("no input is so long"),
            }
        }
        assert!(splitter.held_bytes() <= piece.len() + MAX_HEAD_BYTES);
    }
    (ended, splitter.is_over())
}

/// The same by RFC 2046, with the whole form at hand.
fn searched(form: &[u8]) -> Told {
    // The first boundary may stand at the very beginning.
    let form = [b"\r\n", form].concat();
    let mut ended = Vec::new();
    let mut open: Option<(Option<String>, usize)> = None;
    let mut from = 0;
    while let Some(at) = find(&form, DELIMITER, from) {
        let after = &form[at + DELIMITER.len()..];
        let padding = after.iter().take_while(|byte| b" \t".contains(byte)).count();
        let is_last = after.starts_with(b"--");
        let is_next = padding <= MAX_PADDING && after[padding..].starts_with(b"\r\n");
        if !is_last && !is_next {
            from = at + 2;
            continue;
        }
        if let Some((name, begin)) = open.take() {
            ended.push((name, form[begin..at].to_vec()));
        }
        if is_last {
            return (ended, true);
        }
        // The head begins with the line break of its boundary, for it may have no line.
        let head = at + DELIMITER.len() + padding;
        let Some(end) = find(&form, b"\r\n\r\n", head) else {
            break;
        };
        let lines = &form[(head + 2).min(end)..end];
        open = Some((PartHead::parse(lines).name, end + 4));
        from = end + 4;
    }
    (ended, false)
}

fn find(text: &[u8], what: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let found = rest.windows(what.len()).position(|window| window == what);
    found.map(|at| from + at)
}
