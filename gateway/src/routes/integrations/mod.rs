//! The routes of what is connected to the gateway: connectors, and what is made of them.

mod connections;
mod connectors;
pub(super) mod openapi;
mod rules;
mod sources;

use super::Route;

/// All of them.
pub(super) fn integration_routes() -> Vec<Route> {
    [
        connectors::connector_routes(),
        connections::connection_routes(),
        sources::source_routes(),
        rules::rule_routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
