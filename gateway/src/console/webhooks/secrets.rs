//! The page that shows an endpoint's secrets, once.

use askama::Template;
use serde_json::Value;

use crate::base::clock::Millis;
use crate::console::Visit;
use crate::console::frame::{Frame, Section};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::snippets::{self, Snippet};

#[derive(Template)]
#[template(path = "webhooks/secrets.html")]
struct SecretsPage<'a> {
    frame: Frame,
    id: &'a str,
    name: &'a str,
    secret: Option<&'a str>,
    standard_secret: Option<&'a str>,
    /// Until when the secret before signs too.
    previous_until: Option<Millis>,
    snippets: &'static [Snippet],
}

/// Shows what a creation or a rotation replied; a second time it says that it cannot.
pub(super) fn show_secrets(visit: &Visit, heading: &str, made: &Reply) -> Result<Reply, Problem> {
    let made: Value = serde_json::from_slice(made.whole()).map_err(|fault| Problem::internal(&fault))?;
    let shown = SecretsPage {
        frame: visit.frame(heading, Section::Webhooks),
        id: made["id"].as_str().unwrap_or_default(),
        name: made["name"].as_str().unwrap_or_default(),
        secret: made["secret"].as_str(),
        standard_secret: made["standard_secret"].as_str(),
        previous_until: made["previous_secret_expires_at"]
            .as_str()
            .and_then(Millis::parse),
        snippets: snippets::ALL,
    };
    visit.show(&shown)
}
