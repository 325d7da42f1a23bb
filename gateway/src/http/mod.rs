//! HTTP done properly, once, for all that passes through: connections, bodies, replies and problems.
//! It knows of no route and no feature.

pub mod body;
pub mod call;
pub mod fields;
pub mod forwarded;
pub mod framing;
pub mod json;
pub mod problem;
pub mod query;
pub mod reply;
pub mod request_id;
pub mod transport;
