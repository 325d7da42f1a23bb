//! The request of a token call, and the URL that a person is sent to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::base::secret::Secret;
use crate::connectors::definition::{ClientAuth, Connection};
use crate::connectors::template::{RenderFault, Scope, encode_pairs};
use crate::http::json::Node;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Why a token call cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenCallFault {
    #[error("the connector's definition names no {0}")]
    Undefined(&'static str),
    #[error(transparent)]
    Render(#[from] RenderFault),
    #[error("there is no client id and secret")]
    NoClient,
}

/// Who asks: an app at the vendor.
#[derive(Debug, Clone)]
pub struct Client {
    pub id: String,
    pub secret: Secret<String>,
}

/// On what grounds a token is asked for.
pub enum Grant<'a> {
    /// A person has said yes.
    Code {
        code: &'a str,
        redirect_uri: &'a str,
        verifier: Option<&'a str>,
    },
    Refresh {
        token: &'a str,
    },
    /// The client itself.
    Client,
    /// A signed assertion.
    Assertion {
        jwt: &'a str,
    },
}

/// A POST to the token endpoint. It holds secrets, so it cannot be printed.
pub struct TokenCall {
    pub url: String,
    /// Names in the usual spelling.
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// The roots of a connection's templates: `connection`, and each field by its own name.
fn roots(connection: &Node) -> Vec<(&str, &Node)> {
    let mut roots = vec![("connection", connection)];
    if let Node::Object(members) = connection {
        roots.extend(members.iter().map(|(name, value)| (name.as_str(), value)));
    }
    roots
}

/// What templates of a token call see.
pub(super) fn scope_of(connection: &Node) -> Scope<'_> {
    Scope::new(roots(connection))
}

/// The call for a grant. `connection` has the fields by their names.
pub fn token_call(
    defined: &Connection,
    connection: &Node,
    client: Option<&Client>,
    grant: &Grant<'_>,
) -> Result<TokenCall, TokenCallFault> {
    let scope = scope_of(connection);
    let token = defined.token.as_ref().ok_or(TokenCallFault::Undefined("token"))?;
    let url = token.url(&scope)?;
    let scopes = defined
        .scopes
        .join(defined.scope_separator.as_deref().unwrap_or(" "));
    let mut pairs: Vec<(&str, String)> = Vec::new();
    match grant {
        Grant::Code {
            code,
            redirect_uri,
            verifier,
        } => {
            pairs.push(("grant_type", "authorization_code".into()));
            pairs.push(("code", (*code).to_owned()));
            pairs.push(("redirect_uri", (*redirect_uri).to_owned()));
            pairs.extend(verifier.map(|verifier| ("code_verifier", verifier.to_owned())));
        }
        Grant::Refresh { token } => {
            pairs.push(("grant_type", "refresh_token".into()));
            pairs.push(("refresh_token", (*token).to_owned()));
        }
        Grant::Client => {
            let kind = defined.grant_type.as_deref().unwrap_or("client_credentials");
            pairs.push(("grant_type", kind.to_owned()));
            if !scopes.is_empty() {
                pairs.push(("scope", scopes));
            }
        }
        Grant::Assertion { jwt } => {
            pairs.push(("grant_type", JWT_BEARER.into()));
            pairs.push(("assertion", (*jwt).to_owned()));
        }
    }
    for (name, value) in &defined.token_params {
        pairs.push((name, value.text(&scope)?));
    }
    let mut headers = vec![
        ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
        ("Accept", "application/json".to_owned()),
    ];
    if !matches!(grant, Grant::Assertion { .. }) {
        let client = client.ok_or(TokenCallFault::NoClient)?;
        match defined.client_auth.unwrap_or(ClientAuth::Body) {
            ClientAuth::Body => {
                pairs.push(("client_id", client.id.clone()));
                pairs.push(("client_secret", client.secret.expose().clone()));
            }
            ClientAuth::Basic => headers.push(("Authorization", basic(client))),
        }
    }
    let body = encode_pairs(pairs.iter().map(|(name, value)| (*name, value.as_str())));
    Ok(TokenCall { url, headers, body })
}

/// Both parts are form-encoded first (RFC 6749, 2.3.1).
fn basic(client: &Client) -> String {
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(&client.id), encoded(client.secret.expose()));
    format!("Basic {}", STANDARD.encode(pair))
}

/// Where a person is sent to say yes (RFC 6749, 4.1.1).
pub fn authorize_url(
    defined: &Connection,
    connection: &Node,
    client_id: &str,
    redirect_uri: &str,
    scopes: &[String],
    state: &str,
    challenge: Option<&str>,
) -> Result<String, TokenCallFault> {
    let scope = scope_of(connection);
    let authorize = defined.authorize.as_ref();
    let url = authorize
        .ok_or(TokenCallFault::Undefined("authorize"))?
        .url(&scope)?;
    let scopes = scopes.join(defined.scope_separator.as_deref().unwrap_or(" "));
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
        ("state", state),
    ];
    if !scopes.is_empty() {
        pairs.push(("scope", &scopes));
    }
    if let Some(challenge) = challenge {
        pairs.push(("code_challenge", challenge));
        pairs.push(("code_challenge_method", "S256"));
    }
    let params = defined.params.iter();
    pairs.extend(params.map(|(name, value)| (name.as_str(), value.as_str())));
    let join = if url.contains('?') { '&' } else { '?' };
    Ok(format!("{url}{join}{}", encode_pairs(pairs)))
}
