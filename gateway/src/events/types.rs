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
pub struct TypeNames(Option<Arc<HashSet<Arc<str>>>>);

impl TypeNames {
    /// Whether `name` is known.
    pub fn contains(&self, name: &str) -> bool {
        self.label(name).is_some()
    }

    /// The types that the workspace added, by name.
    pub fn added(&self) -> Vec<Arc<str>> {
        let mut added: Vec<Arc<str>> = self.0.iter().flat_map(|names| names.iter().cloned()).collect();
        added.sort_unstable();
        added
    }

    /// Every name that an event of the workspace can have.
    pub fn all(&self) -> Vec<String> {
        let added = self.added();
        let own = every_own().map(str::to_owned);
        own.chain(added.iter().map(|name| name.to_string())).collect()
    }

    /// Whether an endpoint may ask for `name`: a known type, or one of the gateway's operational ones.
    pub fn is_subscribable(&self, name: &str) -> bool {
        self.contains(name) || is_operational(name)
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
        let built_in = BUILT_IN.iter().map(|(name, _)| *name);
        let added = self.0.iter().flat_map(|names| names.iter().map(|name| &**name));
        let mut added: Vec<&str> = added.filter(|name| name.starts_with(prefix)).collect();
        added.sort_unstable();
        let mut all = built_in.filter(|name| name.starts_with(prefix)).chain(added);
        all.next().map(str::to_owned)
    }

    /// The shared text of a known name.
    pub fn label(&self, name: &str) -> Option<Arc<str>> {
        if let Some(label) = built_in().get(name) {
            return Some(label.clone());
        }
        self.0.as_ref()?.get(name).cloned()
    }
}

fn built_in() -> &'static HashSet<Arc<str>> {
    static NAMES: std::sync::OnceLock<HashSet<Arc<str>>> = std::sync::OnceLock::new();
    NAMES.get_or_init(|| BUILT_IN.iter().map(|(name, _)| Arc::from(*name)).collect())
}

/// The types that workspaces added, in memory.
#[derive(Default)]
pub struct EventTypes {
    added: papaya::HashMap<WorkspaceId, Arc<HashSet<Arc<str>>>>,
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
        let present: HashSet<WorkspaceId> = found.iter().map(|(workspace, _)| *workspace).collect();
        let added = self.added.pin();
        for (workspace, names) in found {
            added.insert(workspace, Arc::new(names.into_iter().map(Arc::from).collect()));
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
