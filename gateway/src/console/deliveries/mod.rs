//! The pages of deliveries: the list with its filters, one with its attempts, and sending again.

mod attempts;
mod detail;
mod indent;
mod list;
mod redeliver;
mod request;
pub mod words;

pub use detail::show_delivery;
pub use indent::indented;
pub use list::{FIELDS, errors, list_deliveries};
pub use redeliver::{redeliver, redeliver_selected};

/// The list.
pub const LIST: &str = "/integrations/deliveries";
/// Where all that match a filter are sent again.
pub const MATCHING: &str = "/integrations/deliveries/redeliver";
