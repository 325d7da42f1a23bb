//! `/oauth/callback`: where the vendor sends a person back to. It is public.

use std::net::IpAddr;

use http::header::{HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::grant_store::{self, Begun};
use super::page::{Asked, guarded, page};
use super::sha256;
use crate::audit::{Actor, Changes, Work};
use crate::connections::Connections;
use crate::connections::editing::{kind_in, target_of};
use crate::connections::model::Status;
use crate::connections::refresh::asking::{self, Asked as Answered};
use crate::connections::refresh::fresh::fresh_of;
use crate::connections::store;
use crate::connectors::definition::{Connection, Definition};
use crate::connectors::token::{Grant, Granted, Judged, token_call};
use crate::feed::ChangeKind;
use crate::http::body::RequestBody;
use crate::http::form::urlencoded;
use crate::http::json::Node;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::request_id::RequestId;

/// The path of the route.
pub const PATH: &str = "/oauth/callback";
/// A cookie whose value only the browser knows in which an authorization began.
pub const COOKIE: &str = "gateway_authorize";
pub const ALLOWED: &str = "GET, HEAD, OPTIONS, POST";

const MAX_FORM_BYTES: usize = 16 * 1024;
const MAX_VALUE_BYTES: usize = 4 * 1024;
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A browser that comes back.
pub struct Visit {
    pub method: Method,
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub body: RequestBody,
    pub request_id: RequestId,
    pub ip: IpAddr,
}

/// What the vendor sends along.
#[derive(Default)]
struct Sent {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

impl Sent {
    fn read(text: &[u8]) -> Self {
        let mut sent = Self::default();
        for (name, value) in urlencoded::pairs(text) {
            let value = value.filter(|value| !value.is_empty() && value.len() <= MAX_VALUE_BYTES);
            let slot = match name.as_str() {
                "state" => &mut sent.state,
                "code" => &mut sent.code,
                "error" => &mut sent.error,
                "iss" => &mut sent.iss,
                _ => continue,
            };
            *slot = value;
        }
        sent
    }
}

/// Answers a browser.
pub async fn answer(connections: Connections, mut visit: Visit) -> Result<Reply, Problem> {
    if visit.method != Method::POST {
        let sent = Sent::read(visit.query.as_deref().unwrap_or_default().as_bytes());
        return come_back(&connections, &visit, sent).await;
    }
    let is_ours = visit
        .headers
        .get(FETCH_SITE)
        .is_none_or(|site| site == "same-origin" || site == "none");
    if !is_ours {
        return refuse(StatusCode::FORBIDDEN, "The form was sent from another site.");
    }
    let form = visit
        .body
        .read_as("application/x-www-form-urlencoded", MAX_FORM_BYTES);
    let Ok(bytes) = form.await else {
        return refuse(StatusCode::BAD_REQUEST, "The form cannot be read.");
    };
    let sent = Sent::read(&bytes);
    match (&sent.state, &sent.code) {
        (Some(state), Some(code)) => go_on(&connections, &visit, state, code).await,
        _ => refuse(StatusCode::BAD_REQUEST, "The form lacks state or code."),
    }
}

fn refuse(status: StatusCode, why: &str) -> Result<Reply, Problem> {
    let advice = "Begin again where you came from.".to_owned();
    page(status, "Not connected", &[why.to_owned(), advice], None)
}

const ENDED: &str = "This authorization was used already, or has expired.";

/// The vendor has sent somebody. What was begun stays until that person goes on, but for a no of the vendor.
async fn come_back(connections: &Connections, visit: &Visit, sent: Sent) -> Result<Reply, Problem> {
    let Some(state) = sent.state else {
        return refuse(StatusCode::BAD_REQUEST, "The vendor sent no state.");
    };
    let client = connections.db.client().await?;
    let Some(peeked) = grant_store::peek(&client, &sha256(&state)).await? else {
        return refuse(StatusCode::BAD_REQUEST, ENDED);
    };
    let connector = connections.catalogue.get(&peeked.connector);
    let definition = connector.as_deref().map(|connector| &connector.definition);
    if let Some(iss) = &sent.iss
        && !definition.is_some_and(|definition| is_issuer(definition, iss))
    {
        grant_store::take(&client, &sha256(&state)).await?;
        return refuse(
            StatusCode::BAD_REQUEST,
            "The answer comes from another issuer than it should.",
        );
    }
    if let Some(error) = &sent.error {
        grant_store::take(&client, &sha256(&state)).await?;
        return refuse(
            StatusCode::BAD_REQUEST,
            &format!("The vendor said no: {}.", word(error)),
        );
    }
    let Some(code) = sent.code else {
        return refuse(StatusCode::BAD_REQUEST, "The vendor sent no code.");
    };
    drop(client);
    if is_same_browser(&visit.headers, peeked.browser.as_deref()) {
        return go_on(connections, visit, &state, &code).await;
    }
    let title = definition.map_or(peeked.connector.as_str(), |definition| &definition.title);
    let lines = [
        format!(
            "The connection {:?} of the workspace {:?} will act at {title} as you have just allowed.",
            peeked.connection_name, peeked.workspace_name
        ),
        format!(
            "It was begun by the key {:?}, in another browser or by a program.",
            peeked.key_name
        ),
        "Go on only if you know why you are here.".to_owned(),
    ];
    let asked = Asked { state, code };
    page(StatusCode::OK, "Connect?", &lines, Some(&asked))
}

/// Whether an issuer (RFC 9207) is the one that the person was sent to.
fn is_issuer(definition: &Definition, iss: &str) -> bool {
    let Some(host) = Url::parse(iss).ok().and_then(|iss| match iss.scheme() {
        "https" => iss.host_str().map(str::to_owned),
        _ => None,
    }) else {
        return false;
    };
    let mut authorize = definition
        .connection
        .iter()
        .filter_map(|defined| defined.authorize.as_ref());
    authorize.any(|authorize| match authorize.fixed_host() {
        Some(fixed) => fixed == host,
        None => definition.allows_host(&host),
    })
}

/// Whether the browser holds the cookie of the one in which it was begun.
fn is_same_browser(headers: &HeaderMap, browser: Option<&[u8]>) -> bool {
    let Some(browser) = browser else { return false };
    let cookies = headers.get_all(http::header::COOKIE).iter();
    let mut pairs = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'));
    pairs.any(|pair| match pair.trim().split_once('=') {
        Some((name, value)) => name == COOKIE && sha256(value)[..] == *browser,
        None => false,
    })
}

/// Takes what was begun, and asks for the tokens.
async fn go_on(connections: &Connections, visit: &Visit, state: &str, code: &str) -> Result<Reply, Problem> {
    let (begun, stored) = {
        let client = connections.db.client().await?;
        let Some(begun) = grant_store::take(&client, &sha256(state)).await? else {
            return refuse(StatusCode::BAD_REQUEST, ENDED);
        };
        let found = store::find(&client, begun.workspace, begun.connection).await?;
        let Some((stored, _)) = found else {
            return refuse(StatusCode::BAD_REQUEST, "The connection is deleted.");
        };
        (begun, stored)
    };
    let connector = connections.catalogue.get(&stored.connector);
    let found = connector
        .as_deref()
        .and_then(|connector| Some((&connector.definition, kind_in(&connector.definition, &stored)?)));
    let Some((definition, defined)) = found else {
        return refuse(StatusCode::BAD_REQUEST, "The connector is known no more.");
    };
    let values = connections.values(&stored)?;
    let vault = connections.registry.vault();
    let verifier = begun
        .verifier
        .as_ref()
        .map(|sealed| vault.open_value(begun.connection, sealed));
    let verifier = verifier.transpose().map_err(|fault| Problem::internal(&fault))?;
    let verifier = verifier.map(|text| String::from_utf8_lossy(text.expose()).into_owned());
    let client = connections.client_of(&stored.connector, &values);
    let grant = Grant::Code {
        code,
        redirect_uri: &begun.redirect_uri,
        verifier: verifier.as_deref(),
    };
    let call = token_call(
        defined,
        &Node::Object(values.to_members()),
        client.as_ref(),
        &grant,
    );
    let call = call.map_err(|fault| Problem::internal(&fault))?;
    let answered = asking::send(&connections.outgoing, definition, defined, call).await;
    let why = match answered {
        Answered::Judged {
            judged: Judged::Granted(granted),
            ..
        } => return connected(connections, visit, begun, &granted, defined).await,
        Answered::Judged {
            judged: Judged::Refused { code, .. },
            ..
        } => format!("{} refused the code: {code}.", definition.title),
        Answered::Judged {
            judged: Judged::Failed { why },
            ..
        } => why,
        Answered::Postponed { .. } => "Nothing was asked.".to_owned(),
    };
    refuse(StatusCode::BAD_REQUEST, &why)
}

/// Writes the tokens, and says so.
async fn connected(
    connections: &Connections,
    visit: &Visit,
    begun: Begun,
    granted: &Granted,
    defined: &Connection,
) -> Result<Reply, Problem> {
    let mut client = connections.db.client().await?;
    let actor = Actor::Key {
        id: begun.key_id,
        name: begun.key_name.as_str().into(),
        request_id: visit.request_id.as_str().to_owned(),
        ip: visit.ip,
    };
    let work = Work::begin_as(&mut client, begun.workspace, actor).await?;
    let Some(stored) = store::lock(work.transaction(), begun.workspace, begun.connection).await? else {
        return refuse(StatusCode::BAD_REQUEST, "The connection is deleted.");
    };
    let vault = connections.registry.vault();
    // What renews the tokens of before is somebody else's grant.
    let fresh = fresh_of(granted, None, defined.keep_alive_days, &stored, vault);
    let fresh = fresh.map_err(|fault| Problem::internal(&fault))?;
    grant_store::put_authorized(work.transaction(), &begun, &fresh).await?;
    let mut changes = Changes::default();
    changes.note("status", &stored.status.name(), &Status::Ready.name());
    changes.note_hidden("tokens");
    work.audit("connection.authorized", &target_of(&stored), &changes)
        .await?;
    work.changed(ChangeKind::Connection, begun.connection.uuid())
        .await?;
    work.commit_silently().await?;
    connections.hold_at_once(&client, begun.connection).await;
    let back = begun.return_to.and_then(|path| HeaderValue::try_from(path).ok());
    match back {
        Some(path) => {
            let reply = Reply::empty(StatusCode::SEE_OTHER).with_header(LOCATION, path);
            Ok(guarded(reply))
        }
        None => {
            let line = format!(
                "The connection {:?} is ready. This page can be closed.",
                stored.name
            );
            page(StatusCode::OK, "Connected", &[line], None)
        }
    }
}

/// An error code of RFC 6749, 4.1.2.1; other texts are not repeated.
fn word(error: &str) -> &str {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    match error.len() <= 60 && error.bytes().all(is_letter) {
        true => error,
        false => "it gave no reason that can be shown",
    }
}
