//! Disabling, enabling, rotating and deleting: each asked about first.

use askama::Template;
use http::StatusCode;
use serde_json::json;

use super::secrets::show_secrets;
use super::{LIST, find};
use crate::base::id::{self, WebhookId};
use crate::console::alert::Alert;
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::console::{Visit, page};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::{self, Webhooks};
use crate::webhooks::model::Webhook;

const OVERLAPS: [(&str, &str); 4] = [
    ("0", "None: the old secret stops at once"),
    ("3600", "1 hour"),
    ("86400", "24 hours"),
    ("604800", "7 days"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Disable,
    Enable,
    Rotate,
    Delete,
}

#[derive(Template)]
#[template(path = "webhooks/confirm.html")]
struct ConfirmPage {
    frame: Frame,
    change: Change,
    webhook: Webhook,
    form_id: String,
    action: String,
    button: &'static str,
    cancel: String,
    alert: Option<Alert>,
    overlap: String,
    overlaps: [(&'static str, &'static str); 4],
}

/// `GET /integrations/webhooks/{id}/disable`.
pub async fn confirm_disable(webhooks: Webhooks, visit: Visit) -> Result<Reply, Problem> {
    confirm(&webhooks, visit, Change::Disable).await
}

/// `GET /integrations/webhooks/{id}/enable`.
pub async fn confirm_enable(webhooks: Webhooks, visit: Visit) -> Result<Reply, Problem> {
    confirm(&webhooks, visit, Change::Enable).await
}

/// `GET /integrations/webhooks/{id}/rotate`.
pub async fn confirm_rotate(webhooks: Webhooks, visit: Visit) -> Result<Reply, Problem> {
    confirm(&webhooks, visit, Change::Rotate).await
}

/// `GET /integrations/webhooks/{id}/delete`.
pub async fn confirm_delete(webhooks: Webhooks, visit: Visit) -> Result<Reply, Problem> {
    confirm(&webhooks, visit, Change::Delete).await
}

async fn confirm(webhooks: &Webhooks, mut visit: Visit, change: Change) -> Result<Reply, Problem> {
    visit.call.id::<id::Webhook>()?;
    visit.take_query().finish()?;
    ask(webhooks, &visit, change, new_id(), "86400".to_owned(), None).await
}

async fn ask(
    webhooks: &Webhooks,
    visit: &Visit,
    change: Change,
    form_id: String,
    overlap: String,
    alert: Option<Alert>,
) -> Result<Reply, Problem> {
    let webhook = find(webhooks, visit).await?;
    let (verb, button) = match change {
        Change::Disable => ("Disable", "Disable"),
        Change::Enable => ("Enable", "Enable"),
        Change::Rotate => ("Rotate", "Rotate secret"),
        Change::Delete => ("Delete", "Delete webhook"),
    };
    let asked = ConfirmPage {
        frame: visit.frame(&format!("{verb} {}?", webhook.name), Section::Webhooks),
        change,
        form_id,
        action: visit.uri.path().to_owned(),
        button,
        cancel: format!("{LIST}/{}", webhook.id),
        webhook,
        overlap,
        overlaps: OVERLAPS,
        alert,
    };
    let status = asked.alert.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    page::html(status, &asked)
}

/// `POST /integrations/webhooks/{id}/disable`.
pub async fn disable_webhook(webhooks: Webhooks, visit: Visit) -> Result<Reply, Problem> {
    set_enabled(
        webhooks,
        visit,
        false,
        "Disabled. What happens meanwhile is not sent to it.",
    )
    .await
}

/// `POST /integrations/webhooks/{id}/enable`.
pub async fn enable_webhook(webhooks: Webhooks, visit: Visit) -> Result<Reply, Problem> {
    set_enabled(webhooks, visit, true, "Enabled. It gets events from now on.").await
}

async fn set_enabled(
    webhooks: Webhooks,
    mut visit: Visit,
    is_enabled: bool,
    notice: &str,
) -> Result<Reply, Problem> {
    let id: WebhookId = visit.call.id::<id::Webhook>()?;
    let form = visit.form().await?;
    let call = visit.api_call(&form, &json!({"enabled": is_enabled}))?;
    api::update_webhook(webhooks, call).await?;
    visit.see_other(&format!("{LIST}/{id}"), notice)
}

/// `POST /integrations/webhooks/{id}/rotate`.
pub async fn rotate_secret(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    visit.call.id::<id::Webhook>()?;
    let form = visit.form().await?;
    let text = form.filled("overlap_seconds").unwrap_or_default();
    let overlap = text
        .parse::<u64>()
        .map_or_else(|_| json!(text), |seconds| json!(seconds));
    let call = visit.api_call(&form, &json!({"overlap_seconds": overlap}))?;
    match api::rotate_webhook_secret(webhooks.clone(), call).await {
        Ok(reply) => show_secrets(&visit, "Secret rotated", &reply),
        Err(problem) => {
            let alert = Alert::of(problem, &[("overlap_seconds", "Overlap")])?;
            let (id, overlap) = (form.id_text(), text.to_owned());
            ask(&webhooks, &visit, Change::Rotate, id, overlap, Some(alert)).await
        }
    }
}

/// `POST /integrations/webhooks/{id}/delete`.
pub async fn delete_webhook(webhooks: Webhooks, mut visit: Visit) -> Result<Reply, Problem> {
    visit.call.id::<id::Webhook>()?;
    let form = visit.form().await?;
    let call = visit.api_call(&form, &json!({}))?;
    api::delete_webhook(webhooks, call).await?;
    visit.see_other(LIST, "The webhook is deleted. Its deliveries stay in the log.")
}
