//! The command line and the configuration, as an operator meets them.

mod check;
mod commands;
mod schema;
mod two_keys;
