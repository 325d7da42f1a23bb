//! How a value is written where it stands outside JSON: in a URL, in a form, in a header.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::scope::{RenderFault, Scope};
use super::text::{Part, Text};

/// All but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Text {
    /// What is wrong with this template as a URL: a value that could choose the host, unless it is a connection's. With
    /// `any_host` a value may also be the whole URL.
    pub fn check_url(&self, any_host: bool) -> Result<(), String> {
        if any_host && matches!(self.parts(), [Part::Hole(_)]) {
            return Ok(());
        }
        let mut before = String::new();
        for part in self.parts() {
            match part {
                Part::Fixed(fixed) => before.push_str(fixed),
                Part::Hole(hole) => {
                    let of_connection = hole.paths().all(|path| path[0] == "connection");
                    if !past_host(&before) && !of_connection {
                        return Err("the host can come from a field of the connection alone".into());
                    }
                    before.push('x');
                }
            }
        }
        let starts_with_hole = matches!(self.parts().first(), Some(Part::Hole(_)));
        match starts_with_hole || before.starts_with("https://") {
            true => Ok(()),
            false => Err("a URL begins with https:// or with a field of the connection".into()),
        }
    }

    /// What is wrong with this template as a URL of any host: a value that could choose the host.
    pub fn check_open_url(&self) -> Result<(), String> {
        let mut before = String::new();
        for part in self.parts() {
            match part {
                Part::Fixed(fixed) => before.push_str(fixed),
                Part::Hole(_) if past_host(&before) => before.push('x'),
                Part::Hole(_) => {
                    return Err("scheme and host are fixed; values can stand behind them alone".into());
                }
            }
        }
        match before.starts_with("https://") || before.starts_with("http://") {
            true => Ok(()),
            false => Err("a URL begins with https:// or http://".into()),
        }
    }

    /// What stands before the first value.
    pub fn fixed_start(&self) -> &str {
        match self.parts().first() {
            Some(Part::Fixed(start)) => start,
            _ => "",
        }
    }

    /// The host of this template as a URL, where no value is part of it.
    pub fn fixed_host(&self) -> Option<&str> {
        let Some(Part::Fixed(start)) = self.parts().first() else {
            return None;
        };
        let after_scheme = start.strip_prefix("https://")?;
        match after_scheme.find(['/', '?']) {
            Some(end) => Some(&after_scheme[..end]),
            None if self.parts().len() == 1 => Some(after_scheme),
            None => None,
        }
    }

    /// The URL: values are encoded, and none of them is an empty, `.` or `..` segment. A connection's field may be the
    /// host, or all the beginning.
    pub fn url(&self, scope: &Scope<'_>) -> Result<String, RenderFault> {
        let url = self.written(scope, |before, value| match before.is_empty() {
            true => Ok(value.to_owned()),
            false if past_host(before) => segment(value, before),
            false => host(value).map(str::to_owned),
        })?;
        let path = url.split(['?', '#']).next().unwrap_or_default();
        if path.split('/').any(|segment| segment == "." || segment == "..") {
            return Err(RenderFault::new("a path with a . or .. segment"));
        }
        Ok(url)
    }

    /// A header's value: visible ASCII and blanks alone.
    pub fn header(&self, scope: &Scope<'_>) -> Result<String, RenderFault> {
        let text = self.written(scope, |_, value| header_value(value).map(|()| value.to_owned()))?;
        header_value(&text)?;
        Ok(text)
    }
}

/// Whether the host of a URL is complete.
fn past_host(url: &str) -> bool {
    let after_scheme = url.split_once("://").map_or("", |(_, rest)| rest);
    after_scheme.contains(['/', '?'])
}

fn segment(value: &str, before: &str) -> Result<String, RenderFault> {
    let in_path = !before.contains('?');
    if in_path && matches!(value, "" | "." | "..") {
        return Err(RenderFault::new("an empty, . or .. segment of a path"));
    }
    Ok(utf8_percent_encode(value, ENCODED).to_string())
}

fn host(value: &str) -> Result<&str, RenderFault> {
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    match !value.is_empty() && value.bytes().all(is_host) {
        true => Ok(value),
        false => Err(RenderFault::new(
            "a host of other characters than letters, digits, - and .",
        )),
    }
}

/// Refuses what a header cannot hold.
pub fn header_value(text: &str) -> Result<(), RenderFault> {
    match text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        true => Ok(()),
        false => Err(RenderFault::new(
            "a header with other characters than visible ASCII and blanks",
        )),
    }
}

/// A query or a form.
pub fn encode_pairs<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let mut encoded = url::form_urlencoded::Serializer::new(String::new());
    encoded.extend_pairs(pairs);
    encoded.finish()
}
