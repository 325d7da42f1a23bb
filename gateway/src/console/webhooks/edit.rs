//! `/integrations/webhooks/new` and `/integrations/webhooks/{id}/edit`.

use askama::Template;
use http::StatusCode;

use super::form::{Asked, FIELDS, Group, ORDERINGS, groups};
use super::secrets::show_secrets;
use super::{LIST, find};
use crate::base::id::{Webhook, WebhookId};
use crate::console::alert::Alert;
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::console::{Visit, page};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::{self, Webhooks};

#[derive(Template)]
#[template(path = "webhooks/form.html")]
struct FormPage {
    frame: Frame,
    form_id: String,
    alert: Option<Alert>,
    asked: Asked,
    groups: Vec<Group>,
    orderings: [(&'static str, &'static str); 2],
    action: String,
    cancel: String,
    button: &'static str,
}

/// `GET /integrations/webhooks/new`.
pub async fn show_new(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    visit.take_query().finish()?;
    show(&webhooks, &visit, "Add webhook", new_id(), Asked::nothing(), None)
}

/// `POST /integrations/webhooks/new`.
pub async fn create_webhook(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let form = visit.form().await?;
    let asked = Asked::read(&form);
    let made = match visit.api_call(&form, &asked.body()?) {
        Ok(call) => api::create_webhook(webhooks.clone(), call).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok(reply) => show_secrets(&visit, "Webhook added", &reply),
        Err(problem) => {
            let alert = alert(problem)?;
            show(
                &webhooks,
                &visit,
                "Add webhook",
                form.id_text(),
                asked,
                Some(alert),
            )
        }
    }
}

/// `GET /integrations/webhooks/{id}/edit`.
pub async fn show_edit(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let webhook = find(&webhooks, &visit).await?;
    visit.take_query().finish()?;
    let asked = Asked::of(&webhook, &webhooks.types.names(visit.call.caller.workspace));
    let heading = format!("Edit {}", webhook.name);
    show(&webhooks, &visit, &heading, new_id(), asked, None)
}

/// `POST /integrations/webhooks/{id}/edit`.
pub async fn save_webhook(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let id: WebhookId = visit.call.id::<Webhook>()?;
    let form = visit.form().await?;
    let asked = Asked::read(&form);
    let saved = match visit.api_call(&form, &asked.body()?) {
        Ok(call) => api::update_webhook(webhooks.clone(), call).await,
        Err(problem) => Err(problem),
    };
    match saved {
        Ok(_) => visit.see_other(
            &format!("{LIST}/{id}"),
            "Saved. It holds for what is sent from now on.",
        ),
        Err(problem) => {
            let alert = alert(problem)?;
            let heading = format!("Edit {}", find(&webhooks, &visit).await?.name);
            show(&webhooks, &visit, &heading, form.id_text(), asked, Some(alert))
        }
    }
}

fn alert(problem: Problem) -> Result<Alert, Problem> {
    let mut alert = Alert::of(problem, FIELDS)?;
    for fault in &mut alert.faults {
        if fault.field == "events" && fault.message.ends_with("items") {
            "choose at least one".clone_into(&mut fault.message);
        }
    }
    Ok(alert)
}

fn show(
    webhooks: &Webhooks,
    visit: &Visit,
    heading: &str,
    form_id: String,
    asked: Asked,
    alert: Option<Alert>,
) -> Result<Reply, Problem> {
    let status = alert.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    let action = visit.uri.path().to_owned();
    let of_one = action.strip_suffix("/edit").map(str::to_owned);
    let shown = FormPage {
        frame: visit.frame(heading, Section::Webhooks),
        form_id,
        alert,
        asked,
        groups: groups(&webhooks.types.names(visit.call.caller.workspace)),
        orderings: ORDERINGS,
        button: if of_one.is_some() { "Save" } else { "Add webhook" },
        cancel: of_one.unwrap_or_else(|| LIST.to_owned()),
        action,
    };
    page::html(status, &shown)
}
