//! Deliveries: from an event to a recorded outcome, whatever the destination.
//!
//! An event is fanned out to one *delivery* for each destination that wants it. A delivery is `pending` until an
//! *attempt* succeeds (`succeeded`) or the attempts are used up (`failed`). Each destination has a *lane*: a bounded
//! queue and a cap on attempts in flight, so that a slow destination delays no other.
//!
//! Features above define destinations: they implement [`destination::Destination`] (the request of an attempt, and what a
//! response means) and [`destination::Destinations`] (which destinations want an event, and what to do when their health
//! changes). The tables and the API call a destination's id `webhook_id`.
//!
//! # The states of a delivery
//!
//! A delivery that has not ended is held by its event's batch ([`Hold::Fresh`](engine::job::Hold)) or by its row in
//! `scheduled_deliveries` ([`Hold::Leased`](engine::job::Hold) while an instance works on it), always by one of the two:
//!
//! ```text
//!                     event, from the bus
//!                            │ fanout
//!                            ▼
//!                     ┌─────────────┐  First: Succeeded, Failed
//!          ┌──────────│    fresh    │────────────────────────────────┐
//!          │          │ (in memory) │──────────┐                     │
//!          │          └─────────────┘          │ First: Retry        │
//!          │ Park: Waiting     │ Park: Leased  │                     │
//!          │ (lane refused,    │ (attempt is   │                     │
//!          │  or in line)      │  slow)        ▼                     │
//!          ▼                   │          ┌─────────┐                ▼
//!   ┌─────────────┐            │          │   due   │          ┌───────────┐
//!   │ waiting, or │            │          └─────────┘          │ succeeded │
//!   │   in line   │            │     lease │    ▲  Again:      │ or failed │
//!   └─────────────┘            ▼   fence+1 ▼    │  Retry       └───────────┘
//!      ▲        │           ┌─────────────────────┐                  ▲
//!      │        └──────────▶│       leased        │──────────────────┘
//!      │          lease     │ (owner, fence, end) │  Again: Succeeded, Failed
//!      │          fence+1   └─────────────────────┘
//!      └───────────────────────┘
//!        Release (lane refused)
//! ```
//!
//! | transition | reported by | written by |
//! | --- | --- | --- |
//! | fresh → ended, due, waiting, in line, leased | `engine::lanes` as `Outcome::{First, Park}` | `engine::recorder` |
//! | fresh → nothing (destination deleted) | `engine::lanes` as `Outcome::Drop` | nobody: only the ledger counts it |
//! | due → leased | | `schedule::timed` |
//! | waiting → leased | | `schedule::waiting` |
//! | in line → leased, when it is the first of its key | | `schedule::turns` |
//! | leased → ended, due | `engine::lanes` as `Outcome::Again` | `engine::recorder` |
//! | leased → waiting, in line | `engine::lanes` as `Outcome::Release` | `engine::recorder` |
//! | leased → due (the lease ran out) | | nobody: the lease's end is its `due_at` |
//! | leased → due (its owner died, or stops) | | `schedule::store::release` in the bus's takeover, or `hand_back` |
//! | ended → due (redeliver, test), waiting (recover) | | the requests' handlers, as new deliveries |
//!
//! Every lease raises the row's *fence*, and `Again` and `Release` take effect only if the fence is still theirs: after a
//! lease is lost they change nothing.

pub mod budget;
pub mod destination;
pub mod engine;
pub mod id;
pub mod log;
pub mod schedule;
pub mod several;
pub mod stats;
