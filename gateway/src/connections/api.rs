//! Handlers of `/v1/connections`.

use http::StatusCode;

use super::draft::{self, ChangedConnection};
use super::editing::{kind_in, lock, target_of};
use super::model::{Connection, Status, UsedBy};
use super::stored::{StoredConnection, kind_of};
use super::values::Values;
use super::{Connections, store, use_store};
use crate::audit::{Begun, Changes, Work};
use crate::base::clock::Millis;
use crate::base::id::ConnectionId;
use crate::base::page;
use crate::connectors::definition;
use crate::feed::ChangeKind;
use crate::http::call::Call;
use crate::http::fields::Faults;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;

/// `POST /v1/connections`.
pub async fn create_connection(connections: Connections, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let mut client = connections.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let has_app = |name: &str| connections.apps.contains_key(name);
    let new = draft::read_new(body, &connections.catalogue, has_app).map_err(invalid)?;
    call.query.finish()?;
    let id = ConnectionId::generate();
    let (status, status_detail) = first_status(new.kind);
    let stored = StoredConnection {
        id,
        workspace: work.workspace(),
        name: new.name,
        connector: new.connector.definition.name.clone(),
        kind: new.kind.name().to_owned(),
        fields: connections.seal(&new.values, id)?,
        tokens: None,
        scopes: Vec::new(),
        account: None,
        status,
        status_detail: status_detail.map(str::to_owned),
        expires_at: None,
        refreshed_at: None,
        created_at: Millis::now(),
        updated_at: Millis::now(),
    };
    let is_due = asks_by_itself(new.kind);
    store::insert(work.transaction(), &stored, is_due).await?;
    let target = target_of(&stored);
    work.audit("connection.created", &target, &Changes::default())
        .await?;
    work.changed(ChangeKind::Connection, id.uuid()).await?;
    let shown = connections.shown(stored, &new.values, UsedBy::default());
    let reply = work.commit(StatusCode::CREATED, &shown).await?;
    connections.hold_at_once(&client, id).await;
    if is_due {
        connections.renewals.wake.notify_one();
    }
    Ok(reply)
}

/// `GET /v1/connections`.
pub async fn list_connections(connections: Connections, mut call: Call) -> Result<Reply, Problem> {
    let workspace = call.caller.workspace;
    let page = call
        .query
        .page(page::DEFAULT_LIMIT, format!("connections {workspace:?}"));
    call.query.finish()?;
    let client = connections.db.client().await?;
    let found = store::list(&client, workspace, &page).await?;
    let shown = found
        .into_iter()
        .map(|(stored, used_by)| connections.opened(stored, used_by));
    let shown = shown.collect::<Result<Vec<_>, _>>()?;
    Reply::ok(&page.listing(shown, |connection| connection.id.to_string()))
}

/// `GET /v1/connections/{id}`.
pub async fn get_connection(connections: Connections, call: Call) -> Result<Reply, Problem> {
    let id = call.id()?;
    let client = connections.db.client().await?;
    let found = store::find(&client, call.caller.workspace, id).await?;
    let (stored, used_by) = found.ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    Reply::ok(&connections.opened(stored, used_by)?)
}

/// `PATCH /v1/connections/{id}`.
pub async fn update_connection(connections: Connections, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let id: ConnectionId = call.id()?;
    let mut client = connections.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let mut stored = lock(&work, id).await?;
    let before = connections.values(&stored)?;
    let has_app = connections.apps.contains_key(&stored.connector);
    let connector = connections.catalogue.get(&stored.connector);
    let known = connector
        .as_deref()
        .and_then(|connector| Some((&connector.definition, kind_in(&connector.definition, &stored)?)));
    let draft = draft::read_change(body, known, has_app, before.clone()).map_err(invalid)?;
    call.query.finish()?;
    let used_by = use_store::count(work.transaction(), id).await?;
    let values = draft.values.clone();
    let (changes, is_due) = connections.apply(&mut stored, draft, &before)?;
    if !changes.is_empty() {
        stored.updated_at = Millis::now();
        store::update(work.transaction(), &stored, is_due).await?;
        work.audit("connection.updated", &target_of(&stored), &changes)
            .await?;
        work.changed(ChangeKind::Connection, id.uuid()).await?;
    }
    let shown = connections.shown(stored, &values, used_by);
    let reply = work.commit(StatusCode::OK, &shown).await?;
    connections.hold_at_once(&client, id).await;
    if is_due {
        connections.renewals.wake.notify_one();
    }
    Ok(reply)
}

/// `DELETE /v1/connections/{id}`.
pub async fn delete_connection(connections: Connections, call: Call) -> Result<Reply, Problem> {
    let id: ConnectionId = call.id()?;
    let mut client = connections.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let stored = lock(&work, id).await?;
    call.query.finish()?;
    let UsedBy { rules, sources } = use_store::count(work.transaction(), id).await?;
    if rules + sources > 0 {
        let detail = format!("{rules} rules and {sources} sources use it.");
        return Err(Problem::new(Code::ConnectionInUse, detail));
    }
    store::delete(work.transaction(), stored.workspace, id).await?;
    work.audit("connection.deleted", &target_of(&stored), &Changes::default())
        .await?;
    work.changed(ChangeKind::Connection, id.uuid()).await?;
    work.commit_silently().await?;
    connections.hold_at_once(&client, id).await;
    Ok(Reply::no_content())
}

impl Connections {
    fn seal(&self, values: &Values, id: ConnectionId) -> Result<Vec<u8>, Problem> {
        let sealed = values.seal(self.registry.vault(), id);
        sealed.map_err(|fault| Problem::internal(&fault))
    }

    fn opened(&self, stored: StoredConnection, used_by: UsedBy) -> Result<Connection, Problem> {
        let values = self.values(&stored)?;
        Ok(self.shown(stored, &values, used_by))
    }

    fn shown(&self, stored: StoredConnection, values: &Values, used_by: UsedBy) -> Connection {
        let connector = self.catalogue.get(&stored.connector);
        let known = connector
            .as_deref()
            .and_then(|connector| kind_in(&connector.definition, &stored));
        stored.shown(values, known, used_by)
    }

    /// Puts a draft's fields in, noting each that changes; and whether a token is to be asked for with them.
    fn apply(
        &self,
        stored: &mut StoredConnection,
        draft: ChangedConnection,
        before: &Values,
    ) -> Result<(Changes, bool), Problem> {
        let (mut changes, mut is_due) = (Changes::default(), false);
        if let Some(name) = draft.name {
            changes.note("name", &stored.name, &name);
            stored.name = name;
        }
        if draft.values != *before {
            changes.note_hidden("fields");
            stored.fields = self.seal(&draft.values, stored.id)?;
            // Whose it is, the next test says.
            stored.account = None;
            match kind_of(&stored.kind) {
                Some(kind) if asks_by_itself(kind) => {
                    let (status, detail) = first_status(kind);
                    changes.note("status", &stored.status.name(), &status.name());
                    (stored.status, stored.status_detail) = (status, detail.map(str::to_owned));
                    // A token of other fields may be somebody else's.
                    stored.tokens = None;
                    is_due = true;
                }
                // Another secret of the same app: the refresh token may work again.
                Some(kind) if kind.has_access_token() => is_due = stored.tokens.is_some(),
                _ => {
                    changes.note("status", &stored.status.name(), &Status::Ready.name());
                    (stored.status, stored.status_detail) = (Status::Ready, None);
                }
            }
        }
        Ok((changes, is_due))
    }
}

/// Whether a token of this kind is asked for without a person.
const fn asks_by_itself(kind: definition::ConnectionKind) -> bool {
    matches!(
        kind,
        definition::ConnectionKind::ClientCredentials | definition::ConnectionKind::ServiceAccount
    )
}

/// How a new connection of a kind is, and why.
const fn first_status(kind: definition::ConnectionKind) -> (Status, Option<&'static str>) {
    match kind {
        definition::ConnectionKind::Oauth2 => (Status::Pending, Some("It is not authorized yet.")),
        _ if kind.has_access_token() => (Status::Pending, Some("No token has come yet.")),
        _ => (Status::Ready, None),
    }
}

fn invalid(faults: Faults) -> Problem {
    Problem::invalid(faults.into_vec())
}
