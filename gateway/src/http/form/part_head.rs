//! What a part of a form is: its name, and what it says of a file.

use encoding_rs::Encoding;

use super::parameters::{parameter, parameters};

/// Most characters that are kept of a file's name.
pub const MAX_FILENAME_CHARS: usize = 255;

/// A part's headers, as far as they matter.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PartHead {
    /// The field's name.
    pub name: Option<String>,
    /// The file's name: `filename*`, else `filename`.
    pub filename: Option<String>,
    /// The `charset` of its Content-Type.
    pub charset: Option<String>,
    /// Whether a Content-Transfer-Encoding changes its bytes, which RFC 7578 has done away with.
    pub is_transfer_encoded: bool,
}

impl PartHead {
    /// Reads the lines of a head.
    pub fn parse(head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head)
            .replace("\r\n ", " ")
            .replace("\r\n\t", " ");
        let mut part = Self::default();
        for line in text.split("\r\n") {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            match name.trim().to_ascii_lowercase().as_str() {
                "content-disposition" => part.read_disposition(value),
                "content-type" => part.charset = parameter(value, "charset"),
                "content-transfer-encoding" => {
                    let value = value.trim().to_ascii_lowercase();
                    part.is_transfer_encoded = !matches!(value.as_str(), "" | "7bit" | "8bit" | "binary");
                }
                _ => {}
            }
        }
        part
    }

    fn read_disposition(&mut self, value: &str) {
        let mut extended = None;
        let mut plain = None;
        for (name, value) in parameters(value) {
            match name.as_str() {
                "name" => self.name = self.name.take().or(Some(value)),
                "filename" => plain = plain.or(Some(value.replace("%22", "\""))),
                "filename*" => extended = extended.or_else(|| decode_extended(&value)),
                _ => {}
            }
        }
        self.filename = extended.or(plain).and_then(|name| kept(&name));
    }
}

/// Of a name what can be stored and shown on one line; nothing is no name.
fn kept(name: &str) -> Option<String> {
    let letters = name.chars().filter(|letter| !letter.is_control());
    let name: String = letters.take(MAX_FILENAME_CHARS).collect();
    (!name.trim().is_empty()).then_some(name)
}

/// `UTF-8'en'%e2%82%ac.csv` (RFC 8187); `None` if it is not that.
fn decode_extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let encoding = Encoding::for_label_no_replacement(parts.next()?.as_bytes())?;
    let (_language, text) = (parts.next()?, parts.next()?);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes)?;
    Some(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filename(disposition: &str) -> Option<String> {
        PartHead::parse(format!("Content-Disposition: form-data; name=\"file\"; {disposition}").as_bytes())
            .filename
    }

    #[test]
    fn the_extended_name_wins_where_it_can_be_read() {
        for (disposition, name) in [
            ("filename=\"p.csv\"", "p.csv"),
            ("filename=p.csv", "p.csv"),
            ("filename=\"a%22b.csv\"", "a\"b.csv"),
            ("filename=\"a\\\"b.csv\"", "a\"b.csv"),
            ("filename=\"Zoë.csv\"", "Zoë.csv"),
            (
                "filename=\"x.csv\"; filename*=UTF-8''Zo%C3%AB%20%E2%82%AC.csv",
                "Zoë €.csv",
            ),
            ("filename*=utf-8'de'Zo%c3%ab.csv; filename=x.csv", "Zoë.csv"),
            ("filename*=iso-8859-1''Zo%eb.csv", "Zoë.csv"),
            ("filename*=UTF-8''%ff.csv; filename=x.csv", "x.csv"),
            ("filename*=UTF-8''%zz.csv; filename=x.csv", "x.csv"),
            ("filename*=UTF-8''%+1.csv; filename=x.csv", "x.csv"),
            ("filename*=nonsense; filename=x.csv", "x.csv"),
            ("filename=\"a\u{0}b%0d%0a.csv\"", "ab%0d%0a.csv"),
        ] {
            assert_eq!(filename(disposition).as_deref(), Some(name), "{disposition}");
        }
        for none in ["", "filename=\"\"", "filename=\" \"", "filename*=UTF-8''"] {
            assert_eq!(filename(none), None, "{none}");
        }
        let long = filename(&format!("filename=\"{}\"", "é".repeat(300)));
        assert_eq!(long.unwrap().chars().count(), MAX_FILENAME_CHARS);
    }

    #[test]
    fn headers_in_any_case_and_folded() {
        let part = PartHead::parse(
            b"CONTENT-TYPE: text/csv; Charset=\"windows-1252\"\r\nx\r\ncontent-disposition: form-data;\r\n name=file",
        );
        assert_eq!(part.name.as_deref(), Some("file"));
        assert_eq!(part.charset.as_deref(), Some("windows-1252"));
        assert!(!part.is_transfer_encoded);
        assert!(PartHead::parse(b"Content-Transfer-Encoding: Base64").is_transfer_encoded);
        assert!(!PartHead::parse(b"Content-Transfer-Encoding: binary").is_transfer_encoded);
        assert_eq!(PartHead::parse(b"\xff\xfe"), PartHead::default());
    }
}
