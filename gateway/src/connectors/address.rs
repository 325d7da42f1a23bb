//! Addresses of mail: one that a value holds, never two.

use crate::connectors::view;
use crate::http::json::Node;

/// Longest address (RFC 5321, 4.5.3.1.3).
const MAX_CHARS: usize = 254;

/// `Ada Lovelace <ada@example.com>`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// What stands before the address.
    pub name: Option<String>,
    pub address: String,
}

impl Mailbox {
    /// Reads exactly one mailbox: an address, or a name and an address in angles. The name may stand in quotes.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return Err("an address with a line break or another control character".into());
        }
        let (name, address) = match text.strip_suffix('>') {
            None => (None, text),
            Some(rest) => {
                let (name, address) = rest.rsplit_once('<').ok_or("an address with > and without <")?;
                (Some(unquoted(name.trim())?), address)
            }
        };
        if !is_address(address) {
            return Err("what is not one address such as ada@example.com".into());
        }
        Ok(Self {
            name: name.filter(|name| !name.is_empty()),
            address: address.to_owned(),
        })
    }

    /// `{"address": …, "name": …}`, as templates see it.
    pub fn node(&self) -> Node {
        let name = self.name.clone().map_or(Node::Null, Node::Text);
        view::object([("address", Node::Text(self.address.clone())), ("name", name)])
    }
}

/// A name without its quotes.
fn unquoted(name: &str) -> Result<String, String> {
    let Some(inner) = name.strip_prefix('"') else {
        return match name.contains(['"', '<', '>', ',', ';', '@', '(', ')']) {
            true => Err("a name that needs quotes".into()),
            false => Ok(name.to_owned()),
        };
    };
    let inner = inner
        .strip_suffix('"')
        .ok_or("a name whose quotes do not close")?;
    let (mut plain, mut letters) = (String::new(), inner.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => plain.push(letters.next().ok_or("a name whose quotes do not close")?),
            '"' => return Err("a name whose quotes close early".into()),
            letter => plain.push(letter),
        }
    }
    Ok(plain)
}

/// `local@domain` in ASCII: dot-atoms of RFC 5322 on both sides.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let is_atom = |atom: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        !atom.is_empty() && atom.bytes().all(is_letter)
    };
    let is_label = |label: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(is_letter)
    };
    text.len() <= MAX_CHARS && local.split('.').all(is_atom) && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mailbox_is_taken_apart() {
        for (text, name, address) in [
            ("ada@example.com", None, "ada@example.com"),
            (
                " Ada <ada+x@mail.example.com> ",
                Some("Ada"),
                "ada+x@mail.example.com",
            ),
            ("<ada@example.com>", None, "ada@example.com"),
            (
                r#""Doe, \"J\"" <j@x.example>"#,
                Some(r#"Doe, "J""#),
                "j@x.example",
            ),
            ("Zoë Müller <z@x.example>", Some("Zoë Müller"), "z@x.example"),
        ] {
            let mailbox = Mailbox::parse(text).expect(text);
            assert_eq!(
                (mailbox.name.as_deref(), mailbox.address.as_str()),
                (name, address),
                "{text}"
            );
        }
    }

    #[test]
    fn two_are_none() {
        for text in [
            "",
            "ada",
            "a@b@c",
            "a@x.example, b@x.example",
            "a@x.example b@x.example",
            "A <a@x.example>, B <b@x.example>",
            "x\" <e@x.example>, \"y <a@x.example>",
            "\"x\" <e@x.example> \"\" <a@x.example>",
            "\"x <a@x.example>",
            "a@x.example\r\nBcc: e@x.example",
            "A\nB <a@x.example>",
            "a@",
            "@x.example",
            "a..b@x.example",
            "ä@x.example",
            "a@x..example",
            "<a@x.example",
            "a@x.example>",
        ] {
            assert!(Mailbox::parse(text).is_err(), "{text:?}");
        }
    }
}
