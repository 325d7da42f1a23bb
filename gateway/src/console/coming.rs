//! Pages of what there is nothing of yet.

use askama::Template;

use super::Visit;
use super::frame::{Frame, Section};
use crate::http::problem::Problem;
use crate::http::reply::Reply;

#[derive(Template)]
#[template(path = "coming.html")]
struct ComingPage {
    frame: Frame,
    text: &'static str,
}

/// `GET /integrations/sentries`.
pub async fn list_sentries(visit: Visit) -> Result<Reply, Problem> {
    let text = "There are no sentries yet. A sentry keeps the state of something that reports to it: happy, sad or sick.";
    show(&visit, Section::Sentries, text)
}

/// `GET /integrations/connections`.
pub async fn list_connections(visit: Visit) -> Result<Reply, Problem> {
    let text = "There are no connections yet. A source takes the webhooks of others in; a rule turns events into calls.";
    show(&visit, Section::Connections, text)
}

fn show(visit: &Visit, section: Section, text: &'static str) -> Result<Reply, Problem> {
    let frame = visit.frame(section.label(), section);
    visit.show(&ComingPage { frame, text })
}
