//! Query parameters: each is asked for by name, and one that nobody asks for is a fault.

use super::fields::Faults;
use super::form::urlencoded;
use super::problem::{Code, Problem};
use crate::base::clock::Millis;
use crate::base::page::{self, Page};

/// The parameters of one request.
#[derive(Debug)]
pub struct Query {
    pairs: Vec<(String, String)>,
    /// The parameters that stand in the body, as fields of a form.
    of_body: Vec<String>,
    pub faults: Faults,
    cursor_faults: Faults,
}

impl Query {
    /// Splits and decodes a query string; a parameter that stands twice is a fault, and so is one that is not UTF-8.
    pub fn parse(text: Option<&str>) -> Self {
        let mut query = Self {
            pairs: Vec::new(),
            of_body: Vec::new(),
            faults: Faults::default(),
            cursor_faults: Faults::default(),
        };
        for (name, value) in urlencoded::pairs(text.unwrap_or_default().as_bytes()) {
            match value {
                Some(value) => query.add(name, value),
                None => query.fault(&name, "not_utf8", "is not UTF-8"),
            }
        }
        query
    }

    /// Parameters that were read from a request before.
    pub fn of_pairs(pairs: Vec<(String, String)>) -> Self {
        Self {
            pairs,
            ..Self::parse(None)
        }
    }

    /// The parameters that are still to be taken.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// Adds a field of a JSON body, which counts like a parameter.
    pub fn add_body_field(&mut self, name: &str, value: String) {
        self.of_body.push(name.to_owned());
        self.add(name.to_owned(), value);
    }

    /// Adds a field of a form, which counts like a parameter if it is one of `allowed`.
    pub fn add_form_field(&mut self, name: String, value: String, allowed: &[&str]) {
        if !self.of_body.contains(&name) {
            self.of_body.push(name.clone());
        }
        if allowed.contains(&name.as_str()) {
            self.add(name, value);
        } else {
            self.fault(&name, "unknown_field", "is no field of this form");
        }
    }

    fn add(&mut self, name: String, value: String) {
        if value.contains('\0') {
            self.fault(&name, "nul", "must not hold U+0000");
        } else if self.pairs.iter().any(|(known, _)| *known == name) {
            self.fault(&name, "duplicate", "occurs twice");
        } else {
            self.pairs.push((name, value));
        }
    }

    /// The value of `name`, which is still to be taken.
    pub fn peek(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The value of `name`.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.pairs.iter().position(|(known, _)| known == name)?;
        Some(self.pairs.swap_remove(at).1)
    }

    /// The value of `name` read by `read`, which says what it expected.
    pub fn read<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.take(name)?;
        match read(&value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(name, "invalid", message);
                None
            }
        }
    }

    /// An RFC 3339 moment.
    pub fn moment(&mut self, name: &str) -> Option<Millis> {
        self.read(name, |text| {
            Millis::parse(text).ok_or_else(|| "expected an RFC 3339 time with an offset".into())
        })
    }

    /// `limit` and `cursor` for the list that `list` names with all its filters.
    pub fn page(&mut self, default_limit: u32, list: String) -> Page {
        let limit = self.read("limit", |text| {
            text.parse::<u32>()
                .ok()
                .filter(|limit| (1..=page::MAX_LIMIT).contains(limit))
                .ok_or_else(|| format!("expected a whole number from 1 to {}", page::MAX_LIMIT))
        });
        let after = self.take("cursor").and_then(|cursor| {
            let position = page::decode_cursor(&list, &cursor);
            if position.is_none() {
                let message = "was not given by this list with these filters";
                self.cursor_faults.add("query.cursor", "cursor_invalid", message);
            }
            position
        });
        Page {
            limit: limit.unwrap_or(default_limit),
            after,
            list,
        }
    }

    /// Notes a fault of a parameter.
    pub fn fault(&mut self, name: &str, code: &'static str, message: impl Into<String>) {
        let shown: String = name.chars().take(100).collect();
        let place = match self.of_body.iter().any(|known| known == name) {
            true => "body",
            false => "query",
        };
        self.faults.add(format!("{place}.{shown}"), code, message);
    }

    /// Ends the reading: unknown parameters are faults, and any fault is a 422.
    pub fn finish(mut self) -> Result<(), Problem> {
        self.refuse_rest();
        self.faults.into_result()?;
        self.cursor_faults.into_result_as(Code::CursorInvalid)
    }

    /// Ends the reading of a request without lists, and hands the faults over, to be joined with others.
    pub fn finish_faults(mut self) -> Faults {
        self.refuse_rest();
        self.faults
    }

    fn refuse_rest(&mut self) {
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.fault(&name, "unknown_parameter", "is no parameter of this request");
        }
    }
}
