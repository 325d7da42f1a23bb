//! A message of mail from values, part by part, so that no value can add a header or a recipient.
//!
//! RFC 5322 and 2045 to 2047: ASCII alone, lines that end with CRLF, text as base64 in lines of 76 characters.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use super::address::Mailbox;
use super::template::{RenderFault, Scope, Text, plain};
use crate::base::hex;
use crate::http::json::Node;

/// What a message is made of.
pub const PARTS: &[&str] = &[
    "from",
    "to",
    "cc",
    "bcc",
    "reply_to",
    "subject",
    "text",
    "html",
    "message_id",
];

/// The headers that hold addresses, in the order in which they are written.
const ADDRESSES: &[(&str, &str)] = &[
    ("from", "From"),
    ("to", "To"),
    ("cc", "Cc"),
    ("bcc", "Bcc"),
    ("reply_to", "Reply-To"),
];
/// Longest line of base64 (RFC 2045, 6.8).
const LINE: usize = 76;
/// Bytes of text in one encoded word, which takes at most 75 characters (RFC 2047, 2).
const WORD_BYTES: usize = 45;
/// A subject of ASCII that is longer is encoded, since its line would be too long.
const MAX_PLAIN_CHARS: usize = 200;
/// Most addresses of one message.
const MAX_ADDRESSES: usize = 100;

/// The message.
pub fn render(parts: &BTreeMap<String, Text>, scope: &Scope<'_>) -> Result<String, RenderFault> {
    let mut message = String::new();
    let mut count = 0;
    for (part, name) in ADDRESSES {
        let Some(text) = parts.get(*part) else { continue };
        let mailboxes = mailboxes(text, scope).map_err(|fault| of_part(fault, text, part))?;
        count += mailboxes.len();
        if count > MAX_ADDRESSES {
            let fault = RenderFault::new(format!("more than {MAX_ADDRESSES} addresses"));
            return Err(of_part(fault, text, part));
        }
        if !mailboxes.is_empty() {
            let written: Vec<String> = mailboxes.iter().map(mailbox).collect();
            header(&mut message, name, &written.join(",\r\n "));
        }
    }
    let line = |part: &str| -> Result<Option<String>, RenderFault> {
        let Some(text) = parts.get(part) else {
            return Ok(None);
        };
        let value = text.text(scope)?;
        let fault = || RenderFault::new("a line break or another control character");
        match value.chars().any(char::is_control) {
            true => Err(of_part(fault(), text, part)),
            false => Ok(Some(value).filter(|value| !value.is_empty())),
        }
    };
    if let Some(subject) = line("subject")? {
        header(&mut message, "Subject", &words(&subject));
    }
    let id = line("message_id")?.unwrap_or_default();
    if !id.is_empty() {
        if !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(RenderFault::new("takes visible ASCII").within("message_id"));
        }
        header(&mut message, "Message-ID", &id);
    }
    header(&mut message, "MIME-Version", "1.0");
    let body = |part: &str| match parts.get(part) {
        Some(text) => text.text(scope),
        None => Ok(String::new()),
    };
    let (text, html) = (body("text")?, body("html")?);
    match html.is_empty() {
        true => content(&mut message, "plain", &text),
        false => alternative(&mut message, &id, &text, &html),
    }
    scope.spend(message.len())?;
    Ok(message)
}

/// A fault of a part under the name of the value that it comes from.
fn of_part(fault: RenderFault, text: &Text, part: &str) -> RenderFault {
    let of_value = text.paths().next().map(|names| names.join("."));
    match fault.path.is_empty() {
        true => fault.within(of_value.as_deref().unwrap_or(part)),
        false => fault,
    }
}

/// The mailboxes of a value: what an input of addresses became, or the text of one.
fn mailboxes(text: &Text, scope: &Scope<'_>) -> Result<Vec<Mailbox>, RenderFault> {
    let items = match text.value(scope)? {
        None | Some(Node::Null) => return Ok(Vec::new()),
        Some(Node::List(items)) => items,
        Some(one) => vec![one],
    };
    items.iter().map(mailbox_of).collect()
}

fn mailbox_of(item: &Node) -> Result<Mailbox, RenderFault> {
    let Node::Object(members) = item else {
        return Mailbox::parse(&plain(item)).map_err(RenderFault::new);
    };
    let member = |name: &str| {
        let found = members.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| plain(value).into_owned())
    };
    // Read again, so that no other object than that of an address can pass.
    let address = member("address").unwrap_or_default();
    let mut mailbox = Mailbox::parse(&address).map_err(RenderFault::new)?;
    mailbox.name = member("name").filter(|name| !name.is_empty());
    match mailbox
        .name
        .as_ref()
        .is_some_and(|name| name.chars().any(char::is_control))
    {
        true => Err(RenderFault::new("a line break or another control character")),
        false => Ok(mailbox),
    }
}

fn header(message: &mut String, name: &str, value: &str) {
    message.push_str(name);
    message.push_str(": ");
    message.push_str(value);
    message.push_str("\r\n");
}

fn mailbox(mailbox: &Mailbox) -> String {
    let address = &mailbox.address;
    match &mailbox.name {
        None => address.clone(),
        Some(name) if is_plain(name) => {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{quoted}\" <{address}>")
        }
        Some(name) => format!("{} <{address}>", words(name)),
    }
}

/// Whether a line may stand as it is: short, of ASCII, and nothing that reads as an encoded word.
fn is_plain(line: &str) -> bool {
    line.len() <= MAX_PLAIN_CHARS && line.is_ascii() && !line.contains("=?")
}

/// A line as it is, or as encoded words of whole characters.
fn words(line: &str) -> String {
    if is_plain(line) {
        return line.to_owned();
    }
    let mut words: Vec<String> = vec![String::new()];
    for letter in line.chars() {
        if words
            .last()
            .is_some_and(|word| word.len() + letter.len_utf8() > WORD_BYTES)
        {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(letter);
        }
    }
    let encoded = words
        .iter()
        .map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
    encoded.collect::<Vec<_>>().join("\r\n ")
}

fn content(message: &mut String, kind: &str, text: &str) {
    header(message, "Content-Type", &format!("text/{kind}; charset=utf-8"));
    header(message, "Content-Transfer-Encoding", "base64");
    message.push_str("\r\n");
    let encoded = STANDARD.encode(text);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        message.push_str(line);
        message.push_str("\r\n");
        rest = after;
    }
}

/// Both forms of a text, the better one last (RFC 2046, 5.1.4). The boundary holds `_`, which is in no base64, and is the
/// same in all attempts.
fn alternative(message: &mut String, id: &str, text: &str, html: &str) {
    let sum = digest(&SHA256, format!("{id}\n{text}\n{html}").as_bytes());
    let boundary = format!("=_{}", &hex::encode(sum.as_ref())[..32]);
    header(
        message,
        "Content-Type",
        &format!("multipart/alternative; boundary=\"{boundary}\""),
    );
    message.push_str("\r\n");
    for (kind, body) in [("plain", text), ("html", html)] {
        message.push_str(&format!("--{boundary}\r\n"));
        content(message, kind, body);
    }
    message.push_str(&format!("--{boundary}--\r\n"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json;

    fn message(input: &str) -> Result<String, RenderFault> {
        let parts = ["to", "cc", "bcc", "subject", "text", "html"].map(|part| {
            let text = Text::compile(&format!("{{{{input.{part}}}}}")).expect("a template");
            (part.to_owned(), text)
        });
        let input = json::parse(input.as_bytes()).expect("JSON");
        render(&BTreeMap::from(parts), &Scope::new([("input", &input)]))
    }

    #[test]
    fn ascii_stands_as_it_is_and_other_text_is_encoded() {
        let plain = message(r#"{"to":"a@x.example","subject":"Hi","text":"t"}"#).expect("a message");
        assert_eq!(
            plain,
            "To: a@x.example\r\nSubject: Hi\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: base64\r\n\r\ndA==\r\n"
        );
        let long = "ü".repeat(60);
        let input = format!(
            r#"{{"to":[{{"address":"a@x.example","name":"Zoë"}},"b@x.example"],"subject":"{long}","text":"{long}{long}"}}"#
        );
        let encoded = message(&input).expect("a message");
        assert!(
            encoded.starts_with("To: =?utf-8?B?Wm/Dqw==?= <a@x.example>,\r\n b@x.example\r\n"),
            "{encoded}"
        );
        assert!(
            encoded.is_ascii() && encoded.lines().all(|line| line.len() <= 90),
            "{encoded}"
        );
        assert!(!encoded.replace("\r\n", "").contains(['\r', '\n']));
        let body = encoded.split("\r\n\r\n").nth(1).expect("a body");
        assert!(body.lines().all(|line| line.len() <= 76), "{body}");
    }

    #[test]
    fn no_value_adds_a_header_or_a_recipient() {
        for (field, value) in [
            ("subject", r"x\r\nBcc: e@x.example"),
            ("subject", r"x\ny"),
            ("subject", r"x\u0000"),
            ("to", r"a@x.example\r\nBcc: e@x.example"),
            ("to", "a@x.example, e@x.example"),
            ("cc", "A <a@x.example>, e@x.example"),
        ] {
            let input = format!(r#"{{"to":"a@x.example","subject":"s","text":"t","{field}":"{value}"}}"#)
                .replacen(
                    r#""to":"a@x.example","#,
                    if field == "to" {
                        ""
                    } else {
                        r#""to":"a@x.example","#
                    },
                    1,
                )
                .replacen(
                    r#""subject":"s","#,
                    if field == "subject" {
                        ""
                    } else {
                        r#""subject":"s","#
                    },
                    1,
                );
            let fault = message(&input).expect_err(&input);
            assert_eq!(fault.path, format!("input.{field}"), "{input}");
        }
        // Text may hold anything, since it is encoded.
        let body = message(r#"{"to":"a@x.example","subject":"s","text":"\r\n.\r\nBcc: e@x.example"}"#);
        assert!(!body.expect("a message").contains("Bcc"));
    }

    #[test]
    fn html_comes_beside_text() {
        let both =
            message(r#"{"to":"a@x.example","subject":"s","text":"t","html":"<p>t</p>"}"#).expect("a message");
        assert!(
            both.contains("Content-Type: multipart/alternative; boundary=\"=_"),
            "{both}"
        );
        let places: Vec<_> = ["text/plain", "dA==", "text/html", "PHA+dDwvcD4="]
            .map(|part| both.find(part))
            .into();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{both}");
    }
}
