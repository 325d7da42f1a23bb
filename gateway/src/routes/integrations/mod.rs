//! The routes of what is connected to the gateway: connectors, and what is made of them.

mod connectors;

use super::Route;

/// All of them.
pub(super) fn integration_routes() -> Vec<Route> {
    connectors::connector_routes()
}
