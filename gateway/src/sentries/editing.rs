//! Creates, changes and deletes sentries, each in the transaction of its work.

use super::draft::SentryDraft;
use super::history::retention_store;
use super::model::Sentry;
use super::{connection_store, report, store};
use crate::audit::{Changes, Target, Work};
use crate::base::id::{HootId, SentryId};
use crate::feed::ChangeKind;
use crate::http::fields::Faults;
use crate::http::problem::Problem;

/// Creates a sentry.
pub async fn create(work: &Work<'_>, draft: SentryDraft) -> Result<Sentry, Problem> {
    let now = store::clock(work.transaction()).await?;
    let timeout_hours = draft.timeout_hours.flatten();
    let mut sentry = Sentry {
        id: SentryId::generate(),
        name: draft.name.unwrap_or_default(),
        description: draft.description.flatten(),
        enabled: true,
        state: None,
        reason: None,
        reported_state: None,
        user_message: None,
        history_note: None,
        private_entry: false,
        latest_record_at: None,
        meta: report::no_meta(),
        last_report_at: None,
        timeout_hours,
        sick_at: timeout_hours.map(|hours| hours.after(now).millis()),
        upstream: Vec::new(),
        hoots: Vec::new(),
        api_url: String::new(),
        created_at: now.millis(),
        updated_at: now.millis(),
    };
    let (upstream, hoots) = (
        draft.upstream.unwrap_or_default(),
        draft.hoots.unwrap_or_default(),
    );
    check(work, sentry.id, Some(&upstream), Some(&hoots), draft.faults).await?;
    store::insert(work.transaction(), work.workspace(), &sentry).await?;
    if !upstream.is_empty() {
        connection_store::put_upstream(work.transaction(), sentry.id, &upstream).await?;
    }
    if !hoots.is_empty() {
        put_hoots(work, sentry.id, &hoots).await?;
        tell_hoots(work, &hoots).await?;
    }
    sentry.upstream = upstream;
    sentry.hoots = hoots;
    work.audit("sentry.created", &target(&sentry), &Changes::default())
        .await?;
    Ok(sentry)
}

/// Changes a sentry of the work's workspace; 404 if there is none.
pub async fn change(work: &Work<'_>, id: SentryId, draft: SentryDraft) -> Result<Sentry, Problem> {
    let kept = store::lock(work.transaction(), work.workspace(), id).await?;
    let mut kept = kept.ok_or_else(Problem::not_found)?;
    let around = store::look_around(work.transaction(), &kept).await?;
    kept.sentry.upstream = around.upstream;
    kept.sentry.hoots = around.hoots;
    check(
        work,
        id,
        draft.upstream.as_deref(),
        draft.hoots.as_deref(),
        draft.faults,
    )
    .await?;
    let mut after = kept.sentry.clone();
    let mut changes = Changes::default();
    put(&mut after.name, draft.name, "name", &mut changes);
    put(
        &mut after.description,
        draft.description,
        "description",
        &mut changes,
    );
    put(&mut after.upstream, draft.upstream, "upstream", &mut changes);
    put(&mut after.hoots, draft.hoots, "hoots", &mut changes);
    let before = &kept.sentry;
    put(
        &mut after.timeout_hours,
        draft.timeout_hours,
        "timeout_hours",
        &mut changes,
    );
    put(&mut after.enabled, draft.enabled, "enabled", &mut changes);
    if changes.is_empty() {
        return Ok(after);
    }
    let starts_anew = after.timeout_hours != before.timeout_hours || after.enabled != before.enabled;
    if starts_anew {
        let hours = after.timeout_hours.filter(|_| after.enabled);
        after.sick_at = hours.map(|hours| hours.after(around.now).millis());
    }
    after.updated_at = around.now.millis();
    let timed_out = kept.timed_out && !starts_anew;
    store::update(work.transaction(), work.workspace(), &after, timed_out).await?;
    if after.upstream != before.upstream {
        connection_store::put_upstream(work.transaction(), id, &after.upstream).await?;
    }
    if after.hoots != before.hoots {
        put_hoots(work, id, &after.hoots).await?;
    }
    let mut hoots = before.hoots.clone();
    hoots.extend(after.hoots.iter().filter(|hoot| !before.hoots.contains(hoot)));
    tell_hoots(work, &hoots).await?;
    work.audit("sentry.updated", &target(&after), &changes).await?;
    Ok(after)
}

/// Deletes a sentry of the work's workspace; 404 if there is none.
pub async fn delete(work: &Work<'_>, id: SentryId) -> Result<(), Problem> {
    let kept = store::lock(work.transaction(), work.workspace(), id).await?;
    let kept = kept.ok_or_else(Problem::not_found)?;
    let around = store::look_around(work.transaction(), &kept).await?;
    retention_store::forget(work.transaction(), &kept.sentry).await?;
    store::delete(work.transaction(), work.workspace(), id).await?;
    tell_hoots(work, &around.hoots).await?;
    work.audit("sentry.deleted", &target(&kept.sentry), &Changes::default())
        .await?;
    Ok(())
}

/// 422 for all that is wrong with a draft, the connections among it.
async fn check(
    work: &Work<'_>,
    id: SentryId,
    upstream: Option<&[SentryId]>,
    hoots: Option<&[HootId]>,
    mut faults: Faults,
) -> Result<(), Problem> {
    if let Some(upstream) = upstream.filter(|ids| !ids.is_empty()) {
        // A new sentry is in nobody's way, and has no row yet.
        let is_circle =
            connection_store::would_circle(work.transaction(), work.workspace(), id, upstream).await?;
        let unknown =
            connection_store::unknown_sentries(work.transaction(), work.workspace(), upstream).await?;
        for place in unknown {
            faults.add(
                format!("body.upstream[{place}]"),
                "unknown_id",
                "is no sentry of this workspace",
            );
        }
        if is_circle {
            faults.add(
                "body.upstream",
                "upstream_cycle",
                "leads back to the sentry itself",
            );
        }
    }
    if let Some(hoots) = hoots.filter(|ids| !ids.is_empty()) {
        let unknown = connection_store::unknown_hoots(work.transaction(), work.workspace(), hoots).await?;
        for place in unknown {
            faults.add(
                format!("body.hoots[{place}]"),
                "unknown_id",
                "is no hoot of this workspace",
            );
        }
    }
    faults.into_result()
}

async fn put_hoots(work: &Work<'_>, id: SentryId, hoots: &[HootId]) -> Result<(), Problem> {
    let mut faults = Faults::default();
    for place in connection_store::put_hoots(work.transaction(), id, hoots).await? {
        faults.add(
            format!("body.hoots[{place}]"),
            "too_many",
            "shows as many sentries as a hoot can",
        );
    }
    faults.into_result()
}

async fn tell_hoots(work: &Work<'_>, hoots: &[HootId]) -> Result<(), Problem> {
    for hoot in hoots {
        work.changed(ChangeKind::Hoot, hoot.uuid()).await?;
    }
    Ok(())
}

fn put<T: PartialEq + serde::Serialize>(field: &mut T, value: Option<T>, name: &str, changes: &mut Changes) {
    if let Some(value) = value {
        changes.note(name, field, &value);
        *field = value;
    }
}

fn target(sentry: &Sentry) -> Target {
    Target::new("sentry", sentry.id, Some(&sentry.name))
}
