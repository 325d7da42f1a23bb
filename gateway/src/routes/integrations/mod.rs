//! The routes of what is connected to the gateway: connectors, and what is made of them.

mod connections;
mod connectors;

use super::Route;

/// All of them.
pub(super) fn integration_routes() -> Vec<Route> {
    [connectors::connector_routes(), connections::connection_routes()]
        .into_iter()
        .flatten()
        .collect()
}
