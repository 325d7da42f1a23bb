//! A vector of a request that comes in, as a request.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};

use super::VectorFault;
use crate::base::secret::Secret;
use crate::connectors::definition::{Definition, Incoming, Source};
use crate::connectors::verify::{Held, KeySet, Keyring, Received, Refusal, Unsupported, Verifier};

/// Where a source would be, if the vector does not say.
const PLACE: &str = "https://gateway.example/in/token";

/// What a vector sends, and to which source.
pub struct Request<'v> {
    pub method: Method,
    /// With its query.
    pub url: &'v str,
    pub query: &'v str,
    pub headers: HeaderMap,
    pub body: &'v [u8],
    /// What stands behind the source's token.
    pub url_secret: Option<&'v str>,
    pub secrets: Keyring,
    pub now_unix_ms: i64,
}

impl<'v> Request<'v> {
    /// The request of a vector; what in it is none of HTTP.
    pub fn of(vector: &'v Incoming, source: &Source) -> Result<Self, String> {
        let method = vector.method.as_deref().unwrap_or("POST");
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| format!("{method:?} is no method"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &vector.headers {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no header"))?;
            let value =
                HeaderValue::from_str(value).map_err(|_| format!("{value:?} is no value of a header"))?;
            headers.append(name, value);
        }
        let url = vector.url.as_deref().unwrap_or(PLACE);
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let behind = path.split_once("/in/").and_then(|(_, rest)| rest.split_once('/'));
        Ok(Self {
            method,
            url,
            query,
            headers,
            body: vector.body.as_bytes(),
            url_secret: behind.map(|(_, secret)| secret),
            secrets: keyring(vector, source)?,
            now_unix_ms: vector.now * 1000,
        })
    }

    /// What a verifier sees of it.
    pub fn received(&self) -> Received<'_> {
        Received {
            method: self.method.as_str(),
            url: self.url,
            headers: &self.headers,
            body: self.body,
            url_secret: self.url_secret,
        }
    }
}

fn keyring(vector: &Incoming, source: &Source) -> Result<Keyring, String> {
    let mut keyring = Keyring::default();
    for (name, value) in &vector.secrets {
        if !source.secrets.contains_key(name) {
            return Err(format!("{name} is no secret of the source"));
        }
        let value = Secret::new(value.clone());
        let until_unix_ms = None;
        keyring.push(name, Held { value, until_unix_ms });
    }
    let Some(set) = &vector.jwks else {
        return Ok(keyring);
    };
    let keys = KeySet::parse(set.as_bytes()).ok_or("jwks is no key set")?;
    let rules = source.verify.jwt.as_ref();
    let email = rules.and_then(|rules| vector.options.get(rules.email_option.as_ref()?));
    Ok(keyring.with_keys(Arc::new(keys), email.cloned()))
}

/// What verifies the requests of a vector's source.
fn verifier(vector: &Incoming, source: &Source) -> Result<Verifier, Unsupported> {
    let verify = source.verify_for(&vector.options);
    Verifier::compile(&verify, vector.options.get("username").map(String::as_str))
}

/// Compares the verdicts on signatures with what the vectors expect.
pub(super) fn run(definition: &Definition) -> Vec<VectorFault> {
    let Some(source) = &definition.source else {
        return Vec::new();
    };
    let before = source.handshake.iter().any(|handshake| handshake.before_verify);
    let mut faults = Vec::new();
    for (at, vector) in definition.vector.incoming.iter().enumerate() {
        let expected = match vector.expect.outcome.as_str() {
            "signature_missing" => Err(Refusal::Missing),
            "signature_invalid" => Err(Refusal::Invalid),
            "signature_stale" => Err(Refusal::Stale),
            // Answered before a signature is looked at.
            outcome if before && outcome.starts_with("handshake") => continue,
            _ => Ok(()),
        };
        let word = |verdict: Result<(), Refusal>| match verdict {
            Ok(()) => "good".to_owned(),
            Err(refusal) => refusal.to_string(),
        };
        let told = match judged(vector, source) {
            Ok(verdict) if verdict == expected => continue,
            Ok(verdict) => format!("its signature is {} and not {}", word(verdict), word(expected)),
            Err(fault) => fault,
        };
        faults.push(VectorFault::new(format!("vector.in[{at}]"), told));
    }
    faults
}

/// The verdict on a vector's signature.
fn judged(vector: &Incoming, source: &Source) -> Result<Result<(), Refusal>, String> {
    let request = Request::of(vector, source)?;
    let verifier = verifier(vector, source).map_err(|fault| fault.to_string())?;
    Ok(verifier.verify(&request.received(), &request.secrets, request.now_unix_ms))
}
