//! `/integrations/sentries/hoots/{id}/badge.svg`: the badge of a hoot that need not be public.

use http::StatusCode;

use super::find;
use crate::base::clock::Millis;
use crate::console::Visit;
use crate::hoots::Hoots;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// `GET /integrations/sentries/hoots/{id}/badge.svg`; the query is that of the public badge.
pub async fn draw_badge(hoots: Hoots, visit: Visit) -> Result<Reply, Problem> {
    let hoot = find(&hoots, &visit).await?;
    let svg = hoot.badge(visit.uri.query().unwrap_or_default(), Millis::now());
    Ok(Reply::of(StatusCode::OK, "image/svg+xml", svg))
}
