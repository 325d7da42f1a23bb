//! Handlers of `/v1/webhooks`.

use std::sync::Arc;

use http::StatusCode;
use tokio::sync::Notify;

use super::endpoint::destination_of;
use super::model::{Draft, NOTHING_MASKED, UNORDERED, Webhook, WebhookWithSecret, masked_url};
use super::registry::Registry;
use super::sign::{shown_secret, shown_standard_secret};
use super::store;
use super::stored::StoredWebhook;
use crate::audit::{Begun, Changes, Target, Work};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::WebhookId;
use crate::base::page;
use crate::db::{self, Db};
use crate::delivery::engine::breaker::HealthState;
use crate::delivery::engine::lanes::Lanes;
use crate::events::types::EventTypes;
use crate::feed::{self, ChangeKind};
use crate::http::call::Call;
use crate::http::fields::{self, Fields};
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::outbound::client::Client;
use crate::outbound::target;
use crate::vault::{SecretBytes, Vault};

const MAX_OVERLAP_SECONDS: i64 = 604_800;
const DEFAULT_OVERLAP_SECONDS: i64 = 86_400;

/// What the handlers of webhooks and deliveries need.
#[derive(Clone)]
pub struct Webhooks {
    pub db: Db,
    pub registry: Arc<Registry>,
    pub lanes: Arc<Lanes>,
    pub client: Client,
    pub types: Arc<EventTypes>,
    /// Rings the scheduler.
    pub wake: Arc<Notify>,
}

/// `POST /v1/webhooks`.
pub async fn create_webhook(webhooks: Webhooks, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let names = webhooks.types.names(call.caller.workspace);
    let mut draft = Draft::read(body, None, &names);
    // Names are resolved before the transaction: none is held open across the network.
    webhooks.check(&mut draft).await?;
    let mut client = webhooks.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply.no_store()),
    };
    call.query.finish()?;
    let vault = webhooks.registry.vault();
    let secret = Vault::generate().map_err(|fault| Problem::internal(&fault))?;
    let id = WebhookId::generate();
    let now = Millis::now();
    let mut stored = StoredWebhook {
        workspace: work.workspace(),
        shown: Webhook {
            id,
            name: String::new(),
            url: String::new(),
            events: Vec::new(),
            filter: None,
            description: None,
            headers: Default::default(),
            max_attempts: None,
            timeout_seconds: None,
            rate_limit_per_second: None,
            ordering: UNORDERED.to_owned(),
            enabled: true,
            health: HealthState::Healthy.name().to_owned(),
            disabled_reason: None,
            created_at: now,
            updated_at: now,
        },
        health: HealthState::Healthy,
        headers: None,
        secret: seal(vault, id, secret.expose())?,
        previous_secret: None,
        previous_secret_until: None,
    };
    apply(&mut stored, draft, vault, &mut Changes::default())?;
    store::insert(work.transaction(), &stored).await?;
    work.audit("webhook.created", &target_of(&stored.shown), &Changes::default())
        .await?;
    work.changed(ChangeKind::Webhook, id.uuid()).await?;
    let workspace = work.workspace();
    let reply = commit_with_secrets(work, StatusCode::CREATED, stored.masked(vault), &secret, None);
    let reply = reply.await?;
    webhooks.hold_at_once(&client, workspace, id).await;
    Ok(reply)
}

/// `GET /v1/webhooks`.
pub async fn list_webhooks(webhooks: Webhooks, mut call: Call) -> Result<Reply, Problem> {
    let list = format!("webhooks {:?}", call.caller.workspace);
    let page = call.query.page(page::DEFAULT_LIMIT, list);
    call.query.finish()?;
    let client = webhooks.db.client().await?;
    let found = store::list(&client, call.caller.workspace, &page).await?;
    let vault = webhooks.registry.vault();
    let shown: Vec<Webhook> = found.into_iter().map(|stored| stored.masked(vault)).collect();
    Reply::ok(&page.listing(shown, |webhook| webhook.id.to_string()))
}

/// `GET /v1/webhooks/{id}`.
pub async fn get_webhook(webhooks: Webhooks, call: Call) -> Result<Reply, Problem> {
    let id: WebhookId = call.id()?;
    let client = webhooks.db.client().await?;
    let found = store::find(&client, call.caller.workspace, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    Reply::ok(&found.masked(webhooks.registry.vault()))
}

/// `PATCH /v1/webhooks/{id}`.
pub async fn update_webhook(webhooks: Webhooks, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let id: WebhookId = call.id()?;
    let workspace = call.caller.workspace;
    let mut client = webhooks.db.client().await?;
    let found = store::find(&client, workspace, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    let vault = webhooks.registry.vault();
    let stored_headers = found
        .open_headers(vault)
        .map_err(|fault| Problem::internal(&fault))?;
    let stored_headers: Vec<String> = stored_headers.into_iter().map(|(name, _)| name).collect();
    let names = webhooks.types.names(workspace);
    let mut draft = Draft::read(body, Some(&stored_headers), &names);
    webhooks.check(&mut draft).await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let mut stored = lock(&work, id).await?;
    call.query.finish()?;
    let was_enabled = stored.shown.enabled;
    let url_before = stored.shown.url.clone();
    let mut changes = Changes::default();
    apply(&mut stored, draft, vault, &mut changes)?;
    let is_enabled_now = stored.shown.enabled && !was_enabled;
    if is_enabled_now {
        stored.health = HealthState::Healthy;
        stored.shown.health = HealthState::Healthy.name().to_owned();
    }
    if !changes.is_empty() {
        stored.shown.updated_at = Millis::now();
        store::update(work.transaction(), &stored).await?;
        work.audit("webhook.updated", &target_of(&stored.shown), &changes)
            .await?;
        work.changed(ChangeKind::Webhook, id.uuid()).await?;
    }
    let is_moved = stored.shown.url != url_before;
    let health = stored.health;
    let reply = work.commit(StatusCode::OK, &stored.masked(vault)).await?;
    webhooks.hold_at_once(&client, workspace, id).await;
    if is_enabled_now {
        webhooks.lanes.lane(destination_of(id), health).reset();
    } else if is_moved {
        // The change may mend the cause of its pause.
        webhooks.lanes.lane(destination_of(id), health).probe_at_once();
    }
    Ok(reply)
}

/// `DELETE /v1/webhooks/{id}`.
pub async fn delete_webhook(webhooks: Webhooks, call: Call) -> Result<Reply, Problem> {
    let id: WebhookId = call.id()?;
    let mut client = webhooks.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let stored = lock(&work, id).await?;
    call.query.finish()?;
    store::delete(work.transaction(), id).await?;
    work.audit("webhook.deleted", &target_of(&stored.shown), &Changes::default())
        .await?;
    work.changed(ChangeKind::Webhook, id.uuid()).await?;
    let workspace = work.workspace();
    work.commit_silently().await?;
    webhooks.hold_at_once(&client, workspace, id).await;
    Ok(Reply::no_content())
}

/// `POST /v1/webhooks/{id}/rotate-secret`.
pub async fn rotate_webhook_secret(webhooks: Webhooks, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_optional_json().await?;
    let id: WebhookId = call.id()?;
    let mut client = webhooks.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply.no_store()),
    };
    let mut stored = lock(&work, id).await?;
    let mut fields = Fields::of(body);
    let overlap = fields.optional("overlap_seconds", fields::integer(0, MAX_OVERLAP_SECONDS));
    fields.finish()?;
    call.query.finish()?;
    let vault = webhooks.registry.vault();
    let opened = vault.open_secret(id, &stored.secret);
    let previous = opened.map_err(|fault| Problem::internal(&fault))?;
    let secret = Vault::generate().map_err(|fault| Problem::internal(&fault))?;
    let sealed = seal(vault, id, secret.expose())?;
    let now = Millis::now();
    let until = now.plus_seconds(overlap.unwrap_or(DEFAULT_OVERLAP_SECONDS));
    let is_overlap = until > now;
    stored.previous_secret = is_overlap.then(|| std::mem::take(&mut stored.secret));
    stored.previous_secret_until = is_overlap.then_some(until);
    stored.secret = sealed;
    stored.shown.updated_at = now;
    store::update(work.transaction(), &stored).await?;
    let mut changes = Changes::default();
    changes.note_hidden("secret");
    work.audit("webhook.secret_rotated", &target_of(&stored.shown), &changes)
        .await?;
    work.changed(ChangeKind::Webhook, id.uuid()).await?;
    let workspace = work.workspace();
    let previous = is_overlap.then_some((&previous, until));
    let object = stored.masked(vault);
    let reply = commit_with_secrets(work, StatusCode::OK, object, &secret, previous).await?;
    webhooks.hold_at_once(&client, workspace, id).await;
    Ok(reply)
}

impl Webhooks {
    /// Has a change hold on this instance before its reply; the others hear of it by the feed.
    async fn hold_at_once(&self, client: &db::Client, workspace: WorkspaceId, id: WebhookId) {
        feed::left_to_feed(self.registry.refresh(client, &[(workspace, id.uuid())]).await);
    }

    /// 422 for what is wrong with a draft: its fields first, then its URL, then where the URL leads.
    async fn check(&self, draft: &mut Draft) -> Result<(), Problem> {
        let faults = std::mem::take(&mut draft.faults);
        let url_faults = std::mem::take(&mut draft.url_faults);
        if !faults.is_empty() {
            let mut all = faults.into_vec();
            all.extend(url_faults.into_vec());
            return Err(Problem::invalid(all));
        }
        url_faults.into_result_as(Code::UrlInvalid)?;
        if let Some(target) = &draft.url {
            self.check_address(target).await?;
        }
        Ok(())
    }

    async fn check_address(&self, target: &target::Target) -> Result<(), Problem> {
        if self.client.may_be_saved(target).await {
            return Ok(());
        }
        let mut faults = fields::Faults::default();
        let message = "leads to an address that is not public, and the operator has not allowed it";
        faults.add("body.url", "url_forbidden_address", message);
        faults.into_result_as(Code::UrlForbiddenAddress)
    }
}

/// Puts a draft's fields in, noting each that changes.
fn apply(
    stored: &mut StoredWebhook,
    draft: Draft,
    vault: &Vault,
    changes: &mut Changes,
) -> Result<(), Problem> {
    let id = stored.shown.id;
    if let Some(headers) = draft.headers {
        let before = stored
            .open_headers(vault)
            .map_err(|fault| Problem::internal(&fault))?;
        let headers = unmasked(headers, &before)?;
        if before != headers {
            changes.note_hidden("headers");
            let text = serde_json::to_vec(&headers).map_err(|fault| Problem::internal(&fault))?;
            stored.headers = match headers.is_empty() {
                true => None,
                false => Some(seal(vault, id, &text)?),
            };
        }
    }
    let shown = &mut stored.shown;
    put(&mut shown.name, draft.name, "name", changes);
    if let Some(url) = draft.url.map(|target| target.url)
        && url != shown.url
    {
        changes.note_masked("url", &masked_url(&shown.url), &masked_url(&url));
        shown.url = url;
    }
    put(&mut shown.events, draft.events, "events", changes);
    put(&mut shown.filter, draft.filter, "filter", changes);
    put(&mut shown.description, draft.description, "description", changes);
    put(
        &mut shown.max_attempts,
        draft.max_attempts,
        "max_attempts",
        changes,
    );
    put(
        &mut shown.timeout_seconds,
        draft.timeout_seconds,
        "timeout_seconds",
        changes,
    );
    let rate = draft.rate_limit_per_second;
    put(
        &mut shown.rate_limit_per_second,
        rate,
        "rate_limit_per_second",
        changes,
    );
    put(&mut shown.ordering, draft.ordering, "ordering", changes);
    put(&mut shown.enabled, draft.enabled, "enabled", changes);
    if shown.enabled {
        shown.disabled_reason = None;
    } else if shown.disabled_reason.is_none() {
        shown.disabled_reason = Some("Disabled by request.".to_owned());
    }
    Ok(())
}

/// Puts the stored values where a request leaves them as they are.
fn unmasked(
    headers: Vec<(String, Option<String>)>,
    stored: &[(String, String)],
) -> Result<Vec<(String, String)>, Problem> {
    let mut faults = fields::Faults::default();
    let mut whole = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let kept = || stored.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
        match value.or_else(|| kept().map(|(_, value)| value.clone())) {
            Some(value) => whole.push((name, value)),
            // Another request has taken it away meanwhile.
            None => faults.add(format!("body.headers.{name}"), "invalid_header", NOTHING_MASKED),
        }
    }
    faults.into_result()?;
    Ok(whole)
}

fn put<T: PartialEq + serde::Serialize>(field: &mut T, value: Option<T>, name: &str, changes: &mut Changes) {
    if let Some(value) = value {
        changes.note(name, field, &value);
        *field = value;
    }
}

fn seal(vault: &Vault, id: WebhookId, plain: &[u8]) -> Result<Vec<u8>, Problem> {
    vault.seal(id, plain).map_err(|fault| Problem::internal(&fault))
}

pub(super) async fn lock(work: &Work<'_>, id: WebhookId) -> Result<StoredWebhook, Problem> {
    let found = store::lock(work.transaction(), work.workspace(), id).await?;
    found.ok_or_else(Problem::not_found)
}

pub(super) fn target_of(webhook: &Webhook) -> Target {
    Target::new("webhook", webhook.id, Some(&webhook.name))
}

async fn commit_with_secrets(
    work: Work<'_>,
    status: StatusCode,
    object: Webhook,
    secret: &SecretBytes,
    previous: Option<(&SecretBytes, Millis)>,
) -> Result<Reply, Problem> {
    let kept = WebhookWithSecret {
        object,
        secret: None,
        standard_secret: None,
        previous_secret: None,
        previous_standard_secret: None,
        previous_secret_expires_at: previous.map(|(_, until)| until),
    };
    let shown = WebhookWithSecret {
        object: kept.object.clone(),
        secret: Some(shown_secret(secret)),
        standard_secret: Some(shown_standard_secret(secret)),
        previous_secret: previous.map(|(secret, _)| shown_secret(secret)),
        previous_standard_secret: previous.map(|(secret, _)| shown_standard_secret(secret)),
        previous_secret_expires_at: kept.previous_secret_expires_at,
    };
    Ok(work.commit_hiding(status, &shown, &kept).await?.no_store())
}
