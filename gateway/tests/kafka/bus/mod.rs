//! The suite of every bus, on this one.

#[path = "../../it/bus/conformance.rs"]
mod conformance;
#[path = "../../it/bus/instance.rs"]
#[allow(dead_code, reason = "not every suite uses all of it")]
mod instance;
mod place;
