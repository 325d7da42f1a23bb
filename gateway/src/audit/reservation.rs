//! A key that is reserved for a request longer than a transaction: an upload, whose body is known only at its end, or an
//! undo.
//!
//! The reservation is a row that names its instance. It is freed when the request ends; the transaction that stores the
//! request's result replaces it with the reply. One that a crash left is free once its instance has been silent for 60
//! seconds and its import, if it made one, is no longer running.

use http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use super::idempotency;
use super::key_store as store;
use crate::base::caller::WorkspaceId;
use crate::base::id::{ImportId, InstanceId, next_uuid};
use crate::bus::KeptReply;
use crate::bus::table::replies::Holder;
use crate::db::{self, Client, DbError, Transaction};
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// A request's key, and by which token its row is known.
#[derive(Debug)]
pub struct Reservation {
    workspace: WorkspaceId,
    key: String,
    path: String,
    token: Uuid,
    instance: InstanceId,
    body_digest: Option<[u8; 32]>,
}

/// The reply that an earlier request with the key got.
pub struct FirstReply(KeptReply);

impl FirstReply {
    /// Gives it again if the path and the body are those of the first request; a body without a digest is larger.
    pub fn replay(self, reservation: &Reservation, body_digest: Option<[u8; 32]>) -> Result<Reply, Problem> {
        let body_digest = body_digest.ok_or_else(idempotency::mismatch)?;
        idempotency::replay(self.0, &reservation.path, body_digest)
    }
}

impl Reservation {
    /// What `call` would reserve; `None` if it has no key.
    pub fn of(call: &Call, instance: InstanceId) -> Option<Self> {
        Some(Self {
            workspace: call.caller.workspace,
            key: idempotency::key_of(call)?,
            path: call.path.clone(),
            token: next_uuid(),
            instance,
            body_digest: None,
        })
    }

    /// Reserves the key, unless a reply is kept for it. 409 while another request holds it; 422 if that of another path
    /// is kept.
    pub async fn begin(&self, client: &mut Client) -> Result<Option<FirstReply>, Problem> {
        let transaction = db::begin(client).await?;
        idempotency::lock(&transaction, self.workspace, &self.key).await?;
        let stale = match store::find_key(&transaction, self.workspace, &self.key).await? {
            Some(Holder::Kept(kept)) if kept.path != self.path => return Err(idempotency::mismatch()),
            Some(Holder::Kept(kept)) => return Ok(Some(FirstReply(kept))),
            Some(Holder::Reserved { is_held: true, .. }) => return Err(idempotency::still_running()),
            Some(Holder::Reserved { token, .. }) => Some(token),
            None => None,
        };
        // A holder that was taken for dead may have stored its reply since; then there is nothing to replace.
        if let Some(stale) = stale
            && !store::release(&transaction, self.workspace, &self.key, stale).await?
        {
            return Err(idempotency::still_running());
        }
        store::reserve(
            &transaction,
            self.workspace,
            &self.key,
            &self.path,
            self.token,
            self.instance,
        )
        .await?;
        db::commit(transaction).await?;
        Ok(None)
    }

    /// Notes the import that the request makes. 409 if the key was given to another request meanwhile.
    pub async fn attach(&self, transaction: &Transaction<'_>, import: ImportId) -> Result<(), Problem> {
        match store::attach(transaction, self.workspace, &self.key, self.token, import).await? {
            true => Ok(()),
            false => Err(idempotency::still_running()),
        }
    }

    /// The digest of the whole body, without which no reply is kept.
    pub const fn note_digest(&mut self, body_digest: [u8; 32]) {
        self.body_digest = Some(body_digest);
    }

    /// Keeps a reply instead of the reservation, in the transaction of what the reply tells. Once that is done, or if the
    /// body is not known, this does nothing.
    pub async fn settle(
        &self,
        transaction: &Transaction<'_>,
        status: StatusCode,
        reply: &impl Serialize,
    ) -> Result<(), DbError> {
        let Some(body_digest) = self.body_digest else {
            return Ok(());
        };
        let reply = match serde_json::to_vec(reply) {
            Ok(reply) => reply,
            Err(fault) => {
                tracing::error!(%fault, "a reply cannot be kept for repeats");
                return Ok(());
            }
        };
        if store::release(transaction, self.workspace, &self.key, self.token).await? {
            let kept = store::kept_reply(&self.path, body_digest, status, reply);
            store::keep_reply(transaction, self.workspace, &self.key, &kept).await?;
        }
        Ok(())
    }

    /// Keeps a reply instead of the reservation, in a transaction of its own.
    pub async fn settle_alone(
        &self,
        client: &mut Client,
        status: StatusCode,
        reply: &impl Serialize,
    ) -> Result<(), DbError> {
        let transaction = db::begin(client).await?;
        self.settle(&transaction, status, reply).await?;
        db::commit(transaction).await
    }

    /// Frees the key, if it is still reserved.
    pub async fn free(&self, client: &mut Client) -> Result<(), DbError> {
        let transaction = db::begin(client).await?;
        store::release(&transaction, self.workspace, &self.key, self.token).await?;
        db::commit(transaction).await
    }
}
