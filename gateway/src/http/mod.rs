//! HTTP for all routes: connections, bodies, replies and problems. It knows no route and no feature.

mod arrival;
pub mod body;
pub mod buckets;
pub mod call;
pub mod cell;
pub mod fields;
pub mod form;
pub mod forwarded;
pub mod framing;
pub mod json;
pub mod problem;
pub mod query;
pub mod reply;
pub mod request_id;
pub mod shares;
pub mod transport;
