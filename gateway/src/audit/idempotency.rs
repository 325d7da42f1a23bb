//! `Idempotency-Key`: the same key and body within 24 hours get the first reply again.
//!
//! The reply is stored in the transaction of the change, so a crash leaves both or neither: no double effect and no stuck
//! key. An advisory lock, held until the transaction ends, detects a second request while the first is running.

use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};

use super::store::{self, KeptReply};
use crate::base::caller::WorkspaceId;
use crate::db::Transaction;
use crate::http::call::Call;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;

const MAX_LEN: usize = 255;
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A request's key and what must be equal when it is used again.
pub(super) struct Repeatable {
    key: String,
    path: String,
    body_digest: Vec<u8>,
}

/// Reads the header; it is checked by the dispatcher before any handler runs.
pub(super) fn of(call: &Call) -> Option<Repeatable> {
    let key = call.headers.get("idempotency-key")?.to_str().ok()?;
    (call.method == http::Method::POST).then(|| Repeatable {
        key: key.to_owned(),
        path: call.path.clone(),
        body_digest: call.body.digest().to_vec(),
    })
}

/// Whether a header's value can be a key: 1 to 255 visible characters.
pub fn is_valid_key(value: &HeaderValue) -> bool {
    (1..=MAX_LEN).contains(&value.len()) && value.to_str().is_ok()
}

impl Repeatable {
    /// The client's key.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Locks the key; the kept reply if the request was made before.
    pub(super) async fn begin(
        &self,
        transaction: &Transaction<'_>,
        workspace: WorkspaceId,
    ) -> Result<Option<Reply>, Problem> {
        self.lock(transaction, workspace).await?;
        let Some(kept) = store::kept_reply(transaction, workspace, &self.key).await? else {
            return Ok(None);
        };
        if kept.path != self.path || kept.body_digest != self.body_digest {
            let detail = "This key was used with another path or body within the last 24 hours.";
            return Err(Problem::new(Code::IdempotencyMismatch, detail));
        }
        let status = u16::try_from(kept.status).ok();
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        let reply = Reply::of(status.unwrap_or(StatusCode::OK), "application/json", kept.reply);
        let replayed = HeaderName::from_static("idempotent-replayed");
        Ok(Some(
            reply.with_header(replayed, HeaderValue::from_static("true")),
        ))
    }

    /// A request that failed, or that was a repeat itself, has its reply a moment before its transaction ends and gives
    /// the lock back. So a lock that is taken is tried again for a little while before the other request counts as running.
    async fn lock(&self, transaction: &Transaction<'_>, workspace: WorkspaceId) -> Result<(), Problem> {
        let mut tries = 1;
        while !store::try_lock_key(transaction, workspace, &self.key).await? {
            if tries == LOCK_TRIES {
                let detail = "The first request with this key has not ended yet.";
                return Err(Problem::new(Code::IdempotencyRunning, detail));
            }
            tries += 1;
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        Ok(())
    }

    /// Keeps a reply in the same transaction.
    pub(super) async fn keep(
        &self,
        transaction: &Transaction<'_>,
        workspace: WorkspaceId,
        status: StatusCode,
        body: Vec<u8>,
    ) -> Result<(), Problem> {
        let kept = KeptReply {
            path: self.path.clone(),
            body_digest: self.body_digest.clone(),
            // Statuses are below 600.
            status: i16::try_from(status.as_u16()).unwrap_or(200),
            reply: body,
        };
        Ok(store::keep_reply(transaction, workspace, &self.key, &kept).await?)
    }
}
