//! Claims events that have a client's id in the database before they go to the topic, so that every instance recognises a
//! repeat. Claims that arrive together share a transaction.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::base::caller::WorkspaceId;
use crate::bus::PublishError;
use crate::bus::table::events;
use crate::db::{self, Db, DbError};

const MAX_CLAIMS: usize = 500;
/// Claims that may wait.
const QUEUE: usize = 20_000;
const ANSWER: Duration = Duration::from_secs(3);

/// The result of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claimed {
    /// Nobody had it.
    Fresh,
    /// It was claimed before, for this event.
    Before {
        id: Uuid,
        /// The event's type; absent while the event itself is not in the database.
        label: Option<Arc<str>>,
    },
}

struct Claim {
    workspace: WorkspaceId,
    once_key: Box<str>,
    id: Uuid,
    reply: oneshot::Sender<Result<Claimed, PublishError>>,
}

/// Claims ids of clients.
#[derive(Clone)]
pub(super) struct Claims {
    queue: mpsc::Sender<Claim>,
}

impl Claims {
    /// The claims, and the task that makes them.
    pub(super) fn new(db: Db, stop: CancellationToken) -> (Self, impl Future<Output = ()>) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        (Self { queue }, run(db, waiting, stop))
    }

    /// Claims `once_key` for the event `id`.
    pub(super) async fn claim(
        &self,
        workspace: WorkspaceId,
        once_key: &str,
        id: Uuid,
    ) -> Result<Claimed, PublishError> {
        let (reply, answer) = oneshot::channel();
        let claim = Claim {
            workspace,
            once_key: once_key.into(),
            id,
            reply,
        };
        self.queue.try_send(claim).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => PublishError::Full,
            mpsc::error::TrySendError::Closed(_) => PublishError::Closed,
        })?;
        answer.await.unwrap_or(Err(PublishError::Closed))
    }
}

async fn run(db: Db, mut waiting: mpsc::Receiver<Claim>, stop: CancellationToken) {
    let mut group = Vec::with_capacity(MAX_CLAIMS);
    loop {
        let count = tokio::select! {
            biased;
            count = waiting.recv_many(&mut group, MAX_CLAIMS) => count,
            () = stop.cancelled() => return,
        };
        if count == 0 {
            return;
        }
        let claimed = tokio::time::timeout(ANSWER, claim(&db, &group)).await;
        let claimed = claimed.unwrap_or_else(|_| Err(DbError::Away("no answer in time".into())));
        answer(&mut group, claimed);
    }
}

type Before = HashMap<(WorkspaceId, String), Claimed>;

/// Claims for the whole group: for each name the first of the group, unless somebody was earlier.
async fn claim(db: &Db, group: &[Claim]) -> Result<Before, DbError> {
    let mut firsts: HashMap<(WorkspaceId, &str), Uuid> = HashMap::new();
    for claim in group {
        firsts
            .entry((claim.workspace, &*claim.once_key))
            .or_insert(claim.id);
    }
    let claims: Vec<_> = firsts
        .iter()
        .map(|((workspace, key), id)| (*workspace, *key, *id))
        .collect();
    let mut client = db.client().await?;
    let transaction = db::begin(&mut client).await?;
    let claims = events::Claims::new(claims);
    let earlier = match events::claim(transaction.client(), events::CLAIM, &claims).await? {
        true => HashMap::new(),
        false => events::firsts(transaction.client(), events::FIRSTS, &claims).await?,
    };
    db::commit(transaction).await?;
    let mut before: Before = firsts
        .into_iter()
        .map(|((workspace, key), id)| ((workspace, key.to_owned()), Claimed::Before { id, label: None }))
        .collect();
    for (key, first) in earlier {
        let events::First { id, label } = first;
        before.insert(key, Claimed::Before { id, label });
    }
    Ok(before)
}

fn answer(group: &mut Vec<Claim>, claimed: Result<Before, DbError>) {
    if let Err(fault) = &claimed {
        tracing::warn!(%fault, claims = group.len(), "ids of clients could not be claimed");
    }
    for claim in group.drain(..) {
        let answer = match &claimed {
            Ok(before) => match before.get(&(claim.workspace, claim.once_key.into_string())) {
                Some(Claimed::Before { id, .. }) if *id == claim.id => Ok(Claimed::Fresh),
                Some(other) => Ok(other.clone()),
                None => Ok(Claimed::Fresh),
            },
            Err(_) => Err(PublishError::Away),
        };
        // A client that hung up repeats it, and finds the claim.
        let _ = claim.reply.send(answer);
    }
}
