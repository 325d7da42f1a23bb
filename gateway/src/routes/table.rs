//! The routes, grouped by feature.

use http::Method;

use super::Access::{AnyKey, Scopes};
use super::Route;
use crate::audit;
use crate::base::scope::Scope::{
    AuditRead, EventsRead, EventsWrite, KeysRead, KeysWrite, WebhooksRead, WebhooksWrite,
};
use crate::console::access::{api as access, model as access_model};
use crate::delivery::{self, log};
use crate::events::{api as events, batch, model as event_model, type_api, type_store};
use crate::feed;
use crate::http::problem::Code;
use crate::keys::{api as keys, model as key_model};
use crate::webhooks::{
    api as webhooks,
    deliveries::{api as delivery_api, many_api, stats_api},
    model as webhook_model, snippets,
};

/// Every route under `/v1`.
pub fn routes() -> Vec<Route> {
    [
        key_routes(),
        console_routes(),
        event_routes(),
        super::record_table::record_routes(),
        super::import_table::import_routes(),
        super::sentry_table::sentry_routes(),
        super::hoot_table::hoot_routes(),
        super::integrations::integration_routes(),
        webhook_routes(),
        delivery_routes(),
        audit_routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn get(path: &'static str, access: super::Access, summary: &'static str, handler: super::Handler) -> Route {
    Route::new(Method::GET, path, access, summary, handler)
}

fn post(path: &'static str, access: super::Access, summary: &'static str, handler: super::Handler) -> Route {
    Route::new(Method::POST, path, access, summary, handler)
}

fn key_routes() -> Vec<Route> {
    const READ: super::Access = Scopes(&[KeysRead]);
    const WRITE: super::Access = Scopes(&[KeysWrite]);
    vec![
        get("/v1/whoami", AnyKey, "What the calling key is", |_, call| {
            Box::pin(keys::whoami(call))
        })
        .replies::<keys::WhoAmI>(200),
        get("/v1/scopes", AnyKey, "All scopes", |_, call| {
            Box::pin(keys::list_scopes(call))
        })
        .lists_all::<keys::ShownScope>(),
        post("/v1/api-keys", WRITE, "Create an API key", |services, call| {
            Box::pin(keys::create_api_key(services.keys.clone(), call))
        })
        .body::<key_model::CreateApiKey>()
        .replies::<key_model::CreatedApiKey>(201),
        get("/v1/api-keys", READ, "List API keys", |services, call| {
            Box::pin(keys::list_api_keys(services.keys.clone(), call))
        })
        .lists::<key_model::ApiKey>(),
        get("/v1/api-keys/{id}", READ, "Get an API key", |services, call| {
            Box::pin(keys::get_api_key(services.keys.clone(), call))
        })
        .replies::<key_model::ApiKey>(200),
        Route::new(
            Method::DELETE,
            "/v1/api-keys/{id}",
            WRITE,
            "Delete an API key",
            |services, call| Box::pin(keys::delete_api_key(services.keys.clone(), call)),
        )
        .no_content(),
        post(
            "/v1/api-keys/{id}/revoke",
            WRITE,
            "Revoke an API key",
            |services, call| Box::pin(keys::revoke_api_key(services.keys.clone(), call)),
        )
        .replies::<key_model::RevokedApiKey>(200),
        post(
            "/v1/api-keys/{id}/rotate",
            WRITE,
            "Replace an API key",
            |services, call| Box::pin(keys::rotate_api_key(services.keys.clone(), call)),
        )
        .body::<key_model::RotateApiKey>()
        .replies::<key_model::CreatedApiKey>(201)
        .errors(&[Code::KeyEnded]),
    ]
}

fn console_routes() -> Vec<Route> {
    const READ: super::Access = Scopes(&[KeysRead]);
    const WRITE: super::Access = Scopes(&[KeysWrite]);
    vec![
        get(
            "/v1/api-keys/{id}/sessions",
            READ,
            "List a key's console sessions",
            |services, call| Box::pin(access::list_key_sessions(services.console.clone(), call)),
        )
        .lists::<access_model::ConsoleSession>(),
        Route::new(
            Method::DELETE,
            "/v1/api-keys/{id}/sessions",
            WRITE,
            "End a key's console sessions",
            |services, call| Box::pin(access::end_key_sessions(services.console.clone(), call)),
        )
        .no_content(),
        post(
            "/v1/console-links",
            WRITE,
            "Create a link that signs in to the console once",
            |services, call| Box::pin(access::create_console_link(services.console.clone(), call)),
        )
        .body::<access::CreateConsoleLink>()
        .replies::<access::CreatedConsoleLink>(201)
        .errors(&[Code::ConsoleDisabled]),
        get(
            "/v1/console-links",
            READ,
            "List console links",
            |services, call| Box::pin(access::list_console_links(services.console.clone(), call)),
        )
        .lists::<access_model::ConsoleLink>(),
        Route::new(
            Method::DELETE,
            "/v1/console-links/{id}",
            WRITE,
            "Delete a console link and end its sessions",
            |services, call| Box::pin(access::delete_console_link(services.console.clone(), call)),
        )
        .no_content(),
    ]
}

fn event_routes() -> Vec<Route> {
    const READ: super::Access = Scopes(&[EventsRead]);
    const WRITE: super::Access = Scopes(&[EventsWrite]);
    vec![
        post("/v1/events", WRITE, "Send an event", |services, call| {
            Box::pin(events::create_event(services.events.clone(), call))
        })
        .body::<event_model::CreateEvent>()
        .replies::<event_model::AcceptedEvent>(202),
        post(
            "/v1/events/batch",
            WRITE,
            "Send many events, one a line",
            |services, call| Box::pin(batch::create_event_batch(services.events.clone(), call)),
        )
        .streamed::<event_model::CreateEvent>("application/x-ndjson")
        .replies::<batch::BatchReply>(202),
        get("/v1/events", READ, "List events", |services, call| {
            Box::pin(events::list_events(services.events.clone(), call))
        })
        .query(&[
            ("type", "Only events of this type."),
            ("since", "Accepted then or later."),
            ("until", "Accepted before then."),
            ("matched", "Only those with a delivery, or only those without."),
        ])
        .lists::<event_model::ShownEvent>(),
        get("/v1/events/{id}", READ, "Get an event", |services, call| {
            Box::pin(events::get_event(services.events.clone(), call))
        })
        .replies::<event_model::ShownEvent>(200),
        get("/v1/event-types", READ, "List event types", |services, call| {
            Box::pin(type_api::list_event_types(services.events.clone(), call))
        })
        .lists::<type_store::EventType>(),
        post("/v1/event-types", WRITE, "Add an event type", |services, call| {
            Box::pin(type_api::create_event_type(services.events.clone(), call))
        })
        .body::<type_api::CreateEventType>()
        .replies::<type_store::EventType>(201)
        .errors(&[Code::TypeTaken]),
    ]
}

fn webhook_routes() -> Vec<Route> {
    const READ: super::Access = Scopes(&[WebhooksRead]);
    const WRITE: super::Access = Scopes(&[WebhooksWrite]);
    const URL: &[Code] = &[Code::UrlInvalid, Code::UrlForbiddenAddress];
    vec![
        post("/v1/webhooks", WRITE, "Create a webhook", |services, call| {
            Box::pin(webhooks::create_webhook(services.webhooks.clone(), call))
        })
        .body::<webhook_model::CreateWebhook>()
        .replies::<webhook_model::WebhookWithSecret>(201)
        .errors(URL),
        get("/v1/webhooks", READ, "List webhooks", |services, call| {
            Box::pin(webhooks::list_webhooks(services.webhooks.clone(), call))
        })
        .lists::<webhook_model::Webhook>(),
        get("/v1/webhooks/{id}", READ, "Get a webhook", |services, call| {
            Box::pin(webhooks::get_webhook(services.webhooks.clone(), call))
        })
        .replies::<webhook_model::Webhook>(200),
        Route::new(
            Method::PATCH,
            "/v1/webhooks/{id}",
            WRITE,
            "Change a webhook",
            |services, call| Box::pin(webhooks::update_webhook(services.webhooks.clone(), call)),
        )
        .body::<webhook_model::UpdateWebhook>()
        .replies::<webhook_model::Webhook>(200)
        .errors(URL),
        Route::new(
            Method::DELETE,
            "/v1/webhooks/{id}",
            WRITE,
            "Delete a webhook",
            |services, call| Box::pin(webhooks::delete_webhook(services.webhooks.clone(), call)),
        )
        .no_content(),
        get(
            "/v1/webhooks/{id}/verify-snippets",
            READ,
            "Code that verifies signatures",
            |services, call| Box::pin(snippets::list_verify_snippets(services.webhooks.clone(), call)),
        )
        .lists_all::<snippets::Snippet>(),
        post(
            "/v1/webhooks/{id}/rotate-secret",
            WRITE,
            "Replace a webhook's secret",
            |services, call| Box::pin(webhooks::rotate_webhook_secret(services.webhooks.clone(), call)),
        )
        .optional_body::<webhook_model::RotateSecret>()
        .replies::<webhook_model::WebhookWithSecret>(200),
        post(
            "/v1/webhooks/{id}/test",
            WRITE,
            "Send an example event",
            |services, call| Box::pin(delivery_api::test_webhook(services.webhooks.clone(), call)),
        )
        .optional_body::<delivery_api::TestWebhook>()
        .replies::<delivery_api::DeliveryStarted>(202)
        .errors(&[Code::WebhookDisabled]),
        post(
            "/v1/webhooks/{id}/recover",
            WRITE,
            "Redeliver what failed",
            |services, call| Box::pin(many_api::recover_webhook(services.webhooks.clone(), call)),
        )
        .body::<many_api::RecoverWebhook>()
        .unbounded()
        .counts()
        .replies::<many_api::Recovered>(202),
    ]
}

/// A delivery that is listed meets all of them.
pub(in crate::routes) const DELIVERY_FILTERS: &[(&str, &str)] = &[
    (
        "status",
        "Only these, separated by commas: pending, succeeded, failed.",
    ),
    ("type", "Only of events of this type."),
    ("webhook_id", "Only to this webhook."),
    ("event_id", "Only of this event; its id may be your own."),
    (
        "status_code",
        "Only where the last attempt was answered with this HTTP status.",
    ),
    ("error_code", "Only where the last attempt failed like this."),
    ("since", "Made then or later."),
    ("until", "Made before then."),
];

fn delivery_routes() -> Vec<Route> {
    const READ: super::Access = Scopes(&[WebhooksRead]);
    vec![
        get(
            "/v1/webhooks/{id}/deliveries",
            READ,
            "List a webhook's deliveries",
            |services, call| Box::pin(delivery_api::list_deliveries(services.webhooks.clone(), call)),
        )
        .query(DELIVERY_FILTERS)
        .lists::<log::Delivery>(),
        get(
            "/v1/webhooks/{id}/stats",
            READ,
            "How deliveries to a webhook went",
            |services, call| Box::pin(stats_api::webhook_stats(services.webhooks.clone(), call)),
        )
        .query(&[("range", "24h, 7d or 30d; 24h if absent.")])
        .replies::<delivery::stats::Stats>(200),
        get("/v1/deliveries", READ, "List deliveries", |services, call| {
            Box::pin(delivery_api::list_all_deliveries(services.webhooks.clone(), call))
        })
        .query(DELIVERY_FILTERS)
        .lists::<log::Delivery>(),
        post(
            "/v1/deliveries/redeliver",
            Scopes(&[WebhooksWrite]),
            "Redeliver what matches",
            |services, call| Box::pin(many_api::redeliver_matching(services.webhooks.clone(), call)),
        )
        .body::<many_api::RedeliverDeliveries>()
        .unbounded()
        .counts()
        .replies::<many_api::Recovered>(202),
        get("/v1/deliveries/{id}", READ, "Get a delivery", |services, call| {
            Box::pin(delivery_api::get_delivery(services.webhooks.clone(), call))
        })
        .replies::<log::DeliveryDetail>(200),
        post(
            "/v1/deliveries/{id}/redeliver",
            Scopes(&[WebhooksWrite]),
            "Deliver again",
            |services, call| Box::pin(delivery_api::redeliver(services.webhooks.clone(), call)),
        )
        .replies::<delivery_api::DeliveryStarted>(202),
    ]
}

/// An entry that is listed meets all of them.
const AUDIT_FILTERS: &[(&str, &str)] = &[
    ("action", "Such as `webhook.created`."),
    ("actor", "A key's id or name, or `cli`."),
    ("target", "The id or the kind of what was acted on."),
    ("since", "Not before this time."),
    ("until", "Before this time."),
];

fn audit_routes() -> Vec<Route> {
    vec![
        get(
            "/v1/instances",
            Scopes(&[AuditRead]),
            "List the gateway's instances",
            |services, call| {
                let db = services.db.clone();
                Box::pin(async move { feed::api::list_instances(&db, call).await })
            },
        )
        .lists::<feed::instance_store::ShownInstance>(),
        get(
            "/v1/audit",
            Scopes(&[AuditRead]),
            "Who did what",
            |services, call| {
                let db = services.db.clone();
                Box::pin(async move { audit::api::list_audit(&db, call).await })
            },
        )
        .query(AUDIT_FILTERS)
        .lists::<audit::Entry>(),
        get(
            "/v1/audit.csv",
            Scopes(&[AuditRead]),
            "Who did what, as a file",
            |services, call| {
                let db = services.db.clone();
                Box::pin(async move { audit::api::audit_csv(db, call) })
            },
        )
        .query(AUDIT_FILTERS)
        .replies_text("text/csv"),
    ]
}
