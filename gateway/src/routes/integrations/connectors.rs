//! The routes of the catalogue of connectors.

use http::Method;

use crate::base::scope::Scope::WebhooksRead;
use crate::connectors::{api, shown};
use crate::routes::Access::{self, Scopes};
use crate::routes::Route;

/// All of them.
pub(super) fn connector_routes() -> Vec<Route> {
    const READ: Access = Scopes(&[WebhooksRead]);
    let get = |path, summary, handler| Route::new(Method::GET, path, READ, summary, handler);
    vec![
        get("/v1/connectors", "List connectors", |services, call| {
            let catalogue = services.catalogue.clone();
            Box::pin(async move { api::list_connectors(&catalogue, call) })
        })
        .lists::<shown::ShownConnector>(),
        get("/v1/connectors/{name}", "Get a connector", |services, call| {
            let catalogue = services.catalogue.clone();
            Box::pin(async move { api::get_connector(&catalogue, call) })
        })
        .replies::<shown::ShownConnector>(200),
    ]
}
