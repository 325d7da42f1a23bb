//! Webhooks: endpoints, which events they want, and how they are sent to.
//!
//! An endpoint is a destination of `delivery`: `endpoint` holds it in memory, ready to be sent to, `registry` finds who
//! wants an event, `request` builds and signs what is sent, and `destinations` is what the engine is handed. `vault`
//! opens and seals secrets, and `notices` tells endpoints about endpoints.

pub mod api;
pub mod delivery_api;
pub mod destinations;
pub mod endpoint;
pub mod filter;
mod key_store;
pub mod model;
pub mod notices;
pub mod registry;
mod request;
pub mod reseal;
pub mod sign;
pub mod snippets;
pub mod store;
pub mod stored;
pub mod vault;
