//! The way of an answer back to the request that waits for it.

use tokio::sync::oneshot;

use crate::bus::{Accepted, Once, PublishError, RequestKey};

/// Whom an event's answer goes to.
pub(super) enum Reply {
    Plain(oneshot::Sender<Result<Accepted, PublishError>>),
    /// A request that may be repeated.
    Once(Box<RequestKey>, oneshot::Sender<Result<Once, PublishError>>),
}

impl Reply {
    pub(super) const fn request(&self) -> Option<&RequestKey> {
        match self {
            Self::Plain(_) => None,
            Self::Once(request, _) => Some(request),
        }
    }

    /// The client may have hung up; the event is accepted all the same.
    pub(super) fn give(self, answer: Once) {
        match (self, answer) {
            (Self::Plain(reply), Once::Accepted(accepted)) => drop(reply.send(Ok(accepted))),
            // Only a request with a key is asked about.
            (Self::Plain(_), Once::Kept(_) | Once::Running) => {}
            (Self::Once(_, reply), answer) => drop(reply.send(Ok(answer))),
        }
    }

    pub(super) fn refuse(self, why: PublishError) {
        match self {
            Self::Plain(reply) => drop(reply.send(Err(why))),
            Self::Once(_, reply) => drop(reply.send(Err(why))),
        }
    }
}
