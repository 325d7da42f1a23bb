//! The assertion of a service account: a JWT, signed with RS256 (RFC 7523, RFC 7518).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::json;

use super::call::scope_of;
use super::members::{member, member_text};
use crate::base::clock::Millis;
use crate::base::secret::Secret;
use crate::connectors::definition::Assertion;
use crate::connectors::template::RenderFault;
use crate::http::json::Node;

const MAX_LIFETIME_SECONDS: u32 = 3_600;

/// Why an assertion cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AssertionFault {
    #[error("the key file holds no private_key")]
    NoKey,
    #[error("the key file's private_key is no RSA key in PEM")]
    BadKey,
    #[error(transparent)]
    Render(#[from] RenderFault),
    #[error("the key cannot sign")]
    Signing,
}

/// The signed assertion at `now`. `connection` has the fields by their names, and the key file as an object.
pub fn sign_assertion(
    assertion: &Assertion,
    connection: &Node,
    now: Millis,
) -> Result<Secret<String>, AssertionFault> {
    let file = member(connection, "key_file").ok_or(AssertionFault::NoKey)?;
    let pem = member_text(file, "private_key").ok_or(AssertionFault::NoKey)?;
    let key = key_of(pem)?;
    let scope = scope_of(connection);
    let issued = now.0 / 1000;
    let lifetime = assertion.lifetime_seconds.min(MAX_LIFETIME_SECONDS);
    let mut claims = json!({
        "iss": assertion.iss.text(&scope)?,
        "aud": assertion.aud,
        "iat": issued,
        "exp": issued + i64::from(lifetime),
    });
    // Without a subject the account acts for itself.
    let subject = assertion.sub.text(&scope)?;
    for (name, text) in [("sub", subject.as_str()), ("scope", assertion.scope.as_str())] {
        if !text.is_empty() {
            claims[name] = text.into();
        }
    }
    let mut head = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(id) = member_text(file, "private_key_id") {
        head["kid"] = id.into();
    }
    let encoded = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encoded(&head), encoded(&claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )
    .map_err(|_| AssertionFault::Signing)?;
    Ok(Secret::new(format!(
        "{signed}.{}",
        URL_SAFE_NO_PAD.encode(signature)
    )))
}

/// PKCS #8, as Google hands it out, or PKCS #1.
fn key_of(pem: &str) -> Result<RsaKeyPair, AssertionFault> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| AssertionFault::BadKey)?;
    let pair = match &key {
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        _ => return Err(AssertionFault::BadKey),
    };
    pair.map_err(|_| AssertionFault::BadKey)
}
