//! The log of deliveries: what was sent where, and every attempt. Its states are told in `delivery`.

pub mod model;
pub mod store;

pub use model::{Attempt, Delivery, DeliveryDetail, EventDelivery, Status};
