//! Which registries the change feed keeps fresh.

use std::sync::Arc;

use crate::connections;
use crate::events::types::EventTypes;
use crate::feed::{ChangeKind, Feed};
use crate::hoots;
use crate::keys::Keys;
use crate::rules;
use crate::sources;
use crate::webhooks::registry::Registry;

/// Has each registry read again what changed.
pub(super) fn subscribe(
    feed: &mut Feed,
    keys: &Keys,
    types: &Arc<EventTypes>,
    endpoints: &Arc<Registry>,
    hoots: &Arc<hoots::registry::Registry>,
) {
    let keys = keys.clone();
    feed.subscribe(
        ChangeKind::ApiKey,
        Arc::new(move |client, changed| {
            let keys = keys.clone();
            Box::pin(async move {
                let ids: Vec<_> = changed.into_iter().map(|(_, id)| id).collect();
                match ids.is_empty() {
                    true => keys.reload(client).await,
                    false => keys.refresh(client, &ids).await,
                }
            })
        }),
    );
    let types = types.clone();
    feed.subscribe(
        ChangeKind::EventType,
        Arc::new(move |client, changed| {
            let types = types.clone();
            Box::pin(async move {
                let workspaces: Vec<_> = changed.into_iter().map(|(workspace, _)| workspace).collect();
                types
                    .refresh(client, (!workspaces.is_empty()).then_some(workspaces))
                    .await
            })
        }),
    );
    let endpoints = endpoints.clone();
    feed.subscribe(
        ChangeKind::Webhook,
        Arc::new(move |client, changed| {
            let endpoints = endpoints.clone();
            Box::pin(async move {
                match changed.is_empty() {
                    true => endpoints.reload(client).await,
                    false => endpoints.refresh(client, &changed).await,
                }
            })
        }),
    );
    let hoots = hoots.clone();
    feed.subscribe(
        ChangeKind::Hoot,
        Arc::new(move |_, changed| {
            hoots.note(changed.into_iter().map(|(_, id)| id));
            Box::pin(async { Ok(()) })
        }),
    );
}

/// The same for what is connected to the gateway.
pub(super) fn subscribe_integrations(
    feed: &mut Feed,
    types: &Arc<EventTypes>,
    connections: &Arc<connections::registry::Registry>,
    sources: &Arc<sources::registry::Registry>,
    rules: &Arc<rules::registry::Registry>,
) {
    let (sources, of_sources) = (sources.clone(), types.clone());
    feed.subscribe(
        ChangeKind::Source,
        Arc::new(move |client, changed| {
            let (sources, types) = (sources.clone(), of_sources.clone());
            Box::pin(async move {
                if changed.is_empty() {
                    return sources.reload(client).await;
                }
                let (workspaces, ids): (Vec<_>, Vec<_>) = changed.into_iter().unzip();
                sources.refresh(client, &ids).await?;
                // Types of a connector that a workspace has a source of are known there.
                types.refresh(client, Some(workspaces)).await
            })
        }),
    );
    let connections = connections.clone();
    feed.subscribe(
        ChangeKind::Connection,
        Arc::new(move |client, changed| {
            let connections = connections.clone();
            Box::pin(async move {
                let ids: Vec<_> = changed.into_iter().map(|(_, id)| id).collect();
                match ids.is_empty() {
                    true => connections.reload(client).await,
                    false => connections.refresh(client, &ids).await,
                }
            })
        }),
    );
    let rules = rules.clone();
    feed.subscribe(
        ChangeKind::Rule,
        Arc::new(move |client, changed| {
            let rules = rules.clone();
            Box::pin(async move {
                match changed.is_empty() {
                    true => rules.reload(client).await,
                    false => rules.refresh(client, &changed).await,
                }
            })
        }),
    );
}
