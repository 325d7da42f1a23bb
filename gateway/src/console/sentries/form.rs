//! What is filled in of a sentry, and the body of the API's request that it stands for.

use serde_json::{Value, json};

use crate::console::form::Form;
use crate::sentries::model::Sentry;

pub const FIELDS: &[(&str, &str)] = &[
    ("name", "Name"),
    ("description", "Description"),
    ("timeout_hours", "Time-out in hours"),
    ("upstream", "Upstream sentries"),
    ("hoots", "Hoots"),
];

/// What is filled in.
#[derive(Default)]
pub struct Asked {
    pub name: String,
    pub description: String,
    pub timeout: String,
    /// Ids.
    pub upstream: Vec<String>,
    /// Ids.
    pub hoots: Vec<String>,
}

impl Asked {
    /// What was sent: boxes that are ticked, and further ids one a line.
    pub fn read(form: &Form) -> Self {
        Self {
            name: form.text("name").to_owned(),
            description: form.text("description").to_owned(),
            timeout: form.text("timeout_hours").to_owned(),
            upstream: ids(form, "upstream", "other_upstream"),
            hoots: ids(form, "hoots", "other_hoots"),
        }
    }

    /// How a sentry is now.
    pub fn of(sentry: &Sentry) -> Self {
        let hours = sentry.timeout_hours.map(|hours| json!(hours).to_string());
        Self {
            name: sentry.name.clone(),
            description: sentry.description.clone().unwrap_or_default(),
            timeout: hours.unwrap_or_default(),
            upstream: sentry.upstream.iter().map(ToString::to_string).collect(),
            hoots: sentry.hoots.iter().map(ToString::to_string).collect(),
        }
    }

    /// The body of the request. What cannot be read is sent as it is, for the API to say so.
    pub fn body(&self) -> Value {
        let description = Some(&self.description).filter(|text| !text.trim().is_empty());
        let hours = match self.timeout.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        };
        json!({
            "name": self.name.trim(),
            "description": description,
            "timeout_hours": hours,
            "upstream": self.upstream,
            "hoots": self.hoots,
        })
    }
}

/// The ids of a group of boxes and of the field for those that have no box.
pub fn ids(form: &Form, boxes: &str, others: &str) -> Vec<String> {
    let lines = form.text(others).lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty());
    form.all(boxes).chain(lines).map(str::to_owned).collect()
}
