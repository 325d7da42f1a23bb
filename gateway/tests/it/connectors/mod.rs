//! Connectors: the catalogue, and the operator's definitions in it.

mod catalogue;
mod command;
