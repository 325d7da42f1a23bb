//! Handlers of `/v1/sources`.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;

use super::connector::{Connector, Unfit};
use super::draft::{self, Draft};
use super::model::{ShownHandshake, Source, SourceWithSecrets, StoredSource};
use super::secret::{self, StoredSecret};
use super::status::Activity;
use super::{Sources, address, store};
use crate::audit::{Begun, Changes, Target, Work};
use crate::base::clock::Millis;
use crate::base::id::SourceId;
use crate::base::page;
use crate::base::scope::Scope;
use crate::base::seal::SealError;
use crate::base::secret::Secret;
use crate::connectors::definition::SecretFrom;
use crate::connectors::verify::Unsupported;
use crate::db::Client;
use crate::feed::{self, ChangeKind};
use crate::http::call::Call;
use crate::http::fields::Faults;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// `POST /v1/sources`.
pub async fn create_source(sources: Sources, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let mut client = sources.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply.no_store()),
    };
    let (mut draft, connector) = draft::of_creation(body, &sources.connectors);
    std::mem::take(&mut draft.faults).into_result()?;
    call.query.finish()?;
    // Without one there was a fault.
    let connector = connector.ok_or_else(Problem::not_found)?;
    sources.check_options(&connector, &draft)?;
    let made = make(&sources, &work, &connector, draft).map_err(|fault| Problem::internal(&fault))?;
    let (stored, shown_once) = made;
    store::insert(work.transaction(), &stored).await?;
    work.audit("source.created", &target_of(&stored), &Changes::default())
        .await?;
    work.changed(ChangeKind::Source, stored.id.uuid()).await?;
    let reply = sources
        .commit_with_secrets(
            work,
            StatusCode::CREATED,
            &stored,
            &Activity::default(),
            shown_once,
        )
        .await?;
    sources.hold_at_once(&client, &stored).await;
    Ok(reply)
}

type Made = (StoredSource, BTreeMap<String, String>);

/// A new source, and the secrets that were made for it.
fn make(sources: &Sources, work: &Work<'_>, connector: &Connector, draft: Draft) -> Result<Made, SealError> {
    let vault = sources.registry.vault();
    let id = SourceId::generate();
    let now = Millis::now();
    let token = address::generate()?;
    let options = draft.options.unwrap_or_default();
    let mut secrets = Vec::new();
    let mut shown_once = BTreeMap::new();
    for (name, field) in &connector.source.secrets {
        let value = match draft.secrets.get(name) {
            Some(given) => given.clone(),
            None if field.from == SecretFrom::Gateway && !field.optional => {
                let made = secret::generate(connector, &options, name)?;
                shown_once.insert(name.clone(), made.expose().clone());
                made
            }
            None => continue,
        };
        let sealed = secret::seal(vault, id, &value)?;
        secrets.push(StoredSecret::new(name.clone(), sealed, now));
    }
    let stored = StoredSource {
        id,
        workspace: work.workspace(),
        // What is required and absent was a fault.
        name: draft.name.unwrap_or_default(),
        connector: connector.name.to_string(),
        enabled: true,
        options,
        filter: draft.filter.flatten(),
        rate_limit_per_second: draft.rate_limit_per_second.flatten(),
        ip_allowlist: draft.ip_allowlist.unwrap_or_default(),
        token: secret::seal(vault, id, &token)?,
        token_digest: address::digest_of(token.expose()).to_vec(),
        previous_token_digest: None,
        previous_token_until: None,
        handshake_secret: None,
        handshake_at: None,
        created_at: now,
        updated_at: now,
        secrets,
    };
    Ok((stored, shown_once))
}

/// `GET /v1/sources`.
pub async fn list_sources(sources: Sources, mut call: Call) -> Result<Reply, Problem> {
    let workspace = call.caller.workspace;
    let list = format!("sources {workspace:?}");
    let page = call.query.page(page::DEFAULT_LIMIT, list);
    call.query.finish()?;
    sources.journal.settle().await;
    let client = sources.db.client().await?;
    let found = store::list(&client, workspace, &page).await?;
    let may_see = call.caller.scopes.contains(Scope::WebhooksWrite);
    let shown: Vec<Source> = found
        .iter()
        .map(|(stored, activity)| sources.shown(stored, activity, may_see))
        .collect();
    let holds_secret = shown.iter().any(|source| source.handshake.is_some());
    let reply = Reply::ok(&page.listing(shown, |source| source.parts.id.to_string()))?;
    Ok(if holds_secret { reply.no_store() } else { reply })
}

/// `GET /v1/sources/{id}`.
pub async fn get_source(sources: Sources, call: Call) -> Result<Reply, Problem> {
    let id: SourceId = call.id()?;
    sources.journal.settle().await;
    let client = sources.db.client().await?;
    let found = store::find(&**client, call.caller.workspace, id).await?;
    let (stored, activity) = found.ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    let may_see = call.caller.scopes.contains(Scope::WebhooksWrite);
    let shown = sources.shown(&stored, &activity, may_see);
    let holds_secret = shown.handshake.is_some();
    let reply = Reply::ok(&shown)?;
    Ok(if holds_secret { reply.no_store() } else { reply })
}

/// `PATCH /v1/sources/{id}`.
pub async fn update_source(sources: Sources, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let id: SourceId = call.id()?;
    let mut client = sources.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let (mut stored, activity) = lock(&work, id).await?;
    let connector = sources.connector_of(&stored);
    let mut draft = draft::of_change(body, connector.as_deref());
    std::mem::take(&mut draft.faults).into_result()?;
    call.query.finish()?;
    if let Some(connector) = &connector {
        sources.check_options(connector, &draft)?;
    }
    let mut changes = Changes::default();
    apply(&mut stored, draft, &mut changes);
    if !changes.is_empty() {
        stored.updated_at = Millis::now();
        store::update(work.transaction(), &stored).await?;
        work.audit("source.updated", &target_of(&stored), &changes)
            .await?;
        work.changed(ChangeKind::Source, id.uuid()).await?;
    }
    let shown = sources.shown(&stored, &activity, false);
    let reply = work.commit(StatusCode::OK, &shown).await?;
    sources.hold_at_once(&client, &stored).await;
    Ok(reply)
}

fn apply(stored: &mut StoredSource, draft: Draft, changes: &mut Changes) {
    put(&mut stored.name, draft.name, "name", changes);
    put(&mut stored.enabled, draft.enabled, "enabled", changes);
    put(&mut stored.options, draft.options, "options", changes);
    put(&mut stored.filter, draft.filter, "filter", changes);
    let rate = draft.rate_limit_per_second;
    put(
        &mut stored.rate_limit_per_second,
        rate,
        "rate_limit_per_second",
        changes,
    );
    put(
        &mut stored.ip_allowlist,
        draft.ip_allowlist,
        "ip_allowlist",
        changes,
    );
}

fn put<T: PartialEq + serde::Serialize>(field: &mut T, value: Option<T>, name: &str, changes: &mut Changes) {
    if let Some(value) = value {
        changes.note(name, field, &value);
        *field = value;
    }
}

/// `DELETE /v1/sources/{id}`.
pub async fn delete_source(sources: Sources, call: Call) -> Result<Reply, Problem> {
    let id: SourceId = call.id()?;
    let mut client = sources.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let (stored, _) = lock(&work, id).await?;
    call.query.finish()?;
    store::delete(work.transaction(), work.workspace(), id).await?;
    work.audit("source.deleted", &target_of(&stored), &Changes::default())
        .await?;
    work.changed(ChangeKind::Source, id.uuid()).await?;
    work.commit_silently().await?;
    sources.hold_at_once(&client, &stored).await;
    Ok(Reply::no_content())
}

impl Sources {
    /// The connector of a stored source, if sources can be of it.
    pub fn connector_of(&self, stored: &StoredSource) -> Option<Arc<Connector>> {
        self.connectors.find(&stored.connector)?.ok()
    }

    /// A source as the API shows it. What a handshake handed out is for those who may change the source.
    pub fn shown(&self, stored: &StoredSource, activity: &Activity, may_see: bool) -> Source {
        let vault = self.registry.vault();
        let connector = self.connector_of(stored);
        let handed_out = stored.handshake_secret.as_ref().zip(stored.handshake_at);
        let handshake = handed_out.filter(|_| may_see).and_then(|(sealed, received_at)| {
            let token = secret::open(vault, stored.id, sealed).ok()?;
            Some(ShownHandshake {
                token: token.expose().clone(),
                received_at,
            })
        });
        Source {
            parts: stored.parts(vault, &self.base_url, connector.as_deref(), activity),
            secrets: stored.shown_secrets(vault, Millis::now()),
            handshake,
        }
    }

    /// Has a change hold on this instance before its reply; the others hear of it by the feed.
    pub async fn hold_at_once(&self, client: &Client, stored: &StoredSource) {
        feed::left_to_feed(self.registry.refresh(client, &[stored.id.uuid()]).await);
        feed::left_to_feed(self.types.refresh(client, Some(vec![stored.workspace])).await);
    }

    /// Commits a change whose reply shows secrets this once.
    pub async fn commit_with_secrets(
        &self,
        work: Work<'_>,
        status: StatusCode,
        stored: &StoredSource,
        activity: &Activity,
        shown_once: BTreeMap<String, String>,
    ) -> Result<Reply, Problem> {
        let connector = self.connector_of(stored);
        let parts = stored.parts(
            self.registry.vault(),
            &self.base_url,
            connector.as_deref(),
            activity,
        );
        let kept = SourceWithSecrets {
            parts: parts.clone(),
            secrets: None,
        };
        let shown = SourceWithSecrets {
            parts,
            secrets: Some(shown_once),
        };
        Ok(work.commit_hiding(status, &shown, &kept).await?.no_store())
    }

    /// 422 for options by which no request could be verified.
    fn check_options(&self, connector: &Connector, draft: &Draft) -> Result<(), Problem> {
        let Some(options) = &draft.options else {
            return Ok(());
        };
        let mut faults = Faults::default();
        if let Err(unfit) = connector.verifier(options) {
            let place = match unfit {
                Unfit::Verify(_, Unsupported::NoUsername) => "body.options.username",
                Unfit::Verify(_, Unsupported::HeaderName) => "body.options.header",
                _ => "body.options",
            };
            faults.add(place, "unsupported", unfit.to_string());
        }
        if let (Err(fault), Some(option)) = (connector.dedupe(options), &connector.source.dedupe_option) {
            faults.add(format!("body.options.{option}"), "invalid", fault);
        }
        faults.into_result()
    }
}

/// The source that a change is of, locked.
pub(super) async fn lock(work: &Work<'_>, id: SourceId) -> Result<(StoredSource, Activity), Problem> {
    let found = store::lock(work.transaction(), work.workspace(), id).await?;
    found.ok_or_else(Problem::not_found)
}

/// The source as the audit trail names it.
pub(super) fn target_of(stored: &StoredSource) -> Target {
    Target::new("source", stored.id, Some(&stored.name))
}

/// A value of a source, sealed.
pub(super) fn seal(sources: &Sources, id: SourceId, value: &Secret<String>) -> Result<Vec<u8>, Problem> {
    secret::seal(sources.registry.vault(), id, value).map_err(|fault| Problem::internal(&fault))
}
