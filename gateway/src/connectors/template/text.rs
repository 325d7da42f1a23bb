//! A string with placeholders.

use std::borrow::Cow;

use serde::Deserialize;

use super::placeholder::Placeholder;
use super::scope::{RenderFault, Scope};
use super::value::{plain, size};
use super::{MAX_PLACEHOLDERS, MAX_TEMPLATE_BYTES};
use crate::http::json::Node;

/// A string, compiled.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Text(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Fixed(String),
    Hole(Placeholder),
}

impl TryFrom<String> for Text {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::compile(&text)
    }
}

impl Text {
    /// Compiles a string; `\{{` stands for `{{` itself.
    pub fn compile(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(format!("is longer than {MAX_TEMPLATE_BYTES} bytes"));
        }
        let (mut parts, mut fixed, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            if let Some(before) = before.strip_suffix('\\') {
                fixed.push_str(before);
                fixed.push_str("{{");
                rest = after;
                continue;
            }
            fixed.push_str(before);
            let end = end_of_hole(after).ok_or("has {{ without }}")?;
            if !fixed.is_empty() {
                parts.push(Part::Fixed(std::mem::take(&mut fixed)));
            }
            parts.push(Part::Hole(Placeholder::compile(after[..end].trim())?));
            rest = &after[end + 2..];
        }
        fixed.push_str(rest);
        if !fixed.is_empty() {
            parts.push(Part::Fixed(fixed));
        }
        let compiled = Self(parts);
        match compiled.holes().count() > MAX_PLACEHOLDERS {
            true => Err(format!("has more than {MAX_PLACEHOLDERS} placeholders")),
            false => Ok(compiled),
        }
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    pub(super) fn holes(&self) -> impl Iterator<Item = &Placeholder> {
        self.0.iter().filter_map(|part| match part {
            Part::Hole(hole) => Some(hole),
            Part::Fixed(_) => None,
        })
    }

    /// The paths that are read.
    pub fn paths(&self) -> impl Iterator<Item = &[String]> {
        self.holes().flat_map(Placeholder::paths)
    }

    /// The names of the secrets that are used.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.holes().flat_map(Placeholder::secrets)
    }

    /// Whether all that this renders to begins with `start`.
    pub fn begins_with(&self, start: &str) -> bool {
        matches!(self.0.first(), Some(Part::Fixed(fixed)) if fixed.starts_with(start))
    }

    /// The value: with its type where the string is one placeholder, else text. `None` where that one is absent.
    pub fn value(&self, scope: &Scope<'_>) -> Result<Option<Node>, RenderFault> {
        match self.0.as_slice() {
            [Part::Hole(hole)] => {
                let value = hole.evaluate(scope)?.map(Cow::into_owned);
                if let Some(value) = &value {
                    scope.spend(size(value))?;
                }
                Ok(value)
            }
            _ => self.text(scope).map(|text| Some(Node::Text(text))),
        }
    }

    /// The text; an absent value is empty, an object or a list is compact JSON.
    pub fn text(&self, scope: &Scope<'_>) -> Result<String, RenderFault> {
        let mut text = String::new();
        for part in &self.0 {
            let before = text.len();
            match part {
                Part::Fixed(fixed) => text.push_str(fixed),
                Part::Hole(hole) => {
                    if let Some(value) = hole.evaluate(scope)? {
                        text.push_str(&plain(&value));
                    }
                }
            }
            scope.spend(text.len() - before)?;
        }
        Ok(text)
    }
}

/// Where the `}}` stands that ends a placeholder; one within quotes is text.
fn end_of_hole(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match quote {
            Some(open) if open == letter => quote = None,
            Some(_) => {}
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            None if text[at..].starts_with("}}") => return Some(at),
            None => {}
        }
    }
    None
}
