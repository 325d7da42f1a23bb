//! Deliveries to webhooks, as the API lists, filters and repeats them.

pub mod api;
pub mod many_api;
mod query;
pub mod stats_api;

pub use query::DeliveryQuery;
