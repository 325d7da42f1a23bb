use super::*;
use crate::imports::read::row::Outcome;
use proptest::prelude::*;

fn of(object: &str) -> Reading {
    Reading::of(Object::named(object).unwrap())
}

/// Everything that can be seen of a file: its refusal, or its rows and what was found out about it.
fn seen(bytes: &[u8], reading: &Reading, size: usize) -> Result<Vec<String>, Refusal> {
    let mut opening = Opening::new(reading.clone());
    let mut stream = None;
    let mut lines = Vec::new();
    for mut piece in bytes.chunks(size) {
        if stream.is_none() {
            stream = opening.feed(&mut piece)?;
        }
        if let Some(stream) = &mut stream {
            keep_rows(stream, piece, &mut lines);
        }
    }
    let mut stream = match stream {
        Some(stream) => stream,
        None => opening.end()?,
    };
    stream.end();
    keep_rows(&mut stream, &[], &mut lines);
    lines.push(format!("{} {:?}", stream.encoding(), stream.delimiter() as char));
    Ok(lines)
}

fn keep_rows(stream: &mut RowStream, mut piece: &[u8], lines: &mut Vec<String>) {
    while let Some(parsed) = stream.next_row(&mut piece) {
        let (row, line) = (parsed.record.row_number, parsed.record.line_number);
        lines.push(match parsed.outcome {
            Outcome::Row(row_seen) => format!("{row}@{line} {row_seen:?}"),
            Outcome::Unchanged => format!("{row}@{line} unchanged"),
            Outcome::Failed(faults) => format!("{row}@{line} {faults}"),
        });
    }
    assert!(piece.is_empty());
}

fn words(bytes: &[u8], reading: &Reading) -> String {
    let whole = seen(bytes, reading, bytes.len().max(1)).unwrap_err();
    assert_eq!(seen(bytes, reading, 1).unwrap_err(), whole);
    whole.to_string()
}

#[test]
fn what_is_no_table_is_refused_in_words() {
    let contact = of("contact");
    for (bytes, word) in [
        (&b"PK\x03\x04\x14\0\x06\0"[..], "xlsx"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"{\"email\": \"a@b\"}\n", "JSON"),
        (b"[\n{\"email\": \"a@b\"}]", "JSON"),
        (b"\xef\xbb\xbf<!DOCTYPE html>\n<html>", "HTML"),
        (b"\xff\xfe{\0\"\0a\0", "JSON"),
        (b"", "empty"),
        (b"\n\n , ,\n", "empty"),
        (b"Foo,Bar\n1,2\n", "\"Foo\", \"Bar\""),
        (b"e\0m\0a\0i\0l\0\n\0", "utf-16le"),
        (b"email,\"name\n1,2\n", "never closed"),
    ] {
        let words = words(bytes, &contact);
        assert!(words.contains(word), "{words}");
    }
    let mut utf_8 = of("contact");
    utf_8.encoding = Stated::Parameter(encoding_rs::UTF_8);
    assert!(words(b"email,Stra\xdfe\n", &utf_8).contains("bytes that are not utf-8"));
}

#[test]
fn a_header_without_rows_is_a_file_of_no_rows() {
    for bytes in [
        &b"email,name"[..],
        b"email,name\r\n",
        b"sep=,\r\nemail,name\r\n\r\n",
    ] {
        assert_eq!(seen(bytes, &of("contact"), 1).unwrap(), ["utf-8 ','"]);
    }
    assert_eq!(seen(b"email", &of("contact"), 1).unwrap(), ["utf-8 '\\t'"]);
}

#[test]
fn headers_have_their_limits() {
    let contact = of("contact");
    let wide = format!("email{}\n", ",x".repeat(10_000));
    assert!(matches!(
        seen(wide.as_bytes(), &contact, 4096),
        Err(Refusal::TooManyColumns {
            found: 10_001,
            limit: 10_000
        })
    ));
    let long = format!("email,{}\n", "x".repeat(1024 * 1024));
    assert!(matches!(
        seen(long.as_bytes(), &contact, 4096),
        Err(Refusal::HeaderTooLong { .. })
    ));
    let unclosed = format!("email,\"{}", "x\n".repeat(1024 * 1024));
    assert!(matches!(
        seen(unclosed.as_bytes(), &contact, 4096),
        Err(Refusal::HeaderTooLong { .. })
    ));
}

#[test]
fn the_stream_begins_as_soon_as_the_header_is_known() {
    let mut opening = Opening::new(of("contact"));
    let mut source: &[u8] = b"email,name\n";
    assert!(opening.feed(&mut source).unwrap().is_some());
    // A header of one column needs no delimiter, and its first row may still tell it.
    for (row, delimiter, is_end) in [
        (&b"a@b;;\n"[..], b';', false),
        (b"a@b\n", b'\t', false),
        (b"\n\r\n\"a@b\"||", b'|', true),
        (b"", b'\t', true),
    ] {
        let mut source: &[u8] = b"email\n";
        let mut stream = Opening::new(of("contact")).feed(&mut source).unwrap().unwrap();
        let mut source = row;
        if is_end {
            assert!(stream.next_row(&mut source).is_none());
            stream.end();
        }
        let parsed = stream.next_row(&mut source);
        assert_eq!(parsed.is_some(), !row.is_empty());
        if let Some(parsed) = parsed {
            assert!(matches!(parsed.outcome, Outcome::Row(row) if row.value(0) == Some("a@b")));
        }
        assert_eq!(stream.delimiter(), delimiter);
    }
    // Windows-1252 may turn out later; the header was ASCII.
    let mut source: &[u8] = b"email,name\na@b,Ren\xe9\n";
    let mut stream = Opening::new(of("contact")).feed(&mut source).unwrap().unwrap();
    assert!(stream.next_row(&mut source).is_none());
    assert_eq!(stream.encoding(), "utf-8");
    stream.end();
    let parsed = stream.next_row(&mut source).unwrap();
    assert!(matches!(parsed.outcome, Outcome::Row(row) if row.value(1) == Some("René")));
    assert_eq!(stream.encoding(), "windows-1252");
}

#[test]
fn what_is_given_wins() {
    let mut given = of("contact");
    given.delimiter = Some(b':');
    given.encoding = Stated::Parameter(encoding_rs::WINDOWS_1252);
    let found = seen(b"sep=;\nemail:name\na@b:\xc3\xa9\n", &given, 3).unwrap();
    assert_eq!(
        found,
        [
            "1@3 {\"email\": \"a@b\", \"first_name\": \"Ã©\"}",
            "windows-1252 ':'"
        ]
    );
}

#[test]
fn one_bad_row_of_utf_8_fails_alone() {
    let found = seen(b"email,name\na@b,\xc3\xa9\nc@d,\xe9\ne@f,g\n", &of("contact"), 2).unwrap();
    assert_eq!(
        found[1],
        "2@3 column \"name\": a cell holds bytes that are not utf-8"
    );
    assert_eq!(found.len(), 4);
}

#[test]
fn a_long_header_byte_by_byte_costs_no_square() {
    let mut text = "email,\"".to_owned();
    text.push_str(&"a\n".repeat(200_000));
    text.push_str("\"\nx@y,\n");
    let started = std::time::Instant::now();
    assert_eq!(seen(text.as_bytes(), &of("contact"), 1).unwrap().len(), 2);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

fn scrap() -> impl Strategy<Value = &'static [u8]> {
    prop::sample::select(vec![
        &b"email"[..],
        b"name",
        b",",
        b";",
        b"\t",
        b"\"",
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"a@b",
        b"\xc3\xa9",
        b"\xe9",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"sep=;",
        b"Phone,Email\n",
        b"x ::: y",
        b"'=1",
        b"row_number",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_bytes_cut_anywhere_are_seen_alike(scraps in prop::collection::vec(scrap(), 0..40), size in 1usize..20) {
        let bytes = scraps.concat();
        let contact = of("contact");
        let whole = seen(&bytes, &contact, bytes.len().max(1));
        prop_assert_eq!(&seen(&bytes, &contact, 1), &whole);
        prop_assert_eq!(&seen(&bytes, &contact, size), &whole);
    }

    #[test]
    fn files_under_a_good_header_too(scraps in prop::collection::vec(scrap(), 0..40), size in 1usize..20) {
        let mut bytes = b"Email,Name,Phone\n".to_vec();
        bytes.extend(scraps.concat());
        let contact = of("contact");
        let whole = seen(&bytes, &contact, bytes.len());
        prop_assert_eq!(&seen(&bytes, &contact, 1), &whole);
        prop_assert_eq!(&seen(&bytes, &contact, size), &whole);
    }
}

#[test]
fn a_bracket_at_the_end_of_a_piece_is_no_json() {
    let contact = Object::named("contact").unwrap();
    let mut opening = Opening::new(Reading::of(contact));
    assert!(opening.feed(&mut &b"sep=;\n["[..]).unwrap().is_none());
    let stream = opening.feed(&mut &b"id];email\n7;a@b\n"[..]).unwrap().unwrap();
    assert_eq!(stream.header().columns[0].name, "[id]");
}

#[test]
fn a_blank_surplus_cell_stays_blank_in_the_report() {
    let mut opening = Opening::new(of("contact"));
    let file: &mut &[u8] = &mut &b"email,phone\nbad,+1,\t,\" \"\n"[..];
    let mut stream = opening.feed(file).unwrap().unwrap();
    let header = stream.shared_header();
    let parsed = stream.next_row(file).unwrap();
    let mut chunk = crate::imports::write::chunk::Chunk::new(0);
    chunk.push_failure(&parsed.record, "a reason", &header);
    assert_eq!(chunk.failures[0].cells.as_deref(), Some("bad,'+1,,"));
}
