//! Finds the key of a request by its headers: no I/O, one hash, one look-up.

use std::net::IpAddr;
use std::sync::Arc;

use governor::clock::{Clock, DefaultClock};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;

use super::cache::Cache;
use super::entry::Entry;
use super::token::{self, Digest};
use crate::base::clock::Millis;
use crate::base::scope::Scope;
use crate::http::problem::{Code, Problem};

/// The key of a request, live and known at `now` by the database's clock. Its scopes, addresses and rate are checked by [`permit`].
pub fn authenticate(cache: &Cache, headers: &HeaderMap, now: Millis) -> Result<Arc<Entry>, Problem> {
    authenticate_token(cache, bearer(headers)?, now)
}

/// The same for a key that came another way than by the header.
pub fn authenticate_token(cache: &Cache, token: &[u8], now: Millis) -> Result<Arc<Entry>, Problem> {
    if !token::is_well_formed(token) {
        return Err(invalid());
    }
    authenticate_digest(cache, &token::digest_of(token), now)
}

/// The same for a key of which only the SHA-256 is known.
pub fn authenticate_digest(cache: &Cache, digest: &Digest, now: Millis) -> Result<Arc<Entry>, Problem> {
    let entry = cache.find(digest).ok_or_else(invalid)?;
    if !bool::from(entry.digest.ct_eq(digest)) {
        return Err(invalid());
    }
    if entry.is_revoked() {
        return Err(Problem::unauthorized(Code::KeyRevoked, "This key was revoked."));
    }
    if entry.is_expired(now) {
        return Err(Problem::unauthorized(Code::KeyExpired, "This key has expired."));
    }
    cache.note_use(&entry, now);
    Ok(entry)
}

/// Whether the key may do this, from there, now.
pub fn permit(entry: &Entry, scopes: &[Scope], ip: IpAddr) -> Result<(), Problem> {
    let missing: Vec<&str> = scopes
        .iter()
        .filter(|&&scope| !entry.scopes.contains(scope))
        .map(|scope| scope.name())
        .collect();
    if !missing.is_empty() {
        return Err(Problem::scope_missing(&missing.join(" ")));
    }
    check_address(entry, ip)?;
    if let Some((limiter, per_second)) = entry.limit()
        && let Err(until) = limiter.check()
    {
        let wait = until.wait_time_from(DefaultClock::default().now());
        return Err(Problem::rate_limited(per_second, wait));
    }
    Ok(())
}

/// Whether the key may be used from there.
pub fn check_address(entry: &Entry, ip: IpAddr) -> Result<(), Problem> {
    if entry.allows(ip) {
        return Ok(());
    }
    let detail = "This key's allow-list does not hold your address.";
    Err(Problem::new(Code::IpNotAllowed, detail))
}

fn bearer(headers: &HeaderMap) -> Result<&[u8], Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(missing());
    };
    if values.next().is_some() {
        return Err(invalid());
    }
    let bytes = value.as_bytes();
    match bytes.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => Ok(token.trim_ascii()),
        // Other schemes count as no credential.
        _ if bytes.eq_ignore_ascii_case(b"bearer") => Err(invalid()),
        _ => Err(missing()),
    }
}

fn missing() -> Problem {
    Problem::unauthorized(Code::KeyMissing, "Send Authorization: Bearer sk_….")
}

fn invalid() -> Problem {
    Problem::unauthorized(Code::KeyInvalid, "This is not a key that exists.")
}
