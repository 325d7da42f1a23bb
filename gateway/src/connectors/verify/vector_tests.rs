//! The vectors of config/connectors through their verifiers, and the mutations of each that holds.

use http::{HeaderMap, HeaderValue};

use super::tests::held;
use super::{Keyring, Received, Refusal, Verifier, header};
use crate::connectors::built_in;
use crate::connectors::definition::{Incoming, Scheme, SignedPart, Verify, read};
use crate::connectors::vectors::Request;

/// A vector with what is needed to judge it again and again.
struct Vector<'a> {
    what: String,
    verify: Verify,
    verifier: Verifier,
    incoming: &'a Incoming,
    request: Request<'a>,
}

impl Vector<'_> {
    fn now_ms(&self) -> i64 {
        self.incoming.now * 1000
    }

    fn secrets(&self) -> Keyring {
        self.request.secrets.clone()
    }

    fn judge(&self, headers: &HeaderMap, body: &[u8], secrets: &Keyring) -> Result<(), Refusal> {
        let received = Received {
            headers,
            body,
            ..self.request.received()
        };
        self.verifier.verify(&received, secrets, self.now_ms())
    }

    fn body(&self) -> &[u8] {
        self.request.body
    }

    /// The rows of signatures whose secret the vector has, and that it carries.
    fn rows(&self) -> impl Iterator<Item = &Verify> {
        let all = std::iter::once(&self.verify).chain(&self.verify.also);
        all.filter(|row| {
            let is_signed = !matches!(
                row.scheme,
                Scheme::Token | Scheme::Basic | Scheme::UrlSecret | Scheme::Jwt
            );
            let has_secret = row
                .key
                .as_ref()
                .is_some_and(|key| self.incoming.secrets.contains_key(key));
            is_signed && has_secret && !self.ranges(row).is_empty()
        })
    }

    /// Where the signatures of a row stand in their header.
    fn ranges(&self, row: &Verify) -> Vec<std::ops::Range<usize>> {
        let signature = row.signature.as_ref().expect("a signature");
        let name = signature.header.as_deref().expect("a header");
        let Some(whole) = self.request.headers.get(name) else {
            return Vec::new();
        };
        let found = header::candidates(whole.as_bytes(), signature);
        found.iter().map(|part| offsets(part, whole.as_bytes())).collect()
    }

    /// Judges the vector with each bit of some bytes of a header turned, one at a time.
    fn turn_bits(&self, name: &str, ranges: &[std::ops::Range<usize>]) {
        let whole = self
            .request
            .headers
            .get(name)
            .expect("the header")
            .as_bytes()
            .to_vec();
        let longest = ranges.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        assert!(longest > 0, "{}: nothing to turn in {name}", self.what);
        for at in 0..longest {
            for bit in 0..8 {
                let mut value = whole.clone();
                for range in ranges.iter().filter(|range| at < range.len()) {
                    value[range.start + at] ^= 1 << bit;
                }
                let Ok(value) = HeaderValue::from_bytes(&value) else {
                    continue;
                };
                let mut headers = self.request.headers.clone();
                headers.insert(
                    http::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                    value.clone(),
                );
                let verdict = self.judge(&headers, self.body(), &self.secrets());
                assert!(verdict.is_err(), "{}: {name}: {value:?}", self.what);
            }
        }
    }
}

/// Runs `see` on each vector whose signature is looked at, and says how many there were.
fn each_vector(mut see: impl FnMut(&Vector<'_>)) -> usize {
    let mut count = 0;
    for (file, text) in built_in::FILES {
        let definition = read(file, text).expect("valid");
        let Some(source) = &definition.source else {
            continue;
        };
        let before = source.handshake.iter().any(|handshake| handshake.before_verify);
        for (at, incoming) in definition.vector.incoming.iter().enumerate() {
            if before && incoming.expect.outcome.starts_with("handshake") {
                continue;
            }
            let verify = source.verify_for(&incoming.options);
            let username = incoming.options.get("username").map(String::as_str);
            see(&Vector {
                what: format!("{} vector.in[{at}]", definition.name),
                verifier: Verifier::compile(&verify, username).expect("compiles"),
                verify,
                incoming,
                request: Request::of(incoming, source).expect("a request"),
            });
            count += 1;
        }
    }
    count
}

fn each_that_holds(mut see: impl FnMut(&Vector<'_>)) {
    let mut count = 0;
    each_vector(|vector| {
        if vector
            .judge(&vector.request.headers, vector.body(), &vector.secrets())
            .is_ok()
        {
            see(vector);
            count += 1;
        }
    });
    assert!(count >= 8, "only {count} vectors hold");
}

fn offsets(part: &[u8], whole: &[u8]) -> std::ops::Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

#[test]
fn every_vector_has_the_verdict_that_it_expects() {
    let count = each_vector(|vector| {
        let expected = match vector.incoming.expect.outcome.as_str() {
            "signature_missing" => Err(Refusal::Missing),
            "signature_invalid" => Err(Refusal::Invalid),
            "signature_stale" => Err(Refusal::Stale),
            _ => Ok(()),
        };
        let verdict = vector.judge(&vector.request.headers, vector.body(), &vector.secrets());
        assert_eq!(verdict, expected, "{}", vector.what);
    });
    assert!(count >= 12, "only {count} vectors");
}

#[test]
fn no_bit_of_a_signed_body_can_be_turned() {
    each_that_holds(|vector| {
        let covers = |row: &Verify| row.signed.0.contains(&SignedPart::Body);
        if vector.rows().next().is_none() || !vector.rows().all(covers) {
            return;
        }
        let secrets = vector.secrets();
        let mut body = vector.body().to_vec();
        for bit in 0..body.len() * 8 {
            body[bit / 8] ^= 1 << (bit % 8);
            let verdict = vector.judge(&vector.request.headers, &body, &secrets);
            assert_eq!(verdict, Err(Refusal::Invalid), "{}: bit {bit}", vector.what);
            body[bit / 8] ^= 1 << (bit % 8);
        }
        for other in [&body[1..], &body[..body.len() - 1], &[&body[..], b" "].concat()] {
            let verdict = vector.judge(&vector.request.headers, other, &secrets);
            assert_eq!(verdict, Err(Refusal::Invalid), "{}", vector.what);
        }
    });
}

#[test]
fn no_bit_of_signature_or_timestamp_can_be_turned() {
    each_that_holds(|vector| {
        for row in vector.rows() {
            let signature = row.signature.as_ref().expect("a signature");
            let name = signature.header.as_deref().expect("a header");
            vector.turn_bits(name, &vector.ranges(row));
            if let Some(timestamp) = &row.timestamp {
                let whole = vector
                    .request
                    .headers
                    .get(&timestamp.header)
                    .expect("sent")
                    .as_bytes();
                let part = match &timestamp.field {
                    Some(field) => header::field(whole, field).expect("sent"),
                    None => whole,
                };
                vector.turn_bits(&timestamp.header, &[offsets(part, whole)]);
            }
        }
    });
}

#[test]
fn a_header_that_comes_twice_or_not_at_all_is_refused() {
    each_that_holds(|vector| {
        for row in vector.rows() {
            let signature = row
                .signature
                .as_ref()
                .and_then(|signature| signature.header.clone());
            let timestamp = row.timestamp.as_ref().map(|timestamp| timestamp.header.clone());
            let id = row.id.as_ref().map(|id| id.header.clone());
            for name in [signature, timestamp, id].into_iter().flatten() {
                let value = vector.request.headers.get(&name).expect("sent").clone();
                let mut twice = vector.request.headers.clone();
                twice.append(
                    http::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                    value,
                );
                let verdict = vector.judge(&twice, vector.body(), &vector.secrets());
                assert_eq!(verdict, Err(Refusal::Invalid), "{}: {name} twice", vector.what);
                let mut without = vector.request.headers.clone();
                without.remove(&name);
                let verdict = vector.judge(&without, vector.body(), &vector.secrets());
                assert_eq!(verdict, Err(Refusal::Missing), "{}: no {name}", vector.what);
            }
        }
    });
}

#[test]
fn an_old_secret_holds_until_its_overlap_ends() {
    each_that_holds(|vector| {
        if vector.incoming.secrets.is_empty() {
            return;
        }
        let with = |older: &[Option<i64>]| {
            let mut keyring = Keyring::default();
            for (name, value) in &vector.incoming.secrets {
                let prefix = value
                    .get(..6)
                    .filter(|start| *start == "whsec_")
                    .unwrap_or_default();
                // Text in every form of key that those vectors use, but for public keys: those it is none of.
                let newer = format!("{prefix}{}", "00".repeat(32));
                keyring.push(name, held(&newer, None));
                for (at, until) in older.iter().enumerate() {
                    let last = at + 1 == older.len();
                    keyring.push(name, held(if last { value } else { &newer }, *until));
                }
            }
            vector.judge(&vector.request.headers, vector.body(), &keyring)
        };
        let now = vector.now_ms();
        assert_eq!(with(&[Some(now + 1)]), Ok(()), "{}", vector.what);
        let invalid = Err(Refusal::Invalid);
        assert_eq!(with(&[Some(now)]), invalid, "{}: its end", vector.what);
        assert_eq!(with(&[]), invalid, "{}: the new one alone", vector.what);
        let third = with(&[Some(now + 1), Some(now + 1)]);
        assert_eq!(third, invalid, "{}: the third", vector.what);
        let none = vector.judge(&vector.request.headers, vector.body(), &Keyring::default());
        assert_eq!(none, invalid, "{}: no secret", vector.what);
    });
}
