//! `/integrations/imports/new`.

use askama::Template;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use uuid::Uuid;

use super::options::{Asked, FIELDS};
use super::{AWAITED_BYTES, lead_to_import};
use crate::console::Visit;
use crate::console::alert::Alert;
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::console::page;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::imports::{Imports, api, guide};
use crate::records::objects::OBJECTS;
use crate::records::{Need, Object};

#[derive(Template)]
#[template(path = "imports/new.html")]
struct NewPage {
    frame: Frame,
    alert: Option<Alert>,
    form_id: String,
    asked: Asked,
    objects: Vec<(&'static str, String)>,
}

impl NewPage {
    fn guides(&self) -> &'static [&'static Object] {
        &OBJECTS
    }

    fn needs(&self, object: &Object) -> String {
        let mut needs = String::new();
        object.push_need(&mut needs);
        needs
    }

    fn is_required(&self, need: &Need) -> bool {
        *need == Need::Always
    }
}

/// `GET /integrations/imports/new`.
pub async fn show_new(mut visit: Visit) -> Result<Reply, Problem> {
    visit.take_query().finish()?;
    show(&visit, new_id(), Asked::default(), None)
}

/// `POST /integrations/imports/new?form_id=…`: imports the file, or with `check=true` only checks and keeps it.
///
/// The form's id stands in the query as well as in the form: it must be known before the body is read.
pub async fn create_import(imports: Imports, mut visit: Visit) -> Result<Reply, Problem> {
    let form_id = visit.call.query.take("form_id").unwrap_or_default();
    let is_check = visit.call.query.take("check").is_some();
    visit.take_query().finish()?;
    let Ok(id) = Uuid::try_parse(&form_id) else {
        let mut faults = crate::http::fields::Faults::default();
        faults.add(
            "query.form_id",
            "invalid",
            "must be the UUID that the form was made with",
        );
        faults.into_result()?;
        return Err(Problem::not_found());
    };
    let mut call = visit.upload_call();
    let key = HeaderValue::try_from(id.to_string()).map_err(|fault| Problem::internal(&fault))?;
    call.headers
        .insert(HeaderName::from_static("idempotency-key"), key);
    // A browser that sends a form twice draws its boundaries twice.
    call.body.identify([u8::from(is_check); 32]);
    if call.body.declared_len().is_none_or(|len| len > AWAITED_BYTES) {
        let early = HeaderValue::from_static("respond-async");
        call.headers.insert(HeaderName::from_static("prefer"), early);
    }
    if is_check {
        call.query.add_body_field("dry_run", "true".to_owned());
        call.query.add_body_field("keep", "true".to_owned());
    }
    let mut asked = Asked::default();
    let mut takes = |name: &str, value: &str| {
        asked.0.push((name.to_owned(), value.to_owned()));
        // What was left empty is to be found out.
        name != "form_id" && !value.is_empty()
    };
    match api::create(imports, call, &mut takes).await {
        Ok(made) => {
            let notice = if is_check {
                "The file was checked."
            } else {
                "The import has begun."
            };
            lead_to_import(&visit, &made, notice)
        }
        Err(problem) => {
            let alert = match problem.code() {
                Code::FileRefused => Alert::about("file", "CSV file", &problem),
                _ => Alert::of(problem, FIELDS)?,
            };
            show(&visit, new_id(), asked, Some(alert))
        }
    }
}

fn show(visit: &Visit, form_id: String, asked: Asked, alert: Option<Alert>) -> Result<Reply, Problem> {
    let status = alert.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    let objects = OBJECTS.iter();
    let objects = objects.map(|object| (object.name, object.name.to_uppercase()));
    let new = NewPage {
        frame: visit.frame("Import a file", Section::Imports),
        alert,
        form_id,
        asked,
        objects: objects.collect(),
    };
    page::html(status, &new)
}

/// `GET /integrations/imports/template/{object}`.
pub async fn get_template(visit: Visit) -> Result<Reply, Problem> {
    guide::get_template(visit.call)
}
