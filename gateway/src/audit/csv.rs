//! audit.csv, streamed: one line an entry, with formulas escaped as in errors.csv.

use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, HeaderValue};
use tokio::sync::mpsc;

use super::model::{Entry, ShownActor};
use super::store::{self, Filter};
use crate::base::caller::WorkspaceId;
use crate::db::{Db, DbError};
use crate::http::cell::push_escaped_cell;
use crate::http::reply::{BrokeOff, Reply};

/// Entries that are read at once.
const PAGE_ROWS: i64 = 500;
/// Pieces that wait for the client.
const WAITING: usize = 2;
const COLUMNS: &str = "id,at,actor,action,target_type,target_id,target_name,request_id,ip,changes\r\n";

/// The entries that `filter` wants, as a file.
pub(super) fn reply(db: Db, workspace: WorkspaceId, filter: Filter) -> Reply {
    let (pieces, reading) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        if let Err(fault) = send(&db, workspace, filter, &pieces).await {
            tracing::warn!(%fault, "audit.csv broke off");
            let _ = pieces.send(Err(BrokeOff)).await;
        }
    });
    let name = HeaderValue::from_static("attachment; filename=\"audit.csv\"");
    Reply::stream("text/csv; charset=utf-8", reading).with_header(CONTENT_DISPOSITION, name)
}

async fn send(
    db: &Db,
    workspace: WorkspaceId,
    mut filter: Filter,
    pieces: &mpsc::Sender<Result<Bytes, BrokeOff>>,
) -> Result<(), DbError> {
    let mut text = COLUMNS.to_owned();
    loop {
        let entries = {
            let client = db.client().await?;
            store::list(&client, workspace, &filter, PAGE_ROWS).await?
        };
        for entry in &entries {
            push_line(entry, &mut text);
        }
        let is_gone = pieces.send(Ok(std::mem::take(&mut text).into())).await.is_err();
        match entries.last() {
            Some(last) if !is_gone => filter.after = Some(last.id.uuid()),
            _ => return Ok(()),
        }
    }
}

fn push_line(entry: &Entry, text: &mut String) {
    let actor = match &entry.actor {
        ShownActor::Key { key_id, key_name } => format!("{key_name} ({key_id})"),
        ShownActor::Operator { operator } => operator.clone(),
    };
    let (id, at) = (entry.id.to_string(), entry.at.to_string());
    let changes = entry.changes.as_ref().map(|changes| changes.get());
    let cells = [
        Some(id.as_str()),
        Some(&at),
        Some(&actor),
        Some(&entry.action),
        Some(&entry.target.r#type),
        Some(&entry.target.id),
        entry.target.name.as_deref(),
        entry.request_id.as_deref(),
        entry.ip.as_deref(),
        changes,
    ];
    for (number, cell) in cells.into_iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        push_escaped_cell(cell.unwrap_or_default(), b',', text);
    }
    text.push_str("\r\n");
}
