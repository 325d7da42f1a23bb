//! `/integrations/sentries/hoots/new` and `/integrations/sentries/hoots/{id}/edit`.

use askama::Template;
use http::StatusCode;

use super::form::{Asked, FIELDS};
use super::{LIST, find};
use crate::base::id::{self, HootId};
use crate::console::alert::Alert;
use crate::console::form::{made_id, new_id};
use crate::console::frame::{Frame, Section};
use crate::console::sentries::{Choice, OFFERED, chosen};
use crate::console::{Visit, page};
use crate::hoots::model::StoredHoot;
use crate::hoots::{Hoots, api};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::sentries::around_store;

#[derive(Template)]
#[template(path = "hoots/form.html")]
struct FormPage {
    frame: Frame,
    form_id: String,
    alert: Option<Alert>,
    asked: Asked,
    sentries: Vec<Choice>,
    other_sentries: String,
    action: String,
    cancel: String,
    button: &'static str,
}

/// `GET /integrations/sentries/hoots/new`.
pub async fn show_new(hoots: Hoots, mut visit: Visit) -> Result<Reply, Problem> {
    visit.take_query().finish()?;
    show(&hoots, &visit, None, new_id(), Asked::nothing(), None).await
}

/// `POST /integrations/sentries/hoots/new`.
pub async fn create_hoot(hoots: Hoots, mut visit: Visit) -> Result<Reply, Problem> {
    let form = visit.form().await?;
    let asked = Asked::read(&form);
    let made = match visit.api_call(&form, &asked.body()) {
        Ok(call) => api::create_hoot(hoots.clone(), call).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok(reply) => {
            let id = made_id(&reply)?;
            visit.see_other(
                &format!("{LIST}/{id}"),
                "Hoot added. Below stands how to embed it.",
            )
        }
        Err(problem) => {
            let alert = Alert::of(problem, FIELDS)?;
            show(&hoots, &visit, None, form.id_text(), asked, Some(alert)).await
        }
    }
}

/// `GET /integrations/sentries/hoots/{id}/edit`.
pub async fn show_edit(hoots: Hoots, mut visit: Visit) -> Result<Reply, Problem> {
    let hoot = find(&hoots, &visit).await?;
    visit.take_query().finish()?;
    let asked = Asked::of(&hoot);
    show(&hoots, &visit, Some(&hoot), new_id(), asked, None).await
}

/// `POST /integrations/sentries/hoots/{id}/edit`.
pub async fn save_hoot(hoots: Hoots, mut visit: Visit) -> Result<Reply, Problem> {
    let id: HootId = visit.call.id::<id::Hoot>()?;
    let form = visit.form().await?;
    let asked = Asked::read(&form);
    let saved = match visit.api_call(&form, &asked.body()) {
        Ok(call) => api::update_hoot(hoots.clone(), call).await,
        Err(problem) => Err(problem),
    };
    match saved {
        Ok(_) => visit.see_other(&format!("{LIST}/{id}"), "Saved."),
        Err(problem) => {
            let alert = Alert::of(problem, FIELDS)?;
            let hoot = find(&hoots, &visit).await?;
            show(&hoots, &visit, Some(&hoot), form.id_text(), asked, Some(alert)).await
        }
    }
}

async fn show(
    hoots: &Hoots,
    visit: &Visit,
    hoot: Option<&StoredHoot>,
    form_id: String,
    asked: Asked,
    alert: Option<Alert>,
) -> Result<Reply, Problem> {
    let client = hoots.db.client().await?;
    let (offered, _) = around_store::choices(&client, visit.call.caller.workspace, OFFERED).await?;
    drop(client);
    let offered = offered.into_iter().map(|(id, name)| (id.to_string(), name));
    let (sentries, other_sentries) = chosen(offered, &asked.sentries);
    let status = alert.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    let shown = FormPage {
        frame: match hoot {
            None => visit.frame("Add hoot", Section::Sentries),
            Some(hoot) => visit.frame(&format!("Edit {}", hoot.name), Section::Sentries),
        },
        form_id,
        alert,
        asked,
        sentries,
        other_sentries,
        action: visit.uri.path().to_owned(),
        cancel: hoot.map_or_else(|| LIST.to_owned(), |hoot| format!("{LIST}/{}", hoot.id)),
        button: if hoot.is_some() { "Save" } else { "Add hoot" },
    };
    page::html(status, &shown)
}
