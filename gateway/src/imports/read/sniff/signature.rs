//! Files that are no CSV, told by their signature or by how their text begins.

/// How many bytes of a file [`of_bytes`] looks at.
pub const EXAMINED_BYTES: usize = 16;

/// First bytes and what they are, in words that complete "the file is …". Signatures: file(1)'s magic
/// and the formats' own specifications.
static SIGNATURES: [(&[u8], &str); 17] = [
    (b"PK\x03\x04", "an Excel workbook (.xlsx) or another zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"PK\x07\x08", "a zip archive in parts"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Excel workbook (.xls)",
    ),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (
        b"\x1f\x8b",
        "gzip data (one layer is removed if Content-Encoding is gzip)",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "zstd data (one layer is removed if Content-Encoding is zstd)",
    ),
    (b"BZh9", "bzip2 data"),
    (b"\xfd7zXZ\0", "xz data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\xff\xfe\0\0", "text in UTF-32, which is not read"),
    (b"\0\0\xfe\xff", "text in UTF-32, which is not read"),
];

/// What the file is, if its first bytes are the signature of something that is no text. Fewer than
/// [`EXAMINED_BYTES`] bytes may leave it open.
pub fn of_bytes(first: &[u8]) -> Option<&'static str> {
    SIGNATURES
        .iter()
        .find(|(signature, _)| first.starts_with(signature))
        .map(|(_, words)| *words)
}

/// How texts that are no tables begin, in lower case after white space.
static BEGINNINGS: [(&str, &str); 10] = [
    ("<!doctype html", "an HTML page"),
    ("<html", "an HTML page"),
    ("<head", "an HTML page"),
    ("<body", "an HTML page"),
    ("<table", "an HTML table (some programs save it as .xls)"),
    ("<?xml", "an XML document"),
    ("<!--", "an HTML page or an XML document"),
    ("{\\rtf", "an RTF document"),
    ("begin:vcard", "a vCard file"),
    ("begin:vcalendar", "a calendar file"),
];

/// What the decoded text is, if it is no table.
pub fn of_text(text: &[u8]) -> Option<&'static str> {
    let text = text.trim_ascii_start();
    let begins_with = |beginning: &str| {
        text.get(..beginning.len())
            .is_some_and(|first| first.eq_ignore_ascii_case(beginning.as_bytes()))
    };
    let known = BEGINNINGS.iter().find(|(beginning, _)| begins_with(beginning));
    known
        .map(|(_, words)| *words)
        .or_else(|| is_json(text).then_some("JSON"))
}

/// Whether more text may make JSON of it, or not.
pub fn is_open(text: &[u8]) -> bool {
    matches!(text.trim_ascii(), b"{" | b"[")
}

/// `{` and then a name, or `[` and then a value, as no header begins.
fn is_json(text: &[u8]) -> bool {
    let after = |open: u8| text.strip_prefix(&[open]).map(<[u8]>::trim_ascii_start);
    if let Some(rest) = after(b'{') {
        return matches!(rest.first(), None | Some(b'"' | b'}'));
    }
    after(b'[')
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'"' | b'{' | b'[' | b']' | b'0'..=b'9')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures() {
        assert!(of_bytes(b"PK\x03\x04\x14\0").unwrap().contains("xlsx"));
        assert!(of_bytes(b"%PDF-1.7").unwrap().contains("PDF"));
        assert!(of_bytes(b"\x89PNG\r\n\x1a\n\0").unwrap().contains("PNG"));
        assert!(of_bytes(b"\x1f\x8b\x08").unwrap().contains("gzip"));
        assert_eq!(of_bytes(b"email,name"), None);
        assert_eq!(of_bytes(b"PKW,name"), None);
        assert!(SIGNATURES.iter().all(|(s, _)| s.len() <= EXAMINED_BYTES));
    }

    #[test]
    fn texts() {
        assert_eq!(of_text(b" {\"email\": 1}"), Some("JSON"));
        assert_eq!(of_text(b"[\n  {\"a\":1}]"), Some("JSON"));
        assert_eq!(of_text(b"[1,2]"), Some("JSON"));
        assert_eq!(of_text(b"\r\n<!DOCTYPE HTML><p>"), Some("an HTML page"));
        assert_eq!(of_text(b"{id},name"), None);
        assert_eq!(of_text(b"[id],name"), None);
        assert_eq!(of_text(b"<name>,email"), None);
        assert_eq!(of_text(b""), None);
    }

    #[test]
    fn a_bracket_alone_says_nothing_yet() {
        assert!(is_open(b"\r[") && is_open(b"{\n "));
        assert!(!is_open(b"[id") && !is_open(b"") && !is_open(b"[["));
        assert_eq!(of_text(b"["), Some("JSON"));
    }
}
