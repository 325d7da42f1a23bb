//! A kept body's bytes, as they came.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream;

use super::{KeptFile, store};
use crate::db::Db;
use crate::imports::job::fault::{Pieces, SourceFault};

/// The body's pieces; `read` counts their bytes.
pub fn pieces(db: Db, kept: &KeptFile, read: Arc<AtomicU64>) -> Pieces {
    let (file, byte_count) = (kept.file, kept.byte_count);
    Box::pin(stream::unfold((db, 0), move |(db, part)| {
        let read = read.clone();
        async move {
            if read.load(Ordering::Relaxed) >= byte_count {
                return None;
            }
            let found = async { store::part(&*db.client().await?, file, part).await };
            let piece = match found.await {
                // What was compressed comes out as it went in.
                Ok(Some(compressed)) => {
                    zstd::stream::decode_all(&*compressed).map_err(|_| SourceFault::FileGone)
                }
                Ok(None) => Err(SourceFault::FileGone),
                Err(fault) => {
                    tracing::warn!(%fault, "a kept upload could not be read");
                    Err(SourceFault::NotRead)
                }
            };
            if let Ok(bytes) = &piece {
                read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            Some((piece.map(Bytes::from), (db, part + 1)))
        }
    }))
}
