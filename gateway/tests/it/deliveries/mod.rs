//! Deliveries: attempted, retried, paused, ended, and what their log says of it.

mod again;
mod answers;
mod breaker;
mod filters;
mod flapping;
mod http2;
mod log;
mod notices;
mod odd_answers;
mod ordering;
mod recover_many;
mod redeliver;
mod retries;
mod tls_faults;
