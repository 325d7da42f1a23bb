//! Webhooks: which events they get, where and how they are called, and what their owner may change.

mod change;
mod create;
mod disabled;
mod filter;
mod guard;
mod headers;
mod prefixes;
mod rotation;
mod signatures;
mod snippets;
mod stats;
mod test_event;
mod urls;
