//! Stores a body while it comes in.

use tokio::sync::Mutex;
use uuid::Uuid;

use super::store;
use crate::base::id::next_uuid;
use crate::db::{Db, DbError};
use crate::imports::job::fault::SourceFault;

/// Bytes of a part, before they are compressed. It bounds what is in memory.
const PART_BYTES: usize = 1 << 20;
/// Fast rather than small.
const LEVEL: i32 = 1;

/// See the module.
pub struct Keeper {
    pub file: Uuid,
    db: Db,
    max_bytes: u64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    part_count: i32,
    taken: u64,
}

impl Keeper {
    /// Keeps at most so many bytes.
    pub fn new(db: Db, max_bytes: u64) -> Self {
        Self {
            file: next_uuid(),
            db,
            max_bytes,
            held: Mutex::default(),
        }
    }

    /// Takes the next piece of the body.
    pub async fn take(&self, piece: &[u8]) -> Result<(), SourceFault> {
        let mut held = self.held.lock().await;
        held.taken += piece.len() as u64;
        if held.taken > self.max_bytes {
            return Err(SourceFault::TooLargeToKeep(self.max_bytes));
        }
        held.bytes.extend_from_slice(piece);
        if held.bytes.len() < PART_BYTES {
            return Ok(());
        }
        self.store(&mut held).await.map_err(|fault| {
            tracing::warn!(%fault, "an upload could not be kept");
            SourceFault::NotKept
        })
    }

    /// Stores what is left; how many bytes there are.
    pub async fn finish(&self) -> Result<u64, DbError> {
        let mut held = self.held.lock().await;
        if !held.bytes.is_empty() {
            self.store(&mut held).await?;
        }
        Ok(held.taken)
    }

    async fn store(&self, held: &mut Held) -> Result<(), DbError> {
        let compressed = zstd::bulk::compress(&held.bytes, LEVEL)
            .map_err(|fault| DbError::Internal(format!("a part was not compressed: {fault}")))?;
        let client = self.db.client().await?;
        store::add_part(&client, self.file, held.part_count, &compressed).await?;
        held.part_count += 1;
        held.bytes.clear();
        Ok(())
    }
}
