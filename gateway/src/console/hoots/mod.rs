//! The pages of hoots: the list, a new one, one with its badges, and what changes it.

mod badge;
mod detail;
mod edit;
mod endings;
mod form;
mod list;
mod override_form;
mod overriding;

pub use badge::draw_badge;
pub use detail::show_hoot;
pub use edit::{create_hoot, save_hoot, show_edit, show_new};
pub use endings::{
    confirm_delete, confirm_disable, confirm_enable, confirm_end, delete_hoot, disable_hoot, enable_hoot,
};
pub use list::list_hoots;
pub use overriding::{end_override, override_hoot};

use super::Visit;
use crate::hoots::model::StoredHoot;
use crate::hoots::{Hoots, store};
use crate::http::problem::Problem;

const LIST: &str = "/integrations/sentries/hoots";

/// The hoot that a path names; 404 if there is none.
async fn find(hoots: &Hoots, visit: &Visit) -> Result<StoredHoot, Problem> {
    let id = visit.call.id()?;
    let client = hoots.db.client().await?;
    let found = store::find(&client, visit.call.caller.workspace, id).await?;
    found.ok_or_else(Problem::not_found)
}
