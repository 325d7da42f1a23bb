//! `/integrations/sentries/new` and `/integrations/sentries/{id}/edit`.

use askama::Template;
use http::StatusCode;

use super::LIST;
use super::choices::{Choice, OFFERED, chosen};
use super::form::{Asked, FIELDS};
use crate::base::id::{self, SentryId};
use crate::console::alert::Alert;
use crate::console::form::{made_id, new_id};
use crate::console::frame::{Frame, Section};
use crate::console::{Visit, page};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::sentries::model::Sentry;
use crate::sentries::{Sentries, api, around_store, store};

#[derive(Template)]
#[template(path = "sentries/form.html")]
struct FormPage {
    frame: Frame,
    form_id: String,
    alert: Option<Alert>,
    asked: Asked,
    upstream: Vec<Choice>,
    other_upstream: String,
    hoots: Vec<Choice>,
    other_hoots: String,
    action: String,
    cancel: String,
    button: &'static str,
}

/// `GET /integrations/sentries/new`.
pub async fn show_new(sentries: Sentries, mut visit: Visit) -> Result<Reply, Problem> {
    visit.take_query().finish()?;
    show(&sentries, &visit, None, new_id(), Asked::default(), None).await
}

/// `POST /integrations/sentries/new`.
pub async fn create_sentry(sentries: Sentries, mut visit: Visit) -> Result<Reply, Problem> {
    let form = visit.form().await?;
    let asked = Asked::read(&form);
    let made = match visit.api_call(&form, &asked.body()) {
        Ok(call) => api::create_sentry(sentries.clone(), call).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok(reply) => {
            let id = made_id(&reply)?;
            visit.see_other(
                &format!("{LIST}/{id}"),
                "Sentry added. Below stands how to report to it.",
            )
        }
        Err(problem) => {
            let alert = Alert::of(problem, FIELDS)?;
            show(&sentries, &visit, None, form.id_text(), asked, Some(alert)).await
        }
    }
}

/// `GET /integrations/sentries/{id}/edit`.
pub async fn show_edit(sentries: Sentries, mut visit: Visit) -> Result<Reply, Problem> {
    let sentry = find(&sentries, &visit).await?;
    visit.take_query().finish()?;
    let asked = Asked::of(&sentry);
    show(&sentries, &visit, Some(&sentry), new_id(), asked, None).await
}

/// `POST /integrations/sentries/{id}/edit`.
pub async fn save_sentry(sentries: Sentries, mut visit: Visit) -> Result<Reply, Problem> {
    let id: SentryId = visit.call.id::<id::Sentry>()?;
    let form = visit.form().await?;
    let asked = Asked::read(&form);
    let saved = match visit.api_call(&form, &asked.body()) {
        Ok(call) => api::update_sentry(sentries.clone(), call).await,
        Err(problem) => Err(problem),
    };
    match saved {
        Ok(_) => visit.see_other(&format!("{LIST}/{id}"), "Saved."),
        Err(problem) => {
            let alert = Alert::of(problem, FIELDS)?;
            let sentry = find(&sentries, &visit).await?;
            show(
                &sentries,
                &visit,
                Some(&sentry),
                form.id_text(),
                asked,
                Some(alert),
            )
            .await
        }
    }
}

/// The sentry that a path names; 404 if there is none.
pub(super) async fn find(sentries: &Sentries, visit: &Visit) -> Result<Sentry, Problem> {
    let id = visit.call.id()?;
    let client = sentries.db.client().await?;
    let found = store::find(&client, visit.call.caller.workspace, id).await?;
    found.ok_or_else(Problem::not_found)
}

async fn show(
    sentries: &Sentries,
    visit: &Visit,
    sentry: Option<&Sentry>,
    form_id: String,
    asked: Asked,
    alert: Option<Alert>,
) -> Result<Reply, Problem> {
    let client = sentries.db.client().await?;
    let (offered, hoots) = around_store::choices(&client, visit.call.caller.workspace, OFFERED).await?;
    drop(client);
    let others = offered
        .into_iter()
        .filter(|(id, _)| sentry.is_none_or(|sentry| sentry.id != *id))
        .map(|(id, name)| (id.to_string(), name));
    let (upstream, other_upstream) = chosen(others, &asked.upstream);
    let hoots = hoots.into_iter().map(|hoot| (hoot.id.to_string(), hoot.name));
    let (hoots, other_hoots) = chosen(hoots, &asked.hoots);
    let status = alert.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    let shown = FormPage {
        frame: match sentry {
            None => visit.frame("Add sentry", Section::Sentries),
            Some(sentry) => visit.frame(&format!("Edit {}", sentry.name), Section::Sentries),
        },
        form_id,
        alert,
        asked,
        upstream,
        other_upstream,
        hoots,
        other_hoots,
        action: visit.uri.path().to_owned(),
        cancel: sentry.map_or_else(|| LIST.to_owned(), |sentry| format!("{LIST}/{}", sentry.id)),
        button: if sentry.is_some() { "Save" } else { "Add sentry" },
    };
    page::html(status, &shown)
}
