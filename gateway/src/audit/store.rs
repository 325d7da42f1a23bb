//! The SQL of the audit trail.

use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use super::model::{Actor, Changes, Entry, ShownActor, Target};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{AuditId, KeyId, uuid_floor, uuid_millis};
use crate::db::{DbError, ToSql};
use crate::http::query::Query;

/// Which entries are wanted.
#[derive(Debug, Default)]
pub struct Filter {
    pub action: Option<String>,
    pub actor: Option<String>,
    pub target: Option<String>,
    pub since: Option<Millis>,
    pub until: Option<Millis>,
    pub after: Option<Uuid>,
}

impl Filter {
    /// Takes its parameters of a request.
    pub fn take(query: &mut Query) -> Self {
        Self {
            action: query.take("action"),
            actor: query.take("actor"),
            target: query.take("target"),
            since: query.moment("since"),
            until: query.moment("until"),
            after: None,
        }
    }
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
pub async fn list(
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
