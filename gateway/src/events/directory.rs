//! Destinations in memory, by workspace and event type, so that fanning out asks no database.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use uuid::Uuid;

use super::selection::Selection;
use super::types::is_operational;
use crate::base::caller::WorkspaceId;

/// What stands in a directory.
pub trait Subscriber {
    fn uuid(&self) -> Uuid;

    fn workspace(&self) -> WorkspaceId;

    fn is_enabled(&self) -> bool;

    /// Which event types it wants.
    fn selection(&self) -> &Selection;
}

/// The subscribers of one workspace.
#[derive(Debug)]
pub struct Subscriptions<S> {
    every: Vec<Arc<S>>,
    by_type: HashMap<Box<str>, Vec<Arc<S>>>,
    /// By what a type begins with, its last dot included.
    by_prefix: HashMap<Box<str>, Vec<Arc<S>>>,
}

impl<S> Default for Subscriptions<S> {
    fn default() -> Self {
        Self {
            every: Vec::new(),
            by_type: HashMap::new(),
            by_prefix: HashMap::new(),
        }
    }
}

impl<S: Subscriber> Subscriptions<S> {
    fn of(subscribers: impl Iterator<Item = Arc<S>>) -> Self {
        let mut subscriptions = Self::default();
        for subscriber in subscribers.filter(|subscriber| subscriber.is_enabled()) {
            match subscriber.selection() {
                Selection::Every => subscriptions.every.push(subscriber),
                Selection::Some { names, prefixes } => {
                    for name in names {
                        let same = subscriptions.by_type.entry(name.clone()).or_default();
                        same.push(subscriber.clone());
                    }
                    for prefix in prefixes {
                        let same = subscriptions.by_prefix.entry(prefix.clone()).or_default();
                        same.push(subscriber.clone());
                    }
                }
            }
        }
        subscriptions
    }

    /// The enabled subscribers that want events of that type.
    pub fn wanting(&self, label: &str) -> impl Iterator<Item = &Arc<S>> {
        let by_type = self.by_type.get(label).into_iter().flatten();
        // `*` is every type of the product; the gateway's operational events are subscribed to by name.
        let every = if is_operational(label) { &[] } else { &*self.every };
        // A subscriber stands under one prefix of a name at most, and then not under the name.
        let prefixes = label.match_indices('.').map(|(dot, _)| &label[..=dot]);
        let by_prefix = prefixes
            .filter(|_| !self.by_prefix.is_empty())
            .filter_map(|prefix| self.by_prefix.get(prefix))
            .flatten();
        every.iter().chain(by_type).chain(by_prefix)
    }
}

struct Known<S> {
    by_id: HashMap<Uuid, Arc<S>>,
    by_workspace: HashMap<WorkspaceId, HashSet<Uuid>>,
}

/// The subscribers of all workspaces.
pub struct Directory<S> {
    /// Changes are rare and made one after another; readers never wait for them.
    known: Mutex<Known<S>>,
    by_id: papaya::HashMap<Uuid, Arc<S>>,
    subscriptions: papaya::HashMap<WorkspaceId, Arc<ArcSwap<Subscriptions<S>>>>,
}

impl<S> Default for Directory<S> {
    fn default() -> Self {
        let known = Known {
            by_id: HashMap::new(),
            by_workspace: HashMap::new(),
        };
        Self {
            known: Mutex::new(known),
            by_id: papaya::HashMap::new(),
            subscriptions: papaya::HashMap::new(),
        }
    }
}

impl<S: Subscriber> Directory<S> {
    /// One subscriber.
    pub fn find(&self, id: Uuid) -> Option<Arc<S>> {
        self.by_id.pin().get(&id).cloned()
    }

    /// The subscribers of a workspace.
    pub fn subscriptions(&self, workspace: WorkspaceId) -> Option<Arc<Subscriptions<S>>> {
        let all = self.subscriptions.pin();
        all.get(&workspace).map(|current| current.load_full())
    }

    /// All subscribers of a workspace, oldest first.
    pub fn of_workspace(&self, workspace: WorkspaceId) -> Vec<Arc<S>> {
        let mut found: Vec<Arc<S>> = {
            let known = self.known.lock();
            let ids = known.by_workspace.get(&workspace).into_iter().flatten();
            ids.filter_map(|id| known.by_id.get(id).cloned()).collect()
        };
        found.sort_by_key(|subscriber| subscriber.uuid());
        found
    }

    /// The ids of all that are not among `present`.
    pub fn others(&self, present: &HashSet<Uuid>) -> Vec<Uuid> {
        let known = self.known.lock();
        let ids = known.by_id.keys().filter(|id| !present.contains(id));
        ids.copied().collect()
    }

    /// Puts subscribers in, in place of those with the same ids, and takes others out.
    pub fn apply(&self, changed: Vec<Arc<S>>, gone: &[Uuid]) {
        let mut known = self.known.lock();
        let mut touched = HashSet::new();
        for subscriber in changed {
            let (id, workspace) = (subscriber.uuid(), subscriber.workspace());
            known.by_id.insert(id, subscriber.clone());
            known.by_workspace.entry(workspace).or_default().insert(id);
            self.by_id.pin().insert(id, subscriber);
            touched.insert(workspace);
        }
        for id in gone {
            if let Some(subscriber) = known.by_id.remove(id) {
                if let Some(ids) = known.by_workspace.get_mut(&subscriber.workspace()) {
                    ids.remove(id);
                }
                self.by_id.pin().remove(id);
                touched.insert(subscriber.workspace());
            }
        }
        for workspace in touched {
            let ids = known.by_workspace.get(&workspace).into_iter().flatten();
            let subscribers = ids.filter_map(|id| known.by_id.get(id).cloned());
            let subscriptions = Arc::new(Subscriptions::of(subscribers));
            let all = self.subscriptions.pin();
            let current = all.get_or_insert_with(workspace, Arc::default);
            current.store(subscriptions);
        }
    }
}
