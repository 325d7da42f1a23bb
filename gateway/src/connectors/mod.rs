//! Connectors: a vendor's way of sending requests and of taking them, in one TOML file and in no code.
//!
//! `definition/` reads such a file and says what is wrong with it, by line and key; `catalogue` holds all of them;
//! `template/` puts values into requests and replies; `verify/` judges whether a request comes from who it says. Towards
//! the vendor, `input` makes values of a rule's templates, `request` makes a request of those, `mime` a message, and
//! `outcome` judges the answer; `token/` does both for token calls. `vectors/` runs what a definition says of itself. All
//! but the reading of the operator's directory is pure.

mod address;
pub mod api;
mod built_in;
pub mod catalogue;
pub mod credential;
pub mod definition;
pub mod input;
mod mime;
pub mod outcome;
pub mod request;
pub mod shown;
pub mod template;
pub mod token;
pub mod vectors;
pub mod verify;
pub mod view;
