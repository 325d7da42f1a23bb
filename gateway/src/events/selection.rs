//! Which event types a destination wants.

use std::collections::HashSet;

use super::types::{TypeNames, is_operational};
use crate::http::fields::{self, Fields};
use crate::http::json::Node;

const MAX_TYPES: usize = 200;

/// The selector of every type in a destination's `events`.
pub const EVERY: &str = "*";

/// What a type begins with that `stripe.*` stands for: `stripe.`.
pub fn prefix_of(selector: &str) -> Option<&str> {
    let prefix = selector.strip_suffix('*')?;
    prefix.ends_with('.').then_some(prefix)
}

/// Which event types a destination wants.
#[derive(Debug, Clone)]
pub enum Selection {
    Every,
    /// Those of these names, and those that begin with one of `prefixes`, such as `stripe.`. No name and no prefix is
    /// within another prefix, so that an event is wanted once.
    Some {
        names: HashSet<Box<str>>,
        prefixes: HashSet<Box<str>>,
    },
}

impl Selection {
    /// Reads the stored list, in which `*` is every type and `stripe.*` every one that begins so.
    pub fn of(types: &[String]) -> Self {
        if types.iter().any(|name| name == EVERY) {
            return Self::Every;
        }
        let prefixes: Vec<&str> = types.iter().filter_map(|name| prefix_of(name)).collect();
        let is_within = |name: &str| {
            let mut others = prefixes.iter().filter(|prefix| **prefix != name);
            others.any(|prefix| name.starts_with(prefix))
        };
        let names = types
            .iter()
            .map(String::as_str)
            .filter(|name| prefix_of(name).is_none());
        Self::Some {
            names: names.filter(|name| !is_within(name)).map(Box::from).collect(),
            prefixes: prefixes
                .iter()
                .filter(|prefix| !is_within(prefix))
                .map(|prefix| Box::from(*prefix))
                .collect(),
        }
    }
}

impl Selection {
    /// Whether events of that type are among them.
    pub fn includes(&self, label: &str) -> bool {
        match self {
            // What the gateway says about itself is asked for by name.
            Self::Every => !is_operational(label),
            Self::Some { names, prefixes } => {
                names.contains(label) || prefixes.iter().any(|prefix| label.starts_with(&**prefix))
            }
        }
    }
}

/// Reads which event types are wanted.
pub fn event_types(types: &TypeNames) -> impl FnOnce(&mut Fields, &str, Node) -> Option<Vec<String>> {
    let is_known = |name: &str| match prefix_of(name) {
        Some(prefix) => types.is_prefix(prefix),
        None => name == EVERY || types.is_subscribable(name),
    };
    fields::list(1, MAX_TYPES, move |name: &str| match is_known(name) {
        true => Ok(name.to_owned()),
        false => Err("is no event type of this workspace; GET /v1/event-types lists them".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_selected_twice_is_selected_once() {
        let of = |types: &[&str]| Selection::of(&types.iter().map(ToString::to_string).collect::<Vec<_>>());
        let types = [
            "stripe.*",
            "stripe.charge.*",
            "stripe.paid",
            "stripes.paid",
            "deal.won",
        ];
        let Selection::Some { names, prefixes } = of(&types) else {
            panic!("not every type");
        };
        assert_eq!(names, HashSet::from(["stripes.paid".into(), "deal.won".into()]));
        assert_eq!(prefixes, HashSet::from(["stripe.".into()]));
        assert!(matches!(of(&["deal.won", "*"]), Selection::Every));
    }
}
