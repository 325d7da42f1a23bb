//! Handlers of `/v1/console-links` and `/v1/api-keys/{id}/sessions`.

use http::StatusCode;
use serde::Serialize;

use super::links::{self, DEFAULT_SESSION_HOURS, Wanted};
use super::model::ConsoleLink;
use super::store;
use crate::audit::{Begun, Changes, Target, Work};
use crate::base::clock::Millis;
use crate::base::id::{KeyId, LinkId};
use crate::base::page;
use crate::base::scope::{Scope, Scopes};
use crate::console::{Console, destination};
use crate::http::call::Call;
use crate::http::fields::{self, Fields};
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::keys::store as key_store;

const DEFAULT_LINK_SECONDS: i64 = 600;
const MAX_LINK_SECONDS: i64 = 604_800;
const MAX_SESSION_HOURS: i64 = 12;
const MAX_LABEL_CHARS: usize = 200;
const MAX_NEXT_CHARS: usize = 2_000;

/// The body of `POST /v1/console-links`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct CreateConsoleLink {
    /// What the session may do: scopes that the calling key holds; all of them if absent.
    #[schema(min_items = 1)]
    scopes: Option<Vec<String>>,
    /// How long the link can be used.
    #[schema(minimum = 1, maximum = 604_800, default = 600)]
    expires_in_seconds: Option<u32>,
    /// How long the session may last.
    #[schema(minimum = 1, maximum = 12, default = 12)]
    session_hours: Option<u32>,
    /// The page that it opens, under `/integrations`.
    #[schema(max_length = 2000)]
    next: Option<String>,
    #[schema(max_length = 200)]
    label: Option<String>,
}

/// A link just made: the only reply that holds its URL. In a replay `url` is `null`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CreatedConsoleLink {
    #[schema(value_type = String, example = "lnk_0198c0de-0000-7000-8000-000000000001")]
    id: LinkId,
    /// Opens the console once.
    url: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Millis,
}

/// `POST /v1/console-links`.
pub async fn create_console_link(console: Console, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let mut client = console.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply.no_store()),
    };
    if !console.settings.is_enabled {
        let detail = "console.enabled is false, so a link would lead nowhere.";
        return Err(Problem::new(Code::ConsoleDisabled, detail));
    }
    let mut fields = Fields::of(body);
    let scopes = fields.optional("scopes", fields::list(1, Scope::ALL.len(), read_scope));
    let seconds = fields.optional("expires_in_seconds", fields::integer(1, MAX_LINK_SECONDS));
    let hours = fields.optional("session_hours", fields::integer(1, MAX_SESSION_HOURS));
    let label = fields.optional("label", fields::text(0, MAX_LABEL_CHARS));
    let next = fields.optional("next", fields::text(1, MAX_NEXT_CHARS));
    let page = next.as_deref().and_then(destination::parse);
    if next.is_some() && page.is_none() {
        fields.fault(
            "next",
            "invalid",
            "expected the path of a page under /integrations",
        );
    }
    fields.finish()?;
    let base = base(&console, &call);
    call.query.finish()?;
    let scopes: Scopes = scopes.map_or(call.caller.scopes, |scopes| scopes.into_iter().collect());
    let missing = scopes.minus(call.caller.scopes);
    if !missing.is_empty() {
        return Err(Problem::scope_missing(&missing.names().join(" ")));
    }
    let wanted = Wanted {
        workspace: call.caller.workspace,
        key_id: call.caller.key_id,
        label,
        scopes,
        next: page,
        session_hours: hours.map_or(DEFAULT_SESSION_HOURS, |hours| hours as f64),
        seconds: seconds.unwrap_or(DEFAULT_LINK_SECONDS) as f64,
    };
    let (link, ticket) = links::make(&work, wanted).await?;
    let shown = |url| CreatedConsoleLink {
        id: link.id,
        url,
        expires_at: link.expires_at,
    };
    let whole = shown(Some(links::url(&base, &ticket)));
    let reply = work
        .commit_hiding(StatusCode::CREATED, &whole, &shown(None))
        .await?;
    Ok(reply.no_store())
}

/// Where the one who asked reached the gateway, if the console answers there.
fn base(console: &Console, call: &Call) -> String {
    let rules = &console.settings.hosts;
    let origin = call.origin();
    let host = origin.split("://").nth(1).unwrap_or_default();
    match rules.public_url.is_none() && rules.is_reachable(host) {
        true => origin,
        false => rules.base(console.settings.is_tls),
    }
}

/// `GET /v1/console-links`.
pub async fn list_console_links(console: Console, mut call: Call) -> Result<Reply, Problem> {
    let list = format!("console-links {:?}", call.caller.workspace);
    let page = call.query.page(page::DEFAULT_LIMIT, list);
    call.query.finish()?;
    let client = console.db.client().await?;
    let found = store::list_links(&client, call.caller.workspace, &page).await?;
    Reply::ok(&page.listing(found, |link: &ConsoleLink| link.id.to_string()))
}

/// `DELETE /v1/console-links/{id}`: ends the link and every session that it opened.
pub async fn delete_console_link(console: Console, call: Call) -> Result<Reply, Problem> {
    let id: LinkId = call.id()?;
    let mut client = console.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let deleted = store::delete_link(work.transaction(), work.workspace(), id).await?;
    let link = deleted.ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    work.audit("console_link.deleted", &links::target(&link), &Changes::default())
        .await?;
    work.commit_no_content().await
}

/// `GET /v1/api-keys/{id}/sessions`.
pub async fn list_key_sessions(console: Console, mut call: Call) -> Result<Reply, Problem> {
    let id: KeyId = call.id()?;
    let client = console.db.client().await?;
    let key = key_store::find(&client, call.caller.workspace, id).await?;
    key.ok_or_else(Problem::not_found)?;
    let list = format!("sessions {id} {:?}", call.caller.workspace);
    let page = call.query.page(page::DEFAULT_LIMIT, list);
    call.query.finish()?;
    let idle = console.settings.idle.as_secs_f64();
    let found = store::list_sessions(&client, call.caller.workspace, id, idle, &page).await?;
    Reply::ok(&page.listing(found, |session| session.id.to_string()))
}

/// `DELETE /v1/api-keys/{id}/sessions`: signs out everywhere.
pub async fn end_key_sessions(console: Console, call: Call) -> Result<Reply, Problem> {
    let id: KeyId = call.id()?;
    let mut client = console.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let key = key_store::lock(work.transaction(), work.workspace(), id).await?;
    let key = key.ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    let count = store::end_sessions_of(work.transaction(), work.workspace(), id).await?;
    if count > 0 {
        let mut changes = Changes::default();
        changes.note("sessions", &count, &0);
        let target = Target::new("api_key", id, Some(&key.name));
        work.audit("console.signed_out", &target, &changes).await?;
    }
    work.commit_no_content().await
}

fn read_scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| "is none of the scopes that GET /v1/scopes lists".into())
}
