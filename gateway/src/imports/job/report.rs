//! Streams errors.csv, the failed rows of a job.

use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, HeaderValue};
use tokio::sync::mpsc;

use crate::db::{Db, DbError};
use crate::http::cell::push_escaped_cell;
use crate::http::reply::{BrokeOff, Reply};
use crate::imports::model::Job;
use crate::imports::store;

/// Failed rows that are read at once, and their bytes: one row's cells can be large.
const PAGE_ROWS: i64 = 500;
const PAGE_BYTES: i64 = 256 << 10;
/// Pieces that wait for the client.
const WAITING: usize = 2;

type Pieces = mpsc::Sender<Result<Bytes, BrokeOff>>;

/// By which a spreadsheet knows UTF-8; our own reader takes it off.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// A reply that a browser saves under a name.
pub fn attachment(reply: Reply, filename: &'static str) -> Reply {
    let value = HeaderValue::from_str(&format!("attachment; filename=\"{filename}\""));
    match value {
        Ok(value) => reply.with_header(CONTENT_DISPOSITION, value),
        // The names are ASCII.
        Err(_) => reply,
    }
}

/// errors.csv; with `with_cells` the rows themselves too, to be mended and uploaded again.
pub fn errors_csv(db: Db, job: &Job, with_cells: bool) -> Reply {
    let (pieces, reading) = mpsc::channel(WAITING);
    let mut columns = "row_number,error_message".to_owned();
    if with_cells {
        columns = format!("row_number,line_number,error_message,{}", job.columns);
    }
    let head = format!("{BYTE_ORDER_MARK}{columns}\r\n");
    let number = job.number;
    tokio::spawn(async move {
        if pieces.send(Ok(head.into())).await.is_err() {
            return;
        }
        if let Err(fault) = send_failures(&db, number, with_cells, &pieces).await {
            tracing::warn!(%fault, "errors.csv broke off");
            let _ = pieces.send(Err(BrokeOff)).await;
        }
    });
    attachment(Reply::stream("text/csv; charset=utf-8", reading), "errors.csv")
}

async fn send_failures(db: &Db, import_no: i32, with_cells: bool, pieces: &Pieces) -> Result<(), DbError> {
    let mut after = 0;
    loop {
        let rows = {
            let client = db.client().await?;
            store::failures(&client, import_no, after, PAGE_ROWS, PAGE_BYTES, with_cells).await?
        };
        let mut text = String::new();
        for row in &rows {
            after = row.get(0);
            text.push_str(&after.to_string());
            text.push(',');
            if with_cells {
                text.push_str(&row.get::<_, i64>(1).to_string());
                text.push(',');
            }
            push_escaped_cell(row.get(2), b',', &mut text);
            if with_cells {
                text.push(',');
                text.push_str(row.get::<_, Option<&str>>(3).unwrap_or_default());
            }
            text.push_str("\r\n");
        }
        if rows.is_empty() || pieces.send(Ok(text.into())).await.is_err() {
            return Ok(());
        }
    }
}
