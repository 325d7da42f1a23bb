//! Handlers of `/v1/api-keys`, `/v1/scopes` and `/v1/whoami`.

use http::StatusCode;
use serde::Serialize;

use super::Keys;
use super::model::{ApiKey, CreatedApiKey, NewKey, RevokedApiKey};
use super::store;
use super::token::Token;
use crate::audit::{Begun, Changes, Target, Work};
use crate::base::caller::Caller;
use crate::base::clock::Millis;
use crate::base::id::{Key, KeyId, Kind};
use crate::base::page;
use crate::base::scope::{Scope, Scopes};
use crate::db::{Connection, DbError};
use crate::feed::{self, ChangeKind, confirmation};
use crate::http::call::Call;
use crate::http::fields::{self, Fields};
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;

const MAX_OVERLAP_SECONDS: i64 = 604_800;

/// `POST /v1/api-keys`.
pub async fn create_api_key(keys: Keys, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let mut client = keys.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply.no_store()),
    };
    let new = NewKey::read(body, Millis::now())?;
    call.query.finish()?;
    check_grant(new.scopes, call.caller.scopes)?;
    let token = Token::generate().map_err(|fault| Problem::internal(&fault))?;
    let object = store::insert(work.transaction(), work.workspace(), &new, &token).await?;
    let target = target(&object);
    let id = object.id;
    work.audit("api_key.created", &target, &Changes::default())
        .await?;
    work.changed(ChangeKind::ApiKey, id.uuid()).await?;
    let reply = commit_with_token(work, object, &token).await?;
    feed::left_to_feed(keys.refresh(&client, &[id.uuid()]).await);
    Ok(reply)
}

/// `GET /v1/api-keys`.
pub async fn list_api_keys(keys: Keys, mut call: Call) -> Result<Reply, Problem> {
    let list = format!("api-keys {:?}", call.caller.workspace);
    let page = call.query.page(page::DEFAULT_LIMIT, list);
    call.query.finish()?;
    let client = keys.db.client().await?;
    let found = store::list(&client, call.caller.workspace, &page).await?;
    Reply::ok(&page.listing(found, |key| key.id.to_string()))
}

/// `GET /v1/api-keys/{id}`.
pub async fn get_api_key(keys: Keys, call: Call) -> Result<Reply, Problem> {
    let id: KeyId = call.id()?;
    let client = keys.db.client().await?;
    let found = store::find(&client, call.caller.workspace, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    Reply::ok(&found)
}

/// `POST /v1/api-keys/{id}/revoke`.
pub async fn revoke_api_key(keys: Keys, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_optional_json().await?;
    let id: KeyId = call.id()?;
    let mut client = keys.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let before = lock(&work, id).await?;
    Fields::of(body).finish()?;
    call.query.finish()?;
    let after = store::revoke(work.transaction(), id).await?;
    if before.revoked_at.is_none() {
        let mut changes = Changes::default();
        changes.note("revoked_at", &before.revoked_at, &after.revoked_at);
        work.audit("api_key.revoked", &target(&after), &changes).await?;
    }
    // Also for a key that is revoked already: a client that repeats the request wants to know that it holds.
    work.changed(ChangeKind::ApiKey, id.uuid()).await?;
    let change = feed::transaction_id(work.transaction()).await?;
    let mut reply = RevokedApiKey {
        object: after,
        confirmed: None,
    };
    let kept = work.commit_amendable(&reply).await?;
    // It is done, so nothing that goes wrong from here on may look like a failure.
    let refreshed = keys.refresh(&client, &[id.uuid()]).await;
    let me = refreshed.is_ok().then_some(keys.instance);
    feed::left_to_feed(refreshed);
    reply.confirmed = confirmation::confirm(&client, me, &change).await;
    kept.amend(&client, &reply).await
}

/// `POST /v1/api-keys/{id}/rotate`.
pub async fn rotate_api_key(keys: Keys, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let id: KeyId = call.id()?;
    let mut client = keys.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply.no_store()),
    };
    let before = lock(&work, id).await?;
    let mut fields = Fields::of(body);
    let overlap = fields.required("overlap_seconds", fields::integer(0, MAX_OVERLAP_SECONDS));
    fields.finish()?;
    call.query.finish()?;
    let scopes: Scopes = before
        .scopes
        .iter()
        .filter_map(|name| Scope::parse(name))
        .collect();
    check_grant(scopes, call.caller.scopes)?;
    if store::has_ended(work.transaction(), id).await? {
        let detail = "A key that is revoked or expired cannot be rotated.";
        return Err(Problem::new(Code::KeyEnded, detail));
    }
    // An overlap never prolongs the old key's life.
    let old_end = store::end_after(work.transaction(), id, overlap.unwrap_or_default()).await?;
    let token = Token::generate().map_err(|fault| Problem::internal(&fault))?;
    let new = NewKey {
        name: before.name.clone(),
        scopes,
        expires_at: before.expires_at,
        ip_allowlist: before.ip_allowlist.clone(),
        rate_limit_per_second: before.rate_limit_per_second,
        rotated_from: Some(id),
    };
    let object = store::insert(work.transaction(), work.workspace(), &new, &token).await?;
    let new_id = object.id;
    let mut changes = Changes::default();
    changes.note("expires_at", &before.expires_at, &Some(old_end));
    work.audit("api_key.rotated", &target(&before), &changes).await?;
    work.audit("api_key.created", &target(&object), &Changes::default())
        .await?;
    work.changed(ChangeKind::ApiKey, id.uuid()).await?;
    work.changed(ChangeKind::ApiKey, new_id.uuid()).await?;
    let reply = commit_with_token(work, object, &token).await?;
    feed::left_to_feed(keys.refresh(&client, &[id.uuid(), new_id.uuid()]).await);
    Ok(reply)
}

/// `DELETE /v1/api-keys/{id}`.
pub async fn delete_api_key(keys: Keys, call: Call) -> Result<Reply, Problem> {
    let id: KeyId = call.id()?;
    let mut client = keys.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let before = lock(&work, id).await?;
    call.query.finish()?;
    store::delete(work.transaction(), id).await?;
    work.audit("api_key.deleted", &target(&before), &Changes::default())
        .await?;
    work.changed(ChangeKind::ApiKey, id.uuid()).await?;
    let reply = work.commit_no_content().await?;
    feed::left_to_feed(keys.refresh(&client, &[id.uuid()]).await);
    Ok(reply)
}

/// A scope as `GET /v1/scopes` lists it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ShownScope {
    name: &'static str,
    description: &'static str,
}

/// `GET /v1/scopes`.
pub async fn list_scopes(call: Call) -> Result<Reply, Problem> {
    call.query.finish()?;
    let scopes = Scope::ALL.iter().map(|scope| ShownScope {
        name: scope.name(),
        description: scope.description(),
    });
    Reply::ok(&serde_json::json!({ "data": scopes.collect::<Vec<_>>() }))
}

/// What a key learns of itself.
#[derive(Serialize, utoipa::ToSchema)]
pub struct WhoAmI<'a> {
    #[schema(value_type = String)]
    key_id: KeyId,
    name: &'a str,
    workspace: &'a str,
    scopes: Vec<&'static str>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Millis>,
}

/// `GET /v1/whoami`.
pub async fn whoami(call: Call) -> Result<Reply, Problem> {
    call.query.finish()?;
    let body = whoami_body(&call.caller)?;
    Ok(Reply::of(StatusCode::OK, "application/json", body))
}

/// [`WhoAmI`] as JSON, written straight out: of what a client asks, nothing is asked as often.
fn whoami_body(caller: &Caller) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::with_capacity(512);
    body.extend_from_slice(b"{\"key_id\":\"");
    let mut buffer = uuid::Uuid::encode_buffer();
    body.extend_from_slice(Key::PREFIX.as_bytes());
    body.extend_from_slice(
        caller
            .key_id
            .uuid()
            .hyphenated()
            .encode_lower(&mut buffer)
            .as_bytes(),
    );
    body.extend_from_slice(b"\",\"name\":");
    let text = |body: &mut Vec<u8>, text: &str| {
        serde_json::to_writer(body, text).map_err(|fault| Problem::internal(&fault))
    };
    text(&mut body, &caller.key_name)?;
    body.extend_from_slice(b",\"workspace\":");
    text(&mut body, &caller.workspace_name)?;
    body.extend_from_slice(b",\"scopes\":[");
    for (at, scope) in caller.scopes.iter().enumerate() {
        // No scope's name needs escaping.
        body.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
        body.extend_from_slice(scope.name().as_bytes());
        body.push(b'"');
    }
    body.extend_from_slice(b"],\"expires_at\":");
    match caller.expires_at {
        None => body.extend_from_slice(b"null}"),
        Some(end) => {
            text(&mut body, &end.to_string())?;
            body.push(b'}');
        }
    }
    Ok(body)
}

impl Keys {
    /// Reads keys again from the database, so that a change holds on this instance at once.
    pub async fn refresh(&self, client: &Connection, ids: &[uuid::Uuid]) -> Result<(), DbError> {
        let _turn = self.refreshing.lock().await;
        let live = store::load_some(client, &self.cache.workspaces, ids).await?;
        let is_live = |id: &uuid::Uuid| live.iter().any(|entry| entry.id.uuid() == *id);
        let gone: Vec<_> = ids.iter().filter(|id| !is_live(id)).copied().collect();
        if !gone.is_empty() {
            for digest in store::deleted_digests(client, &gone).await? {
                self.cache.remove(&digest);
            }
        }
        for entry in live {
            self.cache.put(entry);
        }
        self.note_count();
        Ok(())
    }

    /// Reads all keys from the database.
    pub async fn reload(&self, client: &Connection) -> Result<(), DbError> {
        let _turn = self.refreshing.lock().await;
        let started = std::time::Instant::now();
        let is_first = self.cache.key_count() == 0;
        if is_first {
            self.cache.reserve(store::count(client).await?);
        }
        let mut present = std::collections::HashSet::new();
        store::load_all(client, &self.cache.workspaces, |entry| {
            if !is_first {
                present.insert(entry.id.uuid());
            }
            self.cache.put(entry);
        })
        .await?;
        if !is_first {
            self.cache.retain(|id| present.contains(id));
        }
        self.note_count();
        let (key_count, millis) = (self.cache.key_count(), started.elapsed().as_millis());
        tracing::info!(key_count, millis, "keys are in memory");
        Ok(())
    }

    fn note_count(&self) {
        metrics::gauge!(crate::telemetry::names::KEYS_LOADED).set(self.cache.key_count() as f64);
    }
}

/// A key can only grant what it holds.
fn check_grant(granted: Scopes, held: Scopes) -> Result<(), Problem> {
    let missing = granted.minus(held);
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Problem::scope_missing(&missing.names().join(" "))),
    }
}

async fn lock(work: &Work<'_>, id: KeyId) -> Result<ApiKey, Problem> {
    let found = store::lock(work.transaction(), work.workspace(), id).await?;
    found.ok_or_else(Problem::not_found)
}

fn target(key: &ApiKey) -> Target {
    Target::new("api_key", key.id, Some(&key.name))
}

async fn commit_with_token(work: Work<'_>, object: ApiKey, token: &Token) -> Result<Reply, Problem> {
    let kept = CreatedApiKey { object, key: None };
    let shown = CreatedApiKey {
        object: kept.object.clone(),
        key: Some(token.expose().to_owned()),
    };
    let reply = work.commit_hiding(StatusCode::CREATED, &shown, &kept).await?;
    Ok(reply.no_store())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::caller::WorkspaceId;

    #[test]
    fn what_is_written_out_is_what_is_described() {
        for expires_at in [None, Some(Millis(1_700_000_000_120))] {
            for scopes in [Scopes::default(), Scopes::all()] {
                let caller = Caller {
                    key_id: KeyId::generate(),
                    key_name: "a \"name\" with\nescapes — and more".into(),
                    workspace: WorkspaceId(1),
                    workspace_name: "default".into(),
                    scopes,
                    expires_at,
                };
                let described = WhoAmI {
                    key_id: caller.key_id,
                    name: &caller.key_name,
                    workspace: &caller.workspace_name,
                    scopes: scopes.names(),
                    expires_at,
                };
                let written = whoami_body(&caller).expect("is written");
                assert_eq!(
                    String::from_utf8(written).expect("is UTF-8"),
                    serde_json::to_string(&described).expect("is described")
                );
            }
        }
    }
}
