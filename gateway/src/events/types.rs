//! Event types: the 15 that every workspace has, and those that a workspace adds.

use std::collections::HashSet;
use std::sync::Arc;

use super::type_store;
use crate::base::caller::WorkspaceId;
use crate::db::{Connection, DbError};

/// Name and meaning of the types that are always there.
pub const BUILT_IN: [(&str, &str); 15] = [
    ("contact.created", "A contact was created."),
    ("contact.updated", "A contact was changed."),
    ("account.created", "An account was created."),
    ("account.updated", "An account was changed."),
    ("deal.created", "A deal was created."),
    ("deal.stage_changed", "A deal moved to another stage."),
    ("deal.won", "A deal was won."),
    ("deal.lost", "A deal was lost."),
    ("product.created", "A product was created."),
    ("product.updated", "A product was changed."),
    ("invoice.paid", "An invoice was paid."),
    ("ticket.created", "A ticket was opened."),
    ("ticket.assigned", "A ticket was given to someone."),
    ("import.completed", "An import ended."),
    ("sentry.state_changed", "A sentry reported another state."),
];

/// What the gateway tells about deliveries themselves. Endpoints get these only by name, not by `*`, and clients cannot
/// send them.
pub const OPERATIONAL: [(&str, &str); 5] = [
    (
        "webhook.paused",
        "An endpoint failed for so long that its breaker opened.",
    ),
    ("webhook.disabled", "An endpoint answered 410 and was disabled."),
    ("delivery.failed", "A delivery used up its attempts."),
    (
        "connection.reconnect_needed",
        "A connection has to be connected again by a person.",
    ),
    (
        "connection.expiring",
        "A connection ends within a week and cannot be renewed by itself.",
    ),
];

/// The names that no workspace added: [`BUILT_IN`] and [`OPERATIONAL`].
pub fn every_own() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().chain(&OPERATIONAL).map(|(name, _)| *name)
}

/// Whether a type is one of [`OPERATIONAL`].
pub fn is_operational(name: &str) -> bool {
    OPERATIONAL.iter().any(|(known, _)| *known == name)
}

const MAX_NAME_CHARS: usize = 100;

/// The names that one workspace knows.
#[derive(Debug, Clone, Default)]
pub struct TypeNames(Option<Arc<Known>>);

/// What a workspace knows beside the types that are always there.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The types that it added.
    pub(super) added: HashSet<Arc<str>>,
    /// The connectors that it has sources of: every type that begins with one of them is known.
    pub(super) connectors: HashSet<Box<str>>,
    /// Types that events of its sources have had.
    pub(super) of_sources: Vec<Box<str>>,
}

impl TypeNames {
    /// Whether `name` is known.
    pub fn contains(&self, name: &str) -> bool {
        self.label(name).is_some()
    }

    /// The types that the workspace added, by name.
    pub fn added(&self) -> Vec<Arc<str>> {
        let known = self.0.iter();
        let mut added: Vec<Arc<str>> = known.flat_map(|known| known.added.iter().cloned()).collect();
        added.sort_unstable();
        added
    }

    /// Every name that an event of the workspace can have.
    pub fn all(&self) -> Vec<String> {
        let added = self.added();
        let of_sources = self.0.iter().flat_map(|known| &known.of_sources);
        let of_sources = of_sources.filter(|name| added.iter().all(|added| **added != ***name));
        let own = every_own().map(str::to_owned);
        own.chain(added.iter().map(|name| name.to_string()))
            .chain(of_sources.map(|name| name.to_string()))
            .collect()
    }

    /// Whether an endpoint may ask for `name`: a known type, one of the gateway's operational ones, or one of a connector
    /// that the workspace has a source of.
    pub fn is_subscribable(&self, name: &str) -> bool {
        self.contains(name) || is_operational(name) || (self.is_of_source(name) && is_valid_name(name))
    }

    /// Whether an endpoint may ask for every type that begins with `prefix`, which ends with a dot: a known type does, or
    /// those of a connector that the workspace has a source of.
    pub fn is_prefix(&self, prefix: &str) -> bool {
        let is_valid = is_valid_name(&format!("{prefix}x"));
        is_valid && (self.is_of_source(prefix) || self.first_with(prefix).is_some())
    }

    fn is_of_source(&self, name: &str) -> bool {
        let connector = name.split_once('.').map(|(connector, _)| connector);
        let known = self.0.as_ref().zip(connector);
        known.is_some_and(|(known, connector)| known.connectors.contains(connector))
    }

    /// A name that an endpoint's `selector` stands for: itself, or the first that begins as in `stripe.*`; `*` is left to
    /// the caller.
    pub fn first_of(&self, selector: &str) -> Option<String> {
        let Some(prefix) = selector.strip_suffix('*') else {
            return Some(selector.to_owned());
        };
        if prefix.is_empty() {
            return None;
        }
        let of_sources = self.0.iter().flat_map(|known| &known.of_sources);
        let mut of_sources = of_sources.filter(|name| name.starts_with(prefix));
        let first = self.first_with(prefix).map(str::to_owned);
        first.or_else(|| of_sources.next().map(|name| name.to_string()))
    }

    /// The first type that begins so of those that are always there, then of those that the workspace added.
    fn first_with(&self, prefix: &str) -> Option<&str> {
        let built_in = BUILT_IN.iter().map(|(name, _)| *name);
        let added = self
            .0
            .iter()
            .flat_map(|known| known.added.iter().map(|name| &**name));
        let mut added: Vec<&str> = added.filter(|name| name.starts_with(prefix)).collect();
        added.sort_unstable();
        let mut all = built_in.filter(|name| name.starts_with(prefix)).chain(added);
        all.next()
    }

    /// The shared text of a known name.
    pub fn label(&self, name: &str) -> Option<Arc<str>> {
        if let Some(label) = built_in().get(name) {
            return Some(label.clone());
        }
        self.0.as_ref()?.added.get(name).cloned()
    }
}

fn built_in() -> &'static HashSet<Arc<str>> {
    static NAMES: std::sync::OnceLock<HashSet<Arc<str>>> = std::sync::OnceLock::new();
    NAMES.get_or_init(|| BUILT_IN.iter().map(|(name, _)| Arc::from(*name)).collect())
}

/// The types that workspaces added, in memory.
#[derive(Default)]
pub struct EventTypes {
    added: papaya::HashMap<WorkspaceId, Arc<Known>>,
    /// Reads one after another, so that an older read never replaces a newer one.
    refreshing: tokio::sync::Mutex<()>,
}

impl EventTypes {
    /// The names that `workspace` knows.
    pub fn names(&self, workspace: WorkspaceId) -> TypeNames {
        TypeNames(self.added.pin().get(&workspace).cloned())
    }

    /// Reads the types of these workspaces again, or those of all.
    pub async fn refresh(
        &self,
        client: &Connection,
        workspaces: Option<Vec<WorkspaceId>>,
    ) -> Result<(), DbError> {
        let _turn = self.refreshing.lock().await;
        let found = type_store::names(client, workspaces.as_deref()).await?;
        let present: HashSet<WorkspaceId> = found.iter().map(|(workspace, ..)| *workspace).collect();
        let added = self.added.pin();
        for (workspace, names, connectors, of_sources) in found {
            let known = Known {
                added: names.into_iter().map(Arc::from).collect(),
                connectors: connectors.into_iter().map(String::into_boxed_str).collect(),
                of_sources: of_sources.into_iter().map(String::into_boxed_str).collect(),
            };
            added.insert(workspace, Arc::new(known));
        }
        // After a restore of the database there may be fewer than before.
        let is_asked = |id: &WorkspaceId| workspaces.as_ref().is_none_or(|asked| asked.contains(id));
        added.retain(|id, _| !is_asked(id) || present.contains(id));
        Ok(())
    }
}

/// Whether a name can be a type's: lower-case words joined by dots, at least two.
pub fn is_valid_name(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    name.len() <= MAX_NAME_CHARS && name.contains('.') && name.split('.').all(is_word)
}

/// Whether a text could name a type in a filter: one that names none is not wrong, and finds nothing.
pub fn could_be_name(text: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.');
    (1..=MAX_NAME_CHARS).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dotted_lower_case_words() {
        for (name, _) in BUILT_IN {
            assert!(is_valid_name(name) && TypeNames::default().contains(name));
        }
        for good in ["a.b", "a_1.b_2.c", "0.0"] {
            assert!(is_valid_name(good), "{good}");
        }
        let long = format!("a.{}", "b".repeat(99));
        for bad in ["a", "a.", ".a", "a..b", "A.b", "a-b.c", "a.b ", "", long.as_str()] {
            assert!(!is_valid_name(bad), "{bad}");
        }
    }
}
