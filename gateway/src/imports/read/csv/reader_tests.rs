use super::*;
use proptest::prelude::*;

type Row = (u64, u64, Result<Vec<String>, RecordFault>);

fn limits() -> Limits {
    Limits {
        cell_bytes: 10_000,
        record_bytes: 40_000,
        ..Limits::default()
    }
}

fn rows_in_pieces(text: &[u8], delimiter: u8, width: Option<Width>, size: usize) -> Vec<Row> {
    let mut reader = Reader::new(delimiter, limits(), 1);
    if let Some(width) = width {
        reader.expect(width);
    }
    let mut rows = Vec::new();
    let mut keep = |reader: &Reader| {
        let record = reader.record();
        let cells = record
            .cells
            .map(|cells| cells.iter().map(str::to_owned).collect());
        rows.push((record.row_number, record.line_number, cells));
    };
    for mut piece in text.chunks(size) {
        while reader.advance(&mut piece) {
            keep(&reader);
        }
        assert!(piece.is_empty());
    }
    while reader.finish() {
        keep(&reader);
    }
    rows
}

/// The rows, having seen that they are the same however the text is cut.
fn rows(text: &[u8], width: Option<Width>) -> Vec<Row> {
    let whole = rows_in_pieces(text, b',', width, text.len().max(1));
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(rows_in_pieces(text, b',', width, size), whole, "pieces of {size}");
    }
    whole
}

fn cells(text: &str) -> Vec<Vec<String>> {
    rows(text.as_bytes(), None)
        .into_iter()
        .map(|(_, _, cells)| cells.unwrap())
        .collect()
}

fn numbers(text: &str) -> Vec<(u64, u64)> {
    rows(text.as_bytes(), None)
        .into_iter()
        .map(|(row, line, _)| (row, line))
        .collect()
}

fn exactly(count: usize) -> Option<Width> {
    Some(Width {
        least: count,
        most: count,
    })
}

#[test]
fn plain_quoted_and_empty_cells() {
    assert_eq!(cells("a,b\n1,2\n"), [["a", "b"], ["1", "2"]]);
    assert_eq!(cells("a,b\r\n1,2"), [["a", "b"], ["1", "2"]]);
    assert_eq!(cells("a,b\r1,2\r"), [["a", "b"], ["1", "2"]]);
    assert_eq!(
        cells("\"a,\"\"b\"\"\",\"x\r\ny\"\n,z"),
        [["a,\"b\"", "x\r\ny"], ["", "z"]]
    );
    assert_eq!(cells("jo\"hn,x\n\"a\"b,y\n"), [["jo\"hn", "x"], ["ab", "y"]]);
    assert_eq!(cells("{\"\"a\"\": 1},b"), [["{\"\"a\"\": 1}", "b"]]);
}

#[test]
fn blank_records_are_skipped_and_not_counted() {
    assert_eq!(
        numbers("h\n\n1\n\r\n\"\"\n  \n,,,\n \u{a0}\n2"),
        [(0, 1), (1, 3), (2, 9)]
    );
    assert_eq!(cells("\n\nh\n1\n"), [["h"], ["1"]]);
    assert_eq!(cells(""), Vec::<Vec<String>>::new());
    assert_eq!(cells("\n\r\n"), Vec::<Vec<String>>::new());
}

#[test]
fn lines_are_counted_in_every_convention() {
    assert_eq!(numbers("h\n1\n2\n"), [(0, 1), (1, 2), (2, 3)]);
    assert_eq!(numbers("h\r\n1\r\n2\r\n"), [(0, 1), (1, 2), (2, 3)]);
    assert_eq!(numbers("h\r1\r2\r"), [(0, 1), (1, 2), (2, 3)]);
    assert_eq!(numbers("h\n\"a\nb\r\nc\rd\"\n2"), [(0, 1), (1, 2), (2, 6)]);
    assert_eq!(numbers("h\r\r\n\r1\n\r2"), [(0, 1), (1, 4), (2, 6)]);
}

#[test]
fn an_unterminated_quote_names_its_row() {
    let found = rows(b"a,b\n1,2\n3,\"4\n5,6\n", exactly(2));
    assert_eq!(found.len(), 3);
    let fault = RecordFault::UnterminatedQuote { row_number: 2 };
    assert_eq!(found[2], (2, 3, Err(fault)));
    assert!(rows(b"a\n\"", None)[1].2.is_err());
    assert_eq!(rows(b"a\n\"x\"", None)[1].2.as_ref().unwrap(), &["x"]);
    assert_eq!(
        rows(b"a\n\"x\"\"", None)[1].2,
        Err(RecordFault::UnterminatedQuote { row_number: 1 })
    );
    // Also when it swallowed more than any limit.
    let mut long = b"a\n\"".to_vec();
    long.resize(100_000, b'x');
    assert_eq!(
        rows(&long, None)[1].2,
        Err(RecordFault::UnterminatedQuote { row_number: 1 })
    );
}

#[test]
fn ragged_rows_name_both_numbers() {
    let found = rows(b"a,b\n1\n1,2\n1,2,3\n1,2,,\n1,2, ,\n1,2,,x", exactly(2));
    let faults: Vec<_> = found
        .iter()
        .map(|(_, _, cells)| cells.as_ref().err().copied())
        .collect();
    assert_eq!(
        faults,
        [
            None,
            Some(RecordFault::TooFewCells {
                found: 1,
                expected: 2
            }),
            None,
            Some(RecordFault::TooManyCells {
                found: 3,
                expected: 2
            }),
            None,
            None,
            Some(RecordFault::TooManyCells {
                found: 4,
                expected: 2
            }),
        ]
    );
}

#[test]
fn bad_bytes_and_nul_fail_their_row_alone() {
    let found = rows(b"a,b\n1,\xff\n\0,2\n\xc3,\xa9\n3,\xc3\xa9\n", exactly(2));
    assert_eq!(found[1].2, Err(RecordFault::NotEncoding { column: 2 }));
    assert_eq!(found[2].2, Err(RecordFault::Nul { column: 1 }));
    assert_eq!(found[3].2, Err(RecordFault::NotEncoding { column: 1 }));
    assert_eq!(found[4].2.as_ref().unwrap(), &["3", "é"]);
}

#[test]
fn limits_fail_their_row_alone() {
    let long = |bytes: usize| "x".repeat(bytes);
    let text = format!(
        "a,b\n1,{}\n2,{}\n3,\"{}\n,\"\n4,y\n{},{}\n5,{}\n",
        long(10_000),
        long(10_001),
        long(90_000),
        long(9_000),
        vec![long(9_000); 5].join(","),
        long(9_999),
    );
    let found = rows(text.as_bytes(), exactly(2));
    let faults: Vec<_> = found
        .iter()
        .map(|(_, _, cells)| cells.as_ref().err().copied())
        .collect();
    let too_long = RecordFault::CellTooLong {
        column: 2,
        limit_bytes: 10_000,
    };
    let over = RecordFault::RecordTooLong { limit_bytes: 40_000 };
    assert_eq!(
        faults,
        [None, None, Some(too_long), Some(too_long), None, Some(over), None]
    );
    assert_eq!(found[4].1, 6);
}

#[test]
fn buffers_grow_at_any_cell_size() {
    for bytes in [8_190, 8_191, 8_192, 8_193, 9_999] {
        let text = format!("a,\"{}\"\n{},c\n", "é".repeat(bytes / 2), "y".repeat(bytes));
        let found = rows(text.as_bytes(), exactly(2));
        assert!(found.iter().all(|(_, _, cells)| cells.is_ok()), "{bytes}");
    }
}

#[test]
fn a_record_of_exactly_the_limit_is_read() {
    let cells = [
        "x".repeat(9_999),
        "x".repeat(10_000),
        "x".repeat(10_000),
        "x".repeat(10_001 - 1),
    ];
    let fits = format!("{},x\nend\n", cells.join(","));
    assert!(
        rows(fits.as_bytes(), None)
            .iter()
            .all(|(_, _, cells)| cells.is_ok())
    );
    let over = format!("{},xx\nend\n", cells.join(","));
    let found = rows(over.as_bytes(), None);
    assert_eq!(
        found[0].2,
        Err(RecordFault::RecordTooLong { limit_bytes: 40_000 })
    );
    assert!(found[1].2.is_ok());
}

#[test]
fn very_many_cells() {
    let commas = ",".repeat(100_000);
    let found = rows_in_pieces(
        format!("a,b\n1,2{commas}\n3,4\n").as_bytes(),
        b',',
        exactly(2),
        4096,
    );
    assert_eq!(
        found[1].2,
        Err(RecordFault::TooManyCells {
            found: 100_002,
            expected: 2
        })
    );
    assert!(found[2].2.is_ok());
    let few = ",".repeat(20_000);
    let found = rows_in_pieces(format!("a,b\n1,2{few}\n").as_bytes(), b',', exactly(2), 4096);
    assert!(found[1].2.is_ok());
}

/// Pieces from which nasty files are made.
fn scrap() -> impl Strategy<Value = &'static [u8]> {
    prop::sample::select(vec![
        &b"a"[..],
        b",",
        b";",
        b"\"",
        b"\"\"",
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"\xc3\xa9",
        b"\xe2\x82\xac",
        b"\xff",
        b"\0",
        b"\xef\xbb\xbf",
        b"\"x\ny\"",
        b"long text without anything special",
        b"\xc2\xa0",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_cut_gives_the_same_rows(scraps in prop::collection::vec(scrap(), 0..60), cuts in prop::collection::vec(1usize..40, 1..20)) {
        let text = scraps.concat();
        let whole = rows_in_pieces(&text, b',', exactly(2), text.len().max(1));
        prop_assert_eq!(&rows_in_pieces(&text, b',', exactly(2), 1), &whole);
        prop_assert_eq!(&rows_in_pieces(&text, b',', exactly(2), cuts[0]), &whole);
    }

    #[test]
    fn what_the_csv_writer_writes_is_read_back(
        table in prop::collection::vec(prop::collection::vec("[a-z\",\r\n é;]{0,8}", 2..5), 1..8),
        size in 1usize..9,
    ) {
        let mut text = String::new();
        for row in &table {
            for (index, cell) in row.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                crate::http::cell::push_cell(cell, b',', &mut text);
            }
            text.push_str("\r\n");
        }
        let is_blank = |row: &&Vec<String>| row.iter().all(|cell| cell.trim().is_empty());
        let expected: Vec<_> = table.iter().filter(|row| !is_blank(row)).cloned().collect();
        let found: Vec<_> = rows_in_pieces(text.as_bytes(), b',', None, size)
            .into_iter()
            .map(|(_, _, cells)| cells.unwrap())
            .collect();
        prop_assert_eq!(found, expected);
    }
}
