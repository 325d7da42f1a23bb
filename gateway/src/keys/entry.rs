//! A key in memory, as requests are checked against it. Small, because there may be a million.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};

use ipnet::IpNet;
use parking_lot::Mutex;

use super::model::Limiter;
use super::token::Digest;
use crate::base::caller::{Caller, WorkspaceId};
use crate::base::clock::Millis;
use crate::base::id::KeyId;
use crate::base::scope::Scopes;

const NEVER: Millis = Millis(i64::MAX);

/// A key in memory, with what changes at each use.
#[derive(Debug)]
pub struct Entry {
    pub digest: Digest,
    pub id: KeyId,
    name: Box<str>,
    workspace: Arc<Workspace>,
    expires_at: Millis,
    rare: Option<Box<Rare>>,
    pub scopes: Scopes,
    /// When it was last used, in seconds since the Unix epoch, good until 2106; `last_used_at` need not be finer.
    pub(super) used_seconds: AtomicU32,
    /// Whether that use waits to be written. Fields of their own, for they pack better than a struct would.
    pub(super) is_noted: AtomicBool,
}

/// What most keys do not have.
#[derive(Debug, Default)]
pub struct Rare {
    pub is_revoked: bool,
    pub ip_allowlist: Vec<IpNet>,
    pub rate_limit_per_second: Option<u32>,
    pub limiter: Option<Arc<Limiter>>,
}

/// A workspace, shared by all its keys.
#[derive(Debug)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub name: Arc<str>,
}

impl Entry {
    /// A key that was never used here.
    pub fn new(
        digest: Digest,
        id: KeyId,
        name: Box<str>,
        workspace: Arc<Workspace>,
        scopes: Scopes,
        expires_at: Option<Millis>,
        rare: Rare,
    ) -> Self {
        let is_plain = !rare.is_revoked && rare.ip_allowlist.is_empty() && rare.limiter.is_none();
        Self {
            digest,
            id,
            name,
            workspace,
            expires_at: expires_at.unwrap_or(NEVER),
            rare: (!is_plain).then(|| Box::new(rare)),
            scopes,
            used_seconds: AtomicU32::new(0),
            is_noted: AtomicBool::new(false),
        }
    }

    /// Takes over the state of what the key was before: a bucket that was half empty stays half empty.
    pub(super) fn go_on_from(&mut self, before: &Self) {
        if let (Some(rare), Some(old)) = (&mut self.rare, &before.rare)
            && rare.rate_limit_per_second == old.rate_limit_per_second
        {
            rare.limiter.clone_from(&old.limiter);
        }
    }

    /// Whether it was revoked. When does not matter: a revocation holds from the moment it is known, whatever clock
    /// it was written by.
    pub fn is_revoked(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.is_revoked)
    }

    /// Whether it has expired by `now`, a moment of the database's clock.
    pub fn is_expired(&self, now: Millis) -> bool {
        self.expires_at <= now
    }

    /// Whether a client at `ip` may use the key.
    pub fn allows(&self, ip: IpAddr) -> bool {
        let nets = self.rare.as_ref().map_or(&[][..], |rare| &rare.ip_allowlist);
        nets.is_empty() || nets.iter().any(|net| net.contains(&ip))
    }

    /// Its bucket and the rate that it holds, if it has one.
    pub fn limit(&self) -> Option<(&Limiter, u32)> {
        let rare = self.rare.as_ref()?;
        Some((rare.limiter.as_deref()?, rare.rate_limit_per_second?))
    }

    /// The key as handlers see it.
    pub fn caller(&self) -> Caller {
        Caller {
            key_id: self.id,
            key_name: (&*self.name).into(),
            workspace: self.workspace.id,
            workspace_name: self.workspace.name.clone(),
            scopes: self.scopes,
            expires_at: Some(self.expires_at).filter(|end| *end != NEVER),
        }
    }
}

/// The workspaces of all keys, each kept once.
#[derive(Debug, Default)]
pub struct Workspaces(Mutex<HashMap<i32, Arc<Workspace>>>);

impl Workspaces {
    /// The shared form of a workspace.
    pub fn share(&self, id: WorkspaceId, name: &str) -> Arc<Workspace> {
        let mut known = self.0.lock();
        let make = || {
            Arc::new(Workspace {
                id,
                name: name.into(),
            })
        };
        let shared = known.entry(id.0).or_insert_with(make);
        // After a restore of the database the number may belong to another workspace.
        if *shared.name != *name {
            *shared = make();
        }
        shared.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_entries_fit_their_budget() {
        // With the two counts of the Arc it is a block of 112 bytes.
        assert!(size_of::<Entry>() <= 96, "{}", size_of::<Entry>());
    }
}
