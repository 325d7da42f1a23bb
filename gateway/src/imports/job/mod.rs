//! A job from the request to the report.
//!
//! [`launch`] starts the [`runner`], which pulls the body through its [`source`] and opens it; the [`feeder`] deals rows out to the writers. A job
//! is `running` until it is `completed`, `failed` or `cancelled`, once and for all ([`lifecycle`]). Its counts are true at
//! every moment. [`watchers`] are sent its progress; [`report`] streams its failed rows, until [`purge_store`] removes them.
//! [`once`] holds an `Idempotency-Key` for an import.

pub mod fault;
mod feeder;
mod form;
pub mod launch;
pub mod lifecycle;
pub mod once;
pub mod packing;
pub mod purge_store;
pub mod report;
pub mod runner;
pub mod running;
pub mod source;
pub mod watchers;
