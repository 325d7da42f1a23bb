//! Contacts, accounts, deals and products: their fields, their values and their storage.
//!
//! One static table an object ([`objects`]) serves JSON validation, the database, filters, OpenAPI, imports, the column
//! guide and the templates, so that they cannot drift apart; there is one implementation for all four. This is why the
//! tables also know of files, which only imports read: the headers under which a field stands in other products' exports,
//! the examples of the template, the cells that a field tolerates. A field that is added is then complete in one place.
//! [`value`] turns one cell or JSON string into the form that is stored.
//!
//! A record has up to two keys, its `external_id` and its natural key ([`model::key`]), and is the only one of its workspace
//! and object that has them: the database holds to it.
//! A record always has what its object needs. Every change is written with its events and its audit entry.

pub mod api;
mod draft;
pub mod filter;
pub mod model;
pub mod objects;
pub mod schema;
pub mod search;
pub mod store;
pub mod value;

use std::sync::Arc;

pub use objects::Object;
pub use objects::field::{Field, Kind, Need};

use crate::bus::Bus;
use crate::db::Db;

/// What the handlers of records need.
#[derive(Clone)]
pub struct Records {
    pub db: Db,
    pub bus: Arc<dyn Bus>,
}
