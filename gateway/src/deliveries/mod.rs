//! Deliveries as both sides know them: the event that makes them and the webhook that they go to.
//!
//! A delivery is `pending` until an attempt succeeds or the last one fails. Its life is told in `webhooks`.

pub mod id;
pub mod model;
pub mod store;

pub use model::{Attempt, Delivery, DeliveryDetail, EventDelivery, Status};
