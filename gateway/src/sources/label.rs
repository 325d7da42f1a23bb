//! The types of a source's events: how a vendor's word becomes one, and how many a source may have.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::RwLock;

/// Types that one source may have; further ones are `<connector>.other`.
pub const MAX_TYPES: usize = 1_000;
/// The longest name of a type.
const MAX_CHARS: usize = 100;

/// The type that a vendor's text stands for: lower case, `/`, `-` and `:` between words are dots, all else is `_`.
///
/// `rendered` begins with the connector's name and a dot. Without a word behind it the type is [`other`].
pub fn type_of(connector: &str, rendered: &str) -> String {
    let mut name = String::with_capacity(rendered.len().min(MAX_CHARS));
    let mut is_between = false;
    for letter in rendered.chars() {
        if matches!(letter, '.' | '/' | '-' | ':') {
            is_between = !name.is_empty();
            continue;
        }
        if name.len() + usize::from(is_between) >= MAX_CHARS {
            break;
        }
        if std::mem::take(&mut is_between) {
            name.push('.');
        }
        let letter = letter.to_ascii_lowercase();
        let is_kept = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        name.push(if is_kept { letter } else { '_' });
    }
    match name.contains('.') {
        true => name,
        false => other(connector),
    }
}

/// The type of what has none.
pub fn other(connector: &str) -> String {
    format!("{connector}.other")
}

/// The types that a source has had, shared by all that hold it in memory.
#[derive(Debug, Default)]
pub struct Types(RwLock<HashSet<Arc<str>>>);

impl Types {
    /// The shared text of a type that is known.
    pub fn find(&self, name: &str) -> Option<Arc<str>> {
        self.0.read().get(name).cloned()
    }

    /// Whether the source may have no further ones.
    pub fn is_full(&self) -> bool {
        self.0.read().len() >= MAX_TYPES
    }

    /// Notes types that are stored.
    pub fn add(&self, names: impl IntoIterator<Item = Arc<str>>) {
        self.0.write().extend(names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_vendors_become_types() {
        for (rendered, expected) in [
            ("stripe.invoice.paid", "stripe.invoice.paid"),
            ("x.Invoice.PAID", "x.invoice.paid"),
            ("x.orders/create", "x.orders.create"),
            ("x.ce:com-acme/Thing Done", "x.ce.com.acme.thing_done"),
            ("x.a..b--c", "x.a.b.c"),
            ("x.", "x.other"),
            ("x", "x.other"),
            ("x.-/:", "x.other"),
            ("x.é", "x._"),
            ("x.<script>", "x._script_"),
            ("x.a.", "x.a"),
        ] {
            assert_eq!(type_of("x", rendered), expected, "{rendered}");
        }
        let long = type_of("x", &format!("x.{}", "a.".repeat(200)));
        assert!(
            long.len() <= 100 && crate::events::types::is_valid_name(&long),
            "{long}"
        );
        let long = type_of("x", &format!("x.{}", "b".repeat(200)));
        assert_eq!(long.len(), 100);
    }
}
