//! A session from its beginning to its end.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::USER_AGENT;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::model::{Digest, NewSession, Session, Ticket, digest_of};
use super::store;
use crate::audit::{Actor, Changes, Target, Work};
use crate::base::caller::Caller;
use crate::base::clock::Millis;
use crate::base::id::LinkId;
use crate::base::scope::Scopes;
use crate::console::{Arrival, Console, destination, see_other};
use crate::http::call::Call;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::http::request_id::RequestId;
use crate::keys::authenticate::{authenticate_digest, authenticate_token, check_address};
use crate::keys::entry::Entry;

const MAX_USER_AGENT_CHARS: usize = 300;

/// Who signs in, and how.
pub struct Opening<'a> {
    pub entry: &'a Entry,
    pub scopes: Scopes,
    pub link: Option<LinkId>,
    pub hours: f64,
}

impl Console {
    /// The session that a request's cookie opens: `None` if there is no cookie or its session has ended. 503 while keys
    /// cannot be confirmed, 403 from an address that the key does not allow.
    pub async fn session(
        &self,
        secret: Option<&str>,
        arrival: &Arrival,
    ) -> Result<Option<Arc<Session>>, Problem> {
        let Some(secret) = secret else {
            return Ok(None);
        };
        let digest = digest_of(secret);
        self.check_freshness()?;
        let client = self.db.client().await?;
        let found = store::find(&client, &digest, self.settings.idle.as_secs_f64()).await?;
        drop(client);
        let Some(stored) = found else {
            self.recent.forget(&digest);
            return Ok(None);
        };
        let now = Millis::now();
        let Ok(entry) = authenticate_digest(&self.keys.cache, &stored.key_digest, now) else {
            self.recent.forget(&digest);
            return Ok(None);
        };
        let caller = entry.caller();
        let session = Arc::new(Session {
            digest,
            caller: Arc::new(Caller {
                scopes: caller.scopes.and(stored.scopes),
                ..caller
            }),
            failing_count: stored.failing_count,
        });
        self.recent.note(&session);
        check_address(&entry, arrival.ip)?;
        Ok(Some(session))
    }

    /// The session of a request as it was a moment ago, for the frame of a page while the database is away.
    pub fn remembered(&self, arrival: &Arrival) -> Option<Arc<Session>> {
        self.recent.find(&digest_of(arrival.session_secret()?))
    }

    /// Checks a key that somebody signs in with, throttled as the API's.
    pub async fn check_key(&self, key: &str, arrival: &Arrival) -> Result<Arc<Entry>, Problem> {
        self.check_freshness()?;
        let now = Millis::now();
        match authenticate_token(&self.keys.cache, key.trim().as_bytes(), now) {
            Ok(entry) => {
                check_address(&entry, arrival.ip)?;
                Ok(entry)
            }
            Err(problem) => Err(self.keys.floods.refuse(arrival.ip, problem).await),
        }
    }

    /// Opens a session for a key that was checked; the cookie's secret. A session that the browser had ends.
    pub async fn open_session(
        &self,
        work: Work<'_>,
        opening: &Opening<'_>,
        arrival: &Arrival,
    ) -> Result<Ticket, Problem> {
        let ticket = Ticket::generate().map_err(|fault| Problem::internal(&fault))?;
        let caller = opening.entry.caller();
        let agent = arrival
            .headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok());
        let new = NewSession {
            digest: ticket.digest(),
            workspace: caller.workspace,
            key_id: caller.key_id,
            key_digest: opening.entry.digest,
            link_id: opening.link,
            scopes: opening.scopes.and(caller.scopes),
            ip: arrival.ip,
            user_agent: agent.map(|agent| agent.chars().take(MAX_USER_AGENT_CHARS).collect()),
            seconds: (opening.hours * 3600.0).min(self.settings.session.as_secs_f64()),
        };
        if let Some(old) = arrival.session_secret() {
            self.end(&work, &digest_of(old)).await?;
        }
        store::insert_session(work.transaction(), &new).await?;
        work.audit("console.signed_in", &target(&caller), &Changes::default())
            .await?;
        work.commit_silently().await?;
        Ok(ticket)
    }

    /// Ends the session that a request belongs to.
    pub async fn sign_out(&self, call: &Call, digest: &Digest) -> Result<(), Problem> {
        let mut client = self.db.client().await?;
        let actor = actor(&call.caller, &call.request_id, call.ip);
        let work = Work::begin_as(&mut client, call.caller.workspace, actor).await?;
        self.end(&work, digest).await?;
        work.audit("console.signed_out", &target(&call.caller), &Changes::default())
            .await?;
        work.commit_silently().await?;
        Ok(())
    }

    async fn end(&self, work: &Work<'_>, digest: &Digest) -> Result<(), Problem> {
        self.recent.forget(digest);
        Ok(store::end_session(work.transaction(), digest).await?)
    }

    /// Keys that the database has not confirmed for too long may have been revoked meanwhile.
    fn check_freshness(&self) -> Result<(), Problem> {
        match self.freshness.age() > self.settings.stale_after {
            true => Err(Problem::unavailable(
                "The database is not available, so no session can be confirmed.",
            )),
            false => Ok(()),
        }
    }
}

/// The key of a session as the one who acts.
pub fn actor(caller: &Caller, request_id: &RequestId, ip: IpAddr) -> Actor {
    Actor::Key {
        id: caller.key_id,
        name: caller.key_name.clone(),
        request_id: request_id.as_str().to_owned(),
        ip,
    }
}

/// The key that a session is of, as the audit trail names it.
pub fn target(caller: &Caller) -> Target {
    Target::new("api_key", caller.key_id, Some(&caller.key_name))
}

/// 303 to where one signs in, and from there back to the page.
pub fn ask_to_sign_in(arrival: &Arrival) -> Result<Reply, Problem> {
    let here = arrival.uri.path_and_query().map_or("", |here| here.as_str());
    let mut location = String::from("/integrations/sign-in");
    if let Some(next) = destination::parse(here).filter(|next| next != destination::HOME) {
        let next = utf8_percent_encode(&next, NON_ALPHANUMERIC);
        location.push_str(&format!("?next={next}"));
    }
    see_other(&location)
}

/// 401 for a request that needs a session.
pub fn missing() -> Problem {
    Problem::new(Code::SessionMissing, "Your session has ended; nothing was done.")
}
