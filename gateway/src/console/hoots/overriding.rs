//! What people put in place of the sentries' state: `POST /integrations/sentries/hoots/{id}/override` and `…/override/end`.

use serde_json::json;

use super::override_form::{Asked, Overriding};
use super::{LIST, detail};
use crate::base::id::{self, HootId};
use crate::console::Visit;
use crate::console::alert::Alert;
use crate::hoots::{Hoots, api};
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// `POST /integrations/sentries/hoots/{id}/override`.
pub async fn override_hoot(hoots: Hoots, mut visit: Visit) -> Result<Reply, Problem> {
    let id: HootId = visit.call.id::<id::Hoot>()?;
    let form = visit.form().await?;
    let asked = Asked::read(&form);
    let made = match visit.api_call(&form, &asked.body()) {
        Ok(call) => api::update_hoot(hoots.clone(), call).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok(_) => visit.see_other(&format!("{LIST}/{id}"), "Overridden. Readers see it at once."),
        Err(problem) => {
            let overriding = Overriding {
                form_id: form.id_text(),
                alert: Some(Alert::of(problem, &[("override", "Override")])?),
                asked,
            };
            detail::show(&hoots, &visit, overriding).await
        }
    }
}

/// `POST /integrations/sentries/hoots/{id}/override/end`.
pub async fn end_override(hoots: Hoots, mut visit: Visit) -> Result<Reply, Problem> {
    let id: HootId = visit.call.id::<id::Hoot>()?;
    let form = visit.form().await?;
    let call = visit.api_call(&form, &json!({"override": null}))?;
    api::update_hoot(hoots, call).await?;
    visit.see_other(
        &format!("{LIST}/{id}"),
        "The override has ended. It says what its sentries say.",
    )
}
