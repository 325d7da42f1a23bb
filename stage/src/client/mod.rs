//! What calls a gateway: one request at a time, many without pause, or byte by byte.

pub mod api;
mod described;
pub mod load;
pub mod reply;
pub mod wire;
