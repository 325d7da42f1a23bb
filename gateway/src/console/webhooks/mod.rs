//! The pages of webhooks: the list, a new one, one and its health, and what changes it.

mod causes;
mod confirm;
mod detail;
mod drawing;
mod edit;
mod form;
mod list;
mod secrets;
mod test_event;

pub use confirm::{
    confirm_delete, confirm_disable, confirm_enable, confirm_rotate, delete_webhook, disable_webhook,
    enable_webhook, rotate_secret,
};
pub use detail::show_webhook;
pub use edit::{create_webhook, save_webhook, show_edit, show_new};
pub use list::list_webhooks;
pub use test_event::send_test_event;

use super::Visit;
use crate::base::id::WebhookId;
use crate::http::problem::Problem;
use crate::webhooks::api::Webhooks;
use crate::webhooks::model::Webhook;
use crate::webhooks::store;

const LIST: &str = "/integrations/webhooks";

/// The webhook that a path names; 404 if there is none.
pub(super) async fn find(webhooks: &Webhooks, visit: &Visit) -> Result<Webhook, Problem> {
    let id: WebhookId = visit.call.id()?;
    let client = webhooks.db.client().await?;
    let found = store::find(&client, visit.call.caller.workspace, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    Ok(found.masked(webhooks.registry.vault()))
}
