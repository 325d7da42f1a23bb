use super::*;
use proptest::prelude::*;

/// All the text of `bytes` given in pieces of `size`, of which at most `bite` bytes are used at a time.
fn decoded(
    bytes: &[u8],
    given: Option<&'static Encoding>,
    size: usize,
    bite: usize,
) -> (Vec<u8>, &'static str) {
    let mut decoder = Decoder::new(given.map_or(Stated::Nothing, Stated::Parameter));
    let mut text = Vec::new();
    let mut drain = |decoder: &mut Decoder, mut source: &[u8]| loop {
        let shown = decoder.fill(&mut source);
        let used = shown.len().min(bite);
        if used == 0 {
            assert!(source.is_empty());
            break;
        }
        text.extend_from_slice(&shown[..used]);
        decoder.consume(used, &mut source);
    };
    for piece in bytes.chunks(size) {
        drain(&mut decoder, piece);
    }
    decoder.end();
    drain(&mut decoder, &[]);
    (text, decoder.encoding().name())
}

fn check(bytes: &[u8], given: Option<&'static Encoding>, text: &[u8], name: &str) {
    for size in [1, 2, 3, 5, 1000] {
        for bite in [1, 7, usize::MAX] {
            let (found, encoding) = decoded(bytes, given, size, bite);
            assert_eq!(found, text, "pieces of {size}");
            assert_eq!(encoding, name);
        }
    }
}

fn utf_16le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn marks_come_off_wherever_they_are_cut() {
    check(b"\xef\xbb\xbfa,\xc3\xa9", None, "a,é".as_bytes(), "UTF-8");
    check(b"\xff\xfea\0,\0\xac\x20", None, "a,€".as_bytes(), "UTF-16LE");
    check(b"\xfe\xff\0a\0,\x20\xac", None, "a,€".as_bytes(), "UTF-16BE");
    check(b"", None, b"", "UTF-8");
    check(b"a", None, b"a", "UTF-8");
    check(b"\xef\xbb\xbf", None, b"", "UTF-8");
}

#[test]
fn windows_1252_by_its_rule() {
    check(
        b"name\nRen\xe9\n",
        None,
        "name\nRené\n".as_bytes(),
        "windows-1252",
    );
    check(b"Ren\xe9", None, "René".as_bytes(), "windows-1252");
    check(b"5 \x80", None, "5 €".as_bytes(), "windows-1252");
    // A valid sequence anywhere makes it UTF-8, and the bad bytes the row's error.
    check(
        b"Ren\xe9\nRen\xc3\xa9\n",
        None,
        b"Ren\xe9\nRen\xc3\xa9\n",
        "UTF-8",
    );
}

#[test]
fn what_is_given_wins_over_what_is_seen() {
    check(b"Ren\xe9", Some(UTF_8), b"Ren\xe9", "UTF-8");
    check(b"\xc3\xa9", Some(WINDOWS_1252), "Ã©".as_bytes(), "windows-1252");
    check(
        &utf_16le("a,é"),
        Some(encoding_rs::UTF_16LE),
        "a,é".as_bytes(),
        "UTF-16LE",
    );
    check(b"\xef\xbb\xbfa", Some(UTF_8), b"a", "UTF-8");
    check(
        b"\x93\xfa\x96\x7b",
        Some(encoding_rs::SHIFT_JIS),
        "日本".as_bytes(),
        "Shift_JIS",
    );
}

#[test]
fn malformed_sequences_are_marked_and_the_rest_is_read() {
    let mut bytes = b"\xff\xfe".to_vec();
    bytes.extend(utf_16le("a,"));
    bytes.extend(0xd800u16.to_le_bytes());
    bytes.extend(utf_16le(",b"));
    check(&bytes, None, b"a,\xff,b", "UTF-16LE");
    bytes.push(b'c');
    check(&bytes, None, b"a,\xff,b\xff", "UTF-16LE");
    let lone: Vec<u8> = [0xd800u16; 40_000]
        .iter()
        .flat_map(|unit| unit.to_le_bytes())
        .collect();
    let (text, _) = decoded(&lone, Some(encoding_rs::UTF_16LE), 50_000, usize::MAX);
    assert_eq!(text, [MALFORMED; 40_000]);
}

#[test]
fn the_examined_part_has_an_end() {
    let limit = encoding::EXAMINED_BYTES;
    // The first byte that is not ASCII comes after it: UTF-8, whatever the byte.
    let mut late = vec![b'a'; limit];
    late.push(0xe9);
    for size in [4096, limit, limit + 1] {
        let (text, name) = decoded(&late, None, size, usize::MAX);
        assert_eq!((text.len(), name), (limit + 1, "UTF-8"));
    }
    // A character that the end of the part cuts is no evidence against UTF-8.
    let mut cut = vec![b'a'; limit - 1];
    cut.extend("é and more".as_bytes());
    let (text, name) = decoded(&cut, None, 4096, usize::MAX);
    assert_eq!((text == cut, name), (true, "UTF-8"));
    // Evidence before its end, decided at its end.
    let mut early = b"\xe9".to_vec();
    early.resize(3 * limit, b'a');
    let (text, name) = decoded(&early, None, 4096, usize::MAX);
    assert_eq!((text.len(), name), (3 * limit + 1, "windows-1252"));
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_give_the_same_text(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        size in 1usize..9,
        bite in 1usize..9,
    ) {
        for given in [None, Some(encoding_rs::UTF_16LE), Some(encoding_rs::GB18030), Some(encoding_rs::ISO_2022_JP)] {
            let whole = decoded(&bytes, given, bytes.len().max(1), usize::MAX);
            prop_assert_eq!(decoded(&bytes, given, size, bite), whole);
        }
    }

    #[test]
    fn any_text_is_read_back(text in "\\PC{0,60}", size in 1usize..9) {
        prop_assume!(!text.starts_with('\u{feff}'));
        prop_assert_eq!(decoded(text.as_bytes(), None, size, 9).0, text.as_bytes());
        let mut marked = b"\xff\xfe".to_vec();
        marked.extend(utf_16le(&text));
        prop_assert_eq!(decoded(&marked, None, size, 9).0, text.as_bytes());
    }
}
