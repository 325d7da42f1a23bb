//! The routes of connections.

use http::Method;

use crate::base::scope::Scope::{WebhooksRead, WebhooksWrite};
use crate::connections::{api, authorize, model, testing};
use crate::http::problem::Code;
use crate::routes::Access::{self, Scopes};
use crate::routes::Route;

/// All of them.
pub(super) fn connection_routes() -> Vec<Route> {
    const READ: Access = Scopes(&[WebhooksRead]);
    const WRITE: Access = Scopes(&[WebhooksWrite]);
    let get = |path, summary, handler| Route::new(Method::GET, path, READ, summary, handler);
    let change = |method, path, summary, handler| Route::new(method, path, WRITE, summary, handler);
    vec![
        change(
            Method::POST,
            "/v1/connections",
            "Create a connection",
            |services, call| Box::pin(api::create_connection(services.connections.clone(), call)),
        )
        .body::<model::CreateConnection>()
        .replies::<model::Connection>(201),
        get("/v1/connections", "List connections", |services, call| {
            Box::pin(api::list_connections(services.connections.clone(), call))
        })
        .lists::<model::Connection>(),
        get("/v1/connections/{id}", "Get a connection", |services, call| {
            Box::pin(api::get_connection(services.connections.clone(), call))
        })
        .replies::<model::Connection>(200),
        change(
            Method::PATCH,
            "/v1/connections/{id}",
            "Change a connection",
            |services, call| Box::pin(api::update_connection(services.connections.clone(), call)),
        )
        .body::<model::UpdateConnection>()
        .replies::<model::Connection>(200),
        change(
            Method::DELETE,
            "/v1/connections/{id}",
            "Delete a connection",
            |services, call| Box::pin(api::delete_connection(services.connections.clone(), call)),
        )
        .no_content()
        .errors(&[Code::ConnectionInUse]),
        change(
            Method::POST,
            "/v1/connections/{id}/authorize",
            "Begin to authorize a connection",
            |services, call| {
                Box::pin(authorize::authorize_connection(
                    services.connections.clone(),
                    call,
                ))
            },
        )
        .optional_body::<authorize::AuthorizeConnection>()
        .replies::<authorize::BegunAuthorization>(200)
        .errors(&[Code::NotAuthorizable, Code::ConnectionNotReady]),
        change(
            Method::POST,
            "/v1/connections/{id}/test",
            "Make the connector's test call with a connection",
            |services, call| Box::pin(testing::test_connection(services.connections.clone(), call)),
        )
        .unbounded()
        .replies::<model::TestedConnection>(200)
        .errors(&[Code::ConnectionNotReady]),
    ]
}
