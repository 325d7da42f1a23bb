//! The SQL of causes: a part of a chunk adds its own rows, so that no two writers ever wait for each other, and who asks
//! gets their sums.

use serde::Deserialize;
use tokio_postgres::{Client, Transaction};

use super::model::{Example, Fault};
use super::tally::{MAX_EXAMPLES, Shown, Tally};
use crate::db::{DbError, ToSql};

/// Causes that are shown of one import.
const MAX_CAUSES: i64 = 100;

/// Writes what a part's rows failed by, with as many examples as are still wanted.
pub async fn note(
    transaction: &Transaction<'_>,
    import_no: i32,
    part: i32,
    tallies: [&Tally; 2],
    shown: &Shown,
) -> Result<(), DbError> {
    let counted = || tallies.into_iter().flat_map(Tally::iter);
    if counted().next().is_none() {
        return Ok(());
    }
    let codes: Vec<&str> = counted().map(|(cause, _)| cause.code()).collect();
    let fields: Vec<Option<&str>> = counted().map(|(cause, _)| cause.field).collect();
    let messages: Vec<String> = counted().map(|(cause, _)| cause.message()).collect();
    let counts: Vec<i64> = counted()
        .map(|(_, counted)| i64::try_from(counted.count).unwrap_or(i64::MAX))
        .collect();
    let examples = counted().map(|(cause, counted)| {
        let most = shown.wanted(cause).min(counted.examples.len());
        // Numbers and texts cannot fail to serialise.
        (most > 0).then(|| serde_json::to_string(&counted.examples[..most]).unwrap_or_default())
    });
    let examples: Vec<Option<String>> = examples.collect();
    let statement =
        "insert into import_faults (import_no, part, place, code, field, message, count, examples)
                     select $1, $2, place, code, field, message, count, examples::json
                     from unnest($3::text[], $4::text[], $5::text[], $6::int8[], $7::text[])
                         with ordinality as t(code, field, message, count, examples, place)";
    let parameters: [&(dyn ToSql + Sync); 7] =
        [&import_no, &part, &codes, &fields, &messages, &counts, &examples];
    transaction.execute(statement, &parameters).await?;
    Ok(())
}

/// The causes of an import, the commonest first.
pub async fn faults(client: &Client, import_no: i32) -> Result<Vec<Fault>, DbError> {
    let statement = format!("select {}", faults_of("$1::int4"));
    let row = client.query_one(&statement, &[&import_no]).await?;
    Ok(read(row.get(0)))
}

/// An expression: the same of the import with that number, as JSON for [`read`].
pub fn faults_of(number: &str) -> String {
    format!(
        "(select json_agg(cause order by count desc, code, field nulls first, message)::text from (
              select code, field, message, sum(count)::int8 as count,
                  json_agg(examples) filter (where examples is not null) as lists
              from import_faults where import_no = {number}
              group by code, field, message
              order by count desc, code, field nulls first, message limit {MAX_CAUSES}) cause)"
    )
}

/// A cause as its parts' rows add up.
#[derive(Deserialize)]
struct Kept {
    code: String,
    field: Option<String>,
    message: String,
    count: i64,
    lists: Option<Vec<Vec<Example>>>,
}

/// Reads what [`faults_of`] gives, which is nothing where no row failed.
pub fn read(json: Option<&str>) -> Vec<Fault> {
    let kept: Option<Vec<Kept>> = json
        // What `note` has written can be read.
        .map(|json| serde_json::from_str(json).unwrap_or_default());
    kept.unwrap_or_default().into_iter().map(fault).collect()
}

fn fault(kept: Kept) -> Fault {
    let mut examples: Vec<Example> = kept.lists.into_iter().flatten().flatten().collect();
    examples.sort_unstable_by_key(|example| example.row_number);
    examples.truncate(MAX_EXAMPLES);
    Fault {
        code: kept.code,
        field: kept.field,
        message: kept.message,
        count: kept.count,
        examples,
    }
}
