//! The routes of hoots. What the public sees is no part of the API, and answered before keys are looked at.

use http::Method;

use super::Access::Scopes;
use super::Route;
use crate::base::scope::Scope::{SentriesRead, SentriesWrite};
use crate::hoots::{api, model, shown};

/// All of them.
pub(super) fn hoot_routes() -> Vec<Route> {
    const READ: super::Access = Scopes(&[SentriesRead]);
    const WRITE: super::Access = Scopes(&[SentriesWrite]);
    vec![
        Route::new(
            Method::POST,
            "/v1/hoots",
            WRITE,
            "Create a hoot",
            |services, call| Box::pin(api::create_hoot(services.hoots.clone(), call)),
        )
        .body::<model::CreateHoot>()
        .replies::<shown::Hoot>(201),
        Route::new(Method::GET, "/v1/hoots", READ, "List hoots", |services, call| {
            Box::pin(api::list_hoots(services.hoots.clone(), call))
        })
        .lists::<shown::Hoot>(),
        Route::new(
            Method::GET,
            "/v1/hoots/{id}",
            READ,
            "Get a hoot",
            |services, call| Box::pin(api::get_hoot(services.hoots.clone(), call)),
        )
        .replies::<shown::Hoot>(200),
        Route::new(
            Method::PATCH,
            "/v1/hoots/{id}",
            WRITE,
            "Change a hoot",
            |services, call| Box::pin(api::update_hoot(services.hoots.clone(), call)),
        )
        .body::<model::UpdateHoot>()
        .replies::<shown::Hoot>(200),
        Route::new(
            Method::DELETE,
            "/v1/hoots/{id}",
            WRITE,
            "Delete a hoot",
            |services, call| Box::pin(api::delete_hoot(services.hoots.clone(), call)),
        )
        .no_content(),
    ]
}
