//! A string with placeholders.

use std::borrow::Cow;
use std::fmt;

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

/// The string as it was written.
impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Fixed(fixed) => out.write_str(&fixed.replace("{{", "\\{{"))?,
                Part::Hole(hole) => write!(out, "{{{{{}}}}}", hole.written())?,
            }
        }
        Ok(())
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

    /// The text, where no value is part of it.
    pub fn fixed(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Fixed(fixed)] => Some(fixed),
            _ => None,
        }
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
        self.written(scope, |_, value| Ok(value.to_owned()))
    }

    /// The text with `& < >` of values, not of the template, as entities. `None` where the string is one placeholder
    /// and that is absent.
    pub fn escaped(&self, scope: &Scope<'_>) -> Result<Option<String>, RenderFault> {
        if let [Part::Hole(hole)] = self.0.as_slice()
            && hole.evaluate(scope)?.is_none()
        {
            return Ok(None);
        }
        self.written(scope, |_, value| Ok(entities(value))).map(Some)
    }

    /// The text in which `write` puts each value, given what stands before it.
    pub(super) fn written(
        &self,
        scope: &Scope<'_>,
        write: impl Fn(&str, &str) -> Result<String, RenderFault>,
    ) -> Result<String, RenderFault> {
        let mut text = String::new();
        for part in &self.0 {
            let before = text.len();
            match part {
                Part::Fixed(fixed) => text.push_str(fixed),
                Part::Hole(hole) => {
                    let value = hole.evaluate(scope)?;
                    let value = value.as_deref().map(plain).unwrap_or_default();
                    let written = write(&text, &value).map_err(|fault| fault.within(&hole.name()))?;
                    text.push_str(&written);
                }
            }
            scope.spend(text.len() - before)?;
        }
        Ok(text)
    }

    /// The same string cut at the commas of its fixed text that stand outside quotes.
    pub fn split_at_commas(&self) -> Vec<Self> {
        let (mut pieces, mut piece, mut is_quoted) = (Vec::new(), Vec::new(), false);
        for part in &self.0 {
            let Part::Fixed(fixed) = part else {
                piece.push(part.clone());
                continue;
            };
            let mut start = 0;
            for (at, letter) in fixed.char_indices() {
                match letter {
                    '"' => is_quoted = !is_quoted,
                    ',' if !is_quoted => {
                        piece.push(Part::Fixed(fixed[start..at].to_owned()));
                        pieces.push(Self(std::mem::take(&mut piece)));
                        start = at + 1;
                    }
                    _ => {}
                }
            }
            piece.push(Part::Fixed(fixed[start..].to_owned()));
        }
        pieces.push(Self(piece));
        pieces
    }

    /// The value of a string that is one placeholder and blanks; `None` where it is anything else.
    pub fn lone_value(&self, scope: &Scope<'_>) -> Option<Result<Option<Node>, RenderFault>> {
        let mut holes = self.holes();
        let (hole, None) = (holes.next()?, holes.next()) else {
            return None;
        };
        let is_blank = |part: &Part| {
            matches!(part, Part::Hole(_)) || matches!(part, Part::Fixed(fixed) if fixed.trim().is_empty())
        };
        if !self.0.iter().all(is_blank) {
            return None;
        }
        Some(hole.evaluate(scope).map(|value| value.map(Cow::into_owned)))
    }
}

/// A value with `& < >` as entities.
pub fn entities(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for letter in value.chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            other => text.push(other),
        }
    }
    text
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
