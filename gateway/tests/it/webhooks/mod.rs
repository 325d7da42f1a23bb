//! Webhooks: registered, called, retried, ended, and what their log says of it.

mod answers;
mod breaker;
mod change;
mod create;
mod deliveries;
mod disabled;
mod guard;
mod headers;
mod notices;
mod ordering;
mod redeliver;
mod retries;
mod rotation;
mod signatures;
mod test_event;
