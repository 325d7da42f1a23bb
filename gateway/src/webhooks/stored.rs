//! An endpoint as the database keeps it: what is shown, and what is sealed.

use std::collections::BTreeMap;

use super::model::{MASK, Webhook};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::WebhookId;
use crate::base::seal::SealError;
use crate::delivery::engine::breaker::HealthState;
use crate::outbound::target::Target;
use crate::vault::Vault;

/// Why sealed headers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("its headers are damaged")]
    Damaged,
}

/// A row: what is shown, and what is sealed.
#[derive(Debug, Clone)]
pub struct StoredWebhook {
    pub workspace: WorkspaceId,
    /// Its headers are empty until they are opened.
    pub shown: Webhook,
    pub health: HealthState,
    pub headers: Option<Vec<u8>>,
    pub secret: Vec<u8>,
    pub previous_secret: Option<Vec<u8>>,
    pub previous_secret_until: Option<Millis>,
}

/// What is sealed of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub id: WebhookId,
    pub headers: Option<Vec<u8>>,
    pub secret: Vec<u8>,
    pub previous_secret: Option<Vec<u8>>,
}

impl StoredWebhook {
    /// Names and values of the headers that are sent along.
    pub fn open_headers(&self, vault: &Vault) -> Result<Vec<(String, String)>, OpenError> {
        let Some(sealed) = &self.headers else {
            return Ok(Vec::new());
        };
        let plain = vault.open_value(self.shown.id, sealed)?;
        serde_json::from_slice(plain.expose()).map_err(|_| OpenError::Damaged)
    }

    /// What the API shows: names of headers, their values masked, and the URL that is sent.
    pub fn masked(mut self, vault: &Vault) -> Webhook {
        if let Ok(target) = Target::parse(&self.shown.url) {
            self.shown.url = target.url;
        }
        let headers = self.open_headers(vault).unwrap_or_default();
        let masked = headers.into_iter().map(|(name, _)| (name, MASK.to_owned()));
        self.shown.headers = masked.collect::<BTreeMap<_, _>>();
        self.shown
    }
}
