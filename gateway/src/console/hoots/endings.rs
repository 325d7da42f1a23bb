//! Disabling, enabling and deleting a hoot, and ending its override: each asked about first.

use askama::Template;
use serde_json::json;

use super::{LIST, find};
use crate::base::id::{self, HootId};
use crate::console::Visit;
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::hoots::model::StoredHoot;
use crate::hoots::{Hoots, api};
use crate::http::problem::Problem;
use crate::http::reply::Reply;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Disable,
    Enable,
    EndOverride,
    Delete,
}

#[derive(Template)]
#[template(path = "hoots/confirm.html")]
struct ConfirmPage {
    frame: Frame,
    change: Change,
    hoot: StoredHoot,
    form_id: String,
    action: String,
    button: &'static str,
    cancel: String,
}

/// `GET /integrations/sentries/hoots/{id}/disable`.
pub async fn confirm_disable(hoots: Hoots, visit: Visit) -> Result<Reply, Problem> {
    confirm(&hoots, visit, Change::Disable).await
}

/// `GET /integrations/sentries/hoots/{id}/enable`.
pub async fn confirm_enable(hoots: Hoots, visit: Visit) -> Result<Reply, Problem> {
    confirm(&hoots, visit, Change::Enable).await
}

/// `GET /integrations/sentries/hoots/{id}/override/end`.
pub async fn confirm_end(hoots: Hoots, visit: Visit) -> Result<Reply, Problem> {
    confirm(&hoots, visit, Change::EndOverride).await
}

/// `GET /integrations/sentries/hoots/{id}/delete`.
pub async fn confirm_delete(hoots: Hoots, visit: Visit) -> Result<Reply, Problem> {
    confirm(&hoots, visit, Change::Delete).await
}

async fn confirm(hoots: &Hoots, mut visit: Visit, change: Change) -> Result<Reply, Problem> {
    let hoot = find(hoots, &visit).await?;
    visit.take_query().finish()?;
    let (asks, button) = match change {
        Change::Disable => ("Disable", "Disable"),
        Change::Enable => ("Enable", "Enable"),
        Change::EndOverride => ("End the override of", "End override"),
        Change::Delete => ("Delete", "Delete hoot"),
    };
    visit.show(&ConfirmPage {
        frame: visit.frame(&format!("{asks} {}?", hoot.name), Section::Sentries),
        change,
        form_id: new_id(),
        action: visit.uri.path().to_owned(),
        button,
        cancel: format!("{LIST}/{}", hoot.id),
        hoot,
    })
}

/// `POST /integrations/sentries/hoots/{id}/delete`.
pub async fn delete_hoot(hoots: Hoots, mut visit: Visit) -> Result<Reply, Problem> {
    visit.call.id::<id::Hoot>()?;
    let form = visit.form().await?;
    let call = visit.api_call(&form, &json!({}))?;
    api::delete_hoot(hoots, call).await?;
    visit.see_other(
        LIST,
        "The hoot is deleted. Its badge says unknown wherever it is embedded.",
    )
}

/// `POST /integrations/sentries/hoots/{id}/disable`.
pub async fn disable_hoot(hoots: Hoots, visit: Visit) -> Result<Reply, Problem> {
    set_enabled(hoots, visit, false, "Disabled. Readers are told so.").await
}

/// `POST /integrations/sentries/hoots/{id}/enable`.
pub async fn enable_hoot(hoots: Hoots, visit: Visit) -> Result<Reply, Problem> {
    set_enabled(hoots, visit, true, "Enabled.").await
}

async fn set_enabled(
    hoots: Hoots,
    mut visit: Visit,
    is_enabled: bool,
    notice: &str,
) -> Result<Reply, Problem> {
    let id: HootId = visit.call.id::<id::Hoot>()?;
    let form = visit.form().await?;
    let call = visit.api_call(&form, &json!({"enabled": is_enabled}))?;
    api::update_hoot(hoots, call).await?;
    visit.see_other(&format!("{LIST}/{id}"), notice)
}
