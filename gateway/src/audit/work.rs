//! A change with its audit entry, events, feed row and kept reply, in one transaction.

use http::StatusCode;
use serde::Serialize;

use super::idempotency::{self, Repeatable};
use super::model::{Actor, Changes, Target};
use super::{key_store, store};
use crate::base::caller::WorkspaceId;
use crate::bus::{Bus, Emission, NewEvent};
use crate::db::{self, Client, DbError, Transaction};
use crate::feed::{self, ChangeKind};
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// A change under way. Dropped without a commit, nothing of it happened.
pub struct Work<'a> {
    transaction: Transaction<'a>,
    workspace: WorkspaceId,
    actor: Actor,
    repeatable: Option<Repeatable>,
    emissions: Vec<Emission>,
}

/// How a change begins.
pub enum Begun<'a> {
    Fresh(Work<'a>),
    /// The request was made before; this is what it got.
    Repeated(Reply),
}

impl<'a> Work<'a> {
    /// Begins the change that `call` asks for. Its body must have been read.
    pub async fn begin(client: &'a mut Client, call: &Call) -> Result<Begun<'a>, Problem> {
        let work = Self {
            transaction: db::begin(client).await?,
            workspace: call.caller.workspace,
            actor: Actor::Key {
                id: call.caller.key_id,
                name: call.caller.key_name.clone(),
                request_id: call.request_id.as_str().to_owned(),
                ip: call.ip,
            },
            repeatable: idempotency::of(call),
            emissions: Vec::new(),
        };
        if let Some(repeatable) = &work.repeatable
            && let Some(reply) = repeatable.begin(&work.transaction, work.workspace).await?
        {
            return Ok(Begun::Repeated(reply));
        }
        Ok(Begun::Fresh(work))
    }

    /// Begins a change that no HTTP request asked for.
    pub async fn begin_as(
        client: &'a mut Client,
        workspace: WorkspaceId,
        actor: Actor,
    ) -> Result<Self, DbError> {
        Ok(Self {
            transaction: db::begin(client).await?,
            workspace,
            actor,
            repeatable: None,
            emissions: Vec::new(),
        })
    }

    /// The transaction, for stores.
    pub const fn transaction(&self) -> &Transaction<'a> {
        &self.transaction
    }

    /// The workspace that the change belongs to.
    pub const fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// The same change, in a workspace that it has just made.
    pub fn in_workspace(mut self, workspace: WorkspaceId) -> Self {
        self.workspace = workspace;
        self
    }

    /// Writes to the audit trail.
    pub async fn audit(&self, action: &str, target: &Target, changes: &Changes) -> Result<(), DbError> {
        let transaction = &self.transaction;
        store::insert(transaction, self.workspace, &self.actor, action, target, changes).await
    }

    /// Writes to the change feed.
    pub async fn changed(&self, kind: ChangeKind, entity: uuid::Uuid) -> Result<(), DbError> {
        feed::record(&self.transaction, kind, self.workspace, entity).await
    }

    /// Emits the gateway's own events: they become durable with the change, and are delivered after it.
    pub async fn emit(&mut self, bus: &dyn Bus, events: Vec<NewEvent>) -> Result<(), DbError> {
        let emission = bus.emit(&self.transaction, events).await?;
        self.emissions.push(emission);
        Ok(())
    }

    /// Commits, and keeps `reply` for repeats of the request.
    pub async fn commit(self, status: StatusCode, reply: &impl Serialize) -> Result<Reply, Problem> {
        self.commit_hiding(status, reply, reply).await
    }

    /// Commits a change whose reply carries a secret; `kept` is the reply without it.
    pub async fn commit_hiding(
        self,
        status: StatusCode,
        reply: &impl Serialize,
        kept: &impl Serialize,
    ) -> Result<Reply, Problem> {
        let reply = Reply::json(status, reply)?;
        if let Some(repeatable) = &self.repeatable {
            let kept = serde_json::to_vec(kept).map_err(|fault| Problem::internal(&fault))?;
            repeatable
                .keep(&self.transaction, self.workspace, status, kept)
                .await?;
        }
        self.commit_silently().await?;
        Ok(reply)
    }

    /// Commits a change of whose reply a part is known only afterwards; until then repeats get `reply` without it.
    pub async fn commit_amendable(self, reply: &impl Serialize) -> Result<Amendable, Problem> {
        let amendable = Amendable {
            workspace: self.workspace,
            key: self
                .repeatable
                .as_ref()
                .map(|repeatable| repeatable.key().to_owned()),
        };
        self.commit(StatusCode::OK, reply).await?;
        Ok(amendable)
    }

    /// Commits a change whose reply has no body, and keeps it for repeats of the request.
    pub async fn commit_no_content(self) -> Result<Reply, Problem> {
        if let Some(repeatable) = &self.repeatable {
            repeatable
                .keep(
                    &self.transaction,
                    self.workspace,
                    StatusCode::NO_CONTENT,
                    Vec::new(),
                )
                .await?;
        }
        self.commit_silently().await?;
        Ok(Reply::no_content())
    }

    /// Commits a change that has no reply to keep.
    pub async fn commit_silently(self) -> Result<(), DbError> {
        db::commit(self.transaction).await?;
        self.emissions.into_iter().for_each(Emission::committed);
        Ok(())
    }
}

/// The kept reply of a change that is committed.
#[derive(Debug)]
pub struct Amendable {
    workspace: WorkspaceId,
    key: Option<String>,
}

impl Amendable {
    /// Gives the whole reply, and keeps it for repeats. The change succeeds even if the reply could not be kept.
    pub async fn amend(self, client: &Client, reply: &impl Serialize) -> Result<Reply, Problem> {
        if let Some(key) = &self.key {
            let kept = serde_json::to_vec(reply).map_err(|fault| Problem::internal(&fault))?;
            if let Err(fault) = key_store::amend_reply(client, self.workspace, key, &kept).await {
                tracing::warn!(%fault, "a kept reply could not be completed");
            }
        }
        Reply::ok(reply)
    }
}
