//! The bus below its API, on instances inside this process. `conformance` is compiled into the suite of each bus.

mod conformance;
mod emission;
mod instance;
mod place;
mod postgres;
mod read_back_plan;
mod request_keys;
pub mod severed;
mod unheard_commits;
