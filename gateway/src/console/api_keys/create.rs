//! `/integrations/api-keys/new`, and the one page that shows a key.

use askama::Template;
use http::StatusCode;
use serde_json::{Value, json};

use super::{Area, areas};
use crate::base::clock::Millis;
use crate::base::scope::{Scope, Scopes};
use crate::console::Visit;
use crate::console::alert::Alert;
use crate::console::form::{Form, new_id};
use crate::console::frame::{Frame, Section};
use crate::console::page;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::keys::{Keys, api};

const FIELDS: &[(&str, &str)] = &[
    ("name", "Name"),
    ("scopes", "Scopes"),
    ("expires_at", "Expires"),
    ("ip_allowlist", "Allowed addresses"),
    ("rate_limit_per_second", "Requests per second"),
];
/// Choices of an end: what the form sends, what it says, and days.
const LIVES: [(&str, &str, i64); 6] = [
    ("never", "Never", 0),
    ("7", "7 days", 7),
    ("30", "30 days", 30),
    ("90", "90 days", 90),
    ("365", "1 year", 365),
    ("date", "On a date", 0),
];
const DAY_SECONDS: i64 = 86_400;

#[derive(Template)]
#[template(path = "api_keys/new.html")]
struct NewPage {
    frame: Frame,
    form_id: String,
    alert: Option<Alert>,
    asked: Asked,
    held: Scopes,
    areas: Vec<Area>,
    lives: Vec<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "api_keys/created.html")]
struct CreatedPage<'a> {
    frame: Frame,
    id: &'a str,
    name: &'a str,
    key: Option<&'a str>,
    origin: String,
}

impl NewPage {
    fn is_ticked(&self, scope: &Scope) -> bool {
        self.asked.scopes.contains(*scope)
    }

    fn is_held(&self, scope: &Scope) -> bool {
        self.held.contains(*scope)
    }
}

/// What was filled in.
struct Asked {
    name: String,
    scopes: Scopes,
    life: String,
    expires_on: String,
    addresses: String,
    rate: String,
}

impl Asked {
    fn read(form: &Form) -> Self {
        Self {
            name: form.text("name").to_owned(),
            scopes: form.all("scopes").filter_map(Scope::parse).collect(),
            life: form.filled("expires_at").unwrap_or("never").to_owned(),
            expires_on: form.text("expires_on").to_owned(),
            addresses: form.text("ip_allowlist").to_owned(),
            rate: form.text("rate_limit_per_second").to_owned(),
        }
    }

    fn nothing() -> Self {
        Self {
            name: String::new(),
            scopes: Scopes::default(),
            life: "never".into(),
            expires_on: String::new(),
            addresses: String::new(),
            rate: String::new(),
        }
    }

    /// Ticks boxes: those of the scopes that the session has.
    fn picking(mut self, what: &str, held: Scopes) -> Self {
        let is_wanted = |scope: &Scope| match what {
            "all" => true,
            "read" => scope.name().ends_with(":read"),
            _ => false,
        };
        self.scopes = held.iter().filter(is_wanted).collect();
        self
    }

    /// The body of `POST /v1/api-keys`. What cannot be read is sent as it is, for the API to say so.
    fn body(&self, now: Millis) -> Value {
        let addresses: Vec<&str> = self.addresses.split([',', '\n']).map(str::trim).collect();
        let addresses: Vec<&str> = addresses.into_iter().filter(|text| !text.is_empty()).collect();
        let mut body = json!({"name": self.name.trim(), "scopes": self.scopes.names()});
        if !addresses.is_empty() {
            body["ip_allowlist"] = json!(addresses);
        }
        if let Some(rate) = Some(self.rate.trim()).filter(|rate| !rate.is_empty()) {
            body["rate_limit_per_second"] = rate
                .parse::<u64>()
                .map_or_else(|_| json!(rate), |rate| json!(rate));
        }
        if let Some(end) = self.end(now) {
            body["expires_at"] = json!(end);
        }
        body
    }

    fn end(&self, now: Millis) -> Option<String> {
        match self.life.as_str() {
            "never" => None,
            // The key lives through that day.
            "date" => Some(format!("{}T23:59:59Z", self.expires_on.trim())),
            days => {
                let known = LIVES
                    .iter()
                    .find(|(value, _, length)| *value == days && *length > 0);
                let end = known.map(|(_, _, length)| now.plus_seconds(length * DAY_SECONDS).to_string());
                Some(end.unwrap_or_else(|| days.to_owned()))
            }
        }
    }
}

/// `GET /integrations/api-keys/new`.
pub async fn show_new(visit: Visit) -> Result<Reply, Problem> {
    show(&visit, new_id(), Asked::nothing(), None)
}

/// `POST /integrations/api-keys/new`: creates the key, or only ticks boxes.
pub async fn create_key(keys: Keys, mut visit: Visit) -> Result<Reply, Problem> {
    let form = visit.form().await?;
    let asked = Asked::read(&form);
    if let Some(what) = form.filled("pick") {
        let asked = asked.picking(what, visit.call.caller.scopes);
        return show(&visit, form.id_text(), asked, None);
    }
    let body = asked.body(Millis::now());
    let call = match visit.api_call(&form, &body) {
        Ok(call) => call,
        Err(problem) => return show(&visit, form.id_text(), asked, Some(alert(problem)?)),
    };
    match api::create_api_key(keys, call).await {
        Ok(reply) => show_created(&visit, "API key created", &reply),
        Err(problem) => show(&visit, form.id_text(), asked, Some(alert(problem)?)),
    }
}

fn alert(problem: Problem) -> Result<Alert, Problem> {
    let mut alert = Alert::of(problem, FIELDS)?;
    for fault in &mut alert.faults {
        match fault.field {
            "scopes" if fault.message.ends_with("items") => {
                "choose at least one".clone_into(&mut fault.message)
            }
            "expires_at" => "choose a date to come".clone_into(&mut fault.message),
            _ => {}
        }
    }
    Ok(alert)
}

fn show(visit: &Visit, form_id: String, asked: Asked, alert: Option<Alert>) -> Result<Reply, Problem> {
    let status = alert.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    let new = NewPage {
        frame: visit.frame("Create API key", Section::ApiKeys),
        form_id,
        alert,
        asked,
        held: visit.call.caller.scopes,
        areas: areas(),
        lives: LIVES.iter().map(|(value, label, _)| (*value, *label)).collect(),
    };
    page::html(status, &new)
}

/// The page that shows a key that was made; a second time it says that it cannot.
pub(super) fn show_created(visit: &Visit, heading: &str, made: &Reply) -> Result<Reply, Problem> {
    let made: Value = serde_json::from_slice(made.whole()).map_err(|fault| Problem::internal(&fault))?;
    let settings = &visit.console.settings.hosts;
    let public = settings
        .public_url
        .as_ref()
        .map(|url| url.origin().ascii_serialization());
    let created = CreatedPage {
        frame: visit.frame(heading, Section::ApiKeys),
        id: made["id"].as_str().unwrap_or_default(),
        name: made["name"].as_str().unwrap_or_default(),
        key: made["key"].as_str(),
        origin: public.unwrap_or_else(|| visit.site.origin()),
    };
    visit.show(&created)
}
