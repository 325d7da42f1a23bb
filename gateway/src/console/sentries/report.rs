//! A report made by hand: `POST /integrations/sentries/{id}/report`.

use super::report_form::{Asked, FIELDS, Reporting};
use super::{LIST, detail};
use crate::base::id::{self, SentryId};
use crate::console::Visit;
use crate::console::alert::Alert;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::sentries::{Sentries, api};

/// `POST /integrations/sentries/{id}/report`.
pub async fn report_now(sentries: Sentries, mut visit: Visit) -> Result<Reply, Problem> {
    let id: SentryId = visit.call.id::<id::Sentry>()?;
    let form = visit.form().await?;
    let asked = Asked::read(&form);
    let made = match visit.api_call(&form, &asked.body()) {
        Ok(call) => api::report_sentry(sentries.clone(), call).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok(_) => visit.see_other(&format!("{LIST}/{id}"), "Reported."),
        Err(problem) => {
            let reporting = Reporting {
                form_id: form.id_text(),
                alert: Some(Alert::of(problem, FIELDS)?),
                asked,
            };
            detail::show(&sentries, &visit, reporting, None).await
        }
    }
}
