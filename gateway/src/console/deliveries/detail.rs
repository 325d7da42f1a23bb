//! `/integrations/deliveries/{id}`.

use askama::Template;
use http::HeaderName;

use super::attempts::{self, Shown};
use super::indent::indented;
use super::request;
use crate::base::clock::Millis;
use crate::base::id::DeliveryId;
use crate::base::scope::Scope;
use crate::console::Visit;
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::delivery::log::{Delivery, store as log_store};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;

const MOST_COPIES: i64 = 50;

#[derive(Template)]
#[template(path = "deliveries/detail.html")]
struct DetailPage {
    frame: Frame,
    delivery: Delivery,
    /// Name and URL of the webhook, unless it was deleted.
    webhook: Option<(String, String)>,
    body: Option<String>,
    indented: Option<String>,
    /// The requests of the attempts, the last one first.
    requests: Vec<Request>,
    /// The variables that the command takes.
    variables: Vec<String>,
    attempts: Vec<Shown>,
    copies: Vec<DeliveryId>,
    curl: Option<String>,
    may_write: bool,
    form_id: String,
}

/// The request of an attempt.
struct Request {
    number: u16,
    headers: Vec<(HeaderName, String)>,
}

impl Request {
    /// The headers as they are written in documents.
    fn written(&self) -> Vec<(String, &str)> {
        let headers = self.headers.iter();
        headers
            .map(|(name, value)| (request::written(name), value.as_str()))
            .collect()
    }
}

impl DetailPage {
    /// The response of the last attempt.
    fn response(&self) -> Option<&str> {
        self.attempts.last()?.response_body.as_deref()
    }
}

/// `GET /integrations/deliveries/{id}`.
pub async fn show_delivery(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    let id: DeliveryId = visit.call.id()?;
    let workspace = visit.call.caller.workspace;
    let client = webhooks.db.client().await?;
    let found = log_store::find(&client, workspace, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    visit.take_query().finish()?;
    let copies = log_store::copies(&client, workspace, id, MOST_COPIES).await?;
    drop(client);
    let endpoint = found
        .delivery
        .webhook_id
        .and_then(|id| webhooks.registry.find(id));
    let endpoint = endpoint.filter(|endpoint| endpoint.workspace == workspace);
    let attempts = attempts::read(found.attempts.get()).map_err(|fault| Problem::internal(&fault))?;
    let request_of = |attempt: &Shown| {
        let headers = request::headers(&found.delivery, endpoint.as_deref(), attempt.number, attempt.at?);
        Some(Request {
            number: attempt.number,
            headers,
        })
    };
    let requests: Vec<Request> = attempts.iter().rev().filter_map(request_of).collect();
    let curl = endpoint
        .as_ref()
        .zip(found.request_body.as_ref())
        .map(|(endpoint, body)| {
            let first = || request::headers(&found.delivery, Some(&**endpoint), 1, Millis::now());
            let headers = requests.first().map_or_else(first, |last| last.headers.clone());
            request::curl(endpoint.url(), &headers, body)
        });
    let masked = endpoint.iter().flat_map(|endpoint| endpoint.headers.keys());
    let variables = masked.map(request::variable).collect();
    let webhook = endpoint
        .as_ref()
        .map(|endpoint| (endpoint.name.clone(), endpoint.url().to_owned()));
    let shown = DetailPage {
        frame: visit.frame(&id.to_string(), Section::Deliveries),
        curl,
        requests,
        variables,
        indented: found.request_body.as_deref().and_then(indented),
        body: found.request_body,
        delivery: found.delivery,
        webhook,
        attempts,
        copies,
        may_write: visit.may(Scope::WebhooksWrite),
        form_id: new_id(),
    };
    visit.show(&shown)
}
