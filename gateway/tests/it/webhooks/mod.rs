//! Webhooks: registered, called, retried, ended, and what their log says of it.

mod answers;
mod breaker;
mod change;
mod create;
mod deliveries;
mod disabled;
mod filter;
mod flapping;
mod guard;
mod headers;
mod http2;
mod notices;
mod odd_answers;
mod ordering;
mod prefixes;
mod recover_many;
mod redeliver;
mod retries;
mod rotation;
mod signatures;
mod snippets;
mod test_event;
mod tls_faults;
mod urls;
