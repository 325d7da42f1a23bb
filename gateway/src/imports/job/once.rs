//! `Idempotency-Key` for imports: the key is reserved while the import runs, and a repeat is recognised by a digest of
//! its whole body.

use std::time::Duration;

use http::StatusCode;

use super::source::Upload;
use crate::audit::{FirstReply, Reservation};
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::imports::Imports;
use crate::imports::model::Job;

/// What a body may have beyond the largest file: its form, or the frames of its coding.
const BESIDE_BYTES: u64 = 16 << 20;
/// Between two tries to free a key while the database is away.
const PAUSE: Duration = Duration::from_secs(1);

/// Reserves the key of an import. `None`: it is the first with this key, or has none.
pub async fn reserve(imports: &Imports, key: Option<&Reservation>) -> Result<Option<FirstReply>, Problem> {
    let Some(key) = key else { return Ok(None) };
    let mut client = imports.db.client().await?;
    key.begin(&mut client).await
}

/// Whether a fault leaves open if the key was reserved.
pub fn may_be_reserved(problem: &Problem) -> bool {
    !matches!(
        problem.code(),
        Code::IdempotencyRunning | Code::IdempotencyMismatch
    )
}

/// Reads the body of a repeat, without keeping it, and gives the first reply if it is the first body.
pub async fn replay(
    first: FirstReply,
    key: &Reservation,
    upload: Upload,
    max_bytes: u64,
) -> Result<Reply, Problem> {
    let digest = upload.skip(max_bytes.saturating_add(BESIDE_BYTES)).await?;
    first.replay(key, digest).map_err(Problem::closing)
}

/// Frees a key unless a reply is kept for it; `false` if the database did not.
pub async fn try_free(imports: &Imports, key: Option<&Reservation>) -> bool {
    let Some(key) = key else { return true };
    let freed = async { key.free(&mut imports.db.client().await?).await };
    match freed.await {
        Ok(()) => true,
        Err(fault) => {
            tracing::warn!(%fault, "an Idempotency-Key is not freed yet");
            false
        }
    }
}

/// Frees a key, however long the database is away. After a stop the key is free when this instance has been silent for
/// long enough.
pub async fn free(imports: &Imports, key: Option<&Reservation>) {
    while !try_free(imports, key).await {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = imports.running.stop.cancelled() => return,
        }
    }
}

/// Does what a request asks for while its key is reserved, and keeps the reply; a repeat gets that.
pub async fn hold(
    imports: &Imports,
    mut key: Option<Reservation>,
    body_digest: [u8; 32],
    work: impl Future<Output = Result<Job, Problem>> + Send,
) -> Result<Reply, Problem> {
    let done = match (reserve(imports, key.as_ref()).await, &key) {
        (Ok(Some(first)), Some(key)) => return first.replay(key, Some(body_digest)),
        (Err(problem), _) if !may_be_reserved(&problem) => return Err(problem),
        (Err(problem), _) => Err(problem),
        (Ok(_), _) => work.await,
    };
    if let (Ok(job), Some(key)) = (&done, &mut key) {
        key.note_digest(body_digest);
        let kept = async {
            let mut client = imports.db.client().await?;
            key.settle_alone(&mut client, StatusCode::OK, job).await
        };
        // If the reply cannot be kept, the work is done all the same.
        if let Err(fault) = kept.await {
            tracing::warn!(%fault, "a reply could not be kept for repeats");
        }
    }
    if !try_free(imports, key.as_ref()).await {
        let tasks = imports.running.tasks.clone();
        let imports = imports.clone();
        tasks.spawn(async move { free(&imports, key.as_ref()).await });
    }
    Reply::ok(&done?)
}
