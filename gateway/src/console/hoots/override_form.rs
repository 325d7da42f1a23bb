//! The form of an override, and the body of the API's request that it stands for.

use serde_json::{Value, json};

use crate::console::alert::Alert;
use crate::console::form::Form;

/// What is filled in of an override.
#[derive(Default)]
pub struct Asked {
    pub state: String,
    pub message: String,
    /// As a browser writes a moment: `2026-01-31T12:00`.
    pub until: String,
}

impl Asked {
    /// What was sent.
    pub fn read(form: &Form) -> Self {
        let text = |name| form.text(name).trim().to_owned();
        Self {
            state: text("override_state"),
            message: text("override_message"),
            until: text("override_until"),
        }
    }

    /// The body of the request. What cannot be read is sent as it is, for the API to say so.
    pub fn body(&self) -> Value {
        let message = Some(&self.message).filter(|text| !text.is_empty());
        let until = match self.until.len() {
            0 => None,
            16 => Some(format!("{}:00Z", self.until)),
            _ => Some(format!("{}Z", self.until)),
        };
        json!({"override": {"state": self.state, "message": message, "until": until}})
    }
}

/// The form with what was wrong with it.
pub struct Overriding {
    pub form_id: String,
    pub alert: Option<Alert>,
    pub asked: Asked,
}
