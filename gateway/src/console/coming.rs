//! The sections that have no pages yet. Each says so, and names the API's route that has what they will show.

use askama::Template;

use super::Visit;
use super::frame::{Frame, Section};
use crate::http::problem::Problem;
use crate::http::reply::Reply;

#[derive(Template)]
#[template(path = "coming.html")]
struct ComingPage {
    frame: Frame,
    section: Section,
    /// `None`: the gateway does not have it either.
    route: Option<&'static str>,
}

/// `GET` of a section's list.
pub async fn show_section(visit: Visit, section: Section) -> Result<Reply, Problem> {
    let route = match section {
        Section::Overview | Section::ApiKeys | Section::Connections | Section::Audit => None,
        Section::Webhooks => Some("/v1/webhooks"),
        Section::Deliveries => Some("/v1/deliveries"),
        Section::Imports => Some("/v1/imports"),
        Section::Events => Some("/v1/events"),
        Section::Sentries => Some("/v1/sentries"),
    };
    visit.show(&ComingPage {
        frame: visit.frame(section.label(), section),
        section,
        route,
    })
}
