//! Cells of errors.csv: written so that a spreadsheet runs no formula, and read back exactly.
//!
//! Formula injection: OWASP ASVS 1.2.10, and OWASP's list of first characters (ADR 0034). The escape is reversible, because
//! phones (`+44 …`) and amounts (`-5`) begin like formulas, and a mended file must bring them back as they were.
//!
//! Escaped is what begins with `=`, `+`, `-`, `@` or a tab; also with a line break, which some spreadsheets drop before they
//! look, and with the full-width `＝`, `＋`, `－`, `＠`, which spreadsheets with East Asian input take for the narrow ones.
//! Not escaped is a formula behind a `;` within a cell: where a spreadsheet separates by `;` it splits `a;=1` whatever
//! quotes stand there, and only another delimiter than the comma would help. Open errors.csv by its import dialog there.

/// What a formula begins with, for some spreadsheet.
const SIGNS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Whether a spreadsheet would take the cell for a formula, or the cell is the escape of such a one.
fn looks_like_formula(cell: &str) -> bool {
    let unquoted = cell.trim_start_matches('\'');
    unquoted.starts_with(SIGNS)
}

/// The `'` that [`unescape`] takes off again, or nothing.
pub fn escape_prefix(cell: &str) -> &'static str {
    if looks_like_formula(cell) { "'" } else { "" }
}

/// The cell as it was before the escape.
pub fn unescape(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if looks_like_formula(rest) => rest,
        _ => cell,
    }
}

/// Appends one CSV cell (RFC 4180), in quotes where it needs them.
pub fn push_cell(cell: &str, delimiter: u8, out: &mut String) {
    push_quoted("", cell, delimiter, out);
}

/// Appends one CSV cell with its formula escaped.
pub fn push_escaped_cell(cell: &str, delimiter: u8, out: &mut String) {
    push_quoted(escape_prefix(cell), cell, delimiter, out);
}

fn push_quoted(prefix: &str, cell: &str, delimiter: u8, out: &mut String) {
    let is_special = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\r' | b'\n');
    if !cell.bytes().any(is_special) {
        out.push_str(prefix);
        out.push_str(cell);
        return;
    }
    out.push('"');
    out.push_str(prefix);
    for (index, piece) in cell.split('"').enumerate() {
        if index > 0 {
            out.push_str("\"\"");
        }
        out.push_str(piece);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(cell: &str) -> String {
        format!("{}{cell}", escape_prefix(cell))
    }

    #[test]
    fn formulas_are_led_by_one_more_apostrophe() {
        for (cell, safe) in [
            ("=1+1", "'=1+1"),
            ("+44 20", "'+44 20"),
            ("-5", "'-5"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("\r=1", "'\r=1"),
            ("\n=1", "'\n=1"),
            ("＝1", "'＝1"),
            ("'＠x", "''＠x"),
            ("a;=1", "a;=1"),
            ("'=1", "''=1"),
            ("''-", "'''-"),
            ("'tis", "'tis"),
            ("'", "'"),
            ("a=b", "a=b"),
            ("", ""),
            (" =1", " =1"),
        ] {
            assert_eq!(escaped(cell), safe);
            assert_eq!(unescape(safe), cell);
        }
    }

    #[test]
    fn cells_are_quoted_where_they_need_it() {
        let mut out = String::new();
        for cell in ["a", "a,b", "say \"hi\"", "x\ny", "=a,b"] {
            push_escaped_cell(cell, b',', &mut out);
            out.push('|');
        }
        assert_eq!(out, "a|\"a,b\"|\"say \"\"hi\"\"\"|\"x\ny\"|\"'=a,b\"|");
    }

    proptest! {
        #[test]
        fn the_round_trip_is_exact(cell in "['=+@\t\r\n＝＋－＠ -]{0,4}\\PC{0,6}") {
            let safe = escaped(&cell);
            prop_assert_eq!(unescape(&safe), &cell);
            prop_assert!(!safe.starts_with(SIGNS));
        }

        #[test]
        fn no_two_cells_have_the_same_escape(a in "['=+a]{0,4}", b in "['=+a]{0,4}") {
            prop_assert_eq!(escaped(&a) == escaped(&b), a == b);
        }
    }
}
