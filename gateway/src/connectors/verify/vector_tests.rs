//! The vectors of config/connectors through their verifiers, and the mutations of each that holds.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue};

use super::tests::{header_map, held};
use super::{Keyring, Received, Refusal, Verifier, header};
use crate::connectors::definition::{Incoming, SignedPart, Verify, read};

/// A vector with what is needed to judge it again and again.
struct Vector<'a> {
    what: String,
    verify: &'a Verify,
    verifier: &'a Verifier,
    incoming: &'a Incoming,
    headers: HeaderMap,
}

impl Vector<'_> {
    fn now_ms(&self) -> i64 {
        self.incoming.now * 1000
    }

    fn secrets(&self) -> Keyring {
        keyring(&self.incoming.secrets)
    }

    fn judge(&self, headers: &HeaderMap, body: &[u8], secrets: &Keyring) -> Result<(), Refusal> {
        let request = Received {
            method: self.incoming.method.as_deref().unwrap_or("POST"),
            url: self.incoming.url.as_deref().unwrap_or_default(),
            headers,
            body,
            url_secret: None,
        };
        self.verifier.verify(&request, secrets, self.now_ms())
    }

    fn body(&self) -> &[u8] {
        self.incoming.body.as_bytes()
    }

    /// The rows whose secret the vector has.
    fn rows(&self) -> impl Iterator<Item = &Verify> {
        let all = std::iter::once(self.verify).chain(&self.verify.also);
        all.filter(|row| {
            row.key
                .as_ref()
                .is_some_and(|key| self.incoming.secrets.contains_key(key))
        })
    }

    /// Judges the vector with each bit of some bytes of a header turned, one at a time.
    fn turn_bits(&self, name: &str, ranges: &[std::ops::Range<usize>]) {
        let whole = self.headers.get(name).expect("the header").as_bytes().to_vec();
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
                let mut headers = self.headers.clone();
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

fn keyring(secrets: &BTreeMap<String, String>) -> Keyring {
    let mut keyring = Keyring::default();
    for (name, value) in secrets {
        keyring.push(name, held(value, None));
    }
    keyring
}

/// Runs `see` on each vector of a request, and says how many there were.
fn each_vector(mut see: impl FnMut(&Vector<'_>)) -> usize {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/connectors");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let definition = read("file", &text).expect("valid");
        let Some(source) = &definition.source else {
            continue;
        };
        let verifier = Verifier::compile(&source.verify, None).expect("compiles");
        for (at, incoming) in definition.vector.incoming.iter().enumerate() {
            let headers: Vec<_> = incoming
                .headers
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .collect();
            see(&Vector {
                what: format!("{} vector.in[{at}]", definition.name),
                verify: &source.verify,
                verifier: &verifier,
                incoming,
                headers: header_map(&headers),
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
            .judge(&vector.headers, vector.body(), &vector.secrets())
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
        let verdict = vector.judge(&vector.headers, vector.body(), &vector.secrets());
        assert_eq!(verdict, expected, "{}", vector.what);
    });
    assert!(count >= 12, "only {count} vectors");
}

#[test]
fn no_bit_of_a_signed_body_can_be_turned() {
    each_that_holds(|vector| {
        if !vector.rows().all(|row| row.signed.0.contains(&SignedPart::Body)) {
            return;
        }
        let secrets = vector.secrets();
        let mut body = vector.body().to_vec();
        for bit in 0..body.len() * 8 {
            body[bit / 8] ^= 1 << (bit % 8);
            let verdict = vector.judge(&vector.headers, &body, &secrets);
            assert_eq!(verdict, Err(Refusal::Invalid), "{}: bit {bit}", vector.what);
            body[bit / 8] ^= 1 << (bit % 8);
        }
        for other in [&body[1..], &body[..body.len() - 1], &[&body[..], b" "].concat()] {
            let verdict = vector.judge(&vector.headers, other, &secrets);
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
            let whole = vector.headers.get(name).expect("sent").as_bytes();
            let found = header::candidates(whole, signature);
            let ranges: Vec<_> = found.iter().map(|part| offsets(part, whole)).collect();
            vector.turn_bits(name, &ranges);
            if let Some(timestamp) = &row.timestamp {
                let whole = vector.headers.get(&timestamp.header).expect("sent").as_bytes();
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
                let value = vector.headers.get(&name).expect("sent").clone();
                let mut twice = vector.headers.clone();
                twice.append(
                    http::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                    value,
                );
                let verdict = vector.judge(&twice, vector.body(), &vector.secrets());
                assert_eq!(verdict, Err(Refusal::Invalid), "{}: {name} twice", vector.what);
                let mut without = vector.headers.clone();
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
            vector.judge(&vector.headers, vector.body(), &keyring)
        };
        let now = vector.now_ms();
        assert_eq!(with(&[Some(now + 1)]), Ok(()), "{}", vector.what);
        let invalid = Err(Refusal::Invalid);
        assert_eq!(with(&[Some(now)]), invalid, "{}: its end", vector.what);
        assert_eq!(with(&[]), invalid, "{}: the new one alone", vector.what);
        let third = with(&[Some(now + 1), Some(now + 1)]);
        assert_eq!(third, invalid, "{}: the third", vector.what);
        let none = vector.judge(&vector.headers, vector.body(), &Keyring::default());
        assert_eq!(none, invalid, "{}: no secret", vector.what);
    });
}
