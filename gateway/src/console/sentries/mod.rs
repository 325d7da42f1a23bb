//! The pages of sentries: the list, a new one, one with its history, and what reports to it and changes it.

mod choices;
mod detail;
mod drawing;
mod edit;
mod endings;
mod form;
mod history;
mod list;
mod report;
mod report_form;
mod snippets;
mod trend;

pub use choices::{Choice, OFFERED, chosen};
pub use detail::show_sentry;
pub use edit::{create_sentry, save_sentry, show_edit, show_new};
pub use endings::{
    confirm_delete, confirm_disable, confirm_enable, delete_sentry, disable_sentry, enable_sentry,
};
pub use form::ids as chosen_ids;
pub use history::list_history;
pub use list::list_sentries;
pub use report::report_now;

const LIST: &str = "/integrations/sentries";
