//! Has a person say yes at the vendor: OAuth 2.0's authorization code grant (RFC 6749, 4.1), with PKCE (RFC 7636) where
//! the vendor takes it.
//!
//! `POST …/authorize` writes what was begun under the SHA-256 of a random `state`, and gives the URL to open. The vendor
//! sends the browser to `/oauth/callback`; whoever opened it there is asked first, because the person who came back need
//! not be the one who began. Then what was begun is taken, once, and the code becomes tokens.

pub mod callback;
pub mod grant_store;
mod page;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::Connections;
use super::editing::{kind_in, lock};
use super::stored::{StoredConnection, kind_of};
use crate::audit::{Begun as BegunWork, Work};
use crate::base::caller::Caller;
use crate::base::clock::Millis;
use crate::base::id::ConnectionId;
use crate::base::seal::random;
use crate::connectors::definition::ConnectionKind;
use crate::connectors::token::authorize_url;
use crate::http::call::Call;
use crate::http::fields::{self, Fields};
use crate::http::json::Node;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use grant_store::Begun;

const MAX_SCOPES: usize = 50;
const MAX_SCOPE_CHARS: usize = 200;
const MAX_PATH_CHARS: usize = 500;

/// The body of `POST /v1/connections/{id}/authorize`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct AuthorizeConnection {
    /// Those of the connector if absent.
    #[schema(max_items = 50)]
    scopes: Option<Vec<String>>,
    /// A page of the console, such as `/integrations/connections`.
    #[schema(max_length = 500)]
    return_to: Option<String>,
}

/// Where to send the person who says yes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BegunAuthorization {
    /// Good once; null in the reply to a repeat.
    authorize_url: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Millis,
}

/// `POST /v1/connections/{id}/authorize`.
pub async fn authorize_connection(connections: Connections, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_optional_json().await?;
    let id: ConnectionId = call.id()?;
    let mut client = connections.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        BegunWork::Fresh(work) => work,
        BegunWork::Repeated(reply) => return Ok(reply.no_store()),
    };
    let stored = lock(&work, id).await?;
    let mut fields = Fields::of(body);
    let scopes = fields.optional("scopes", fields::list(0, MAX_SCOPES, scope));
    let return_to = fields.optional("return_to", path);
    fields.finish()?;
    let origin = call.origin();
    call.query.finish()?;
    let wanted = Wanted {
        scopes,
        return_to,
        origin,
        caller: &call.caller,
        browser: None,
    };
    let (url, expires_at) = connections.begin(&work, &stored, wanted).await?;
    let shown = BegunAuthorization {
        authorize_url: Some(url),
        expires_at,
    };
    let kept = BegunAuthorization {
        authorize_url: None,
        expires_at,
    };
    Ok(work
        .commit_hiding(StatusCode::OK, &shown, &kept)
        .await?
        .no_store())
}

/// Who wants an authorization, and what of it.
pub struct Wanted<'a> {
    /// Those of the connector if absent.
    pub scopes: Option<Vec<String>>,
    pub return_to: Option<String>,
    /// Where the vendor sends the person back to, if `server.public_url` does not say.
    pub origin: String,
    pub caller: &'a Caller,
    /// The value of [`callback::COOKIE`] in the browser in which it begins.
    pub browser: Option<&'a str>,
}

impl Connections {
    /// Begins an authorization; where to send the person, and until when.
    pub async fn begin(
        &self,
        work: &Work<'_>,
        stored: &StoredConnection,
        wanted: Wanted<'_>,
    ) -> Result<(String, Millis), Problem> {
        if kind_of(&stored.kind) != Some(ConnectionKind::Oauth2) {
            let detail = format!(
                "Connections of kind {} are not authorized by a person.",
                stored.kind
            );
            return Err(Problem::new(Code::NotAuthorizable, detail));
        }
        let connector = self.catalogue.get(&stored.connector);
        let defined = connector
            .as_deref()
            .and_then(|connector| kind_in(&connector.definition, stored))
            .filter(|defined| defined.authorize.is_some());
        let Some(defined) = defined else {
            let detail = "The connector names no place to authorize it.";
            return Err(Problem::new(Code::NotAuthorizable, detail));
        };
        let values = self.values(stored)?;
        let Some(app) = self.client_of(&stored.connector, &values) else {
            let detail = "It has no client id and secret, and the operator has no app for its connector.";
            return Err(Problem::new(Code::ConnectionNotReady, detail));
        };
        let base = self.public_url.as_deref().unwrap_or(&wanted.origin);
        let redirect_uri = format!("{}{}", base.trim_end_matches('/'), callback::PATH);
        let state = secret()?;
        let verifier = defined.pkce.then(secret).transpose()?;
        let challenge = verifier.as_deref().map(sha256);
        let challenge = challenge.map(|challenge| URL_SAFE_NO_PAD.encode(challenge));
        let scopes = wanted.scopes.unwrap_or_else(|| defined.scopes.clone());
        let url = authorize_url(
            defined,
            &Node::Object(values.to_members()),
            &app.id,
            &redirect_uri,
            &scopes,
            &state,
            challenge.as_deref(),
        );
        let url = url.map_err(|fault| Problem::internal(&fault))?;
        let vault = self.registry.vault();
        let sealed = verifier.map(|verifier| vault.seal(stored.id, verifier.as_bytes()));
        let begun = Begun {
            connection: stored.id,
            workspace: work.workspace(),
            verifier: sealed.transpose().map_err(|fault| Problem::internal(&fault))?,
            redirect_uri,
            scopes,
            return_to: wanted.return_to,
            key_id: wanted.caller.key_id,
            key_name: wanted.caller.key_name.to_string(),
        };
        let browser = wanted.browser.map(sha256);
        let browser = browser.as_ref().map(|digest| &digest[..]);
        let expires_at = grant_store::insert(work.transaction(), &sha256(&state), &begun, browser).await?;
        Ok((url, expires_at))
    }
}

/// 32 random bytes as text.
fn secret() -> Result<String, Problem> {
    let bytes: [u8; 32] = random().map_err(|fault| Problem::internal(&fault))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn sha256(text: &str) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    sum
}

/// RFC 6749, 3.3, without the blanks and commas that separate them.
fn scope(text: &str) -> Result<String, String> {
    let is_letter = |byte: u8| matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x5b | 0x5d..=0x7e);
    match !text.is_empty() && text.len() <= MAX_SCOPE_CHARS && text.bytes().all(is_letter) {
        true => Ok(text.to_owned()),
        false => {
            Err("expected a scope in visible ASCII without blanks, commas, quotes and backslashes".into())
        }
    }
}

/// A path of the console, which leads nowhere else.
fn path(fields: &mut Fields, name: &str, node: Node) -> Option<String> {
    let text = fields::text(1, MAX_PATH_CHARS)(fields, name, node)?;
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~?=&%+:,@!*".contains(&byte);
    let inside = text.strip_prefix("/integrations");
    let is_path = inside.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        && text.bytes().all(is_letter)
        && !text.contains("..")
        && !text.contains("//");
    if !is_path {
        fields.fault(
            name,
            "invalid_format",
            "expected a path of the console, such as /integrations/connections",
        );
    }
    is_path.then_some(text)
}
