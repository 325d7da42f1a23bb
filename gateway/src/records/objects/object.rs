//! An object: its fields, what a record of it needs, and what its key is.

use super::field::{Field, Need};
use crate::base::scope::Scope;

/// One field of an object's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyField {
    /// The field's name.
    pub field: &'static str,
    /// Whether `A` and `a` are the same key.
    pub folds_case: bool,
}

/// A column that feeds no field of its own but steers others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperRole {
    /// Split into `first_name` and `last_name` at the last space.
    FullName,
    /// Rows with the same cell belong together: Shopify's variants of one product.
    Group,
}

/// See [`HelperRole`].
#[derive(Debug)]
pub struct Helper {
    /// The name that `&mapping=` knows it by.
    pub name: &'static str,
    /// What a person reads.
    pub label: &'static str,
    /// A cell as it may stand there.
    pub example: &'static str,
    /// What it steers.
    pub role: HelperRole,
    /// Headers by rank, as in [`Field::headers`].
    pub headers: &'static [&'static str],
}

/// One of the four objects.
#[derive(Debug)]
pub struct Object {
    /// `contact`, as replies, ids and scopes say it.
    pub name: &'static str,
    /// The table's and the path's name.
    pub plural: &'static str,
    /// What stands before the UUID in a record's id.
    pub id_prefix: &'static str,
    /// The scope that its records are written with.
    pub write_scope: Scope,
    /// Whether `stage` and `status` say how far a record is: changes of them are its events, instead of `.updated`.
    pub has_outcome: bool,
    /// The fields in which `?q=` finds words: names, keys, company and phone.
    pub searched: &'static [&'static str],
    /// What is stored, in the order in which guides and templates show it.
    pub fields: &'static [Field],
    /// Columns that steer others.
    pub helpers: &'static [Helper],
    /// What a record is found by: its `external_id`, and behind it the fields of the natural key, of which the first that
    /// a record has is its natural key.
    pub key: &'static [KeyField],
    /// What Pipedrive puts before ` - ` in the object's own headers.
    pub prefix: &'static str,
    /// What a record needs, in words that complete "a contact needs …".
    pub needs_words: &'static str,
}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        self.name == other.name
    }
}

impl Eq for Object {}

impl Object {
    /// The place of the field of that exact name in [`Object::fields`].
    pub fn field_index(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The field of that exact name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The fields of the natural key, best first.
    pub fn natural_key(&self) -> &'static [KeyField] {
        &self.key[1..]
    }

    /// The place of the field `external_id`, which every object has.
    pub fn external_id_index(&self) -> Option<usize> {
        self.field_index(self.key[0].field)
    }

    /// `a` or `an`, as the name wants it.
    pub fn article(&self) -> &'static str {
        if self.name.starts_with('a') { "an" } else { "a" }
    }

    /// Appends what a record needs, as the fault of one that does without.
    pub fn push_need(&self, out: &mut String) {
        for piece in [self.article(), " ", self.name, " needs ", self.needs_words] {
            out.push_str(piece);
        }
    }

    /// Whether a record that has exactly the fields for which `has` is true has what the object needs.
    pub fn is_satisfied_by(&self, has: impl Fn(usize) -> bool) -> bool {
        let mut one_of_is_asked = false;
        let mut one_of_is_met = false;
        for (index, field) in self.fields.iter().enumerate() {
            match field.need {
                Need::Always if !has(index) => return false,
                Need::OneOf => {
                    one_of_is_asked = true;
                    one_of_is_met |= has(index);
                }
                _ => {}
            }
        }
        !one_of_is_asked || one_of_is_met
    }
}
