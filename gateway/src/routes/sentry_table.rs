//! The routes of sentries.

use http::Method;

use super::Access::Scopes;
use super::Route;
use crate::base::scope::Scope::{SentriesRead, SentriesWrite};
use crate::http::problem::Code;
use crate::sentries::history::{self, analytics};
use crate::sentries::{api, model};

/// All of them.
pub(super) fn sentry_routes() -> Vec<Route> {
    const READ: super::Access = Scopes(&[SentriesRead]);
    const WRITE: super::Access = Scopes(&[SentriesWrite]);
    let get = |path, summary, handler| Route::new(Method::GET, path, READ, summary, handler);
    let change = |method, path, summary, handler| Route::new(method, path, WRITE, summary, handler);
    vec![
        change(
            Method::POST,
            "/v1/sentries",
            "Create a sentry",
            |services, call| Box::pin(api::create_sentry(services.sentries.clone(), call)),
        )
        .body::<model::CreateSentry>()
        .replies::<model::Sentry>(201),
        get("/v1/sentries", "List sentries", |services, call| {
            Box::pin(api::list_sentries(services.sentries.clone(), call))
        })
        .query(&[
            ("state", "`happy`, `sad`, `sick`, or `none`."),
            ("enabled", "`true` or `false`."),
            (
                "q",
                "Words and their beginnings, without case, in name and description.",
            ),
        ])
        .lists::<model::Sentry>(),
        get("/v1/sentries/{id}", "Get a sentry", |services, call| {
            Box::pin(api::get_sentry(services.sentries.clone(), call))
        })
        .replies::<model::Sentry>(200),
        change(
            Method::PATCH,
            "/v1/sentries/{id}",
            "Change a sentry",
            |services, call| Box::pin(api::update_sentry(services.sentries.clone(), call)),
        )
        .body::<model::UpdateSentry>()
        .replies::<model::Sentry>(200),
        change(
            Method::DELETE,
            "/v1/sentries/{id}",
            "Delete a sentry and its history",
            |services, call| Box::pin(api::delete_sentry(services.sentries.clone(), call)),
        )
        .no_content(),
        change(
            Method::POST,
            "/v1/sentries/{id}",
            "Report a state",
            |services, call| Box::pin(api::report_sentry(services.sentries.clone(), call)),
        )
        .query(&[
            ("state", "As in the body, which wins."),
            ("user_message", "As in the body."),
            ("history_note", "As in the body."),
            ("private_entry", "`true` or `false`."),
        ])
        .optional_body::<model::ReportSentry>()
        .forms()
        .replies::<model::Sentry>(200)
        .errors(&[Code::BadRequest]),
        get(
            "/v1/sentries/{id}/history",
            "List a sentry's history",
            |services, call| Box::pin(api::list_sentry_history(services.sentries.clone(), call)),
        )
        .query(&[
            ("since", "Not before this time."),
            ("until", "Before this time."),
            ("state", "`happy`, `sad`, `sick`, or `none`."),
        ])
        .lists::<history::Entry>(),
        get(
            "/v1/sentries/{id}/analytics",
            "What a sentry's history tells",
            |services, call| Box::pin(api::get_sentry_analytics(services.sentries.clone(), call)),
        )
        .query(&[("range", "`24h`, `7d` (the default), `30d` or `90d`.")])
        .replies::<analytics::Analytics>(200),
    ]
}
