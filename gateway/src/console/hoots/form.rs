//! What is filled in of a hoot, and the body of the API's request that it stands for.

use serde_json::{Value, json};

use crate::console::form::Form;
use crate::console::sentries::chosen_ids;
use crate::hoots::model::StoredHoot;

pub const FIELDS: &[(&str, &str)] = &[
    ("name", "Name"),
    ("description", "Description"),
    ("resource_url", "Resource URL"),
    ("public", "Public"),
    ("sentries", "Sentries"),
    ("message", "Message"),
    ("links", "Links"),
    ("faqs", "Questions"),
];
/// Empty rows behind those that are filled in.
const SPARE_ROWS: usize = 2;

/// What is filled in.
pub struct Asked {
    pub name: String,
    pub description: String,
    pub resource_url: String,
    pub is_public: bool,
    /// Ids.
    pub sentries: Vec<String>,
    pub message: String,
    /// Label and URL.
    pub links: Vec<(String, String)>,
    /// Question and answer.
    pub faqs: Vec<(String, String)>,
}

impl Asked {
    /// A form that nobody has filled in.
    pub fn nothing() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            resource_url: String::new(),
            is_public: true,
            sentries: Vec::new(),
            message: String::new(),
            links: with_spare(Vec::new()),
            faqs: with_spare(Vec::new()),
        }
    }

    /// What was sent.
    pub fn read(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            name: text("name"),
            description: text("description"),
            resource_url: text("resource_url"),
            is_public: form.filled("public").is_some(),
            sentries: chosen_ids(form, "sentries", "other_sentries"),
            message: text("message"),
            links: with_spare(pairs(form, "link_label", "link_url")),
            faqs: with_spare(pairs(form, "question", "answer")),
        }
    }

    /// How a hoot is now.
    pub fn of(hoot: &StoredHoot) -> Self {
        let links = hoot
            .links
            .iter()
            .map(|link| (link.label.clone(), link.url.clone()));
        let faqs = hoot
            .faqs
            .iter()
            .map(|faq| (faq.question.clone(), faq.answer.clone()));
        Self {
            name: hoot.name.clone(),
            description: hoot.description.clone().unwrap_or_default(),
            resource_url: hoot.resource_url.clone().unwrap_or_default(),
            is_public: hoot.public,
            sentries: hoot.sentries.iter().map(|sentry| sentry.id.to_string()).collect(),
            message: hoot.message.clone().unwrap_or_default(),
            links: with_spare(links.collect()),
            faqs: with_spare(faqs.collect()),
        }
    }

    /// The body of the request.
    pub fn body(&self) -> Value {
        let given = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let links = filled(&self.links).map(|(label, url)| json!({"label": label, "url": url}));
        let faqs =
            filled(&self.faqs).map(|(question, answer)| json!({"question": question, "answer": answer}));
        json!({
            "name": self.name.trim(),
            "description": given(&self.description),
            "resource_url": given(&self.resource_url),
            "public": self.is_public,
            "sentries": self.sentries,
            "message": given(&self.message),
            "links": links.collect::<Vec<_>>(),
            "faqs": faqs.collect::<Vec<_>>(),
        })
    }
}

fn pairs(form: &Form, first: &str, second: &str) -> Vec<(String, String)> {
    let pairs = form.all(first).zip(form.all(second));
    let pairs = pairs.map(|(one, other)| (one.trim().to_owned(), other.trim().to_owned()));
    pairs.filter(|pair| !is_blank(pair)).collect()
}

fn is_blank(pair: &(String, String)) -> bool {
    pair.0.is_empty() && pair.1.is_empty()
}

fn filled(rows: &[(String, String)]) -> impl Iterator<Item = &(String, String)> {
    rows.iter().filter(|pair| !is_blank(pair))
}

fn with_spare(mut rows: Vec<(String, String)>) -> Vec<(String, String)> {
    rows.extend((0..SPARE_ROWS).map(|_| (String::new(), String::new())));
    rows
}
