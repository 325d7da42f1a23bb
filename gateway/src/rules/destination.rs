//! A rule as deliveries need it: read, compiled and prepared once, when it is loaded. It is a destination.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderValue;
use metrics::counter;
use uuid::Uuid;

use super::Needs;
use super::gate::Gate;
use super::masks::without_secrets;
use super::model::{StoredRule, Unsure, destination_of};
use super::plan::Plan;
use super::view::View;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{ConnectionId, DestinationId, RuleId, uuid_millis};
use crate::connections::registry::Live;
use crate::connectors::definition::{self, Verdict};
use crate::connectors::outcome::{self, Answer, MAX_WAIT_SECONDS};
use crate::connectors::view::written;
use crate::delivery::destination::{Destination, Errand, Prepared, Terms};
use crate::delivery::engine::job::Job;
use crate::delivery::engine::outcome::{Judgement, Tried};
use crate::delivery::log::ErrorCode;
use crate::events::directory::Subscriber;
use crate::events::selection::Selection;
use crate::filter::Filter;
use crate::http::fields::Faults;
use crate::http::json;
use crate::outbound::connections::Connections;
use crate::telemetry::names;
use crate::webhooks::model::BY_KEY;

/// Most characters of what is told of a failed attempt.
const MAX_DETAIL_CHARS: usize = 200;
/// Most bytes of what an action gives.
const MAX_RESULT_BYTES: usize = 16 * 1024;

/// A rule, ready to act.
pub struct LiveRule {
    pub id: RuleId,
    pub workspace: WorkspaceId,
    pub created_at: Millis,
    pub filter: Option<Filter>,
    selection: Selection,
    terms: Terms,
    revision: i32,
    action: String,
    input: String,
    /// Absent where the action is not known any more, or takes other inputs: the rule waits until it is changed.
    plan: Option<Plan>,
    unsure: definition::Unsure,
    /// The credential, for actions that need one.
    connection: Option<ConnectionId>,
    needs: Arc<Needs>,
    connections: Arc<Connections>,
    /// The host that `connections` lead to, once it is known.
    host: OnceLock<HeaderValue>,
    gate: Arc<Gate>,
}

/// Why a stored rule cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    #[error("its filter is damaged")]
    Filter,
    #[error("its input is damaged")]
    Input,
}

impl LiveRule {
    /// Prepares a stored rule; open connections of `before` stay if it does the same.
    pub fn prepare(
        stored: &StoredRule,
        needs: &Arc<Needs>,
        before: Option<&Self>,
    ) -> Result<Self, RuleError> {
        let shown = &stored.shown;
        let filter = match &shown.filter {
            Some(text) => Some(Filter::stored(text).ok_or(RuleError::Filter)?),
            None => None,
        };
        let input = json::parse(shown.input.get().as_bytes()).map_err(|_| RuleError::Input)?;
        let mut faults = Faults::default();
        let plan = Plan::compile(&needs.catalogue, &shown.action, &input, &mut faults);
        if plan.is_none() {
            tracing::warn!(rule = %shown.id, action = %shown.action, ?faults, "a rule waits for its action");
        }
        let said = match shown.unsure {
            Some(Unsure::Retry) => Some(definition::Unsure::Retry),
            Some(Unsure::Stop) => Some(definition::Unsure::Stop),
            None => plan.as_ref().and_then(|plan| plan.action().unsure),
        };
        let before = before.filter(|before| {
            let does_same = before.action == shown.action && before.input == shown.input.get();
            does_same && before.connection == shown.connection_id
        });
        let timeout = shown
            .timeout_seconds
            .map(|seconds| Duration::from_secs(seconds.into()));
        let attempts = shown
            .max_attempts
            .map(u32::from)
            .unwrap_or(needs.defaults.max_attempts);
        Ok(Self {
            id: shown.id,
            workspace: stored.workspace,
            created_at: shown.created_at,
            filter,
            selection: Selection::of(&shown.events),
            terms: Terms {
                is_enabled: shown.enabled,
                health: stored.health,
                // At most 50, by the configuration's and the request's bounds.
                max_attempts: u16::try_from(attempts).unwrap_or(u16::MAX),
                timeout: timeout.unwrap_or(needs.defaults.timeout),
                rate_limit_per_second: shown.rate_limit_per_second,
                is_ordered: shown.ordering == BY_KEY,
            },
            revision: shown.revision,
            action: shown.action.clone(),
            input: shown.input.get().to_owned(),
            plan,
            unsure: said.unwrap_or(definition::Unsure::Retry),
            connection: shown.connection_id,
            needs: needs.clone(),
            connections: before
                .map(|before| before.connections.clone())
                .unwrap_or_default(),
            host: before.map(|before| before.host.clone()).unwrap_or_default(),
            gate: before.map(|before| before.gate.clone()).unwrap_or_default(),
        })
    }

    /// Its connection, if that can be used now.
    fn live(&self) -> Option<Arc<Live>> {
        let found = self.needs.credentials.find(self.workspace, self.connection?)?;
        let is_good = found.is_usable() && !self.needs.refusals.is_doubted(&found);
        is_good.then_some(found)
    }

    fn prepared(&self, job: &Job, at: Millis) -> Prepared {
        let Some(plan) = &self.plan else {
            return Prepared::Hold(ErrorCode::TemplateFailed);
        };
        let Some(view) = View::of(&job.payload.body, job.delivery, at) else {
            return refuse("the event cannot be read");
        };
        let credential = match self.connection {
            None => None,
            Some(_) => match self.live().and_then(|live| live.credential()) {
                Some(credential) => Some(credential),
                None => return Prepared::Hold(ErrorCode::ConnectionNotReady),
            },
        };
        match plan.make(&view, credential.as_ref(), &self.needs.elsewhere) {
            Ok(mut sending) => {
                let host = self.host.get_or_init(|| sending.target.authority.clone());
                if *host != sending.target.authority {
                    sending.connections = Some(Arc::default());
                }
                Prepared::Send(Box::new(sending))
            }
            Err(fault) => refuse(&fault.to_string()),
        }
    }

    /// Judges an answer by the action's table.
    fn judge_answer(&self, job: &Job, status: u16, tried: &mut Tried) -> Judgement {
        let Some(plan) = &self.plan else {
            return Judgement::Failure;
        };
        let headers = tried.headers.take().unwrap_or_default();
        let body = tried.attempt.response_body.as_deref().unwrap_or_default();
        let answer = Answer {
            status,
            headers: &headers,
            body: body.as_bytes(),
            now_unix_ms: Millis::now().0,
        };
        let live = self
            .connection
            .and_then(|id| self.needs.credentials.find(self.workspace, id));
        let kind = live.as_ref().and_then(|live| live.kind);
        let judged = outcome::judge(&plan.action().outcome, kind, answer);
        let may_wait = judged.is_rate_limit() && is_young(job);
        let attempt = &mut tried.attempt;
        attempt.error_code = judged.error_code;
        let credential = live.as_ref().and_then(|live| live.credential());
        let masked = |text: String| match &credential {
            Some(credential) => without_secrets(text, credential, plan.definition()),
            None => text,
        };
        attempt.response_body = attempt.response_body.take().map(masked);
        let why = judged.why.map(|why| detail(&masked(why)));
        if let (Verdict::Refresh | Verdict::Reconnect, Some(live)) = (judged.is, live) {
            // A person or a newer token mends it, and the delivery waits for that.
            self.needs.refusals.note(live, judged.is, why.as_deref());
            return Judgement::Held(ErrorCode::ConnectionNotReady);
        }
        attempt.error_detail = why;
        let wait = judged.wait_seconds.map(Duration::from_secs);
        match judged.is {
            Verdict::Success => {
                let result = judged
                    .result
                    .map(|result| masked(written(&result)).into_boxed_str());
                attempt.result = result.filter(|result| result.len() <= MAX_RESULT_BYTES);
                Judgement::Success
            }
            Verdict::Retry if may_wait => {
                self.gate.close(wait.unwrap_or_default());
                Judgement::Later(wait)
            }
            Verdict::Retry => {
                tried.retry_after = wait;
                Judgement::Failure
            }
            Verdict::Fail | Verdict::Refresh | Verdict::Reconnect => Judgement::Refused,
        }
    }
}

/// Whether a vendor's wait uses up no attempt yet.
fn is_young(job: &Job) -> bool {
    let age = Millis::now().0.saturating_sub(uuid_millis(job.delivery.uuid()));
    u64::try_from(age).unwrap_or_default() < MAX_WAIT_SECONDS * 1000
}

fn refuse(why: &str) -> Prepared {
    Prepared::Refuse(ErrorCode::TemplateFailed, Some(detail(why)))
}

/// In one line, without what PostgreSQL's text cannot hold.
fn detail(text: &str) -> Box<str> {
    let letters = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    letters.take(MAX_DETAIL_CHARS).collect::<String>().into()
}

/// Whether a request may have reached the receiver although no answer came.
fn may_have_arrived(tried: &Tried) -> bool {
    let attempt = &tried.attempt;
    // A connection that was open already has no times of its own.
    let is_connected = attempt.dns_ms.is_none() || attempt.connect_ms.is_some();
    match attempt.error_code {
        Some("timeout") => is_connected,
        Some("closed" | "bad_answer") => true,
        _ => false,
    }
}

impl Subscriber for LiveRule {
    fn uuid(&self) -> Uuid {
        self.id.uuid()
    }

    fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    fn is_enabled(&self) -> bool {
        self.terms.is_enabled
    }

    fn selection(&self) -> &Selection {
        &self.selection
    }
}

impl Destination for LiveRule {
    fn id(&self) -> DestinationId {
        destination_of(self.id)
    }

    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn revision(&self) -> Option<i32> {
        Some(self.revision)
    }

    fn hold(&self) -> Option<ErrorCode> {
        if self.plan.is_none() {
            return Some(ErrorCode::TemplateFailed);
        }
        if self.connection.is_some() && self.live().is_none() {
            return Some(ErrorCode::ConnectionNotReady);
        }
        self.gate.is_closed().then_some(ErrorCode::RateLimited)
    }

    fn connections(&self) -> &Connections {
        &self.connections
    }

    fn errand<'a>(&'a self, job: &'a Job, _: u16, at: Millis) -> Errand<'a> {
        Errand::Prepared(Box::pin(async move { self.prepared(job, at) }))
    }

    fn judge(&self, job: &Job, tried: &mut Tried) -> Judgement {
        tried.attempt.revision = Some(self.revision);
        let judgement = match tried.attempt.status_code {
            Some(status) => self.judge_answer(job, status, tried),
            None if tried.attempt.error_code == Some(ErrorCode::TemplateFailed.name()) => Judgement::Refused,
            None if may_have_arrived(tried) && self.unsure == definition::Unsure::Stop => Judgement::Refused,
            None => Judgement::Failure,
        };
        let (connector, action) = self.action.split_once('.').unwrap_or_default();
        let outcome = tried.attempt.error_code.unwrap_or("success");
        counter!(
            names::ACTION_ATTEMPTS,
            "connector" => connector.to_owned(), "action" => action.to_owned(), "outcome" => outcome
        )
        .increment(1);
        judgement
    }
}
