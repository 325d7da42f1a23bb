//! `Idempotency-Key`: the same key and body within 24 hours get the first reply again.
//!
//! The reply is stored in the transaction of the change, so a crash leaves both or neither: no double effect and no stuck
//! key. An advisory lock, held until the transaction ends, detects a second request while the first is running. A request
//! that is longer than a transaction reserves its key instead (see [`super::reservation`]).

use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};

use super::key_store as store;
use crate::base::caller::WorkspaceId;
use crate::bus::table::replies::Holder;
use crate::bus::{Accepted, KeptReply, NewEvent, Once, PublishError, ReplyKeeper, RequestKey};
use crate::db::Transaction;
use crate::http::call::Call;
use crate::http::fields::Faults;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;

const MAX_LEN: usize = 255;
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The end of a publish under a request's key.
pub enum PublishedOnce {
    Accepted(Accepted),
    /// The request was made before; this is what it got.
    Repeated(Reply),
    Refused(PublishError),
}

/// The key of a request that publishes `event`, if it has one; `reply` is [`RequestKey::reply`].
pub fn request_key(
    call: &Call,
    event: &NewEvent,
    reply: fn(&Accepted, Option<&str>) -> Vec<u8>,
) -> Option<RequestKey> {
    Some(RequestKey {
        workspace: event.workspace,
        key: key_of(call)?.into(),
        path: call.path.as_str().into(),
        body_digest: call.body.digest(),
        client_id: event.client_id.clone(),
        reply,
    })
}

/// Publishes the event of a request with a key, over a bus that keeps the reply in the commit of the event.
pub async fn publish_once(
    keeper: &dyn ReplyKeeper,
    request: RequestKey,
    event: NewEvent,
) -> Result<PublishedOnce, Problem> {
    let mut tries = 1;
    loop {
        match keeper.publish_once(event.clone(), request.clone()).await {
            Ok(Once::Accepted(accepted)) => return Ok(PublishedOnce::Accepted(accepted)),
            Ok(Once::Kept(kept)) => {
                return replay(kept, &request.path, request.body_digest).map(PublishedOnce::Repeated);
            }
            Ok(Once::Running) if tries == LOCK_TRIES => return Err(still_running()),
            Ok(Once::Running) => {
                tries += 1;
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            Err(fault) => return Ok(PublishedOnce::Refused(fault)),
        }
    }
}

/// A request's key and what must be equal when it is used again.
pub(super) struct Repeatable {
    key: String,
    path: String,
    body_digest: [u8; 32],
}

/// Reads the header; it is checked by the dispatcher before any handler runs.
pub(super) fn of(call: &Call) -> Option<Repeatable> {
    Some(Repeatable {
        key: key_of(call)?,
        path: call.path.clone(),
        body_digest: call.body.digest(),
    })
}

/// The key of a request that may have one.
pub(super) fn key_of(call: &Call) -> Option<String> {
    let key = call.headers.get("idempotency-key")?.to_str().ok()?;
    (call.method == http::Method::POST).then(|| key.to_owned())
}

/// 422 for a POST whose keys can be none.
pub fn check_key(call: &Call) -> Result<(), Problem> {
    if call.method != http::Method::POST {
        return Ok(());
    }
    let mut faults = Faults::default();
    for value in call.headers.get_all("idempotency-key") {
        if !is_valid_key(value) {
            let message = "expected 1 to 255 characters of visible ASCII";
            faults.add("header.idempotency-key", "invalid_length", message);
        }
    }
    faults.into_result()
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
        lock(transaction, workspace, &self.key).await?;
        match store::find_key(transaction, workspace, &self.key).await? {
            Some(Holder::Kept(kept)) => replay(kept, &self.path, self.body_digest).map(Some),
            Some(Holder::Reserved { is_held: true, .. }) => Err(still_running()),
            Some(Holder::Reserved { is_held: false, .. }) | None => Ok(None),
        }
    }

    /// Keeps a reply in the same transaction.
    pub(super) async fn keep(
        &self,
        transaction: &Transaction<'_>,
        workspace: WorkspaceId,
        status: StatusCode,
        body: Vec<u8>,
    ) -> Result<(), Problem> {
        let kept = store::kept_reply(&self.path, self.body_digest, status, body);
        Ok(store::keep_reply(transaction, workspace, &self.key, &kept).await?)
    }
}

/// A request that failed, or that was a repeat itself, has its reply a moment before its transaction ends and gives
/// the lock back. So a lock that is taken is tried again for a little while before the other request counts as running.
pub(super) async fn lock(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: &str,
) -> Result<(), Problem> {
    let mut tries = 1;
    while !store::try_lock_key(transaction, workspace, key).await? {
        if tries == LOCK_TRIES {
            return Err(still_running());
        }
        tries += 1;
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    Ok(())
}

/// A kept reply, given again to a request that is the same as the first.
pub(super) fn replay(kept: KeptReply, path: &str, body_digest: [u8; 32]) -> Result<Reply, Problem> {
    if kept.path != path || kept.body_digest != body_digest {
        return Err(mismatch());
    }
    let status = u16::try_from(kept.status).ok();
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let reply = Reply::of(status.unwrap_or(StatusCode::OK), "application/json", kept.reply);
    let replayed = HeaderName::from_static("idempotent-replayed");
    Ok(reply.with_header(replayed, HeaderValue::from_static("true")))
}

/// 422: the key belongs to another request.
pub(super) fn mismatch() -> Problem {
    let detail = "This key was used with another path, query or body within the last 24 hours.";
    Problem::new(Code::IdempotencyMismatch, detail)
}

/// 409: the first request with the key goes on.
pub(super) fn still_running() -> Problem {
    let detail = "The first request with this key has not ended yet.";
    Problem::new(Code::IdempotencyRunning, detail)
}
