//! The connector's test call: whether a connection works, and whose it is.

use std::sync::Arc;

use super::Connections;
use super::editing::{kind_in, lock, target_of};
use super::model::TestedConnection;
use super::registry::Live;
use super::store;
use super::stored::{StoredConnection, kind_of};
use crate::audit::{Begun, Changes, Work};
use crate::base::id::ConnectionId;
use crate::connectors::definition::{ConnectionKind, Definition, TestCall};
use crate::connectors::request::{Given, render};
use crate::connectors::template::{Scope, Text};
use crate::connectors::view;
use crate::db::DbError;
use crate::filter::Data;
use crate::http::call::Call;
use crate::http::fields::Fields;
use crate::http::json::Node;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;

const MAX_ACCOUNT_CHARS: usize = 200;

/// `POST /v1/connections/{id}/test`. The call is made between two transactions: the first writes that it is made, the
/// second whose the connection is. A repeat of a request whose call is under way is told that.
pub async fn test_connection(connections: Connections, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_optional_json().await?;
    let id: ConnectionId = call.id()?;
    let mut client = connections.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let stored = lock(&work, id).await?;
    Fields::of(body).finish()?;
    call.query.finish()?;
    if stored.tokens.is_none() && kind_of(&stored.kind) == Some(ConnectionKind::Oauth2) {
        let detail = stored.status_detail.unwrap_or_else(|| "It has no token.".into());
        return Err(Problem::new(Code::ConnectionNotReady, detail));
    }
    store::note_use(work.transaction(), work.workspace(), id).await?;
    let live =
        Live::prepare(&stored, connections.registry.vault()).map_err(|fault| Problem::internal(&fault))?;
    work.audit("connection.tested", &target_of(&stored), &Changes::default())
        .await?;
    let unfinished = untested("The test call is still under way.".into());
    let amendable = work.commit_amendable(&unfinished).await?;
    // A vendor may take its time, and this must not hold a connection to the database.
    drop(client);
    let tested = connections.try_out(&stored, Arc::new(live)).await?;
    let client = connections.db.client().await?;
    if tested.ok {
        store::note_success(&client, &stored, tested.account.as_deref()).await?;
        connections.hold_at_once(&client, id).await;
    }
    amendable.amend(&client, &tested).await
}

fn untested(detail: String) -> TestedConnection {
    TestedConnection {
        ok: false,
        status_code: None,
        account: None,
        detail: Some(detail),
        total_ms: 0.0,
    }
}

impl Connections {
    async fn try_out(&self, stored: &StoredConnection, live: Arc<Live>) -> Result<TestedConnection, DbError> {
        let Some(connector) = self.catalogue.get(&stored.connector) else {
            return Ok(untested(format!(
                "The connector {} is known no more.",
                stored.connector
            )));
        };
        let definition = &connector.definition;
        let has_token = kind_of(&stored.kind).is_some_and(ConnectionKind::has_access_token);
        let live = match has_token && !live.is_usable() {
            true => self.renewals.newer(&live).await?.unwrap_or(live),
            false => live,
        };
        if has_token && live.tokens.is_none() {
            let present = self.registry.find(stored.workspace, stored.id);
            let detail = present.and_then(|present| present.status_detail.clone());
            return Ok(untested(detail.unwrap_or_else(|| "No token has come.".into())));
        }
        let kind = kind_in(definition, stored).map(|connection| connection.kind);
        let test = definition.test.as_ref().filter(|test| {
            test.connections.is_empty() || kind.is_some_and(|kind| test.connections.contains(&kind))
        });
        let Some(test) = test else {
            let title = &definition.title;
            return Ok(untested(format!(
                "{title} has no test call for this kind of connection."
            )));
        };
        let tested = self.make_call(definition, test, &live).await;
        if !(has_token && tested.status_code == Some(401)) {
            return Ok(tested);
        }
        // The token may have been ended before its time: it is renewed, once.
        match self.renewals.newer(&live).await? {
            Some(newer) => Ok(self.make_call(definition, test, &newer).await),
            None => Ok(tested),
        }
    }

    async fn make_call(&self, definition: &Definition, test: &TestCall, live: &Live) -> TestedConnection {
        let credential = live.credential();
        let given = Given {
            definition,
            request: &test.request,
            credential: credential.as_ref(),
            roots: &[],
        };
        let rendered = match render(given) {
            Ok(rendered) => rendered,
            Err(fault) => return untested(format!("The test call cannot be made: {fault}.")),
        };
        let answer = match self.outgoing.send(definition, rendered).await {
            Ok(answer) => answer,
            Err(unanswered) => {
                return TestedConnection {
                    total_ms: millis(unanswered.total),
                    ..untested(unanswered.detail)
                };
            }
        };
        let view = view::answer(answer.status, &answer.headers, &answer.body);
        let text = view::written(&view);
        let ok = (200..300).contains(&answer.status)
            && test
                .success
                .as_ref()
                .is_none_or(|success| success.holds(&Data::of(text.as_bytes())));
        let account = test.account.as_ref().filter(|_| ok);
        TestedConnection {
            ok,
            status_code: Some(answer.status),
            account: account.and_then(|account| account_of(account, &view)),
            detail: (!ok).then(
                || match error_word(&view).filter(|word| !live.values.hold(word)) {
                    Some(word) => format!("{} answered {} ({word}).", definition.title, answer.status),
                    None => format!("{} answered {}.", definition.title, answer.status),
                },
            ),
            total_ms: millis(answer.total),
        }
    }
}

/// Whose the vendor says the connection is.
fn account_of(account: &Text, view: &Node) -> Option<String> {
    let Node::Object(members) = view else { return None };
    let roots = members.iter().map(|(name, value)| (name.as_str(), value));
    let text = account.text(&Scope::new(roots)).ok()?;
    let shown: String = text
        .chars()
        .filter(|letter| !letter.is_control())
        .take(MAX_ACCOUNT_CHARS)
        .collect();
    Some(shown).filter(|shown| !shown.trim().is_empty())
}

/// The vendor's word for what is wrong. Only a word is told on: an answer may repeat what was sent.
fn error_word(view: &Node) -> Option<String> {
    const MAX_BYTES: usize = 60;
    let body = member(view, "body")?;
    let error = member(body, "error").or_else(|| member(body, "code"));
    let word = match error? {
        Node::Text(word) => word,
        inner => match member(inner, "code").or_else(|| member(inner, "status"))? {
            Node::Text(word) => word,
            _ => return None,
        },
    };
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_uppercase() || byte == b'_';
    (word.len() <= MAX_BYTES && !word.is_empty() && word.bytes().all(is_letter)).then(|| word.clone())
}

fn member<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Node::Object(members) = node else { return None };
    members
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
