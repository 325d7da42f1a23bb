//! The process itself: it ends whole or not at all, in time, and whatever becomes of its log.

#[cfg(debug_assertions)]
mod dev;
mod faults;
mod log;
mod output;
mod poison;
mod signals;
mod stopping;
mod supervisor;
