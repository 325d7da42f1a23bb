//! PostgreSQL: the pool, the schema, and the few things that every store needs.

mod abandon;
mod clock;
mod copy;
mod dial;
mod error;
mod flight;
mod migrate;
mod partitions;
mod pool;
mod pooler;
mod session;
mod tls;
mod trial;
mod types;
mod writing;

pub use abandon::{Abandonable, within};
pub use clock::now;
pub use copy::{CopyLines, CopyRows, Lines, OpenCopy};
pub use dial::application_name;
pub use error::DbError;
pub use flight::{begin_with, commit_with, roll_back};
pub use migrate::{SchemaError, check_schema, migrate, migrate_if_empty};
pub use partitions::{
    Day, Patience, Undone, drop_months, drop_partitions, ensure_indexes, ensure_months, ensure_partitions,
    forget_once_keys, observe_months, observe_partitions, purge_rest, purge_slowly,
};
pub use pool::{Client, Db, Dedicated, begin, commit, detach};
pub use session::Purpose;
pub use tls::SetupError;
/// A session with the server, of the pool or dedicated.
pub use tokio_postgres::Client as Connection;
pub use tokio_postgres::types::ToSql;
pub use tokio_postgres::{GenericClient, Transaction};
pub use trial::try_start;
pub use writing::{Unwritable, unwritable};
