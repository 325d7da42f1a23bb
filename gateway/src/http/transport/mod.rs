//! Sockets: accepted, timed, decrypted, and spoken to in HTTP/1.1 or HTTP/2.

pub mod connection;
pub mod listener;
pub mod proxied;
pub mod timed_io;
pub mod tls;
