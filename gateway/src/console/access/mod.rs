//! Who may see the pages: sessions, and the one-time links that open them.
//!
//! A session speaks for one API key and never for more: its scopes are those of the key, or fewer if a narrowed link opened
//! it, and the key is found in memory at each request, where the change feed keeps it. So a key that is revoked, expired or
//! deleted ends its sessions as soon as it is refused by the API.
//!
//! A session *lives* until it is idle for too long, reaches its end, is signed out, or its key or link ends.

pub mod api;
pub mod links;
pub mod model;
pub mod recent;
pub mod sessions;
pub mod store;

pub use model::Session;
