//! Parses a request into typed values and collects every fault, so that a client can fix all of them at once.

use super::json::Node;
use super::problem::{Code, FieldFault, Problem};

/// The faults found so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldFault>);

impl Faults {
    /// Notes one fault.
    pub fn add(&mut self, location: impl Into<String>, code: &'static str, message: impl Into<String>) {
        self.0.push(FieldFault {
            location: location.into(),
            code,
            message: message.into(),
        });
    }

    /// Adds those of another reading.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// 422 with all faults, if there are any.
    pub fn into_result(self) -> Result<(), Problem> {
        self.into_result_as(Code::ValidationFailed)
    }

    /// 422 under a code of its own, if there are any faults.
    pub fn into_result_as(self, code: Code) -> Result<(), Problem> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Problem::invalid_as(code, self.0)),
        }
    }

    /// Whether nothing is wrong so far.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All faults.
    pub fn into_vec(self) -> Vec<FieldFault> {
        self.0
    }
}

/// The members of a JSON body, taken one by one; what is left over at the end is unknown.
#[derive(Debug)]
pub struct Fields {
    members: Vec<(String, Node)>,
    pub faults: Faults,
}

impl Fields {
    /// Opens a body; one that is not an object is a fault at `body`.
    pub fn of(body: Node) -> Self {
        let mut faults = Faults::default();
        let members = match body {
            Node::Object(members) => {
                for (key, value) in &members {
                    find_nul(&format!("body.{key}"), key, value, &mut faults);
                }
                members
            }
            _ => {
                faults.add("body", "invalid_type", "expected a JSON object");
                Vec::new()
            }
        };
        Self { members, faults }
    }

    /// The value of `name`; absent is `None`, while `null` is `Some(Node::Null)`.
    pub fn take(&mut self, name: &str) -> Option<Node> {
        let at = self.members.iter().position(|(key, _)| key == name)?;
        Some(self.members.swap_remove(at).1)
    }

    /// The value of `name`, with `null` read as absent.
    pub fn take_set(&mut self, name: &str) -> Option<Node> {
        self.take(name).filter(|node| *node != Node::Null)
    }

    /// Notes a fault of a field.
    pub fn fault(&mut self, name: &str, code: &'static str, message: impl Into<String>) {
        self.faults.add(format!("body.{name}"), code, message);
    }

    /// A field that must be there.
    pub fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self, &str, Node) -> Option<T>,
    ) -> Option<T> {
        match self.take(name) {
            Some(node) => read(self, name, node),
            None => {
                self.fault(name, "required", "is required");
                None
            }
        }
    }

    /// A field that may be absent or `null`.
    pub fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self, &str, Node) -> Option<T>,
    ) -> Option<T> {
        let node = self.take_set(name)?;
        read(self, name, node)
    }

    /// A field of a PATCH: `None` if absent, `Some(None)` to clear it, `Some(Some(value))` to set it.
    pub fn patched<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self, &str, Node) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.take(name)? {
            Node::Null => Some(None),
            node => read(self, name, node).map(Some),
        }
    }

    /// A field of a PATCH that may be set but not cleared.
    pub fn set<T>(&mut self, name: &str, read: impl FnOnce(&mut Self, &str, Node) -> Option<T>) -> Option<T> {
        match self.take(name)? {
            Node::Null => {
                self.fault(name, "required", "cannot be cleared");
                None
            }
            node => read(self, name, node),
        }
    }

    /// Ends the reading: unknown fields are faults, and any fault is a 422.
    pub fn finish(self) -> Result<(), Problem> {
        self.finish_faults().into_result()
    }

    /// Ends the reading and hands the faults over, to be joined with others.
    pub fn finish_faults(mut self) -> Faults {
        for (key, _) in std::mem::take(&mut self.members) {
            let shown: String = key.chars().take(100).collect();
            self.fault(&shown, "unknown_field", "is no field of this request");
        }
        self.faults
    }
}

fn find_nul(place: &str, key: &str, value: &Node, faults: &mut Faults) {
    if key.contains('\0') {
        faults.add(place.replace('\0', "\\0"), "nul", "must not hold U+0000");
    }
    match value {
        Node::Text(text) if text.contains('\0') => {
            faults.add(place, "nul", "must not hold U+0000");
        }
        Node::List(items) => {
            for (index, item) in items.iter().enumerate() {
                find_nul(&format!("{place}[{index}]"), "", item, faults);
            }
        }
        Node::Object(members) => {
            for (key, value) in members {
                find_nul(&format!("{place}.{key}"), key, value, faults);
            }
        }
        _ => {}
    }
}

/// Reads text of `least` to `most` characters.
pub fn text(least: usize, most: usize) -> impl FnOnce(&mut Fields, &str, Node) -> Option<String> {
    move |fields, name, node| {
        let Node::Text(text) = node else {
            fields.fault(name, "invalid_type", "expected a string");
            return None;
        };
        let length = text.chars().count();
        if (least..=most).contains(&length) && !(least > 0 && text.trim().is_empty()) {
            return Some(text);
        }
        let message = format!("expected {least} to {most} characters, and not only blanks");
        fields.fault(name, "invalid_length", message);
        None
    }
}

/// Reads [`text`] that is shown in one line: without control characters.
pub fn line(least: usize, most: usize) -> impl FnOnce(&mut Fields, &str, Node) -> Option<String> {
    move |fields, name, node| {
        let text = text(least, most)(fields, name, node)?;
        without(fields, name, text, char::is_control)
    }
}

/// Reads [`text`] of one or more lines: without control characters but tabs and line breaks.
pub fn prose(least: usize, most: usize) -> impl FnOnce(&mut Fields, &str, Node) -> Option<String> {
    move |fields, name, node| {
        let text = text(least, most)(fields, name, node)?;
        let is_odd = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n' | '\r');
        without(fields, name, text, is_odd)
    }
}

fn without(fields: &mut Fields, name: &str, text: String, is_odd: impl Fn(char) -> bool) -> Option<String> {
    // U+0000 has been found already, everywhere.
    if text.chars().any(|letter| letter != '\0' && is_odd(letter)) {
        fields.fault(name, "control_character", "must not hold control characters");
        return None;
    }
    Some(text)
}

/// Reads a whole number from `least` to `most`.
pub fn integer(least: i64, most: i64) -> impl FnOnce(&mut Fields, &str, Node) -> Option<i64> {
    move |fields, name, node| {
        let number = match &node {
            Node::Number(text) => text.parse().ok().or_else(|| whole(text)),
            _ => None,
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let message = format!("expected a whole number from {least} to {most}");
            let code = match node {
                Node::Number(_) => "out_of_range",
                _ => "invalid_type",
            };
            fields.fault(name, code, message);
        }
        number
    }
}

/// The whole number that is written as `5.0` or `5e0`; JSON Schema takes these for integers too.
fn whole(text: &str) -> Option<i64> {
    const MOST: f64 = 9_007_199_254_740_992.0;
    let number: f64 = text.parse().ok()?;
    // Below 2^53 every whole number is exact.
    (number.fract() == 0.0 && number.abs() < MOST).then_some(number as i64)
}

/// Reads `true` or `false`.
pub fn boolean(fields: &mut Fields, name: &str, node: Node) -> Option<bool> {
    match node {
        Node::Bool(flag) => Some(flag),
        _ => {
            fields.fault(name, "invalid_type", "expected true or false");
            None
        }
    }
}

/// Reads an RFC 3339 moment with an offset.
pub fn moment(fields: &mut Fields, name: &str, node: Node) -> Option<crate::base::clock::Millis> {
    let moment = match &node {
        Node::Text(text) => crate::base::clock::Millis::parse(text),
        _ => None,
    };
    if moment.is_none() {
        let message = "expected an RFC 3339 time with an offset, such as 2026-01-31T12:00:00Z";
        let code = match node {
            Node::Text(_) => "invalid_time",
            _ => "invalid_type",
        };
        fields.fault(name, code, message);
    }
    moment
}

/// Reads a list of `least` to `most` different strings, each checked by `read_item`, which says what it expects.
pub fn list<T: PartialEq>(
    least: usize,
    most: usize,
    read_item: impl Fn(&str) -> Result<T, String>,
) -> impl FnOnce(&mut Fields, &str, Node) -> Option<Vec<T>> {
    move |fields, name, node| {
        let Node::List(items) = node else {
            fields.fault(name, "invalid_type", "expected a list of strings");
            return None;
        };
        if !(least..=most).contains(&items.len()) {
            fields.fault(
                name,
                "invalid_length",
                format!("expected {least} to {most} items"),
            );
            return None;
        }
        let mut values = Vec::with_capacity(items.len());
        let mut is_valid = true;
        for (index, item) in items.into_iter().enumerate() {
            let place = format!("{name}[{index}]");
            let fault = match item {
                Node::Text(text) => match read_item(&text) {
                    Ok(value) if values.contains(&value) => ("duplicate", "occurs twice".into()),
                    Ok(value) => {
                        values.push(value);
                        continue;
                    }
                    Err(message) => ("invalid", message),
                },
                _ => ("invalid_type", "expected a string".to_owned()),
            };
            is_valid = false;
            fields.fault(&place, fault.0, fault.1);
        }
        is_valid.then_some(values)
    }
}
