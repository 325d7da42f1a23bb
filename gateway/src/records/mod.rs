//! What the four objects are, what their fields take, and how their records are kept.
//!
//! One static table an object ([`contact`], [`account`], [`deal`], [`product`]) serves JSON validation, the database,
//! filters, OpenAPI, imports, the column guide and the templates, so that they cannot drift apart; there is one
//! implementation for all four. [`value`] turns one cell or JSON string into the form that is stored.
//!
//! A record with a key is the only one of its workspace with that key ([`record::key_of`]): the database holds to it.
//! A record always has what its object needs. Every change is written with its events and its audit entry.

pub mod account;
pub mod api;
pub mod change;
pub mod contact;
pub mod deal;
mod draft;
pub mod field;
pub mod filter;
pub mod key;
pub mod object;
pub mod product;
pub mod record;
pub mod schema;
pub mod store;
pub mod value;
pub mod words;

use std::sync::Arc;

pub use field::{Field, Kind, Need};
pub use object::Object;

use crate::bus::Bus;
use crate::db::Db;

/// What the handlers of records need.
#[derive(Clone)]
pub struct Records {
    pub db: Db,
    pub bus: Arc<dyn Bus>,
}
