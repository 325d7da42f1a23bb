//! An endpoint as deliveries need it: parsed, opened and prepared once, when it is loaded. It is a destination.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Full;
use uuid::Uuid;

use super::model::BY_KEY;
use super::request::Addressed;
use super::sign::Signer;
use super::stored::{OpenError, StoredWebhook};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{DestinationId, WebhookId};
use crate::base::seal::SealError;
use crate::config;
use crate::delivery::destination::{Destination, Direct, Errand, Terms};
use crate::delivery::engine::job::Job;
use crate::delivery::engine::outcome::{Judgement, Tried};
use crate::events::directory::Subscriber;
use crate::events::selection::Selection;
use crate::filter::Filter;
use crate::outbound::connections::Connections;
use crate::outbound::target::{Target, UrlFault};
use crate::vault::Vault;

/// An endpoint, ready to be sent to.
#[derive(Debug)]
pub struct Endpoint {
    pub id: WebhookId,
    pub workspace: WorkspaceId,
    pub name: String,
    pub created_at: Millis,
    pub selection: Selection,
    pub filter: Option<Filter>,
    pub terms: Terms,
    pub target: Target,
    pub headers: HeaderMap,
    pub connections: Arc<Connections>,
    url: String,
    signers: Vec<Signer>,
    previous_until: Option<Millis>,
}

/// Why a stored endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    #[error(transparent)]
    Url(#[from] UrlFault),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("its headers are damaged")]
    Headers,
    #[error("its filter is damaged")]
    Filter,
}

impl Endpoint {
    /// Prepares a stored endpoint; open connections of `before` stay if it goes to the same place.
    pub fn prepare(
        stored: &StoredWebhook,
        vault: &Vault,
        defaults: &config::Webhooks,
        before: Option<&Endpoint>,
    ) -> Result<Self, EndpointError> {
        let shown = &stored.shown;
        let mut signers = vec![Signer::new(&vault.open_secret(shown.id, &stored.secret)?)];
        if let Some(previous) = &stored.previous_secret {
            signers.push(Signer::new(&vault.open_secret(shown.id, previous)?));
        }
        let filter = match &shown.filter {
            Some(text) => Some(Filter::stored(text).ok_or(EndpointError::Filter)?),
            None => None,
        };
        let connections = before
            .filter(|before| before.url == shown.url)
            .map(|before| before.connections.clone());
        let timeout = shown
            .timeout_seconds
            .map(|seconds| Duration::from_secs(seconds.into()));
        let attempts = shown.max_attempts.map(u32::from).unwrap_or(defaults.max_attempts);
        Ok(Self {
            id: shown.id,
            workspace: stored.workspace,
            name: shown.name.clone(),
            created_at: shown.created_at,
            selection: Selection::of(&shown.events),
            filter,
            terms: Terms {
                is_enabled: shown.enabled,
                health: stored.health,
                // At most 50, by the configuration's and the request's bounds.
                max_attempts: u16::try_from(attempts).unwrap_or(u16::MAX),
                timeout: timeout.unwrap_or(defaults.timeout),
                rate_limit_per_second: shown.rate_limit_per_second,
                is_ordered: shown.ordering == BY_KEY,
            },
            target: Target::parse(&shown.url)?,
            headers: headers(&stored.open_headers(vault)?)?,
            connections: connections.unwrap_or_default(),
            url: shown.url.clone(),
            signers,
            previous_until: stored.previous_secret_until,
        })
    }

    /// Where it is, as it was given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The secrets that sign now: the present one and, during an overlap, the one before. The overlap ends by the
    /// database's clock, on every instance at once.
    fn signers(&self) -> &[Signer] {
        let now = Millis::now();
        let is_overlap = self.previous_until.is_some_and(|until| until > now);
        let count = if is_overlap { 2 } else { 1 };
        self.signers.get(..count).unwrap_or(&self.signers)
    }
}

/// The id under which deliveries know an endpoint.
pub const fn destination_of(id: WebhookId) -> DestinationId {
    DestinationId::from_uuid(id.uuid())
}

impl Subscriber for Endpoint {
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

impl Destination for Endpoint {
    fn id(&self) -> DestinationId {
        destination_of(self.id)
    }

    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn connections(&self) -> &Connections {
        &self.connections
    }

    fn errand<'a>(&'a self, _: &'a Job, _: u16, _: Millis) -> Errand<'a> {
        Errand::Direct(self)
    }

    fn judge(&self, _: &Job, tried: &mut Tried) -> Judgement {
        if tried.is_success() {
            Judgement::Success
        } else if tried.is_gone() {
            Judgement::Gone
        } else {
            Judgement::Failure
        }
    }
}

impl Direct for Endpoint {
    fn target(&self) -> &Target {
        &self.target
    }

    fn request(&self, job: &Job, number: u16, at: Millis) -> Request<Full<Bytes>> {
        let addressed = Addressed {
            target: &self.target,
            headers: &self.headers,
            signers: self.signers(),
        };
        addressed.request(job, number, at)
    }
}

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, EndpointError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::try_from(name.as_str()).map_err(|_| EndpointError::Headers)?;
        let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| EndpointError::Headers)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}
