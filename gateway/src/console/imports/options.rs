//! How a file is to be read: the choices of a form, which are the API's parameters.

use crate::console::form::Form;

/// The API's names, which are those of the form, and their labels.
pub const FIELDS: &[(&str, &str)] = &[
    ("object", "Object"),
    ("mode", "Mode"),
    ("encoding", "Encoding"),
    ("delimiter", "Delimiter"),
    ("date_order", "Date order"),
    ("decimal", "Decimal sign"),
    ("match", "Match by"),
    ("events", "Events"),
    ("mapping", "Mapping"),
];
pub const MODES: [(&str, &str); 3] = [
    ("upsert", "upsert: update what exists, create the rest"),
    ("create", "create: a record that exists is a fault"),
    ("update", "update: a record that does not exist is a fault"),
];
pub const DATE_ORDERS: [(&str, &str); 3] = [
    ("", "Find out"),
    ("dmy", "Day first (31.12.2025)"),
    ("mdy", "Month first (12/31/2025)"),
];
pub const DECIMALS: [(&str, &str); 3] = [("", "Find out"), (".", "Point"), (",", "Comma")];
pub const EVENTS: [(&str, &str); 2] = [
    ("summary", "One for the import"),
    ("each", "One for each row too"),
];
/// Those that can be chosen anew for a file that is kept.
const AGAIN: [&str; 7] = [
    "mode",
    "encoding",
    "delimiter",
    "date_order",
    "decimal",
    "match",
    "events",
];

/// What was filled in.
#[derive(Default)]
pub struct Asked(pub Vec<(String, String)>);

impl Asked {
    /// What stands in a field.
    pub fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The options of a form for a kept file, as far as it has them.
    pub fn again(form: &Form) -> Self {
        let given = AGAIN.iter().filter(|name| form.has(name));
        let given = given.map(|name| ((*name).to_owned(), form.text(name).trim().to_owned()));
        Self(given.collect())
    }

    /// Whether the columns of the file may be others by these options than by those before.
    pub fn cuts_otherwise(&self, before: &Self) -> bool {
        let is_other = |name: &&str| {
            let is_given = self.0.iter().any(|(known, _)| known == name);
            is_given && !self.text(name).eq_ignore_ascii_case(before.text(name))
        };
        ["delimiter", "encoding"].iter().any(is_other)
    }
}
