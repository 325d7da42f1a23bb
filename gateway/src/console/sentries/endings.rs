//! Disabling, enabling and deleting a sentry: each asked about first.

use askama::Template;
use serde_json::json;

use super::LIST;
use super::edit::find;
use crate::base::id::{self, SentryId};
use crate::console::Visit;
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::sentries::model::Sentry;
use crate::sentries::{Sentries, api};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Disable,
    Enable,
    Delete,
}

#[derive(Template)]
#[template(path = "sentries/confirm.html")]
struct ConfirmPage {
    frame: Frame,
    change: Change,
    sentry: Sentry,
    form_id: String,
    action: String,
    button: &'static str,
    cancel: String,
}

/// `GET /integrations/sentries/{id}/disable`.
pub async fn confirm_disable(sentries: Sentries, visit: Visit) -> Result<Reply, Problem> {
    confirm(&sentries, visit, Change::Disable).await
}

/// `GET /integrations/sentries/{id}/enable`.
pub async fn confirm_enable(sentries: Sentries, visit: Visit) -> Result<Reply, Problem> {
    confirm(&sentries, visit, Change::Enable).await
}

/// `GET /integrations/sentries/{id}/delete`.
pub async fn confirm_delete(sentries: Sentries, visit: Visit) -> Result<Reply, Problem> {
    confirm(&sentries, visit, Change::Delete).await
}

async fn confirm(sentries: &Sentries, mut visit: Visit, change: Change) -> Result<Reply, Problem> {
    let sentry = find(sentries, &visit).await?;
    visit.take_query().finish()?;
    let (verb, button) = match change {
        Change::Disable => ("Disable", "Disable"),
        Change::Enable => ("Enable", "Enable"),
        Change::Delete => ("Delete", "Delete sentry"),
    };
    visit.show(&ConfirmPage {
        frame: visit.frame(&format!("{verb} {}?", sentry.name), Section::Sentries),
        change,
        form_id: new_id(),
        action: visit.uri.path().to_owned(),
        button,
        cancel: format!("{LIST}/{}", sentry.id),
        sentry,
    })
}

/// `POST /integrations/sentries/{id}/delete`.
pub async fn delete_sentry(sentries: Sentries, mut visit: Visit) -> Result<Reply, Problem> {
    visit.call.id::<id::Sentry>()?;
    let form = visit.form().await?;
    let call = visit.api_call(&form, &json!({}))?;
    api::delete_sentry(sentries, call).await?;
    visit.see_other(LIST, "The sentry and its history are deleted.")
}

/// `POST /integrations/sentries/{id}/disable`.
pub async fn disable_sentry(sentries: Sentries, visit: Visit) -> Result<Reply, Problem> {
    let notice = "Disabled. Its reports go into its history only.";
    set_enabled(sentries, visit, false, notice).await
}

/// `POST /integrations/sentries/{id}/enable`.
pub async fn enable_sentry(sentries: Sentries, visit: Visit) -> Result<Reply, Problem> {
    let notice = "Enabled. Its time-out begins anew.";
    set_enabled(sentries, visit, true, notice).await
}

async fn set_enabled(
    sentries: Sentries,
    mut visit: Visit,
    is_enabled: bool,
    notice: &str,
) -> Result<Reply, Problem> {
    let id: SentryId = visit.call.id::<id::Sentry>()?;
    let form = visit.form().await?;
    let call = visit.api_call(&form, &json!({"enabled": is_enabled}))?;
    api::update_sentry(sentries, call).await?;
    visit.see_other(&format!("{LIST}/{id}"), notice)
}
