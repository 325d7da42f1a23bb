//! The routes of sources.

use http::Method;

use super::super::Access::Scopes;
use super::super::Route;
use crate::base::scope::Scope::{EventsWrite, WebhooksRead, WebhooksWrite};
use crate::http::problem::Code;
use crate::sources::receipts::{api as receipts, model as receipt_model};
use crate::sources::{api, model, secret_api};

/// All of them.
pub(super) fn source_routes() -> Vec<Route> {
    const READ: super::super::Access = Scopes(&[WebhooksRead]);
    const WRITE: super::super::Access = Scopes(&[WebhooksWrite]);
    const MAKE: super::super::Access = Scopes(&[WebhooksWrite, EventsWrite]);
    let get = |path, summary, handler| Route::new(Method::GET, path, READ, summary, handler);
    let post = |path, access, summary, handler| Route::new(Method::POST, path, access, summary, handler);
    vec![
        post("/v1/sources", MAKE, "Create a source", |services, call| {
            Box::pin(api::create_source(services.sources.clone(), call))
        })
        .body::<model::CreateSource>()
        .replies::<model::SourceWithSecrets>(201),
        get("/v1/sources", "List sources", |services, call| {
            Box::pin(api::list_sources(services.sources.clone(), call))
        })
        .lists::<model::Source>(),
        get("/v1/sources/{id}", "Get a source", |services, call| {
            Box::pin(api::get_source(services.sources.clone(), call))
        })
        .replies::<model::Source>(200),
        Route::new(
            Method::PATCH,
            "/v1/sources/{id}",
            MAKE,
            "Change a source",
            |services, call| Box::pin(api::update_source(services.sources.clone(), call)),
        )
        .body::<model::UpdateSource>()
        .replies::<model::Source>(200),
        Route::new(
            Method::DELETE,
            "/v1/sources/{id}",
            MAKE,
            "Delete a source; its events stay",
            |services, call| Box::pin(api::delete_source(services.sources.clone(), call)),
        )
        .no_content(),
        post(
            "/v1/sources/{id}/secrets",
            WRITE,
            "Set or rotate a source's secret",
            |services, call| Box::pin(secret_api::set_source_secret(services.sources.clone(), call)),
        )
        .body::<model::SetSecret>()
        .replies::<model::SourceWithSecrets>(200),
        post(
            "/v1/sources/{id}/rotate-url",
            WRITE,
            "Give a source a new URL",
            |services, call| Box::pin(secret_api::rotate_source_url(services.sources.clone(), call)),
        )
        .optional_body::<model::RotateUrl>()
        .replies::<model::Source>(200),
        post(
            "/v1/sources/{id}/confirm",
            WRITE,
            "Confirm the secret that a handshake handed out",
            |services, call| Box::pin(secret_api::confirm_source(services.sources.clone(), call)),
        )
        .replies::<model::Source>(200)
        .errors(&[Code::HandshakeNotPending]),
        get(
            "/v1/sources/{id}/receipts",
            "List what became of a source's newest requests",
            |services, call| Box::pin(receipts::list_receipts(services.sources.clone(), call)),
        )
        .query(&[(
            "outcome",
            "`accepted`, `repeat`, `handshake`, `filtered`, or the code of a refusal.",
        )])
        .lists_all::<receipt_model::ShownReceipt>(),
        post(
            "/v1/receipts/{id}/retry",
            MAKE,
            "Verify a refused request again",
            |services, call| Box::pin(receipts::retry_receipt(services.sources.clone(), call)),
        )
        .replies::<receipt_model::ShownReceipt>(200)
        .errors(&[Code::ReceiptPurged]),
    ]
}
