//! `path { "??" (path | literal) } { "|" filter }`, read and evaluated.

use std::borrow::Cow;

use super::filter::Filter;
use super::scope::{RenderFault, Scope};
use super::value::literal;
use crate::http::json::Node;

/// The deepest path that is taken.
const MAX_NAMES: usize = 32;

/// What stands between `{{` and `}}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placeholder {
    written: String,
    operands: Vec<Operand>,
    filters: Vec<Filter>,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Path(Vec<String>),
    Literal(Node),
}

impl Placeholder {
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        let mut pieces = split(text, "|")?.into_iter();
        let value = pieces.next().unwrap_or_default();
        let operands = split(value, "??")?
            .into_iter()
            .enumerate()
            .map(|(at, operand)| Operand::compile(operand.trim(), at > 0))
            .collect::<Result<_, _>>()?;
        let filters = pieces
            .map(|filter| Filter::compile(filter.trim()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            written: text.to_owned(),
            operands,
            filters,
        })
    }

    /// The paths that are read.
    pub(super) fn paths(&self) -> impl Iterator<Item = &[String]> {
        self.operands.iter().filter_map(|operand| match operand {
            Operand::Path(names) => Some(names.as_slice()),
            Operand::Literal(_) => None,
        })
    }

    /// What stands between the braces.
    pub(super) fn written(&self) -> &str {
        &self.written
    }

    /// The first path, as it is written.
    pub(super) fn name(&self) -> String {
        self.paths()
            .next()
            .map(|names| names.join("."))
            .unwrap_or_default()
    }

    /// The names of the secrets that are used.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.filters.iter().filter_map(Filter::secret)
    }

    /// The value; `None` where it is absent.
    pub(super) fn evaluate<'s>(&'s self, scope: &Scope<'s>) -> Result<Option<Cow<'s, Node>>, RenderFault> {
        let mut value = self.operands.iter().find_map(|operand| match operand {
            Operand::Path(names) => scope.find(names).map(Cow::Borrowed),
            Operand::Literal(literal) => Some(Cow::Borrowed(literal)),
        });
        for filter in &self.filters {
            value = filter.apply(value, scope)?;
        }
        Ok(value.filter(|value| **value != Node::Null))
    }
}

impl Operand {
    fn compile(text: &str, may_be_literal: bool) -> Result<Self, String> {
        if let Some(literal) = literal(text) {
            return match may_be_literal {
                true => Ok(Self::Literal(literal)),
                false => Err(format!("{text} is a literal where a path has to stand")),
            };
        }
        let names: Vec<String> = text.split('.').map(str::to_owned).collect();
        let is_name = |name: &String| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        };
        if names.len() > MAX_NAMES || !names.iter().all(is_name) {
            return Err(format!("{text:?} is no path such as body.event.id"));
        }
        Ok(Self::Path(names))
    }
}

/// Splits at a separator that stands outside quotes.
fn split<'t>(text: &'t str, separator: &str) -> Result<Vec<&'t str>, String> {
    let (mut pieces, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, letter) in text.char_indices() {
        match quote {
            Some(open) if open == letter => quote = None,
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            None if at >= start && text[at..].starts_with(separator) => {
                pieces.push(&text[start..at]);
                start = at + separator.len();
            }
            Some(_) | None => {}
        }
    }
    if quote.is_some() {
        return Err(format!("{text:?} has a quote that does not close"));
    }
    pieces.push(&text[start..]);
    Ok(pieces)
}
