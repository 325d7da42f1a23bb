//! The way of a request to a source: found by its token, judged (`judge`), committed (`commit`), answered and noted (`note`).
//!
//! Nothing of a body is parsed before its signature holds, but for handshakes that come before it. The reply goes out after
//! the commit, never before.

pub mod arrival;
pub mod body;
mod commit;
mod event;
pub mod flood;
mod handshake;
pub mod judge;
pub mod key_sets;
mod note;
mod reply;
pub mod retry;
mod seen;
pub mod vectors;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;

use crate::audit::{Actor, Work};
use crate::base::clock::Millis;
use crate::connectors::verify::Keyring;
use crate::feed::{self, ChangeKind};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::sources::Sources;
use crate::sources::live::Live;
use crate::sources::receipts::model::Outcome;
use crate::sources::secret::seal;
use crate::sources::store;
use arrival::Arrival;
use handshake::Shaken;
use judge::{Judged, Request, Verdict};
use note::Told;
use reply::{dressed, dressed_problem};

/// How long a body may wait for memory.
const BODY_WAIT: Duration = Duration::from_secs(2);

/// Answers a request to `/in/{token}`.
pub async fn answer(sources: Sources, arrival: Arrival) -> Result<Reply, Problem> {
    let answered = take(&sources, arrival).await;
    answered.map(dressed).map_err(dressed_problem)
}

async fn take(sources: &Sources, mut arrival: Arrival) -> Result<Reply, Problem> {
    let (started, at) = (Instant::now(), Millis::now());
    let Some(live) = sources.registry.find(&arrival.token, at) else {
        return Err(Problem::new(
            crate::http::problem::Code::NotFound,
            "There is no such source.",
        ));
    };
    if arrival.method == Method::HEAD {
        return Ok(Reply::no_content());
    }
    let mut body = Bytes::new();
    let came = come_in(sources, &live, &mut arrival, &mut body, at).await;
    let (outcome, event_ids) = match &came {
        Ok((outcome, event_ids, _)) => (*outcome, event_ids.clone()),
        Err(problem) => (Outcome::Refused(problem.code()), Vec::new()),
    };
    let told = Told {
        at,
        method: &arrival.method,
        path_and_query: &arrival.path_and_query,
        url_secret: arrival.url_secret.as_deref(),
        headers: &arrival.headers,
        body: &body,
        ip: arrival.ip,
        took: started.elapsed(),
    };
    note::note(sources, &live, &told, outcome, event_ids);
    match came {
        Ok((_, _, reply)) => Ok(reply),
        Err(problem) => Err(sources.floods.refuse(arrival.ip, problem).await),
    }
}

type Came = (Outcome, Vec<String>, Reply);

async fn come_in(
    sources: &Sources,
    live: &Live,
    arrival: &mut Arrival,
    body: &mut Bytes,
    at: Millis,
) -> Judged<Came> {
    judge::admit(live, &arrival.method, arrival.ip)?;
    arrival.body.require_rate();
    arrival.body.draw_on(sources.bodies.of(live.workspace), BODY_WAIT);
    *body = judge::take_body(&mut arrival.body, sources.max_body_bytes).await?;
    let url = format!("{}{}", sources.base_url, arrival.path_and_query);
    let request = Request {
        method: &arrival.method,
        query: arrival.query(),
        url: &url,
        headers: &arrival.headers,
        body,
        url_secret: arrival.url_secret.as_deref(),
    };
    let secrets = with_keys(sources, live, &request, Cow::Borrowed(&live.keyring)).await?;
    let verdict = judge::judge(live, &request, &secrets, at)?;
    carry_out(sources, live, verdict).await
}

/// The secrets with the keys of a vendor that signs tokens; 503 while those are away.
async fn with_keys<'k>(
    sources: &Sources,
    live: &Live,
    request: &Request<'_>,
    secrets: Cow<'k, Keyring>,
) -> Judged<Cow<'k, Keyring>> {
    let rules = live.verifier.jwt();
    let Some((rules, key_id)) = rules.zip(live.verifier.key_id(&request.received())) else {
        return Ok(secrets);
    };
    let definition = &live.connector.of.definition;
    let found = sources.key_sets.find(definition, &rules.keys, &key_id).await;
    let keys =
        found.map_err(|_| Problem::unavailable("The vendor's keys cannot be fetched at the moment."))?;
    let email = rules
        .email_option
        .as_ref()
        .and_then(|option| live.options.get(option));
    Ok(Cow::Owned(secrets.into_owned().with_keys(keys, email.cloned())))
}

/// Does what a verdict asks for.
async fn carry_out(sources: &Sources, live: &Live, verdict: Verdict) -> Judged<Came> {
    match verdict {
        Verdict::Handshake(Shaken { reply, captured }) => {
            if let Some((name, value)) = captured {
                keep(sources, live, &name, &value).await?;
            }
            Ok((Outcome::Handshake, Vec::new(), reply))
        }
        Verdict::Filtered(reply) => Ok((Outcome::Filtered, Vec::new(), reply)),
        Verdict::Events(made, reply) => {
            let committed = commit::commit(sources, live, made).await?;
            let outcome = match committed.is_repeat {
                true => Outcome::Repeat,
                false => Outcome::Accepted,
            };
            Ok((outcome, committed.event_ids, reply))
        }
    }
}

/// Keeps the secret that a handshake handed out until somebody confirms it.
async fn keep(
    sources: &Sources,
    live: &Live,
    name: &str,
    value: &crate::base::secret::Secret<String>,
) -> Result<(), Problem> {
    let sealed = seal(sources.registry.vault(), live.id, value);
    let sealed = sealed.map_err(|fault| Problem::internal(&fault))?;
    let mut client = sources.db.client().await?;
    let work = Work::begin_as(&mut client, live.workspace, Actor::System).await?;
    if !store::put_handshake(work.transaction(), live.id, name, &sealed).await? {
        let detail = "A handshake was taken already.";
        return Err(Problem::new(crate::http::problem::Code::SignatureInvalid, detail));
    }
    work.changed(ChangeKind::Source, live.id.uuid()).await?;
    work.commit_silently().await?;
    feed::left_to_feed(sources.registry.refresh(&client, &[live.id.uuid()]).await);
    Ok(())
}
