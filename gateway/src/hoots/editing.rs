//! Creates, changes and deletes hoots, each in the transaction of its work.

use super::draft::HootDraft;
use super::model::StoredHoot;
use super::store;
use crate::audit::{Changes, Target, Work};
use crate::base::clock::Millis;
use crate::base::id::{HootId, SentryId};
use crate::feed::ChangeKind;
use crate::http::fields::Faults;
use crate::http::problem::Problem;
use crate::sentries::connection_store;
use crate::sentries::store::clock;

/// Creates a hoot; it, and the moment by the database's clock.
pub async fn create(work: &Work<'_>, draft: HootDraft) -> Result<(StoredHoot, Millis), Problem> {
    let now = clock(work.transaction()).await?.millis();
    let sentries = draft.sentries.unwrap_or_default();
    check(work, &sentries, draft.faults).await?;
    let id = HootId::generate();
    let hoot = StoredHoot {
        id,
        workspace: work.workspace(),
        name: draft.name.unwrap_or_default(),
        description: draft.description.flatten(),
        resource_url: draft.resource_url.flatten(),
        enabled: true,
        public: draft.public.unwrap_or(true),
        message: draft.message.flatten(),
        links: draft.links.unwrap_or_default(),
        faqs: draft.faqs.unwrap_or_default(),
        override_: None,
        sentries: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    store::insert(work.transaction(), &hoot).await?;
    store::put_sentries(work.transaction(), id, &sentries).await?;
    work.audit("hoot.created", &target(&hoot), &Changes::default())
        .await?;
    work.changed(ChangeKind::Hoot, id.uuid()).await?;
    Ok((again(work, id).await?, now))
}

/// Changes a hoot of the work's workspace; 404 if there is none.
pub async fn change(work: &Work<'_>, id: HootId, draft: HootDraft) -> Result<(StoredHoot, Millis), Problem> {
    let before = again(work, id).await?;
    let now = clock(work.transaction()).await?.millis();
    let mut faults = draft.faults;
    let until = draft.override_.as_ref().and_then(|wanted| wanted.as_ref()?.until);
    if until.is_some_and(|until| until <= now) {
        faults.add("body.override.until", "invalid", "expected a time to come");
    }
    check(work, draft.sentries.as_deref().unwrap_or_default(), faults).await?;
    let mut after = before.clone();
    // One that has ended is none any more.
    after.override_ = after.override_.filter(|override_| override_.holds(now));
    let mut overridden = Changes::default();
    put(&mut after.override_, draft.override_, "override", &mut overridden);
    let mut changes = Changes::default();
    put(&mut after.name, draft.name, "name", &mut changes);
    put(
        &mut after.description,
        draft.description,
        "description",
        &mut changes,
    );
    put(
        &mut after.resource_url,
        draft.resource_url,
        "resource_url",
        &mut changes,
    );
    put(&mut after.public, draft.public, "public", &mut changes);
    put(&mut after.message, draft.message, "message", &mut changes);
    put(&mut after.links, draft.links, "links", &mut changes);
    put(&mut after.faqs, draft.faqs, "faqs", &mut changes);
    put(&mut after.enabled, draft.enabled, "enabled", &mut changes);
    let mut sentries: Vec<SentryId> = before.sentries.iter().map(|sentry| sentry.id).collect();
    put(&mut sentries, draft.sentries, "sentries", &mut changes);
    if changes.is_empty() && overridden.is_empty() {
        return Ok((before, now));
    }
    after.updated_at = now;
    store::update(work.transaction(), &after).await?;
    store::put_sentries(work.transaction(), id, &sentries).await?;
    if !changes.is_empty() {
        work.audit("hoot.updated", &target(&after), &changes).await?;
    }
    if !overridden.is_empty() {
        work.audit("hoot.overridden", &target(&after), &overridden)
            .await?;
    }
    work.changed(ChangeKind::Hoot, id.uuid()).await?;
    Ok((again(work, id).await?, now))
}

/// Deletes a hoot of the work's workspace; 404 if there is none.
pub async fn delete(work: &Work<'_>, id: HootId) -> Result<(), Problem> {
    let hoot = again(work, id).await?;
    store::delete(work.transaction(), work.workspace(), id).await?;
    work.audit("hoot.deleted", &target(&hoot), &Changes::default())
        .await?;
    work.changed(ChangeKind::Hoot, id.uuid()).await?;
    Ok(())
}

/// The hoot as it is in this transaction, locked.
async fn again(work: &Work<'_>, id: HootId) -> Result<StoredHoot, Problem> {
    let found = store::lock(work.transaction(), work.workspace(), id).await?;
    found.ok_or_else(Problem::not_found)
}

/// 422 for all that is wrong with a draft, its sentries among it.
async fn check(work: &Work<'_>, sentries: &[SentryId], mut faults: Faults) -> Result<(), Problem> {
    if !sentries.is_empty() {
        let unknown = connection_store::unknown_sentries(work.transaction(), work.workspace(), sentries);
        for place in unknown.await? {
            faults.add(
                format!("body.sentries[{place}]"),
                "unknown_id",
                "is no sentry of this workspace",
            );
        }
    }
    faults.into_result()
}

fn put<T: PartialEq + serde::Serialize>(field: &mut T, value: Option<T>, name: &str, changes: &mut Changes) {
    if let Some(value) = value {
        changes.note(name, field, &value);
        *field = value;
    }
}

fn target(hoot: &StoredHoot) -> Target {
    Target::new("hoot", hoot.id, Some(&hoot.name))
}
