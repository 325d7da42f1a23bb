//! `/integrations/sentries/hoots/{id}`.

use askama::Template;
use http::StatusCode;

use super::find;
use super::override_form::{Asked, Overriding};
use crate::base::clock::Millis;
use crate::base::scope::Scope;
use crate::console::alert::Alert;
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::console::{Visit, page};
use crate::hoots::shown::Hoot;
use crate::hoots::store::PublicEntry;
use crate::hoots::{Hoots, store};
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// A way that the badge may look: what it is called, and its query.
const LOOKS: [(&str, &str); 4] = [
    ("Flat, light", "style=flat&theme=light"),
    ("Flat, dark", "style=flat&theme=dark"),
    ("Pill, light", "style=pill&theme=light"),
    ("Pill, dark", "style=pill&theme=dark"),
];
const STATES: [&str; 4] = ["happy", "sad", "sick", "neutral"];

#[derive(Template)]
#[template(path = "hoots/detail.html")]
struct DetailPage {
    frame: Frame,
    hoot: Hoot,
    /// What the pop-up shows of its sentries' history.
    history: Vec<PublicEntry>,
    looks: [(&'static str, &'static str); 4],
    states: [&'static str; 4],
    may_write: bool,
    form_id: String,
    alert: Option<Alert>,
    asked: Asked,
}

/// `GET /integrations/sentries/hoots/{id}`.
pub async fn show_hoot(hoots: Hoots, mut visit: Visit) -> Result<Reply, Problem> {
    visit.take_query().finish()?;
    let overriding = Overriding {
        form_id: new_id(),
        alert: None,
        asked: Asked::default(),
    };
    show(&hoots, &visit, overriding).await
}

/// The page with the form as it was filled in.
pub async fn show(hoots: &Hoots, visit: &Visit, overriding: Overriding) -> Result<Reply, Problem> {
    let found = find(hoots, visit).await?;
    let client = hoots.db.client().await?;
    let history = store::history_of(&client, &[found.id]).await?.remove(&found.id);
    drop(client);
    let hoot = found.shown(Millis::now(), &hoots.origin(&visit.call));
    let status = overriding
        .alert
        .as_ref()
        .map_or(StatusCode::OK, |alert| alert.status);
    let shown = DetailPage {
        frame: visit.frame(&hoot.name, Section::Sentries),
        looks: LOOKS,
        states: STATES,
        may_write: visit.may(Scope::SentriesWrite),
        form_id: overriding.form_id,
        alert: overriding.alert,
        asked: overriding.asked,
        history: history.unwrap_or_default(),
        hoot,
    };
    page::html(status, &shown)
}
