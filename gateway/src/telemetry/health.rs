//! Whether this instance can do its work: one named check for each thing that it depends on.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde::Serialize;

/// The state of one dependency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub ok: bool,
    /// What is wrong, in words for an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The reply of `/readyz`.
#[derive(Debug, Clone, Serialize)]
pub struct Readiness {
    pub status: &'static str,
    pub checks: BTreeMap<&'static str, Check>,
}

/// The latest word on every dependency, kept by the tasks that use them.
#[derive(Debug, Clone, Default)]
pub struct Health {
    checks: Arc<RwLock<BTreeMap<&'static str, Check>>>,
}

impl Health {
    /// Names a dependency of which nothing is known yet: it counts as not working.
    pub fn expect(&self, dependency: &'static str) {
        let check = Check {
            ok: false,
            detail: Some("not known yet".to_owned()),
        };
        self.checks.write().insert(dependency, check);
    }

    /// Notes that `dependency` works.
    pub fn up(&self, dependency: &'static str) {
        self.set(dependency, true, None);
    }

    /// Notes that `dependency` does not work, and why.
    pub fn down(&self, dependency: &'static str, detail: impl Into<String>) {
        self.set(dependency, false, Some(detail.into()));
    }

    fn set(&self, dependency: &'static str, ok: bool, detail: Option<String>) {
        let check = Check { ok, detail };
        let is_known = self.checks.read().get(dependency) == Some(&check);
        if is_known {
            return;
        }
        let before = self.checks.write().insert(dependency, check.clone());
        if before.is_none_or(|before| before.ok != ok) {
            match check.detail {
                None => tracing::info!(dependency, "works"),
                Some(detail) => tracing::warn!(dependency, detail, "does not work"),
            }
        }
    }

    /// All checks; ready only if each is well.
    pub fn readiness(&self) -> Readiness {
        let checks = self.checks.read().clone();
        let is_ready = checks.values().all(|check| check.ok);
        Readiness {
            status: if is_ready { "ready" } else { "unready" },
            checks,
        }
    }
}
