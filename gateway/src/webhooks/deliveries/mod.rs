//! Deliveries to webhooks, as the API lists, filters and repeats them.

pub mod api;
mod query;

pub use query::DeliveryQuery;
