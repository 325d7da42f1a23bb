//! The destinations of several features, as one.

use std::sync::Arc;

use super::destination::{Destination, Destinations, Unmatched};
use super::engine::breaker::HealthState;
use super::engine::outcome::Outcome;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::DestinationId;
use crate::bus::{Answer, Event, NewEvent};
use crate::db::DbError;

/// All destinations. Ids are unique over all kinds.
pub struct Several(pub Vec<Arc<dyn Destinations>>);

impl Several {
    /// Those that have the destination.
    fn kind_of(&self, id: DestinationId) -> Option<usize> {
        self.0.iter().position(|kind| kind.find(id).is_some())
    }
}

impl Destinations for Several {
    fn find(&self, id: DestinationId) -> Option<Arc<dyn Destination>> {
        self.0.iter().find_map(|kind| kind.find(id))
    }

    fn wanting(&self, event: &Event, made_by: Option<Millis>, each: &mut dyn FnMut(&dyn Destination)) {
        for kind in &self.0 {
            kind.wanting(event, made_by, each);
        }
    }

    fn unmatched(
        &self,
        workspace: WorkspaceId,
        label: &str,
        data: &str,
        accepted_at: Millis,
    ) -> Vec<(DestinationId, Unmatched)> {
        let of_kind = |kind: &Arc<dyn Destinations>| kind.unmatched(workspace, label, data, accepted_at);
        self.0.iter().flat_map(of_kind).collect()
    }

    fn set_health(
        &self,
        healths: Vec<(DestinationId, HealthState)>,
    ) -> Answer<'static, Result<Vec<DestinationId>, DbError>> {
        let mut by_kind: Vec<Vec<(DestinationId, HealthState)>> = vec![Vec::new(); self.0.len()];
        // One that was deleted meanwhile has no health to write: it counts as written.
        let mut written = Vec::new();
        for (id, health) in healths {
            match self.kind_of(id).and_then(|at| by_kind.get_mut(at)) {
                Some(healths) => healths.push((id, health)),
                None => written.push(id),
            }
        }
        let of_kinds = self
            .0
            .iter()
            .zip(by_kind)
            .filter(|(_, healths)| !healths.is_empty());
        let writing: Vec<_> = of_kinds.map(|(kind, healths)| kind.set_health(healths)).collect();
        Box::pin(async move {
            for answer in writing {
                match answer.await {
                    Ok(ids) => written.extend(ids),
                    Err(fault) if written.is_empty() => return Err(fault),
                    // What was written stays so; the others are tried again.
                    Err(fault) => {
                        tracing::warn!(%fault, "the health of some destinations could not be written")
                    }
                }
            }
            Ok(written)
        })
    }

    fn disable_gone(&self, id: DestinationId) -> Answer<'static, Result<(), DbError>> {
        match self.kind_of(id).and_then(|at| self.0.get(at)) {
            Some(kind) => kind.disable_gone(id),
            None => Box::pin(async { Ok(()) }),
        }
    }

    fn notices(&self, group: &[Outcome]) -> Vec<NewEvent> {
        self.0.iter().flat_map(|kind| kind.notices(group)).collect()
    }
}
