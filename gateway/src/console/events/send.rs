//! `/integrations/events/new`: an event of a type with data as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use http::StatusCode;
use serde_json::value::{RawValue, to_raw_value};

use super::{LIST, NEW};
use crate::base::scope::Scope;
use crate::console::alert::Alert;
use crate::console::form::{Form, made_id, new_id};
use crate::console::frame::{Frame, Section};
use crate::console::{Visit, page};
use crate::events::Events;
use crate::events::api;
use crate::events::types::is_operational;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;

const FIELDS: &[(&str, &str)] = &[("type", "Type"), ("data", "Data (JSON)")];

#[derive(Template)]
#[template(path = "events/send.html")]
struct SendPage {
    frame: Frame,
    form_id: String,
    alert: Option<Alert>,
    types: Vec<(String, String)>,
    chosen: String,
    data: String,
}

/// `GET /integrations/events/new`.
pub async fn show_new(events: Arc<Events>, mut visit: Visit) -> Result<Reply, Problem> {
    visit.take_query().finish()?;
    show(&events, &visit, new_id(), (String::new(), "{}".to_owned()), None)
}

/// `POST /integrations/events/new`.
pub async fn send_event(events: Arc<Events>, mut visit: Visit) -> Result<Reply, Problem> {
    let form = visit.form().await?;
    let sent = match body(&form) {
        Ok(body) => match visit.api_call(&form, &body) {
            Ok(call) => api::create_event(events.clone(), call).await.map_err(as_fault),
            Err(problem) => Err(problem),
        },
        Err(problem) => {
            let alert = Alert::about("data", "Data (JSON)", &problem);
            return show(&events, &visit, form.id_text(), typed(&form), Some(alert));
        }
    };
    match sent {
        Ok(reply) => {
            let id = made_id(&reply)?;
            match visit.may(Scope::EventsRead) {
                true => visit.see_other(&format!("{LIST}/{id}"), "The event is accepted."),
                false => visit.see_other(NEW, &format!("The event is accepted: {id}")),
            }
        }
        Err(problem) => {
            let alert = Alert::of(problem, FIELDS)?;
            show(&events, &visit, form.id_text(), typed(&form), Some(alert))
        }
    }
}

/// The body of the API's request: the data as it was typed, to the last digit.
fn body(form: &Form) -> Result<BTreeMap<&'static str, Box<RawValue>>, Problem> {
    let data = RawValue::from_string(form.text("data").trim().to_owned())
        .map_err(|fault| Problem::new(Code::ValidationFailed, format!("expected a JSON object: {fault}")))?;
    let label = to_raw_value(form.text("type")).map_err(|fault| Problem::internal(&fault))?;
    Ok([("type", label), ("data", data)].into_iter().collect())
}

/// JSON that the API cannot read is a fault of this form.
fn as_fault(problem: Problem) -> Problem {
    match problem.status() {
        StatusCode::BAD_REQUEST => Problem::new(Code::ValidationFailed, problem.detail().to_owned()),
        _ => problem,
    }
}

fn typed(form: &Form) -> (String, String) {
    (form.text("type").to_owned(), form.text("data").to_owned())
}

fn show(
    events: &Events,
    visit: &Visit,
    form_id: String,
    (chosen, data): (String, String),
    alert: Option<Alert>,
) -> Result<Reply, Problem> {
    let names = events.types.names(visit.call.caller.workspace);
    let types = names.all().into_iter().filter(|name| !is_operational(name));
    let shown = SendPage {
        frame: visit.frame("Send event", Section::Events),
        types: std::iter::once((String::new(), "Choose one".to_owned()))
            .chain(types.map(|name| (name.clone(), name)))
            .collect(),
        form_id,
        alert,
        chosen,
        data,
    };
    let status = shown.alert.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    page::html(status, &shown)
}
