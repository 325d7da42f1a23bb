//! Events from a client's POST to what a receiver gets, and how they are read back.

mod accept;
mod batch_body;
mod exact;
mod matched;
mod read;
mod repeat;
mod types;
