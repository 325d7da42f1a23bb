//! The log of deliveries: what was sent where, and every attempt. `delivery` explains the states.

pub mod model;
pub mod store;

pub use model::{Attempt, Delivery, DeliveryDetail, EventDelivery, Status};
