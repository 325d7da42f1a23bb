//! The bottom of the house: values that every layer speaks of and that know of none of them.

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
