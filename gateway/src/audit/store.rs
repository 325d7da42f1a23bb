//! The SQL of the audit trail and of the replies kept for repeated requests.

use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use super::model::{Actor, Changes, Entry, ShownActor, Target};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{AuditId, KeyId, uuid_floor, uuid_millis};
use crate::db::{DbError, ToSql, purge_slowly};

/// Which entries are wanted.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub action: Option<String>,
    pub actor: Option<String>,
    pub target: Option<String>,
    pub since: Option<Millis>,
    pub until: Option<Millis>,
    pub after: Option<Uuid>,
}

pub async fn insert(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    actor: &Actor,
    action: &str,
    target: &Target,
    changes: &Changes,
) -> Result<(), DbError> {
    let (key_id, key_name, request_id, ip) = match actor {
        Actor::Key {
            id,
            name,
            request_id,
            ip,
        } => (
            Some(id.uuid()),
            Some(&**name),
            Some(request_id),
            Some(ip.to_string()),
        ),
        Actor::Operator | Actor::System => (None, None, None, None),
    };
    transaction
        .execute(
            "insert into audit (id, workspace_id, key_id, key_name, operator, action, target_type,
                                target_id, target_name, request_id, ip, changes)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, ($12::text)::json)",
            &[
                &AuditId::generate(),
                &workspace,
                &key_id,
                &key_name,
                &actor.operator(),
                &action,
                &target.r#type,
                &target.id,
                &target.name,
                &request_id,
                &ip,
                &changes.to_text(),
            ],
        )
        .await?;
    Ok(())
}

const COLUMNS: &str = "id, key_id, key_name, operator, action, target_type, target_id, target_name,
    request_id, ip, changes::text";

/// The trail's entries that `filter` asks for, newest first.
///
/// An actor or a target can be meant in more than one way. Each way is a query of its own that its index serves in the
/// order of the list, and the newest of all of them are taken: an `or` would read and sort every match.
pub(super) async fn list(
    client: &Client,
    workspace: WorkspaceId,
    filter: &Filter,
    count: i64,
) -> Result<Vec<Entry>, DbError> {
    let actor_id = filter.actor.as_deref().and_then(KeyId::parse).map(KeyId::uuid);
    let since = filter.since.map(|since| uuid_floor(since.0));
    let until = filter.until.map(|until| uuid_floor(until.0));
    let mut bound: Vec<&(dyn ToSql + Sync)> = vec![&workspace, &count];
    let mut always = vec!["workspace_id = $1".to_owned()];
    bind(&mut bound, &mut always, "action =", filter.action.as_ref());
    bind(&mut bound, &mut always, "id >=", since.as_ref());
    bind(&mut bound, &mut always, "id <", until.as_ref());
    bind(&mut bound, &mut always, "id <", filter.after.as_ref());
    let mut actors = Vec::new();
    match filter.actor.as_deref() {
        // A key's id or name, or the word for actors that are no keys.
        Some(_) if actor_id.is_some() => bind(&mut bound, &mut actors, "key_id =", actor_id.as_ref()),
        Some("cli" | "system") => {
            bind(&mut bound, &mut actors, "operator =", filter.actor.as_ref());
            bind(&mut bound, &mut actors, "key_name =", filter.actor.as_ref());
        }
        _ => bind(&mut bound, &mut actors, "key_name =", filter.actor.as_ref()),
    }
    let mut targets = Vec::new();
    bind(&mut bound, &mut targets, "target_id =", filter.target.as_ref());
    bind(&mut bound, &mut targets, "target_type =", filter.target.as_ref());
    let rows = client
        .query(&statement(&always, &actors, &targets), &bound)
        .await?;
    Ok(rows.iter().map(entry).collect())
}

/// Adds the condition on `value`, if there is one.
fn bind<'a, T: ToSql + Sync>(
    bound: &mut Vec<&'a (dyn ToSql + Sync)>,
    conditions: &mut Vec<String>,
    comparison: &str,
    value: Option<&'a T>,
) {
    if let Some(value) = value {
        bound.push(value);
        conditions.push(format!("{comparison} ${}", bound.len()));
    }
}

fn statement(always: &[String], actors: &[String], targets: &[String]) -> String {
    let any = ["true".to_owned()];
    let ways_of = |ways: &[String]| match ways.is_empty() {
        true => any.to_vec(),
        false => ways.to_vec(),
    };
    let always = always.join(" and ");
    let mut ways = Vec::new();
    for actor in ways_of(actors) {
        for target in ways_of(targets) {
            ways.push(format!(
                "(select {COLUMNS} from audit where {always} and {actor} and {target}
                  order by id desc limit $2)"
            ));
        }
    }
    let ways = ways.join(" union ");
    format!("select * from ({ways}) as found order by id desc limit $2")
}

fn entry(row: &Row) -> Entry {
    let id: AuditId = row.get(0);
    let actor = match row.get::<_, Option<KeyId>>(1) {
        Some(key_id) => ShownActor::Key {
            key_id,
            key_name: row.get::<_, Option<String>>(2).unwrap_or_default(),
        },
        None => ShownActor::Operator {
            operator: row.get::<_, Option<String>>(3).unwrap_or_default(),
        },
    };
    let changes: Option<String> = row.get(10);
    Entry {
        id,
        at: Millis(uuid_millis(id.uuid())),
        actor,
        action: row.get(4),
        target: Target {
            r#type: row.get(5),
            id: row.get(6),
            name: row.get(7),
        },
        request_id: row.get(8),
        ip: row.get(9),
        // The column's type is json, so the text is valid.
        changes: changes.and_then(|text| serde_json::value::RawValue::from_string(text).ok()),
    }
}

/// A kept reply.
pub(super) struct KeptReply {
    pub path: String,
    pub body_digest: Vec<u8>,
    pub status: i16,
    pub reply: Vec<u8>,
}

/// Takes the lock on a key for the rest of the transaction; `false` if another request holds it.
pub(super) async fn try_lock_key(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: &str,
) -> Result<bool, DbError> {
    let row = transaction
        .query_one(
            "select pg_try_advisory_xact_lock(hashtextextended($1::text, $2::int4))",
            &[&key, &workspace],
        )
        .await?;
    Ok(row.get(0))
}

pub(super) async fn kept_reply(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: &str,
) -> Result<Option<KeptReply>, DbError> {
    let row = transaction
        .query_opt(
            "select path, body_digest, status, reply from idempotency_replies
             where workspace_id = $1 and key = $2 and created_at > now() - interval '24 hours'",
            &[&workspace, &key],
        )
        .await?;
    Ok(row.map(|row| KeptReply {
        path: row.get(0),
        body_digest: row.get(1),
        status: row.get(2),
        reply: row.get(3),
    }))
}

pub(super) async fn keep_reply(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    key: &str,
    kept: &KeptReply,
) -> Result<(), DbError> {
    transaction
        .execute(
            "insert into idempotency_replies (workspace_id, key, path, body_digest, status, reply)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (workspace_id, key) do update set path = excluded.path,
                 body_digest = excluded.body_digest, status = excluded.status,
                 reply = excluded.reply, created_at = now()",
            &[
                &workspace,
                &key,
                &kept.path,
                &kept.body_digest,
                &kept.status,
                &kept.reply,
            ],
        )
        .await?;
    Ok(())
}

/// Replaces the body of a reply that is kept.
pub(super) async fn amend_reply(
    client: &Client,
    workspace: WorkspaceId,
    key: &str,
    reply: &[u8],
) -> Result<(), DbError> {
    let statement = "update idempotency_replies set reply = $3 where workspace_id = $1 and key = $2";
    client.execute(statement, &[&workspace, &key, &reply]).await?;
    Ok(())
}

/// Forgets replies older than a day, a bounded number at a time.
pub async fn purge_replies(client: &Client) -> Result<(), DbError> {
    let statement = "delete from idempotency_replies where ctid = any(array(
                         select ctid from idempotency_replies
                         where created_at < now() - interval '24 hours' limit 10000))";
    purge_slowly(client, statement, &[]).await
}
