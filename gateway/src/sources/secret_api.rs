//! Handlers that set and rotate what a source is verified and found by.

use std::collections::BTreeMap;

use http::StatusCode;

use super::api::{lock, seal, target_of};
use super::draft::read_secret;
use super::secret::{self, StoredSecret};
use super::{Sources, address, store};
use crate::audit::{Begun, Changes, Work};
use crate::base::clock::Millis;
use crate::base::id::SourceId;
use crate::connectors::definition::SecretFrom;
use crate::feed::ChangeKind;
use crate::http::call::Call;
use crate::http::fields::{self, Fields};
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;

const MAX_OVERLAP_SECONDS: i64 = 604_800;
const DEFAULT_OVERLAP_SECONDS: i64 = 86_400;
const MAX_NAME_CHARS: usize = 100;

/// `POST /v1/sources/{id}/secrets`.
pub async fn set_source_secret(sources: Sources, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let id: SourceId = call.id()?;
    let mut client = sources.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply.no_store()),
    };
    let (mut stored, activity) = lock(&work, id).await?;
    let connector = sources.connector_of(&stored);
    let mut fields = Fields::of(body);
    let name = fields.required("name", fields::line(1, MAX_NAME_CHARS));
    let overlap = fields.optional("overlap_seconds", fields::integer(0, MAX_OVERLAP_SECONDS));
    let given = fields.optional("value", read_secret);
    let field = connector
        .as_ref()
        .zip(name.as_ref())
        .and_then(|(connector, name)| connector.secret(name));
    if name.is_some() && field.is_none() {
        fields.fault("name", "invalid", "is no secret of this connector");
    }
    let from = field.map(|field| field.from);
    if given.is_none() && fields.faults.is_empty() && from == Some(SecretFrom::Vendor) {
        fields.fault(
            "value",
            "required",
            "is required, for the vendor makes this secret",
        );
    }
    fields.finish()?;
    call.query.finish()?;
    // Each was a fault if it is not there.
    let (Some(name), Some(connector)) = (name, connector) else {
        return Err(Problem::not_found());
    };
    let mut shown_once = BTreeMap::new();
    let value = match given {
        Some(given) => Some(given),
        // What a handshake hands out cannot be made: the next handshake is taken instead.
        None if from == Some(SecretFrom::Handshake) => None,
        None => {
            let made = secret::generate(&connector, &stored.options, &name)
                .map_err(|fault| Problem::internal(&fault))?;
            shown_once.insert(name.clone(), made.expose().clone());
            Some(made)
        }
    };
    let now = Millis::now();
    stored.updated_at = now;
    stored.handshake_secret = None;
    stored.handshake_at = None;
    match value {
        Some(value) => {
            let until = now.plus_seconds(overlap.unwrap_or(DEFAULT_OVERLAP_SECONDS));
            let mut fresh = StoredSecret::new(name.clone(), seal(&sources, id, &value)?, now);
            let before = stored.secrets.iter_mut().find(|secret| secret.name == name);
            match before {
                Some(before) => {
                    if until > now {
                        fresh.previous = Some(std::mem::take(&mut before.value));
                        fresh.previous_until = Some(until);
                    }
                    *before = fresh.clone();
                }
                None => stored.secrets.push(fresh.clone()),
            }
            store::put_secret(work.transaction(), id, &fresh).await?;
        }
        None => {
            store::forget_secret(work.transaction(), id, &name).await?;
            stored.secrets.retain(|secret| secret.name != name);
        }
    }
    store::update(work.transaction(), &stored).await?;
    let mut changes = Changes::default();
    changes.note_hidden(&format!("secrets.{name}"));
    work.audit("source.secret_rotated", &target_of(&stored), &changes)
        .await?;
    work.changed(ChangeKind::Source, id.uuid()).await?;
    let reply = sources
        .commit_with_secrets(work, StatusCode::OK, &stored, &activity, shown_once)
        .await?;
    sources.hold_at_once(&client, &stored).await;
    Ok(reply)
}

/// `POST /v1/sources/{id}/rotate-url`.
pub async fn rotate_source_url(sources: Sources, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_optional_json().await?;
    let id: SourceId = call.id()?;
    let mut client = sources.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let (mut stored, activity) = lock(&work, id).await?;
    let mut fields = Fields::of(body);
    let overlap = fields.optional("overlap_seconds", fields::integer(0, MAX_OVERLAP_SECONDS));
    fields.finish()?;
    call.query.finish()?;
    let now = Millis::now();
    let until = now.plus_seconds(overlap.unwrap_or(DEFAULT_OVERLAP_SECONDS));
    let token = address::generate().map_err(|fault| Problem::internal(&fault))?;
    let before = std::mem::replace(
        &mut stored.token_digest,
        address::digest_of(token.expose()).to_vec(),
    );
    let is_overlap = until > now;
    stored.previous_token_digest = is_overlap.then_some(before);
    stored.previous_token_until = is_overlap.then_some(until);
    stored.token = seal(&sources, id, &token)?;
    // Who knew the old URL may have sent the handshake that waits.
    stored.handshake_secret = None;
    stored.handshake_at = None;
    stored.updated_at = now;
    store::update(work.transaction(), &stored).await?;
    let mut changes = Changes::default();
    changes.note_hidden("url");
    work.audit("source.url_rotated", &target_of(&stored), &changes)
        .await?;
    work.changed(ChangeKind::Source, id.uuid()).await?;
    let shown = sources.shown(&stored, &activity, false);
    let reply = work.commit(StatusCode::OK, &shown).await?;
    sources.hold_at_once(&client, &stored).await;
    Ok(reply)
}

/// `POST /v1/sources/{id}/confirm`.
pub async fn confirm_source(sources: Sources, mut call: Call) -> Result<Reply, Problem> {
    call.body.read_optional_json().await?;
    let id: SourceId = call.id()?;
    let mut client = sources.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let (mut stored, activity) = lock(&work, id).await?;
    call.query.finish()?;
    let connector = sources.connector_of(&stored);
    let captures = connector.as_ref().and_then(|connector| {
        let mut handshakes = connector.handshakes.iter();
        handshakes.find_map(|handshake| handshake.captures.clone())
    });
    let (Some(sealed), Some(captures)) = (stored.handshake_secret.take(), captures) else {
        let detail = "No handshake of this source waits to be confirmed.";
        return Err(Problem::new(Code::HandshakeNotPending, detail));
    };
    stored.handshake_at = None;
    let now = Millis::now();
    stored.updated_at = now;
    let secret = StoredSecret::new(captures.secret, sealed, now);
    store::put_secret(work.transaction(), id, &secret).await?;
    stored.secrets.push(secret);
    store::update(work.transaction(), &stored).await?;
    work.audit("source.confirmed", &target_of(&stored), &Changes::default())
        .await?;
    work.changed(ChangeKind::Source, id.uuid()).await?;
    let shown = sources.shown(&stored, &activity, false);
    let reply = work.commit(StatusCode::OK, &shown).await?;
    sources.hold_at_once(&client, &stored).await;
    Ok(reply)
}
