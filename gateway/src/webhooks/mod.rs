//! Webhooks: endpoints, which events they want, and how they are sent to.
//!
//! An endpoint is a destination of `delivery`: `endpoint` holds it in memory, ready to be sent to, `registry` finds the
//! endpoints that want an event, `request` builds and signs the request, and `destinations` connects them to the engine.
//! `notices` builds the events about endpoints and deliveries.

pub mod api;
pub mod deliveries;
pub mod destinations;
pub mod endpoint;
pub mod health_store;
pub mod model;
pub mod notices;
pub mod registry;
pub mod request;
pub mod reseal;
pub mod sign;
pub mod snippets;
pub mod store;
pub mod stored;
