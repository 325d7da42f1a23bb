//! An endpoint as deliveries need it: parsed, opened and prepared once, when it is loaded. It is a destination.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Full;

use super::model::{BY_KEY, EVERY, prefix_of};
use super::request::Addressed;
use super::sign::Signer;
use super::stored::{OpenError, StoredWebhook};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{DestinationId, WebhookId};
use crate::base::seal::SealError;
use crate::config;
use crate::delivery::destination::{Destination, Terms};
use crate::delivery::engine::job::Job;
use crate::delivery::engine::outcome::{Judgement, Tried};
use crate::events::types::is_operational;
use crate::filter::Filter;
use crate::outbound::connections::Connections;
use crate::outbound::target::{Target, UrlFault};
use crate::vault::Vault;

/// Which event types an endpoint wants.
#[derive(Debug, Clone)]
pub enum Selection {
    Every,
    /// Those of these names, and those that begin with one of `prefixes`, such as `stripe.`. No name and no prefix is
    /// within another prefix, so that an event is wanted once.
    Some {
        names: HashSet<Box<str>>,
        prefixes: HashSet<Box<str>>,
    },
}

impl Selection {
    /// Reads the stored list, in which `*` is every type and `stripe.*` every one that begins so.
    pub fn of(types: &[String]) -> Self {
        if types.iter().any(|name| name == EVERY) {
            return Self::Every;
        }
        let prefixes: Vec<&str> = types.iter().filter_map(|name| prefix_of(name)).collect();
        let is_within = |name: &str| {
            let mut others = prefixes.iter().filter(|prefix| **prefix != name);
            others.any(|prefix| name.starts_with(prefix))
        };
        let names = types
            .iter()
            .map(String::as_str)
            .filter(|name| prefix_of(name).is_none());
        Self::Some {
            names: names.filter(|name| !is_within(name)).map(Box::from).collect(),
            prefixes: prefixes
                .iter()
                .filter(|prefix| !is_within(prefix))
                .map(|prefix| Box::from(*prefix))
                .collect(),
        }
    }
}

impl Selection {
    /// Whether events of that type are among them.
    pub fn includes(&self, label: &str) -> bool {
        match self {
            // What the gateway says about itself is asked for by name.
            Self::Every => !is_operational(label),
            Self::Some { names, prefixes } => {
                names.contains(label) || prefixes.iter().any(|prefix| label.starts_with(&**prefix))
            }
        }
    }
}

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

impl Destination for Endpoint {
    fn id(&self) -> DestinationId {
        destination_of(self.id)
    }

    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn target(&self) -> &Target {
        &self.target
    }

    fn connections(&self) -> &Connections {
        &self.connections
    }

    fn request(&self, job: &Job, number: u16, at: Millis) -> Request<Full<Bytes>> {
        let addressed = Addressed {
            target: &self.target,
            headers: &self.headers,
            signers: self.signers(),
        };
        addressed.request(job, number, at)
    }

    fn judge(&self, tried: &Tried) -> Judgement {
        if tried.is_success() {
            Judgement::Success
        } else if tried.is_gone() {
            Judgement::Gone
        } else {
            Judgement::Failure
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_selected_twice_is_selected_once() {
        let of = |types: &[&str]| Selection::of(&types.iter().map(ToString::to_string).collect::<Vec<_>>());
        let types = [
            "stripe.*",
            "stripe.charge.*",
            "stripe.paid",
            "stripes.paid",
            "deal.won",
        ];
        let Selection::Some { names, prefixes } = of(&types) else {
            panic!("not every type");
        };
        assert_eq!(names, HashSet::from(["stripes.paid".into(), "deal.won".into()]));
        assert_eq!(prefixes, HashSet::from(["stripe.".into()]));
        assert!(matches!(of(&["deal.won", "*"]), Selection::Every));
    }
}
