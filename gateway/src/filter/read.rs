//! Reads a filter from JSON and names every fault by its place, such as `body.filter.deal.stage`.

use std::collections::HashSet;

use super::decimal::Decimal;
use super::rule::{Rule, Scalar, Test};
use crate::http::fields::Faults;
use crate::http::json::Node;

/// Fields that a filter may ask about, all levels together.
pub const MAX_CONDITIONS: usize = 50;
/// How deep `any_of`, `all_of` and `not` may stand in one another; the filter itself is the first level.
pub const MAX_LEVELS: usize = 5;
/// Names in a path.
pub const MAX_NAMES: usize = 10;
/// Values in an `in`.
pub const MAX_VALUES: usize = 100;
pub const MAX_CHARS: usize = 1_000;

const FORMS: &str = "expected a value, or an object with `in`, `prefix` or `exists`";

/// Reads a whole filter.
pub(super) fn filter(node: &Node, place: &str, faults: &mut Faults) -> Option<Rule> {
    let mut reader = Reader {
        faults,
        condition_count: 0,
        is_valid: true,
    };
    let rule = reader.object(node, place, 1);
    if reader.condition_count > MAX_CONDITIONS {
        let message = format!("expected at most {MAX_CONDITIONS} conditions, all levels together");
        reader.fault(place, "invalid_length", message);
    }
    reader.is_valid.then_some(rule)
}

struct Reader<'a> {
    faults: &'a mut Faults,
    condition_count: usize,
    is_valid: bool,
}

impl Reader<'_> {
    fn fault(&mut self, place: &str, code: &'static str, message: impl Into<String>) {
        self.is_valid = false;
        self.faults.add(place, code, message);
    }

    /// The rule of an object; where something is wrong one that is not used.
    fn object(&mut self, node: &Node, place: &str, level: usize) -> Rule {
        let Node::Object(members) = node else {
            self.fault(place, "invalid_type", "expected an object");
            return Rule::All(Vec::new());
        };
        if level > MAX_LEVELS {
            let message = format!("expected at most {MAX_LEVELS} levels");
            self.fault(place, "invalid_length", message);
            return Rule::All(Vec::new());
        }
        if members.is_empty() {
            self.fault(place, "invalid_length", "expected at least one condition");
        }
        let mut rules = Vec::with_capacity(members.len());
        for (key, value) in members {
            if self.condition_count > MAX_CONDITIONS {
                break;
            }
            let shown: String = key.chars().take(100).collect();
            let place = format!("{place}.{shown}");
            match key.as_str() {
                "all_of" => rules.push(Rule::All(self.list(value, &place, level))),
                "any_of" => rules.push(Rule::Any(self.list(value, &place, level))),
                "not" => rules.push(Rule::Not(Box::new(self.object(value, &place, level + 1)))),
                path => self.field(path, value, &place, &mut rules),
            }
        }
        Rule::All(rules)
    }

    fn list(&mut self, node: &Node, place: &str, level: usize) -> Vec<Rule> {
        let Node::List(items) = node else {
            self.fault(place, "invalid_type", "expected a list of objects");
            return Vec::new();
        };
        if !(1..=MAX_CONDITIONS).contains(&items.len()) {
            let message = format!("expected 1 to {MAX_CONDITIONS} items");
            self.fault(place, "invalid_length", message);
            return Vec::new();
        }
        let items = items.iter().enumerate();
        items
            .map(|(index, item)| self.object(item, &format!("{place}[{index}]"), level + 1))
            .collect()
    }

    fn field(&mut self, path: &str, value: &Node, place: &str, rules: &mut Vec<Rule>) {
        self.condition_count += 1;
        let names: Box<[Box<str>]> = path.split('.').map(Into::into).collect();
        let is_path = names.iter().all(|name| !name.is_empty()) && names.len() <= MAX_NAMES;
        if !is_path || path.chars().count() > MAX_CHARS {
            let message = format!(
                "expected 1 to {MAX_NAMES} names of fields joined by dots, {MAX_CHARS} characters in all"
            );
            self.fault(place, "invalid_path", message);
        }
        let Node::Object(members) = value else {
            if let Some(value) = self.scalar(value, place, FORMS) {
                rules.push(Rule::Field(names, Test::In(HashSet::from([value]))));
            }
            return;
        };
        if members.is_empty() {
            self.fault(place, "invalid_length", FORMS);
        }
        for (form, value) in members {
            let shown: String = form.chars().take(100).collect();
            if let Some(test) = self.test(form, value, &format!("{place}.{shown}")) {
                rules.push(Rule::Field(names.clone(), test));
            }
        }
    }

    fn test(&mut self, form: &str, value: &Node, place: &str) -> Option<Test> {
        match (form, value) {
            ("in", Node::List(items)) if (1..=MAX_VALUES).contains(&items.len()) => {
                let mut values = HashSet::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let place = format!("{place}[{index}]");
                    let message = "expected a string, a number, true, false or null";
                    values.extend(self.scalar(item, &place, message));
                }
                Some(Test::In(values))
            }
            ("in", Node::List(_)) => {
                self.fault(
                    place,
                    "invalid_length",
                    format!("expected 1 to {MAX_VALUES} values"),
                );
                None
            }
            ("prefix", Node::Text(text)) if (1..=MAX_CHARS).contains(&text.chars().count()) => {
                Some(Test::Prefix(text.as_str().into()))
            }
            ("prefix", Node::Text(_)) => {
                let message = format!("expected 1 to {MAX_CHARS} characters");
                self.fault(place, "invalid_length", message);
                None
            }
            ("exists", Node::Bool(wanted)) => Some(Test::Exists(*wanted)),
            ("in" | "prefix" | "exists", _) => {
                let message = match form {
                    "in" => "expected a list of values",
                    "prefix" => "expected a string",
                    _ => "expected true or false",
                };
                self.fault(place, "invalid_type", message);
                None
            }
            _ => {
                self.fault(place, "unknown_field", "is none of `in`, `prefix` and `exists`");
                None
            }
        }
    }

    fn scalar(&mut self, node: &Node, place: &str, expected: &str) -> Option<Scalar<'static>> {
        let too_long = format!("expected at most {MAX_CHARS} characters");
        match node {
            Node::Null => Some(Scalar::Null),
            Node::Bool(value) => Some(Scalar::Bool(*value)),
            Node::Text(text) if text.chars().count() <= MAX_CHARS => Some(Scalar::Text(text.clone().into())),
            Node::Number(text) if text.len() <= MAX_CHARS => {
                let number = Decimal::parse(text).map(Scalar::Number);
                if number.is_none() {
                    self.fault(place, "out_of_range", "its exponent is too large");
                }
                number
            }
            Node::Text(_) | Node::Number(_) => {
                self.fault(place, "invalid_length", too_long);
                None
            }
            Node::List(_) | Node::Object(_) => {
                self.fault(place, "invalid_type", expected);
                None
            }
        }
    }
}
