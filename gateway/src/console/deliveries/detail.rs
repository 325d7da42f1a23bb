//! `/integrations/deliveries/{id}`.

use askama::Template;

use super::attempts::{self, Shown};
use super::indent::indented;
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
    headers: Vec<(&'static str, String)>,
    attempts: Vec<Shown>,
    copies: Vec<DeliveryId>,
    curl: Option<String>,
    may_write: bool,
    form_id: String,
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
    let endpoint = webhooks.registry.find(found.delivery.webhook_id);
    let endpoint = endpoint.filter(|endpoint| endpoint.workspace == workspace);
    let attempts = attempts::read(found.attempts.get()).map_err(|fault| Problem::internal(&fault))?;
    let webhook = endpoint.map(|endpoint| (endpoint.name.clone(), endpoint.url().to_owned()));
    let headers = headers(&found.delivery, attempts.last());
    let shown = DetailPage {
        frame: visit.frame(&id.to_string(), Section::Deliveries),
        curl: webhook
            .as_ref()
            .zip(found.request_body.as_ref())
            .map(|((_, url), body)| curl(url, &headers, body)),
        indented: found.request_body.as_deref().and_then(indented),
        body: found.request_body,
        headers,
        delivery: found.delivery,
        webhook,
        attempts,
        copies,
        may_write: visit.may(Scope::WebhooksWrite),
        form_id: new_id(),
    };
    visit.show(&shown)
}

/// The headers that every attempt has; signatures are of the secret, which is not shown.
fn headers(delivery: &Delivery, last: Option<&Shown>) -> Vec<(&'static str, String)> {
    let sent = last.and_then(|last| Some((last.number, last.at?)));
    let mut headers = vec![
        ("Content-Type", "application/json".to_owned()),
        (
            "User-Agent",
            format!("Sentinel-Gateway/{}", env!("CARGO_PKG_VERSION")),
        ),
        ("X-Sentinel-Event", delivery.r#type.clone()),
        ("X-Sentinel-Delivery", delivery.id.to_string()),
        ("webhook-id", delivery.event_id.clone()),
    ];
    if let Some((number, at)) = sent {
        headers.push(("X-Sentinel-Attempt", number.to_string()));
        headers.push(("webhook-timestamp", (at.0 / 1000).to_string()));
    }
    headers
}

/// A command that sends the same bytes, without signatures.
fn curl(url: &str, headers: &[(&'static str, String)], body: &str) -> String {
    let mut command = format!("curl -X POST {}", quoted(url));
    for (name, value) in headers {
        command.push_str(&format!(" \\\n  -H {}", quoted(&format!("{name}: {value}"))));
    }
    command.push_str(&format!(" \\\n  --data-binary {}", quoted(body)));
    command
}

/// One word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_keeps_quotes() {
        let command = curl("https://example.com/?a=1&b='", &[], "{\"a\":\"it's\"}");
        let expected =
            "curl -X POST 'https://example.com/?a=1&b='\\''' \\\n  --data-binary '{\"a\":\"it'\\''s\"}'";
        assert_eq!(command, expected);
    }
}
