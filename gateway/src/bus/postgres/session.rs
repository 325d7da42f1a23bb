//! The session that commits this instance's events, and how it writes a group about which the database must be asked.

use futures_util::future::try_join;
use tokio_postgres::{Client, Statement};

use super::group::Group;
use super::owner::Ownership;
use crate::bus::table::{events, replies};
use crate::db::{DbError, Dedicated, OpenCopy, begin_with, commit_with, roll_back};

/// A connection that holds the lock on this instance's ownership.
pub(super) struct Session {
    pub client: Dedicated,
    pub owner: i32,
    /// The COPY of the next group, where it was begun ahead.
    pub begun: Option<OpenCopy>,
    statements: Statements,
}

struct Statements {
    copy: Statement,
    latest_of_keys: Statement,
    claim: Statement,
    firsts: Statement,
    lock_keys: Statement,
    find_replies: Statement,
    keep_replies: Statement,
}

impl Session {
    pub(super) async fn new(client: Dedicated, owner: i32) -> Result<Self, DbError> {
        let statements = Statements {
            copy: client.prepare(events::COPY).await?,
            latest_of_keys: client.prepare(events::LATEST_OF_KEYS).await?,
            claim: client.prepare(events::CLAIM).await?,
            firsts: client.prepare(events::FIRSTS).await?,
            lock_keys: client.prepare(replies::LOCK).await?,
            find_replies: client.prepare(replies::FIND).await?,
            keep_replies: client.prepare(replies::KEEP).await?,
        };
        Ok(Self {
            client,
            owner,
            begun: None,
            statements,
        })
    }

    pub(super) async fn begin_copy(&self) -> Result<OpenCopy, DbError> {
        OpenCopy::begin(&self.client, &self.statements.copy).await
    }

    /// Writes a group about which the database must be asked.
    pub(super) async fn write(&mut self, group: &mut Group, ownership: &Ownership) -> Result<(), DbError> {
        if let Some(begun) = self.begun.take() {
            // Nothing else is heard until it ends.
            begun.finish(events::rows(std::iter::empty(), self.owner)).await?;
        }
        let written = self.write_asking(group, ownership).await;
        if let Err(fault) = &written
            && !fault.is_away()
        {
            roll_back(&self.client).await?;
        }
        written
    }

    /// Two round trips for events with ids of their own, three for those of requests with keys, where all are new.
    async fn write_asking(&self, group: &mut Group, ownership: &Ownership) -> Result<(), DbError> {
        let is_keyed = self.drop_taken(group).await?;
        // A client that heard of an event accepted elsewhere, and then sends the next of its key, finds it behind that.
        let latest =
            events::latest_of_keys(&self.client, &self.statements.latest_of_keys, &group.events).await?;
        if let Some(latest) = latest {
            ownership.number_behind(latest, &mut group.numbered, &mut group.events);
        }
        let has_claims = group.events.iter().any(|event| event.content.once_key.is_some());
        if !is_keyed && !has_claims {
            let copy = self.begin_copy().await?;
            return copy
                .finish(events::rows(group.events.iter(), self.owner))
                .await
                .map(drop);
        }
        let begun = match has_claims {
            true => self.claim(group, is_keyed).await?,
            false => None,
        };
        let copy = match begun {
            Some(copy) => copy,
            None if is_keyed => {
                group.write_replies();
                let kept = group.kept_replies();
                let keeping = replies::keep(&self.client, &self.statements.keep_replies, &kept);
                try_join(keeping, self.begin_copy()).await?.1
            }
            None => self.begin_copy().await?,
        };
        let rows = events::rows(group.events.iter(), self.owner);
        commit_with(&self.client, copy.finish(rows)).await.map(drop)
    }

    /// Begins a transaction and takes out the requests whose keys are taken, if some request has a key: whether it has.
    async fn drop_taken(&self, group: &mut Group) -> Result<bool, DbError> {
        let keys = group.request_keys();
        if keys.is_empty() {
            return Ok(false);
        }
        // Found by a later statement than the lock's: what ended before the lock was had is seen.
        let locking = replies::lock(&self.client, &self.statements.lock_keys, &keys);
        let finding = replies::find(&self.client, &self.statements.find_replies, &keys);
        let (locked, taken) = begin_with(&self.client, try_join(locking, finding)).await?;
        group.drop_taken(locked, taken);
        Ok(true)
    }

    /// Claims the events' keys, and takes out the repeats. Where nothing comes in between, the COPY is begun in the same
    /// flight, in the hope that all are new.
    async fn claim(&self, group: &mut Group, is_keyed: bool) -> Result<Option<OpenCopy>, DbError> {
        let client: &Client = &self.client;
        group.merge_repeats();
        let claims = group.claims();
        let claiming = events::claim(client, &self.statements.claim, &claims);
        let (is_fresh, begun) = match is_keyed {
            true => (claiming.await?, None),
            false => {
                let (is_fresh, copy) = begin_with(client, try_join(claiming, self.begin_copy())).await?;
                (is_fresh, Some(copy))
            }
        };
        if is_fresh {
            return Ok(begun);
        }
        if let Some(begun) = begun {
            begun.finish(events::rows(std::iter::empty(), self.owner)).await?;
        }
        let firsts = events::firsts(client, &self.statements.firsts, &claims).await?;
        group.drop_repeats(firsts);
        Ok(None)
    }
}
