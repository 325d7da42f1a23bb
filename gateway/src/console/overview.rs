//! `/integrations`: what needs attention. Thin so far: it names what fails, and where to go.

use askama::Template;

use super::Visit;
use super::frame::{Frame, Section};
use crate::http::problem::Problem;
use crate::http::reply::Reply;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    failing_count: i64,
    sees_webhooks: bool,
}

/// `GET /integrations`.
pub async fn show_overview(visit: Visit) -> Result<Reply, Problem> {
    let frame = visit.frame("Overview", Section::Overview);
    let failing_count = visit.session.failing_count;
    let sees_webhooks = visit.may(crate::base::scope::Scope::WebhooksRead);
    visit.show(&OverviewPage {
        frame,
        failing_count,
        sees_webhooks,
    })
}
