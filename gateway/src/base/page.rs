//! Cursors: the position where the next page begins. Opaque to clients, valid only for the list and filters that gave them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

/// How many rows a list gives by default.
pub const DEFAULT_LIMIT: u32 = 50;
/// The most rows that a list gives at once.
pub const MAX_LIMIT: u32 = 200;

const CHECK_BYTES: usize = 6;

/// A request for one page: how many rows, and after which position.
#[derive(Debug, Clone)]
pub struct Page {
    /// Rows wanted, 1 to 200.
    pub limit: u32,
    /// The position of the last row of the page before, as [`encode_cursor`] was given it.
    pub after: Option<String>,
    /// What the list is a list of: path, workspace and filters. Cursors of other lists do not fit.
    pub list: String,
}

/// One page of a list in the API's envelope.
#[derive(Debug, serde::Serialize)]
pub struct Listing<T> {
    pub data: Vec<T>,
    pub next_cursor: Option<String>,
}

impl Page {
    /// Cuts `rows`, of which the query asked for one more than the limit, and makes the cursor for the rest.
    pub fn listing<T>(&self, mut rows: Vec<T>, position: impl Fn(&T) -> String) -> Listing<T> {
        let has_more = rows.len() > self.limit as usize;
        rows.truncate(self.limit as usize);
        let next_cursor = rows
            .last()
            .filter(|_| has_more)
            .map(|row| encode_cursor(&self.list, &position(row)));
        Listing {
            data: rows,
            next_cursor,
        }
    }

    /// A page of which the query found all rows down to `end`, and fewer than it asked for: the next page begins there.
    pub fn listing_until<T>(&self, rows: Vec<T>, position: impl Fn(&T) -> String, end: &str) -> Listing<T> {
        let listing = self.listing(rows, position);
        Listing {
            next_cursor: Some(encode_cursor(&self.list, end)),
            ..listing
        }
    }

    /// What the query should ask for: the limit and one, to learn whether more follow.
    pub const fn fetch_count(&self) -> i64 {
        self.limit as i64 + 1
    }
}

/// The cursor for `position` in the list named `list`.
pub fn encode_cursor(list: &str, position: &str) -> String {
    let mut bytes = check(list, position).to_vec();
    bytes.extend_from_slice(position.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position in a cursor, or `None` if it was not made for `list`.
pub fn decode_cursor(list: &str, cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (found, position) = bytes.split_at_checked(CHECK_BYTES)?;
    let position = std::str::from_utf8(position).ok()?;
    (check(list, position) == found).then(|| position.to_owned())
}

fn check(list: &str, position: &str) -> [u8; CHECK_BYTES] {
    let sum = digest(&SHA256, format!("{list}\n{position}").as_bytes());
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&sum.as_ref()[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_fits_its_own_list_alone() {
        let cursor = encode_cursor("events?type=deal.won", "42");
        assert_eq!(
            decode_cursor("events?type=deal.won", &cursor).as_deref(),
            Some("42")
        );
        assert_eq!(decode_cursor("events", &cursor), None);
        assert_eq!(decode_cursor("events", "bm9wZQ"), None);
        assert_eq!(decode_cursor("events", "!"), None);
        assert_eq!(decode_cursor("events", ""), None);
    }
}
