//! Connectors: a vendor's way of sending requests and of taking them, in one TOML file and in no code.
//!
//! `definition/` reads such a file and says what is wrong with it, by line and key; `template/` puts values into requests
//! and replies; `verify/` judges whether a request comes from who it says.

pub mod definition;
pub mod template;
pub mod verify;
