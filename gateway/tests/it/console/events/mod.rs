//! The pages of events.

mod detail;
mod list;
mod send;
