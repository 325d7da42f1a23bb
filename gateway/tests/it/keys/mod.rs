//! API keys from their making to their end.

mod create;
mod lifecycle;
mod list;
mod rotate;
