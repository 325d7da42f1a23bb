//! Cut, kill and stall: what was acknowledged is never lost, what is broken says so, and all comes back.

mod budgets;
mod clocks;
mod failover;
mod gateway_killed;
mod instance_killed;
mod key_clocks;
mod names;
mod neighbour;
mod other_clocks;
mod postgres_frozen;
mod postgres_killed;
pub mod receipts;
mod receivers;
mod vanished;
