//! The form of a report, and the body of the API's request that it stands for.

use serde_json::{Value, json};

use crate::console::alert::Alert;
use crate::console::form::Form;

pub const FIELDS: &[(&str, &str)] = &[
    ("state", "State"),
    ("user_message", "User message"),
    ("history_note", "History note"),
    ("private_entry", "Private entry"),
];

/// What is filled in of a report.
#[derive(Default)]
pub struct Asked {
    pub state: String,
    pub user_message: String,
    pub history_note: String,
    pub is_private: bool,
}

impl Asked {
    /// What was sent.
    pub fn read(form: &Form) -> Self {
        Self {
            state: form.text("state").to_owned(),
            user_message: form.text("user_message").to_owned(),
            history_note: form.text("history_note").to_owned(),
            is_private: form.filled("private_entry").is_some(),
        }
    }

    /// The body of the request.
    pub fn body(&self) -> Value {
        let state = Some(&self.state).filter(|state| !state.is_empty());
        json!({
            "state": state,
            "user_message": self.user_message,
            "history_note": self.history_note,
            "private_entry": self.is_private,
        })
    }
}

/// The form with what was wrong with it.
pub struct Reporting {
    pub form_id: String,
    pub alert: Option<Alert>,
    pub asked: Asked,
}
