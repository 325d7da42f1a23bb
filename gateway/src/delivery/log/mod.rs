//! The log of deliveries: what was sent where, and every attempt. `delivery` explains the states.
//!
//! `list_store` finds deliveries by a [`Filter`]; each of its lists is read from an index in its own order (`ways`).

mod filter;
pub mod list_store;
pub mod model;
pub mod store;
pub mod ways;

pub use filter::Filter;
pub use model::{Attempt, Delivery, DeliveryDetail, ErrorCode, EventDelivery, SentRequest, Status};
