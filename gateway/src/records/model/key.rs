//! A record's natural key as it is stored, and how two keys are compared: as they are, or in lower case.

use std::fmt::Write as _;

use crate::records::Object;

/// Appends `value` in lower case. This and nothing else makes `A@X.com` and `a@x.com` one key, in JSON
/// and in files, so that the database never has to fold with a collation of its own.
pub fn fold_case(value: &str, out: &mut String) {
    if value.is_ascii() {
        let start = out.len();
        out.push_str(value);
        out[start..].make_ascii_lowercase();
        return;
    }
    for letter in value.chars() {
        // A `String` takes every write.
        let _ = write!(out, "{}", letter.to_lowercase());
    }
}

/// Appends the stored form of a value of the natural key's field `rank`: the rank as one digit, so that a domain and a name
/// that look the same are two keys, then the value, its case folded where the object says so.
pub fn push_stored_key(object: &Object, rank: usize, value: &str, out: &mut String) {
    // No object has ten.
    out.push(char::from(b'0' + rank as u8));
    match object.natural_key()[rank].folds_case {
        true => fold_case(value, out),
        false => out.push_str(value),
    }
}

/// Appends the stored natural key of a record of which `value` gives the fields; `false` if it has none.
pub fn push_natural_key<'v>(
    object: &Object,
    value: impl Fn(usize) -> Option<&'v str>,
    out: &mut String,
) -> bool {
    let fields = object.natural_key().iter().enumerate();
    let mut given = fields.filter_map(|(rank, key)| Some((rank, value(object.field_index(key.field)?)?)));
    match given.next() {
        Some((rank, value)) => {
            push_stored_key(object, rank, value, out);
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn folds_ascii_and_other_letters() {
        let mut out = String::from("x:");
        super::fold_case("Ada@EXAMPLE.com", &mut out);
        assert_eq!(out, "x:ada@example.com");
        out.clear();
        super::fold_case("ÄRGER Straße", &mut out);
        assert_eq!(out, "ärger straße");
    }
}
