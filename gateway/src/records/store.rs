//! The SQL of records: one for all four objects, whose tables and columns are their field tables' own names.

use tokio_postgres::{Client, Row, Transaction};
use uuid::Uuid;

use super::filter::Filter;
use super::model::record::{Extra, Record};
use super::{Kind, Object, search};
use crate::base::caller::WorkspaceId;
use crate::base::page::Page;
use crate::db::{DbError, ToSql};

/// The columns that every query gives: id, moment, extra, then the fields as text.
pub fn columns(object: &Object) -> String {
    let mut columns = "id, updated_at, extra::text".to_owned();
    for field in object.fields {
        columns.push_str(", ");
        columns.push_str(&match field.kind {
            Kind::Date => format!("to_char({}, 'YYYY-MM-DD')", field.name),
            Kind::Integer | Kind::Decimal | Kind::Boolean => format!("{}::text", field.name),
            _ => field.name.to_owned(),
        });
    }
    columns
}

/// The type of a field's column.
pub const fn column_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "bigint",
        Kind::Decimal => "numeric",
        Kind::Date => "date",
        Kind::Boolean => "boolean",
        _ => "text",
    }
}

/// A record out of a row of [`columns`], the first of which is column `from`.
pub fn record(object: &'static Object, row: &Row, from: usize) -> Record {
    let values = (0..object.fields.len()).map(|index| row.get(from + 3 + index));
    let extra: Option<&str> = row.get(from + 2);
    Record {
        object,
        id: row.get(from),
        values: values.collect(),
        extra: extra.map_or_else(Extra::new, extra_of),
        updated_at: row.get(from + 1),
    }
}

/// Only maps of strings are stored.
pub fn extra_of(text: &str) -> Extra {
    serde_json::from_str(text).unwrap_or_default()
}

/// `extra` as it is stored: nothing where it is empty.
pub fn extra_text(extra: &Extra) -> Option<String> {
    (!extra.is_empty()).then(|| serde_json::to_string(extra).unwrap_or_default())
}

/// One record of a workspace.
pub(super) async fn find(
    client: &Client,
    object: &'static Object,
    workspace: WorkspaceId,
    id: Uuid,
) -> Result<Option<Record>, DbError> {
    let statement = format!(
        "select {} from {} where workspace_id = $1 and id = $2",
        columns(object),
        object.plural
    );
    let row = client.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.map(|row| record(object, &row, 0)))
}

/// One record of a workspace, locked until the transaction ends.
pub(super) async fn lock(
    transaction: &Transaction<'_>,
    object: &'static Object,
    workspace: WorkspaceId,
    id: Uuid,
) -> Result<Option<Record>, DbError> {
    let statement = format!(
        "select {} from {} where workspace_id = $1 and id = $2 for update",
        columns(object),
        object.plural
    );
    let row = transaction.query_opt(&statement, &[&workspace, &id]).await?;
    Ok(row.map(|row| record(object, &row, 0)))
}

/// The records that have one of a record's keys, locked: the one that has its external id, and the one that has its
/// natural key.
pub(super) async fn lock_matches(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    keys: &Record,
) -> Result<[Option<Record>; 2], DbError> {
    let object = keys.object;
    // In the order of ids, so that two who lock the same records never wait in a circle.
    let statement = format!(
        "select key, {} from {} where workspace_id = $1 and (external_id = $2 or key = $3) order by id for update",
        columns(object),
        object.plural
    );
    let natural_key = keys.natural_key();
    let parameters: [&(dyn ToSql + Sync); 3] = [&workspace, &keys.external_id(), &natural_key];
    let mut matches = [None, None];
    for row in transaction.query(&statement, &parameters).await? {
        let found = record(object, &row, 1);
        if natural_key.is_some() && row.get::<_, Option<String>>(0) == natural_key {
            matches[1] = Some(found.clone());
        }
        if keys.external_id().is_some() && found.external_id() == keys.external_id() {
            matches[0] = Some(found);
        }
    }
    Ok(matches)
}

/// The id of another record that has one of a record's keys.
pub(super) async fn other_of_keys(
    client: &Client,
    workspace: WorkspaceId,
    keys: &Record,
) -> Result<Option<Uuid>, DbError> {
    let statement = format!(
        "select id from {} where workspace_id = $1 and (external_id = $2 or key = $3) and id <> $4
         order by external_id is not distinct from $2 desc limit 1",
        keys.object.plural
    );
    let parameters: [&(dyn ToSql + Sync); 4] =
        [&workspace, &keys.external_id(), &keys.natural_key(), &keys.id];
    let row = client.query_opt(&statement, &parameters).await?;
    Ok(row.map(|row| row.get(0)))
}

/// What an insert or an update writes, `$1` to `$n`.
struct Written<'a> {
    workspace: WorkspaceId,
    record: &'a Record,
    key: Option<String>,
    words: String,
    extra: Option<String>,
}

impl<'a> Written<'a> {
    fn of(workspace: WorkspaceId, record: &'a Record) -> Self {
        let mut words = String::new();
        search::push_vector(record.object, workspace, |index| record.value(index), &mut words);
        Self {
            workspace,
            key: record.natural_key(),
            words,
            extra: extra_text(&record.extra),
            record,
        }
    }

    /// `workspace_id`, `id`, `updated_at`, `key`, `words`, `extra`, then the fields.
    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let record = self.record;
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![
            &self.workspace,
            &record.id,
            &record.updated_at,
            &self.key,
            &self.words,
            &self.extra,
        ];
        parameters.extend(record.values.iter().map(|value| value as &(dyn ToSql + Sync)));
        parameters
    }
}

/// The names of the columns behind the first three, and the expressions that fill them.
fn assignments(object: &Object) -> Vec<(&'static str, String)> {
    let mut assignments = vec![
        ("key", "$4".to_owned()),
        ("words", "$5::text::tsvector".to_owned()),
        ("extra", "$6::text::json".to_owned()),
    ];
    for (index, field) in object.fields.iter().enumerate() {
        let place = index + 7;
        let cast = column_type(field.kind);
        assignments.push((field.name, format!("${place}::text::{cast}")));
    }
    assignments
}

/// Writes a new record; `false` if one of its keys is taken.
pub(super) async fn insert(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    record: &Record,
) -> Result<bool, DbError> {
    let (names, values): (Vec<_>, Vec<_>) = assignments(record.object).into_iter().unzip();
    let statement = format!(
        "insert into {} (workspace_id, id, updated_at, {}) values ($1, $2, $3, {})
         on conflict do nothing",
        record.object.plural,
        names.join(", "),
        values.join(", ")
    );
    let written = Written::of(workspace, record);
    let inserted = transaction.execute(&statement, &written.parameters()).await?;
    Ok(inserted == 1)
}

/// Writes all fields of a record that is there. A unique violation: one of its keys is another's.
pub(super) async fn update(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    record: &Record,
) -> Result<(), DbError> {
    let assignments = assignments(record.object);
    let set: Vec<String> = assignments
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    let statement = format!(
        "update {} set updated_at = $3, import_no = null, {} where workspace_id = $1 and id = $2",
        record.object.plural,
        set.join(", ")
    );
    let written = Written::of(workspace, record);
    transaction.execute(&statement, &written.parameters()).await?;
    Ok(())
}

/// Removes a record.
pub(super) async fn delete(
    transaction: &Transaction<'_>,
    workspace: WorkspaceId,
    record: &Record,
) -> Result<(), DbError> {
    let statement = format!(
        "delete from {} where workspace_id = $1 and id = $2",
        record.object.plural
    );
    transaction.execute(&statement, &[&workspace, &record.id]).await?;
    Ok(())
}

/// A page of records, newest first.
pub(super) async fn list(
    client: &Client,
    object: &'static Object,
    workspace: WorkspaceId,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<Record>, DbError> {
    let after = page
        .after
        .as_deref()
        .and_then(|after| super::model::record::parse_id(object, after));
    let count = page.fetch_count();
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&workspace, &after, &count];
    let mut conditions = String::new();
    if let Some(key) = &filter.key {
        parameters.push(key);
        conditions.push_str(&format!(" and key = ${}", parameters.len()));
    }
    if let Some(words) = &filter.words {
        parameters.push(words);
        conditions.push_str(&format!(" and words @@ ${}::text::tsquery", parameters.len()));
    }
    for (index, value) in &filter.equal {
        parameters.push(value);
        let field = &object.fields[*index];
        let cast = column_type(field.kind);
        conditions.push_str(&format!(
            " and {} = ${}::text::{cast}",
            field.name,
            parameters.len()
        ));
    }
    let statement = format!(
        "select {} from {}
         where workspace_id = $1 and ($2::uuid is null or id < $2){conditions}
         order by id desc limit $3",
        columns(object),
        object.plural
    );
    let rows = client.query(&statement, &parameters).await?;
    Ok(rows.iter().map(|row| record(object, row, 0)).collect())
}
