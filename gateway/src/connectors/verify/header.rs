//! Values of headers: one or none, and a part of a list such as `t=1,v1=…,v1=…`.

use http::HeaderMap;
use http::header::HeaderName;

use super::refusal::{Refusal, Unsupported};
use crate::connectors::definition::Signature;

/// What separates the members of a list with named fields, where the definition does not say.
const LIST_SEPARATOR: &str = ",";

/// The name of a definition as one of HTTP; without case.
pub(super) fn name(text: &str) -> Result<HeaderName, Unsupported> {
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| Unsupported::HeaderName)
}

/// The value of a header that may come once. Twice is refused, also where both are equal: whoever stands between could have
/// read the other one.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a [u8], Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().ok_or(Refusal::Missing)?;
    if values.next().is_some() {
        return Err(Refusal::Invalid);
    }
    match first.as_bytes().trim_ascii() {
        [] => Err(Refusal::Missing),
        value => Ok(value),
    }
}

/// The values in a header that a signature may be, in their order. Those of another scheme are skipped.
pub(super) fn candidates<'a>(value: &'a [u8], signature: &'a Signature) -> Vec<&'a [u8]> {
    let separator = match (&signature.separator, &signature.field) {
        (Some(separator), _) => Some(separator.as_str()),
        (None, Some(_)) => Some(LIST_SEPARATOR),
        (None, None) => None,
    };
    let members = members(value, separator.unwrap_or_default());
    let values = members.filter_map(|member| match &signature.field {
        Some(field) => field_value(member, field),
        None => Some(member),
    });
    values
        .filter_map(|value| value.strip_prefix(signature.prefix.as_bytes()))
        .collect()
}

/// The one value of a named field; a field that comes twice is refused.
pub(super) fn field<'a>(value: &'a [u8], field: &str) -> Result<&'a [u8], Refusal> {
    let mut values = members(value, LIST_SEPARATOR).filter_map(|member| field_value(member, field));
    let first = values.next().ok_or(Refusal::Missing)?;
    match values.next() {
        Some(_) => Err(Refusal::Invalid),
        None => Ok(first),
    }
}

fn field_value<'a>(member: &'a [u8], field: &str) -> Option<&'a [u8]> {
    member.strip_prefix(field.as_bytes())?.strip_prefix(b"=")
}

/// The trimmed members of a list; the whole where there is no separator.
fn members<'a>(value: &'a [u8], separator: &str) -> impl Iterator<Item = &'a [u8]> {
    let separator = separator.as_bytes().first().copied();
    value
        .split(move |byte| Some(*byte) == separator)
        .map(<[u8]>::trim_ascii)
}
