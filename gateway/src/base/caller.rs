//! The caller of a request, as its key identifies it.

use std::sync::Arc;

use crate::base::clock::Millis;
use crate::base::id::KeyId;
use crate::base::scope::Scopes;

/// The workspace that a row or a caller belongs to. Every query carries one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkspaceId(pub i32);

/// A recognised API key, as far as handlers need to know it.
#[derive(Debug, Clone)]
pub struct Caller {
    pub key_id: KeyId,
    pub key_name: Arc<str>,
    pub workspace: WorkspaceId,
    pub workspace_name: Arc<str>,
    pub scopes: Scopes,
    pub expires_at: Option<Millis>,
}
