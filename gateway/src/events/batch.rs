//! `POST /v1/events/batch`: many events in one request, one JSON object a line.
//!
//! Valid lines are accepted, invalid ones reported. A batch over a limit is refused as a whole, so the body is read to its
//! end before the first event is published. What has arrived draws on a budget of bytes; a few batches at a time are
//! published, and no workspace has all turns.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http::StatusCode;
use serde::Serialize;
use tokio::time::timeout;

use super::Events;
use super::model::{EventFault, read_event};
use super::types::TypeNames;
use crate::audit::{Begun, Work};
use crate::base::caller::WorkspaceId;
use crate::bus::{NewEvent, PublishError};
use crate::http::body::MAX_JSON_BYTES;
use crate::http::call::Call;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::http::shares::Shares;

const MAX_LINES: usize = 10_000;
const MAX_BYTES: usize = 32 << 20;
/// Events that wait for their commit at once; the bus makes commits of them as it sees fit.
const WINDOW: usize = 1_000;
/// Batches that are published at once, and those of one workspace among them.
const MAX_AT_ONCE: usize = 3;
const MAX_AT_ONCE_OF_ONE: usize = 2;
/// What the largest batch may weigh until it is found too large.
const MAX_WEIGHT: usize = MAX_BYTES + (1 << 20);
/// What all bodies may weigh together, and those of one workspace among them: as many of the largest as there are turns, so
/// that bodies that arrive side by side need not wait for each other.
const MAX_IN_MEMORY: usize = MAX_AT_ONCE * MAX_WEIGHT;
const MAX_IN_MEMORY_OF_ONE: usize = MAX_AT_ONCE_OF_ONE * MAX_WEIGHT;

/// Turns to publish a batch.
pub fn turns() -> Shares {
    Shares::new(MAX_AT_ONCE, MAX_AT_ONCE_OF_ONE)
}

/// Memory for batches, in bytes.
pub fn memory() -> Shares {
    Shares::new(MAX_IN_MEMORY, MAX_IN_MEMORY_OF_ONE)
}

/// The reply: how many lines were taken, and why each other was not.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BatchReply {
    pub accepted: usize,
    pub rejected: Vec<RejectedLine>,
}

/// A line that was not taken.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RejectedLine {
    /// Counted from 1, blank lines included.
    pub line: usize,
    /// A problem code: `malformed_json`, `validation_failed` or `unavailable`.
    pub code: &'static str,
    pub message: String,
}

/// `POST /v1/events/batch`.
pub async fn create_event_batch(events: Arc<Events>, mut call: Call) -> Result<Reply, Problem> {
    let workspace = call.caller.workspace;
    call.body.require_rate();
    call.body
        .draw_on(events.batch_bytes.of(workspace), events.batch_wait);
    let bytes = call.body.read_as("application/x-ndjson", MAX_BYTES).await?;
    // The turn is for the work alone, so a body that is still arriving holds up nobody.
    let turn = events.batches.of(workspace);
    let _turn = timeout(events.batch_wait, turn.take(1)).await.map_err(|_| {
        Problem::unavailable(
            "Other batches are being published. Nothing was taken of this one; send it again.",
        )
    })?;
    let lines = split(&bytes)?;
    if let Some(key) = call.headers.get("idempotency-key").cloned() {
        let mut client = events.db.client().await?;
        let work = match Work::begin(&mut client, &call).await? {
            Begun::Fresh(work) => work,
            Begun::Repeated(reply) => return Ok(reply),
        };
        call.query.finish()?;
        let key = String::from_utf8_lossy(key.as_bytes()).into_owned();
        let reply = take(&events, work.workspace(), lines, Some(&key)).await?;
        return work.commit(StatusCode::ACCEPTED, &reply).await;
    }
    call.query.finish()?;
    let reply = take(&events, call.caller.workspace, lines, None).await?;
    Reply::json(StatusCode::ACCEPTED, &reply)
}

/// The lines that hold something, with their numbers.
fn split(bytes: &Bytes) -> Result<Vec<(usize, Bytes)>, Problem> {
    let too_large = |what: String| Problem::new(Code::TooLarge, what + " Nothing was taken.");
    let mut lines = Vec::new();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if lines.len() == MAX_LINES {
            return Err(too_large(format!("A batch has at most {MAX_LINES} lines.")));
        }
        if line.len() > MAX_JSON_BYTES {
            return Err(too_large(format!(
                "Line {} is over {MAX_JSON_BYTES} bytes.",
                index + 1
            )));
        }
        lines.push((index + 1, bytes.slice_ref(line)));
    }
    Ok(lines)
}

async fn take(
    events: &Events,
    workspace: WorkspaceId,
    lines: Vec<(usize, Bytes)>,
    key: Option<&str>,
) -> Result<BatchReply, Problem> {
    let names = events.types.names(workspace);
    let mut reply = BatchReply {
        accepted: 0,
        rejected: Vec::new(),
    };
    let mut away: Option<PublishError> = None;
    for window in lines.chunks(WINDOW) {
        let mut good = Vec::with_capacity(window.len());
        for (line, text) in window {
            match read_line(text, workspace, &names, key, *line) {
                Ok(event) => good.push((*line, event)),
                Err(rejected) => reply.rejected.push(rejected),
            }
        }
        let publishing = good.into_iter().map(|(line, event)| async move {
            let published = match away {
                Some(fault) => Err(fault),
                None => events.bus.publish(event).await,
            };
            (line, published)
        });
        for (line, published) in join_all(publishing).await {
            match published {
                Ok(_) => reply.accepted += 1,
                Err(fault) => {
                    away.get_or_insert(fault);
                    reply.rejected.push(RejectedLine {
                        line,
                        code: Code::Unavailable.name(),
                        message: format!("{fault}; send this line again"),
                    });
                }
            }
        }
    }
    if let Some(fault) = away
        && reply.accepted == 0
    {
        return Err(Problem::unavailable(match fault {
            PublishError::Unwritable(reason) => {
                format!("The events were not confirmed to be stored, for {reason}; send them again.")
            }
            _ => "The database did not confirm the events; send them again.".into(),
        }));
    }
    reply.rejected.sort_by_key(|rejected| rejected.line);
    Ok(reply)
}

fn read_line(
    text: &Bytes,
    workspace: WorkspaceId,
    names: &TypeNames,
    key: Option<&str>,
    line: usize,
) -> Result<NewEvent, RejectedLine> {
    let rejected = |code: Code, message: String| RejectedLine {
        line,
        code: code.name(),
        message,
    };
    let mut event = read_event(text, workspace, names).map_err(|fault| match fault {
        EventFault::Malformed(fault) => rejected(Code::MalformedJson, fault.to_string()),
        EventFault::Invalid(problem) => rejected(problem.code(), problem.summary()),
    })?;
    if event.once_key.is_none() {
        // As for single events: a request that is repeated after a crash is still accepted once.
        event.once_key = key.map(|key| format!("idempotency {key} {line}").into());
    }
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_count_but_are_skipped() {
        let bytes = Bytes::from_static(b"\n{\"a\":1}\r\n  \n{\"b\":2}");
        let lines = split(&bytes).expect("within limits");
        let seen: Vec<(usize, &[u8])> = lines.iter().map(|(line, text)| (*line, &text[..])).collect();
        assert_eq!(seen, [(2, &b"{\"a\":1}"[..]), (4, &b"{\"b\":2}"[..])]);
        assert!(split(&Bytes::new()).expect("empty").is_empty());
    }

    #[test]
    fn limits_hold_for_lines_and_their_length() {
        let many = "1\n".repeat(MAX_LINES);
        assert!(split(&Bytes::from(many.clone())).is_ok());
        assert!(split(&Bytes::from(many + "1")).is_err());
        let long = "x".repeat(MAX_JSON_BYTES + 1);
        assert!(split(&Bytes::from(long)).is_err());
    }
}
