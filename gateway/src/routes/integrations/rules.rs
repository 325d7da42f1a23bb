//! The routes of rules.

use http::Method;

use crate::base::scope::Scope::{WebhooksRead, WebhooksWrite};
use crate::delivery::log;
use crate::http::problem::Code;
use crate::routes::Access::{self, Scopes};
use crate::routes::Route;
use crate::routes::table::DELIVERY_FILTERS;
use crate::rules::{api as rules, deliveries_api, model, try_api};
use crate::webhooks::deliveries::api::DeliveryStarted;
use crate::webhooks::deliveries::many_api;

/// All of them.
pub(super) fn rule_routes() -> Vec<Route> {
    const READ: Access = Scopes(&[WebhooksRead]);
    const WRITE: Access = Scopes(&[WebhooksWrite]);
    const URL: &[Code] = &[Code::UrlInvalid, Code::UrlForbiddenAddress];
    let get = |path, summary, handler| Route::new(Method::GET, path, READ, summary, handler);
    let post = |path, summary, handler| Route::new(Method::POST, path, WRITE, summary, handler);
    vec![
        post("/v1/rules", "Create a rule", |services, call| {
            Box::pin(rules::create_rule(services.rules.clone(), call))
        })
        .body::<model::CreateRule>()
        .replies::<model::Rule>(201)
        .errors(URL),
        get("/v1/rules", "List rules", |services, call| {
            Box::pin(rules::list_rules(services.rules.clone(), call))
        })
        .lists::<model::Rule>(),
        Route::new(
            Method::POST,
            "/v1/rules/preview",
            READ,
            "See what a rule would send",
            |services, call| Box::pin(try_api::preview_rule(services.rules.clone(), call)),
        )
        .body::<try_api::PreviewRule>()
        .replies::<try_api::Preview>(200),
        get("/v1/rules/{id}", "Get a rule", |services, call| {
            Box::pin(rules::get_rule(services.rules.clone(), call))
        })
        .replies::<model::Rule>(200),
        Route::new(
            Method::PATCH,
            "/v1/rules/{id}",
            WRITE,
            "Change a rule",
            |services, call| Box::pin(rules::update_rule(services.rules.clone(), call)),
        )
        .body::<model::UpdateRule>()
        .replies::<model::Rule>(200)
        .errors(URL),
        Route::new(
            Method::DELETE,
            "/v1/rules/{id}",
            WRITE,
            "Delete a rule",
            |services, call| Box::pin(rules::delete_rule(services.rules.clone(), call)),
        )
        .no_content(),
        post("/v1/rules/{id}/test", "Have a rule act once", |services, call| {
            Box::pin(try_api::test_rule(services.rules.clone(), call))
        })
        .optional_body::<try_api::TestRule>()
        .replies::<DeliveryStarted>(202)
        .errors(&[Code::RuleDisabled]),
        get(
            "/v1/rules/{id}/deliveries",
            "List a rule's deliveries",
            |services, call| Box::pin(deliveries_api::list_rule_deliveries(services.rules.clone(), call)),
        )
        .query(DELIVERY_FILTERS)
        .lists::<log::Delivery>(),
        post(
            "/v1/rules/{id}/recover",
            "Act again on what failed",
            |services, call| Box::pin(deliveries_api::recover_rule(services.rules.clone(), call)),
        )
        .body::<many_api::RecoverWebhook>()
        .unbounded()
        .counts()
        .replies::<many_api::Recovered>(202),
    ]
}
