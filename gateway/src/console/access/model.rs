//! What sessions and links are, in memory and to the API.

use std::net::IpAddr;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use serde::Serialize;

use crate::base::caller::{Caller, WorkspaceId};
use crate::base::clock::Millis;
use crate::base::hex;
use crate::base::id::{KeyId, LinkId, SessionId};
use crate::base::scope::Scopes;
use crate::base::seal::{SealError, random};
use crate::base::secret::Secret;

/// The SHA-256 of a cookie, a code or a key.
pub type Digest = [u8; 32];

/// The secret of a session or a link: 256 random bits, in hexadecimal.
pub struct Ticket(Secret<String>);

impl Ticket {
    /// Makes a new one.
    pub fn generate() -> Result<Self, SealError> {
        let bytes: [u8; 32] = random()?;
        Ok(Self(Secret::new(hex::encode(&bytes))))
    }

    /// The text, for the one who may have it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What the database keeps of it.
    pub fn digest(&self) -> Digest {
        digest_of(self.0.expose())
    }
}

/// What the database keeps of a cookie or a code.
pub fn digest_of(text: &str) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

/// A session of a request: whom it speaks for, and what the frame of a page tells.
#[derive(Debug)]
pub struct Session {
    pub digest: Digest,
    pub caller: Arc<Caller>,
    /// Endpoints of the workspace that fail or are paused.
    pub failing_count: i64,
}

/// A session's row.
pub struct StoredSession {
    pub key_digest: Digest,
    pub scopes: Scopes,
    pub failing_count: i64,
}

/// What a session is made from.
pub struct NewSession {
    pub digest: Digest,
    pub workspace: WorkspaceId,
    pub key_id: KeyId,
    pub key_digest: Digest,
    pub link_id: Option<LinkId>,
    pub scopes: Scopes,
    pub ip: IpAddr,
    pub user_agent: Option<String>,
    pub seconds: f64,
}

/// A session as the API and the key's page list it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConsoleSession {
    #[schema(value_type = String, example = "ses_0198c0de-0000-7000-8000-000000000001")]
    pub id: SessionId,
    /// The link that opened it; `null` if the key itself did.
    #[schema(value_type = Option<String>)]
    pub link_id: Option<LinkId>,
    pub scopes: Vec<String>,
    /// From where it was opened, and with which browser.
    pub ip: String,
    pub user_agent: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Millis,
    #[schema(value_type = String, format = DateTime)]
    pub last_seen_at: Millis,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Millis,
}

/// What a link is made from.
pub struct NewLink {
    pub digest: Digest,
    pub workspace: WorkspaceId,
    pub key_id: KeyId,
    pub label: Option<String>,
    pub scopes: Scopes,
    pub next: Option<String>,
    pub session_hours: f64,
    pub seconds: f64,
}

/// A link as the API lists it: never its URL.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ConsoleLink {
    #[schema(value_type = String, example = "lnk_0198c0de-0000-7000-8000-000000000001")]
    pub id: LinkId,
    pub label: Option<String>,
    pub scopes: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Millis,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Millis,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub used_at: Option<Millis>,
    /// How long a session that it opens may last.
    pub session_hours: f64,
}

/// A link that can still be redeemed.
pub struct OpenLink {
    pub id: LinkId,
    pub key_digest: Digest,
    pub scopes: Scopes,
    pub next: Option<String>,
    pub session_hours: f64,
}
