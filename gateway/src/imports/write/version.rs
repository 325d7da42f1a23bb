//! The version of a stored record that was read, by which an update detects a change in between.

use tokio_postgres::types::{FromSql, Type, accepts};

/// The place of a row's version in its table.
#[derive(Debug, Clone, Copy)]
pub struct RowPlace {
    pub block: u32,
    pub offset: u16,
}

impl<'a> FromSql<'a> for RowPlace {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let (block, offset) = raw.split_at_checked(4).ok_or("a tid has six bytes")?;
        Ok(Self {
            block: u32::from_be_bytes(block.try_into()?),
            offset: u16::from_be_bytes(offset.try_into()?),
        })
    }
    accepts!(TID);
}

/// What is known of a stored record beside its content.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    pub place: RowPlace,
    pub import_no: Option<i32>,
}
