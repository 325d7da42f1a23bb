//! A source in memory, ready to take requests.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use metrics::{Histogram, histogram};

use super::connector::{Connector, Connectors, Dedupe, Options};
use super::label::Types;
use super::model::{DEFAULT_RATE, StoredSource};
use super::store::Loaded;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::SourceId;
use crate::base::network::parse_network;
use crate::base::seal::SealError;
use crate::base::secret::Secret;
use crate::connectors::definition::Verify;
use crate::connectors::verify::{Held, Keyring, Verifier};
use crate::filter::Filter;
use crate::http::json::Node;
use crate::keys::model::{Limiter, limiter};
use crate::telemetry::names;
use crate::vault::Vault;

/// A source that requests are judged by.
#[derive(Debug)]
pub struct Live {
    pub id: SourceId,
    pub workspace: WorkspaceId,
    pub is_enabled: bool,
    pub connector: Arc<Connector>,
    pub verifier: Verifier,
    pub keyring: Keyring,
    secrets: BTreeMap<String, Vec<Held>>,
    pub options: Options,
    /// The options as templates see them.
    pub shown_options: Node,
    /// How requests are verified, for what is told of them.
    pub verify: Verify,
    pub dedupe: Dedupe,
    pub filter: Option<Filter>,
    ip_allowlist: Vec<IpNet>,
    pub rate_per_second: u32,
    pub limiter: Option<Arc<Limiter>>,
    /// Whether a handshake that hands out a secret has handed one out that waits to be confirmed.
    pub waits_for_confirmation: bool,
    pub types: Arc<Types>,
    pub seconds: Histogram,
    /// The tokens by which it is found; the second until a moment.
    pub token_digest: Vec<u8>,
    pub previous_token: Option<(Vec<u8>, Millis)>,
}

/// Why a stored source takes no requests.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Unfit(#[from] super::connector::Unfit),
    #[error("its repeats cannot be known: {0}")]
    Dedupe(String),
    #[error("there is no connector {0}")]
    NoConnector(String),
}

impl Live {
    /// Prepares a stored source. What it was `before` goes on: its bucket and its types.
    pub fn prepare(
        loaded: &Loaded,
        connectors: &Connectors,
        vault: &Vault,
        before: Option<&Self>,
    ) -> Result<Self, Unusable> {
        let (stored, types) = loaded;
        let connector = connectors
            .find(&stored.connector)
            .ok_or_else(|| Unusable::NoConnector(stored.connector.clone()))??;
        let verifier = connector.verifier(&stored.options)?;
        let secrets = open_secrets(stored, vault)?;
        let mut live = Self::of(stored.id, connector, verifier, stored.options.clone(), secrets)?;
        let rate_per_second = stored.rate_limit_per_second.unwrap_or(DEFAULT_RATE);
        let same_rate = before.filter(|before| before.rate_per_second == rate_per_second);
        live.limiter = match same_rate {
            Some(before) => before.limiter.clone(),
            None => limiter(rate_per_second),
        };
        if let Some(before) = before {
            live.types = before.types.clone();
        }
        live.types.add(types.iter().map(|name| Arc::from(name.as_str())));
        let nets = stored.ip_allowlist.iter();
        live.ip_allowlist = nets.filter_map(|text| parse_network(text)).collect();
        live.workspace = stored.workspace;
        live.is_enabled = stored.enabled;
        live.filter = stored.filter.as_ref().and_then(Filter::stored);
        live.rate_per_second = rate_per_second;
        live.waits_for_confirmation = stored.handshake_secret.is_some();
        live.token_digest.clone_from(&stored.token_digest);
        live.previous_token = stored
            .previous_token_digest
            .clone()
            .zip(stored.previous_token_until);
        Ok(live)
    }

    /// An enabled source of nobody, with these options and secrets.
    pub(super) fn of(
        id: SourceId,
        connector: Arc<Connector>,
        verifier: Verifier,
        options: Options,
        secrets: BTreeMap<String, Vec<Held>>,
    ) -> Result<Self, Unusable> {
        let mut keyring = Keyring::default();
        for (name, values) in &secrets {
            for held in values {
                keyring.push(name, held.clone());
            }
        }
        let shown = options
            .iter()
            .map(|(name, value)| (name.clone(), Node::Text(value.clone())));
        Ok(Self {
            id,
            workspace: WorkspaceId(0),
            is_enabled: true,
            seconds: histogram!(names::SOURCE_SECONDS, "connector" => connector.name.to_string()),
            verify: connector.verify(&options),
            dedupe: connector.dedupe(&options).map_err(Unusable::Dedupe)?,
            shown_options: Node::Object(shown.collect()),
            connector,
            verifier,
            keyring,
            secrets,
            options,
            filter: None,
            ip_allowlist: Vec::new(),
            rate_per_second: DEFAULT_RATE,
            limiter: None,
            waits_for_confirmation: false,
            types: Arc::default(),
            token_digest: Vec::new(),
            previous_token: None,
        })
    }

    /// Whether a client at `ip` may send to it.
    pub fn allows(&self, ip: IpAddr) -> bool {
        self.ip_allowlist.is_empty() || self.ip_allowlist.iter().any(|net| net.contains(&ip))
    }

    /// The values of a secret that hold now, newest first.
    pub fn values(&self, name: &str, now: Millis) -> impl Iterator<Item = &Secret<String>> {
        let held = self.secrets.get(name).map(Vec::as_slice).unwrap_or_default();
        held.iter()
            .filter(move |held| held.until_unix_ms.is_none_or(|until| now.0 < until))
            .map(|held| &held.value)
    }

    /// Whether a secret is set.
    pub fn holds(&self, name: &str) -> bool {
        self.secrets.contains_key(name)
    }

    /// The secrets that hold now, as if for ever: for a request of an earlier time.
    pub fn present_keyring(&self, now: Millis) -> Keyring {
        let mut keyring = Keyring::default();
        for name in self.secrets.keys() {
            for value in self.values(name, now) {
                let value = value.clone();
                keyring.push(
                    name,
                    Held {
                        value,
                        until_unix_ms: None,
                    },
                );
            }
        }
        keyring
    }
}

fn open_secrets(stored: &StoredSource, vault: &Vault) -> Result<BTreeMap<String, Vec<Held>>, SealError> {
    let opened = stored.secrets.iter().map(|secret| {
        let values = secret.open(vault, stored.id)?;
        Ok((secret.name.clone(), values))
    });
    opened.collect()
}
