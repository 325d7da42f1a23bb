//! What is measured: a file for each scenario, beside what several of them use (`pair`, `rows`).

pub mod accept;
pub mod deliver;
pub mod endpoints;
pub mod import;
pub mod instances;
pub mod keys;
pub mod late;
pub mod latency;
pub mod neighbour;
mod pair;
mod rows;
pub mod sentries;
pub mod stored;
pub mod whoami;
