//! Handlers of `/v1/sentries`.

use http::StatusCode;

use super::draft::SentryDraft;
use super::history::analytics::{self, Range};
use super::history::{self, Filter as HistoryFilter};
use super::model::{Reporter, Sentry, State};
use super::store::{self, Filter};
use super::{Sentries, editing, recording, report};
use crate::audit::{Begun, Work};
use crate::base::caller::Caller;
use crate::base::id::SentryId;
use crate::base::page;
use crate::db::Client;
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::reply::Reply;
use crate::records::search;

impl Sentries {
    /// The origin of links in the reply to a request.
    pub fn origin(&self, call: &Call) -> String {
        self.public_url
            .as_deref()
            .map_or_else(|| call.origin(), str::to_owned)
    }

    /// A client, and the sentry that a request names.
    async fn find(&self, call: &Call) -> Result<(Client, Sentry), Problem> {
        let id = call.id()?;
        let client = self.db.client().await?;
        let found = store::find(&client, call.caller.workspace, id).await?;
        Ok((client, found.ok_or_else(Problem::not_found)?))
    }
}

impl Reporter {
    /// The key of a caller.
    pub fn of(caller: &Caller) -> Self {
        Self {
            key_id: caller.key_id,
            key_name: caller.key_name.to_string(),
        }
    }
}

/// `POST /v1/sentries`.
pub async fn create_sentry(sentries: Sentries, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let origin = sentries.origin(&call);
    let mut client = sentries.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let draft = SentryDraft::of_creation(body);
    let sentry = editing::create(&work, draft).await?;
    call.query.finish()?;
    work.commit(StatusCode::CREATED, &sentry.at(&origin)).await
}

/// `GET /v1/sentries`.
pub async fn list_sentries(sentries: Sentries, mut call: Call) -> Result<Reply, Problem> {
    let workspace = call.caller.workspace;
    let words = call.query.take("q");
    let filter = Filter {
        state: read_state(&mut call.query),
        enabled: call.query.read("enabled", |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("expected true or false".into()),
        }),
        words: words.as_deref().and_then(|words| search::query(workspace, words)),
        is_impossible: words
            .as_deref()
            .is_some_and(|words| search::query(workspace, words).is_none()),
    };
    let page = call
        .query
        .page(page::DEFAULT_LIMIT, format!("sentries {workspace:?} {filter:?}"));
    let origin = sentries.origin(&call);
    call.query.finish()?;
    let found = match filter.is_impossible {
        true => Vec::new(),
        false => {
            let client = sentries.db.client().await?;
            store::list(&client, workspace, &filter, &page).await?
        }
    };
    let shown: Vec<Sentry> = found.into_iter().map(|sentry| sentry.at(&origin)).collect();
    Reply::ok(&page.listing(shown, |sentry| sentry.id.to_string()))
}

/// The filter `state`; `none` finds those without one.
fn read_state(query: &mut Query) -> Option<Option<State>> {
    query.read("state", |text| match (text, State::parse(text)) {
        ("none", _) => Ok(None),
        (_, Some(state)) => Ok(Some(state)),
        _ => Err("expected happy, sad, sick or none".into()),
    })
}

/// `GET /v1/sentries/{id}`.
pub async fn get_sentry(sentries: Sentries, call: Call) -> Result<Reply, Problem> {
    let (_client, sentry) = sentries.find(&call).await?;
    let origin = sentries.origin(&call);
    call.query.finish()?;
    Reply::ok(&sentry.at(&origin))
}

/// `PATCH /v1/sentries/{id}`.
pub async fn update_sentry(sentries: Sentries, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let id: SentryId = call.id()?;
    let origin = sentries.origin(&call);
    let mut client = sentries.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let draft = SentryDraft::of_change(body);
    let sentry = editing::change(&work, id, draft).await?;
    call.query.finish()?;
    work.commit(StatusCode::OK, &sentry.at(&origin)).await
}

/// `DELETE /v1/sentries/{id}`.
pub async fn delete_sentry(sentries: Sentries, call: Call) -> Result<Reply, Problem> {
    let id: SentryId = call.id()?;
    let mut client = sentries.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    editing::delete(&work, id).await?;
    call.query.finish()?;
    work.commit_silently().await?;
    Ok(Reply::no_content())
}

/// `POST /v1/sentries/{id}`: a report.
pub async fn report_sentry(sentries: Sentries, mut call: Call) -> Result<Reply, Problem> {
    let id = call.id();
    if let Ok(id) = id {
        sentries.pace.take(call.caller.workspace, id)?;
    }
    let (report, faults) = report::read(&mut call).await?;
    let id: SentryId = id?;
    let origin = sentries.origin(&call);
    let reporter = Reporter::of(&call.caller);
    let mut client = sentries.db.client().await?;
    let mut work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let report = faults.into_result().map(|()| report);
    let sentry = recording::record(&sentries, &mut work, id, report, Some(&reporter)).await?;
    let sentry = sentry.at(&origin);
    let reply = work.commit(StatusCode::OK, &sentry).await?;
    sentries.tell_hoots(&sentry);
    Ok(reply)
}

/// `GET /v1/sentries/{id}/history`.
pub async fn list_sentry_history(sentries: Sentries, mut call: Call) -> Result<Reply, Problem> {
    let (client, sentry) = sentries.find(&call).await?;
    let query = &mut call.query;
    let filter = HistoryFilter {
        since: query.moment("since"),
        until: query.moment("until"),
        state: read_state(query),
    };
    let page = query.page(page::DEFAULT_LIMIT, format!("history {} {filter:?}", sentry.id));
    call.query.finish()?;
    Reply::ok(&history::list(&client, sentry.id, &filter, &page).await?)
}

/// `GET /v1/sentries/{id}/analytics`.
pub async fn get_sentry_analytics(sentries: Sentries, mut call: Call) -> Result<Reply, Problem> {
    let (client, sentry) = sentries.find(&call).await?;
    let range = call.query.read("range", |text| {
        Range::parse(text).ok_or_else(|| "expected 24h, 7d, 30d or 90d".into())
    });
    call.query.finish()?;
    let told = analytics::analyse(&client, &sentry, range.unwrap_or(Range::Week)).await?;
    Reply::ok(&told)
}
