//! Uploads that a dry run keeps for an hour (`keep=true`), so that the very same bytes can be imported without being sent
//! again.
//!
//! A [`keeper`] stands where the body comes in and stores its bytes as they were sent, in compressed parts. What else it
//! takes to read them again ([`KeptFile`]) is stored once all have come. Then [`api`] can run an import of them, with the
//! parameters of the dry run and those that the client gives anew ([`order`]). With the file stand its columns and a few of their values ([`columns`]). Both tables are unlogged: they cost no WAL,
//! and a crash of the database empties them, after which the file has to be sent again.

pub mod api;
pub mod columns;
mod keeper;
pub mod order;
mod reading;
pub mod store;

use std::sync::Arc;

use uuid::Uuid;

pub use columns::CheckedColumn;
pub use keeper::Keeper;
pub use reading::pieces;

use crate::base::caller::WorkspaceId;
use crate::db::{Db, DbError};
use crate::http::query::Query;
use crate::imports::job::packing::Packing;

/// An upload that is kept.
#[derive(Debug, Clone)]
pub struct KeptFile {
    /// What its parts are known by; imports that run on the same bytes share them.
    pub file: Uuid,
    /// Bytes of the body as sent.
    pub byte_count: u64,
    /// What the headers said of the body.
    pub packing: Packing,
    /// The parameters that it was read by, without `keep` and `dry_run`.
    pub parameters: Vec<(String, String)>,
}

/// What is kept of a request's parameters: all but what makes it a dry run.
pub fn kept_parameters(query: &Query) -> Vec<(String, String)> {
    let pairs = query.pairs().iter();
    let pairs = pairs.filter(|(name, _)| !matches!(name.as_str(), "keep" | "dry_run"));
    pairs.cloned().collect()
}

/// An upload that is to be kept, once it has all come.
pub struct Keeping {
    kept: KeptFile,
    /// None where its bytes are kept already.
    keeper: Option<Arc<Keeper>>,
    is_done: bool,
}

impl Keeping {
    /// Keeps what `keeper` takes.
    pub fn of_upload(keeper: Arc<Keeper>, packing: Packing, parameters: Vec<(String, String)>) -> Self {
        let kept = KeptFile {
            file: keeper.file,
            byte_count: 0,
            packing,
            parameters,
        };
        Self {
            kept,
            keeper: Some(keeper),
            is_done: false,
        }
    }

    /// Keeps a file for another import too, with the parameters of that.
    pub fn again(kept: KeptFile, parameters: Vec<(String, String)>) -> Self {
        Self {
            kept: KeptFile { parameters, ..kept },
            keeper: None,
            is_done: false,
        }
    }

    /// Keeps it for an import, whose body was read to its end.
    pub async fn keep(
        &mut self,
        db: &Db,
        workspace: WorkspaceId,
        import_no: i32,
        columns: &[CheckedColumn],
    ) -> Result<(), DbError> {
        if let Some(keeper) = &self.keeper {
            self.kept.byte_count = keeper.finish().await?;
        }
        let mut client = db.client().await?;
        store::keep(&mut client, workspace, import_no, &self.kept, columns).await?;
        self.is_done = true;
        Ok(())
    }

    /// Removes the bytes of an upload that is not kept after all; if the database is away, upkeep does it.
    pub async fn discard_unless_kept(&self, db: &Db) {
        if self.is_done || self.keeper.is_none() {
            return;
        }
        let discarded = async { store::discard(&*db.client().await?, self.kept.file).await };
        if let Err(fault) = discarded.await {
            tracing::debug!(%fault, "an upload's bytes are left to upkeep");
        }
    }
}
