//! What is filled in of a webhook, and the body of the API's request that it stands for.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::console::form::Form;
use crate::events::selection::EVERY;
use crate::events::types::{BUILT_IN, TypeNames};
use crate::http::problem::Problem;
use crate::webhooks::model::{BY_KEY, UNORDERED, Webhook};

pub const FIELDS: &[(&str, &str)] = &[
    ("name", "Name"),
    ("url", "Endpoint URL"),
    ("events", "Events"),
    ("filter", "Filter"),
    ("headers", "Headers"),
    ("max_attempts", "Attempts"),
    ("timeout_seconds", "Timeout in seconds"),
    ("rate_limit_per_second", "Requests per second"),
    ("ordering", "Ordering"),
];
pub const ORDERINGS: [(&str, &str); 2] = [
    (UNORDERED, "As they come"),
    (BY_KEY, "Events of one ordering key one after another"),
];

/// The event types of one area, such as `deal`: name and meaning.
pub struct Group {
    pub name: String,
    pub types: Vec<(String, String)>,
}

/// The built-in types in groups, then the workspace's own.
pub fn groups(names: &TypeNames) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (name, meaning) in BUILT_IN {
        let area = name.split('.').next().unwrap_or(name);
        let kind = (name.to_owned(), meaning.to_owned());
        match groups
            .last_mut()
            .filter(|group| group.name.eq_ignore_ascii_case(area))
        {
            Some(group) => group.types.push(kind),
            None => {
                let (first, rest) = area.split_at(1);
                groups.push(Group {
                    name: format!("{}{rest}", first.to_ascii_uppercase()),
                    types: vec![kind],
                });
            }
        }
    }
    let own = names
        .added()
        .iter()
        .map(|name| (name.to_string(), String::new()))
        .collect::<Vec<_>>();
    if !own.is_empty() {
        groups.push(Group {
            name: "Your own".to_owned(),
            types: own,
        });
    }
    groups
}

/// What is filled in.
pub struct Asked {
    pub name: String,
    pub url: String,
    /// Those of the boxes, `*` among them.
    pub events: Vec<String>,
    /// Others, such as `stripe.*`, one a line.
    pub others: String,
    pub filter: String,
    pub headers: String,
    pub attempts: String,
    pub timeout: String,
    pub rate: String,
    pub ordering: String,
}

impl Asked {
    /// A form that nobody has filled in.
    pub fn nothing() -> Self {
        Self {
            name: String::new(),
            url: String::new(),
            events: Vec::new(),
            others: String::new(),
            filter: String::new(),
            headers: String::new(),
            attempts: String::new(),
            timeout: String::new(),
            rate: String::new(),
            ordering: UNORDERED.to_owned(),
        }
    }

    /// What was sent.
    pub fn read(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            name: text("name"),
            url: text("url"),
            events: form.all("events").map(str::to_owned).collect(),
            others: text("other_events"),
            filter: text("filter"),
            headers: text("headers"),
            attempts: text("max_attempts"),
            timeout: text("timeout_seconds"),
            rate: text("rate_limit_per_second"),
            ordering: form.filled("ordering").unwrap_or(UNORDERED).to_owned(),
        }
    }

    /// How a webhook is now.
    pub fn of(webhook: &Webhook, names: &TypeNames) -> Self {
        let number = |value: Option<u32>| value.map_or_else(String::new, |value| value.to_string());
        let has_box = |name: &&String| name.as_str() == EVERY || names.contains(name);
        let (boxes, others): (Vec<&String>, Vec<&String>) = webhook.events.iter().partition(has_box);
        let lines = |list: Vec<&String>| list.into_iter().cloned().collect::<Vec<_>>();
        let headers = webhook
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"));
        Self {
            name: webhook.name.clone(),
            url: webhook.url.clone(),
            events: lines(boxes),
            others: lines(others).join("\n"),
            filter: webhook
                .filter
                .as_ref()
                .map_or_else(String::new, |filter| filter.as_str().to_owned()),
            headers: headers.collect::<Vec<_>>().join("\n"),
            attempts: number(webhook.max_attempts.map(u32::from)),
            timeout: number(webhook.timeout_seconds.map(u32::from)),
            rate: number(webhook.rate_limit_per_second),
            ordering: webhook.ordering.clone(),
        }
    }

    /// Whether a box is ticked.
    pub fn is_ticked(&self, name: &str) -> bool {
        self.events.iter().any(|known| known == name)
    }

    /// Whether anything stands in the folded part.
    pub fn has_more(&self) -> bool {
        let texts = [
            &self.others,
            &self.filter,
            &self.headers,
            &self.attempts,
            &self.timeout,
            &self.rate,
        ];
        texts.iter().any(|text| !text.trim().is_empty()) || self.ordering != UNORDERED
    }

    /// The body of the request. What cannot be read is sent as it is, for the API to say so.
    pub fn body(&self) -> Result<BTreeMap<&'static str, Box<RawValue>>, Problem> {
        let others = self.others.lines().map(str::trim).filter(|line| !line.is_empty());
        let events: Vec<&str> = match self.is_ticked(EVERY) {
            true => vec![EVERY],
            false => self.events.iter().map(String::as_str).chain(others).collect(),
        };
        let lines = self
            .headers
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty());
        let headers: BTreeMap<&str, &str> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                (name.trim(), value.trim())
            })
            .collect();
        let fields = [
            ("name", raw(&self.name.trim())?),
            ("url", raw(&self.url.trim())?),
            ("events", raw(&events)?),
            ("filter", self.filter()?),
            ("headers", raw(&headers)?),
            ("max_attempts", raw(&number(&self.attempts))?),
            ("timeout_seconds", raw(&number(&self.timeout))?),
            ("rate_limit_per_second", raw(&number(&self.rate))?),
            ("ordering", raw(&self.ordering)?),
        ];
        Ok(fields.into_iter().collect())
    }

    /// The filter as it was typed: its numbers keep every digit.
    fn filter(&self) -> Result<Box<RawValue>, Problem> {
        match self.filter.trim() {
            "" => raw(&Value::Null),
            text => RawValue::from_string(text.to_owned()).or_else(|_| raw(&text)),
        }
    }
}

fn raw(value: &impl Serialize) -> Result<Box<RawValue>, Problem> {
    to_raw_value(value).map_err(|fault| Problem::internal(&fault))
}

fn number(text: &str) -> Value {
    match text.trim() {
        "" => Value::Null,
        text => text
            .parse::<u64>()
            .map_or_else(|_| Value::from(text), Value::from),
    }
}
