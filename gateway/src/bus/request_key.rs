//! The `Idempotency-Key` of a request that publishes one event, and the reply that its repeats get.
//!
//! A bus whose events become durable in the database keeps the reply in the commit of the event: both or neither, with no
//! transaction of its own for each request.

use crate::base::caller::WorkspaceId;

use super::{Accepted, Answer, NewEvent, PublishError};

/// A request's key, and what must be equal when it is used again.
#[derive(Debug, Clone)]
pub struct RequestKey {
    pub workspace: WorkspaceId,
    pub key: Box<str>,
    pub path: Box<str>,
    pub body_digest: [u8; 32],
    /// The client's own id of the event.
    pub client_id: Option<Box<str>>,
    /// Writes the reply to an event that was accepted; the second argument is the client's own id.
    pub reply: fn(&Accepted, Option<&str>) -> Vec<u8>,
}

/// A kept reply.
#[derive(Debug, Clone)]
pub struct KeptReply {
    pub path: String,
    pub body_digest: Vec<u8>,
    /// The HTTP status.
    pub status: i16,
    /// The body.
    pub reply: Vec<u8>,
}

/// The answer to a publish under a [`RequestKey`].
#[derive(Debug)]
pub enum Once {
    /// The key was free.
    Accepted(Accepted),
    /// The key has a reply, which may be that of another request.
    Kept(KeptReply),
    /// Another request with the key has not ended.
    Running,
}

/// A bus that keeps replies together with events.
pub trait ReplyKeeper: Send + Sync {
    /// Makes an event and the reply to its request durable, unless the request's key is taken.
    fn publish_once(&self, event: NewEvent, request: RequestKey) -> Answer<'_, Result<Once, PublishError>>;
}
