//! Rows for `COPY … FROM STDIN (FORMAT binary)`, written straight into one buffer.
//!
//! The format is that of PostgreSQL's manual, "COPY, Binary Format": a signature, then for each row a count of
//! fields and for each field its length and bytes, then −1.

mod lines;

use std::pin::Pin;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use tokio_postgres::CopyInSink;
use uuid::Uuid;

use crate::base::clock::Millis;
use crate::db::error::DbError;
use crate::db::types::to_postgres_micros;

pub use lines::{CopyLines, Lines};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// A batch of rows of `field_count` columns each.
pub struct CopyRows {
    buffer: BytesMut,
    field_count: i16,
}

impl CopyRows {
    /// An empty batch.
    pub fn new(field_count: i16) -> Self {
        let mut buffer = BytesMut::with_capacity(16 * 1024);
        buffer.put_slice(SIGNATURE);
        buffer.put_i32(0);
        buffer.put_i32(0);
        Self { buffer, field_count }
    }

    /// Begins the next row; its fields must follow in the order of the statement's columns.
    pub fn row(&mut self) -> &mut Self {
        self.buffer.put_i16(self.field_count);
        self
    }

    /// A `uuid`.
    pub fn uuid(&mut self, value: Uuid) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    /// A `text` or `bytea`.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        // Nothing that is copied comes near 2 GiB: bodies and responses are capped far below.
        self.buffer
            .put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
        self.buffer.put_slice(value);
        self
    }

    /// A `smallint`.
    pub fn int2(&mut self, value: i16) -> &mut Self {
        self.buffer.put_i32(2);
        self.buffer.put_i16(value);
        self
    }

    /// An `integer`.
    pub fn int4(&mut self, value: i32) -> &mut Self {
        self.buffer.put_i32(4);
        self.buffer.put_i32(value);
        self
    }

    /// A `timestamptz`.
    pub fn moment(&mut self, value: Millis) -> &mut Self {
        self.buffer.put_i32(8);
        self.buffer.put_i64(to_postgres_micros(value));
        self
    }

    /// `NULL`.
    pub fn null(&mut self) -> &mut Self {
        self.buffer.put_i32(-1);
        self
    }

    /// A value, or `NULL`.
    pub fn maybe<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T) -> &mut Self) -> &mut Self {
        match value {
            Some(value) => put(self, value),
            None => self.null(),
        }
    }

    /// Sends the batch by `statement`, a prepared `COPY … (FORMAT binary)`, and gives the number of rows taken.
    pub async fn send(
        self,
        client: &tokio_postgres::Client,
        statement: &tokio_postgres::Statement,
    ) -> Result<u64, DbError> {
        OpenCopy::begin(client, statement).await?.finish(self).await
    }
}

/// A `COPY` that the server has begun, which waits for its rows.
///
/// Statements that follow on its connection wait for its end.
pub struct OpenCopy(Pin<Box<CopyInSink<Bytes>>>);

impl OpenCopy {
    /// Begins `statement`, a prepared `COPY … (FORMAT binary)`.
    pub async fn begin(
        client: &tokio_postgres::Client,
        statement: &tokio_postgres::Statement,
    ) -> Result<Self, DbError> {
        Ok(Self(Box::pin(client.copy_in(statement).await?)))
    }

    /// Sends the rows, ends the statement, and gives the number of rows taken.
    pub async fn finish(mut self, mut rows: CopyRows) -> Result<u64, DbError> {
        rows.buffer.put_i16(-1);
        self.0.send(rows.buffer.freeze()).await?;
        Ok(self.0.as_mut().finish().await?)
    }
}
