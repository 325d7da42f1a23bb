//! Handlers of `/v1/hoots`.

use http::StatusCode;

use super::draft::HootDraft;
use super::shown::Hoot;
use super::{Hoots, editing, store};
use crate::audit::{Begun, Work};
use crate::base::clock::Millis;
use crate::base::id::HootId;
use crate::base::page;
use crate::db::Client;
use crate::feed;
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

impl Hoots {
    /// The origin of links in the reply to a request.
    pub fn origin(&self, call: &Call) -> String {
        self.public_url
            .as_deref()
            .map_or_else(|| call.origin(), str::to_owned)
    }

    /// Has a change hold on this instance before its reply; the others hear of it by the feed.
    pub async fn hold_at_once(&self, client: &Client, id: HootId) {
        feed::left_to_feed(self.registry.refresh(client, &[id.uuid()]).await);
    }
}

/// `POST /v1/hoots`.
pub async fn create_hoot(hoots: Hoots, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let origin = hoots.origin(&call);
    let mut client = hoots.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let (hoot, now) = editing::create(&work, HootDraft::of_creation(body)).await?;
    call.query.finish()?;
    let id = hoot.id;
    let reply = work
        .commit(StatusCode::CREATED, &hoot.shown(now, &origin))
        .await?;
    hoots.hold_at_once(&client, id).await;
    Ok(reply)
}

/// `GET /v1/hoots`.
pub async fn list_hoots(hoots: Hoots, mut call: Call) -> Result<Reply, Problem> {
    let workspace = call.caller.workspace;
    let origin = hoots.origin(&call);
    let page = call
        .query
        .page(page::DEFAULT_LIMIT, format!("hoots {workspace:?}"));
    call.query.finish()?;
    let client = hoots.db.client().await?;
    let found = store::list(&client, workspace, &page).await?;
    let now = Millis::now();
    let shown: Vec<Hoot> = found.into_iter().map(|hoot| hoot.shown(now, &origin)).collect();
    Reply::ok(&page.listing(shown, |hoot| hoot.id.to_string()))
}

/// `GET /v1/hoots/{id}`.
pub async fn get_hoot(hoots: Hoots, call: Call) -> Result<Reply, Problem> {
    let id: HootId = call.id()?;
    let origin = hoots.origin(&call);
    let client = hoots.db.client().await?;
    let found = store::find(&client, call.caller.workspace, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    Reply::ok(&found.shown(Millis::now(), &origin))
}

/// `PATCH /v1/hoots/{id}`.
pub async fn update_hoot(hoots: Hoots, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let id: HootId = call.id()?;
    let origin = hoots.origin(&call);
    let mut client = hoots.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let (hoot, now) = editing::change(&work, id, HootDraft::of_change(body)).await?;
    call.query.finish()?;
    let reply = work.commit(StatusCode::OK, &hoot.shown(now, &origin)).await?;
    hoots.hold_at_once(&client, id).await;
    Ok(reply)
}

/// `DELETE /v1/hoots/{id}`.
pub async fn delete_hoot(hoots: Hoots, call: Call) -> Result<Reply, Problem> {
    let id: HootId = call.id()?;
    let mut client = hoots.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    editing::delete(&work, id).await?;
    call.query.finish()?;
    work.commit_silently().await?;
    hoots.hold_at_once(&client, id).await;
    Ok(Reply::no_content())
}
