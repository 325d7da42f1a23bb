//! The table of events, where every bus stores what it carries: readers, retries and redeliveries find all events here.

pub(in crate::bus) mod archive;
pub(crate) mod events;
pub mod replies;

pub use archive::purge_damaged;
