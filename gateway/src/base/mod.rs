//! The lowest layer: types that all others use and that use none of them.

pub mod backoff;
pub mod caller;
pub mod clock;
pub mod digest_hasher;
pub mod fail_point;
pub mod hex;
pub mod id;
pub mod network;
pub mod page;
pub mod scope;
pub mod seal;
pub mod secret;
pub mod stop;
pub mod tasks;
