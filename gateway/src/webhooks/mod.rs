//! Webhooks: who wants which events, and how they get them.
//!
//! An event is fanned out to one *delivery* for each endpoint that wants it. A delivery is `pending` until an *attempt*
//! gets a 2xx (`succeeded`) or the attempts are used up (`failed`). Each endpoint has a *lane*: a bounded queue and a cap
//! on attempts under way, so that one endpoint takes nothing from another.
//!
//! An event's path: `fanout` → `lane` → `attempt` (`sign`, `outbound`) → `outcome` → `recorder`, and for what did not
//! succeed `schedule` → the same lane again. At an endpoint with `ordering: by_key`, an event that has a key goes to
//! `turns` first, and to the lane when it is the first of its key.

pub mod api;
pub mod attempt;
mod attempt_metrics;
pub mod breaker;
pub mod delivery_api;
pub mod delivery_store;
pub mod endpoint;
pub mod fanout;
pub mod filter;
pub mod job;
pub mod lane;
pub mod lanes;
pub mod lease_store;
pub mod model;
pub mod notices;
pub mod outcome;
pub mod pace;
pub mod record_store;
pub mod recorder;
pub mod recover_store;
pub mod registry;
pub mod reseal;
pub mod schedule;
pub mod schedule_store;
pub mod secrets;
pub mod sign;
pub mod snippets;
pub mod store;
pub mod turn_store;
pub mod turns;
