//! The console's pages: method, path, access and handler.

use http::Method;

use super::route::{PageRoute, get, post, public};
use super::sentry_table::{hoot_pages, sentry_pages};
use crate::base::scope::Scope::{
    AuditRead, EventsRead, EventsWrite, ImportsRead, ImportsWrite, KeysRead, KeysWrite, WebhooksRead,
    WebhooksWrite,
};
use crate::console::frame::Section;
use crate::console::{
    api_keys, audit, coming, deliveries, events, imports, overview, recovery, sign_in, webhooks,
};
use crate::routes::Access::{self, AnyKey, Scopes};

/// Every page, those without a session first.
pub(super) fn pages() -> Vec<PageRoute> {
    [
        entrance(),
        overview_pages(),
        key_pages(),
        webhook_pages(),
        delivery_pages(),
        import_pages(),
        audit_pages(),
        event_pages(),
        hoot_pages(),
        sentry_pages(),
        coming_pages(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn entrance() -> Vec<PageRoute> {
    vec![
        public(Method::GET, "/integrations/sign-in", |_, arrival| {
            Box::pin(sign_in::show_sign_in(arrival))
        }),
        public(Method::POST, "/integrations/sign-in", |_, arrival| {
            Box::pin(sign_in::sign_in(arrival))
        }),
        public(Method::POST, "/integrations/time-zone", |_, arrival| {
            Box::pin(sign_in::choose_time_zone(arrival))
        }),
        public(Method::POST, "/integrations/rows", |_, arrival| {
            Box::pin(sign_in::choose_rows(arrival))
        }),
        post("/integrations/sign-out", AnyKey, |_, visit| {
            Box::pin(sign_in::sign_out(visit))
        }),
    ]
}

fn overview_pages() -> Vec<PageRoute> {
    vec![get("/integrations", AnyKey, |services, visit| {
        Box::pin(overview::show_overview(services.events.clone(), visit))
    })]
}

fn key_pages() -> Vec<PageRoute> {
    const READ: Access = Scopes(&[KeysRead]);
    const WRITE: Access = Scopes(&[KeysWrite]);
    vec![
        get("/integrations/api-keys", READ, |services, visit| {
            Box::pin(api_keys::list_keys(services.keys.clone(), visit))
        }),
        get("/integrations/api-keys/new", WRITE, |_, visit| {
            Box::pin(api_keys::show_new(visit))
        }),
        post("/integrations/api-keys/new", WRITE, |services, visit| {
            Box::pin(api_keys::create_key(services.keys.clone(), visit))
        }),
        get("/integrations/api-keys/{id}", READ, |_, visit| {
            Box::pin(api_keys::show_key(visit))
        }),
        get("/integrations/api-keys/{id}/revoke", WRITE, |_, visit| {
            Box::pin(api_keys::confirm_revoke(visit))
        }),
        post("/integrations/api-keys/{id}/revoke", WRITE, |services, visit| {
            Box::pin(api_keys::revoke_key(services.keys.clone(), visit))
        }),
        get("/integrations/api-keys/{id}/rotate", WRITE, |_, visit| {
            Box::pin(api_keys::confirm_rotate(visit))
        }),
        post("/integrations/api-keys/{id}/rotate", WRITE, |services, visit| {
            Box::pin(api_keys::rotate_key(services.keys.clone(), visit))
        }),
        get("/integrations/api-keys/{id}/delete", WRITE, |_, visit| {
            Box::pin(api_keys::confirm_delete(visit))
        }),
        post("/integrations/api-keys/{id}/delete", WRITE, |services, visit| {
            Box::pin(api_keys::delete_key(services.keys.clone(), visit))
        }),
        get("/integrations/api-keys/{id}/sessions", WRITE, |_, visit| {
            Box::pin(api_keys::confirm_sign_out(visit))
        }),
        post("/integrations/api-keys/{id}/sessions", WRITE, |_, visit| {
            Box::pin(api_keys::sign_out_everywhere(visit))
        }),
    ]
}

fn webhook_pages() -> Vec<PageRoute> {
    const READ: Access = Scopes(&[WebhooksRead]);
    const WRITE: Access = Scopes(&[WebhooksWrite]);
    vec![
        get("/integrations/webhooks", READ, |services, visit| {
            Box::pin(webhooks::list_webhooks(services.webhooks.clone(), visit))
        }),
        get("/integrations/webhooks/new", WRITE, |services, visit| {
            Box::pin(webhooks::show_new(services.webhooks.clone(), visit))
        }),
        post("/integrations/webhooks/new", WRITE, |services, visit| {
            Box::pin(webhooks::create_webhook(services.webhooks.clone(), visit))
        }),
        get("/integrations/webhooks/{id}", READ, |services, visit| {
            Box::pin(webhooks::show_webhook(services.webhooks.clone(), visit))
        }),
        get("/integrations/webhooks/{id}/edit", WRITE, |services, visit| {
            Box::pin(webhooks::show_edit(services.webhooks.clone(), visit))
        }),
        post("/integrations/webhooks/{id}/edit", WRITE, |services, visit| {
            Box::pin(webhooks::save_webhook(services.webhooks.clone(), visit))
        }),
        get("/integrations/webhooks/{id}/disable", WRITE, |services, visit| {
            Box::pin(webhooks::confirm_disable(services.webhooks.clone(), visit))
        }),
        post("/integrations/webhooks/{id}/disable", WRITE, |services, visit| {
            Box::pin(webhooks::disable_webhook(services.webhooks.clone(), visit))
        }),
        get("/integrations/webhooks/{id}/enable", WRITE, |services, visit| {
            Box::pin(webhooks::confirm_enable(services.webhooks.clone(), visit))
        }),
        post("/integrations/webhooks/{id}/enable", WRITE, |services, visit| {
            Box::pin(webhooks::enable_webhook(services.webhooks.clone(), visit))
        }),
        get("/integrations/webhooks/{id}/rotate", WRITE, |services, visit| {
            Box::pin(webhooks::confirm_rotate(services.webhooks.clone(), visit))
        }),
        post("/integrations/webhooks/{id}/rotate", WRITE, |services, visit| {
            Box::pin(webhooks::rotate_secret(services.webhooks.clone(), visit))
        }),
        get("/integrations/webhooks/{id}/delete", WRITE, |services, visit| {
            Box::pin(webhooks::confirm_delete(services.webhooks.clone(), visit))
        }),
        post("/integrations/webhooks/{id}/delete", WRITE, |services, visit| {
            Box::pin(webhooks::delete_webhook(services.webhooks.clone(), visit))
        }),
        post("/integrations/webhooks/{id}/test", WRITE, |services, visit| {
            Box::pin(webhooks::send_test_event(services.webhooks.clone(), visit))
        })
        .unbounded(),
        get("/integrations/webhooks/{id}/recover", WRITE, |services, visit| {
            Box::pin(recovery::show_recovery(services.webhooks.clone(), visit))
        }),
        post("/integrations/webhooks/{id}/recover", WRITE, |services, visit| {
            Box::pin(recovery::recover_webhook(services.webhooks.clone(), visit))
        })
        .unbounded(),
        get(
            "/integrations/webhooks/{id}/deliveries",
            READ,
            |services, visit| Box::pin(deliveries::list_deliveries(services.webhooks.clone(), visit)),
        ),
    ]
}

fn delivery_pages() -> Vec<PageRoute> {
    const READ: Access = Scopes(&[WebhooksRead]);
    const WRITE: Access = Scopes(&[WebhooksWrite]);
    vec![
        get("/integrations/deliveries", READ, |services, visit| {
            Box::pin(deliveries::list_deliveries(services.webhooks.clone(), visit))
        }),
        post(
            "/integrations/deliveries/redeliver-selected",
            WRITE,
            |services, visit| Box::pin(deliveries::redeliver_selected(services.webhooks.clone(), visit)),
        ),
        get("/integrations/deliveries/redeliver", WRITE, |services, visit| {
            Box::pin(recovery::confirm_matching(services.webhooks.clone(), visit))
        }),
        post("/integrations/deliveries/redeliver", WRITE, |services, visit| {
            Box::pin(recovery::redeliver_matching(services.webhooks.clone(), visit))
        })
        .unbounded(),
        get("/integrations/deliveries/{id}", READ, |services, visit| {
            Box::pin(deliveries::show_delivery(services.webhooks.clone(), visit))
        }),
        post(
            "/integrations/deliveries/{id}/redeliver",
            WRITE,
            |services, visit| Box::pin(deliveries::redeliver(services.webhooks.clone(), visit)),
        ),
    ]
}

fn import_pages() -> Vec<PageRoute> {
    const READ: Access = Scopes(&[ImportsRead]);
    const WRITE: Access = Scopes(&[ImportsWrite]);
    vec![
        get("/integrations/imports", READ, |services, visit| {
            Box::pin(imports::list_imports(services.imports.clone(), visit))
        }),
        get("/integrations/imports/new", WRITE, |_, visit| {
            Box::pin(imports::show_new(visit))
        }),
        post("/integrations/imports/new", WRITE, |services, visit| {
            Box::pin(imports::create_import(services.imports.clone(), visit))
        }),
        get("/integrations/imports/template/{object}", READ, |_, visit| {
            Box::pin(imports::get_template(visit))
        }),
        get("/integrations/imports/{id}", READ, |services, visit| {
            Box::pin(imports::show_import(services.imports.clone(), visit))
        }),
        get("/integrations/imports/{id}/events", READ, |services, visit| {
            Box::pin(imports::watch_import(services.imports.clone(), visit))
        }),
        get(
            "/integrations/imports/{id}/errors.csv",
            READ,
            |services, visit| Box::pin(imports::get_errors(services.imports.clone(), visit)),
        ),
        post("/integrations/imports/{id}/run", WRITE, |services, visit| {
            Box::pin(imports::run_import(services.imports.clone(), visit))
        }),
        get("/integrations/imports/{id}/cancel", WRITE, |services, visit| {
            Box::pin(imports::confirm_cancel(services.imports.clone(), visit))
        }),
        post("/integrations/imports/{id}/cancel", WRITE, |services, visit| {
            Box::pin(imports::cancel_import(services.imports.clone(), visit))
        }),
        get("/integrations/imports/{id}/undo", WRITE, |services, visit| {
            Box::pin(imports::confirm_undo(services.imports.clone(), visit))
        }),
        post("/integrations/imports/{id}/undo", WRITE, |services, visit| {
            Box::pin(imports::undo_import(services.imports.clone(), visit))
        }),
        get("/integrations/imports/{id}/discard", WRITE, |services, visit| {
            Box::pin(imports::confirm_discard(services.imports.clone(), visit))
        }),
        post("/integrations/imports/{id}/discard", WRITE, |services, visit| {
            Box::pin(imports::discard_file(services.imports.clone(), visit))
        }),
    ]
}

fn audit_pages() -> Vec<PageRoute> {
    const READ: Access = Scopes(&[AuditRead]);
    vec![
        get("/integrations/audit", READ, |_, visit| {
            Box::pin(audit::list_audit(visit))
        }),
        get("/integrations/audit.csv", READ, |_, visit| {
            Box::pin(audit::download_trail(visit))
        }),
    ]
}

fn event_pages() -> Vec<PageRoute> {
    const READ: Access = Scopes(&[EventsRead]);
    const WRITE: Access = Scopes(&[EventsWrite]);
    vec![
        get("/integrations/events", READ, |services, visit| {
            let webhooks = services.webhooks.clone();
            Box::pin(events::list_events(services.events.clone(), webhooks, visit))
        }),
        get("/integrations/events/new", WRITE, |services, visit| {
            Box::pin(events::show_new(services.events.clone(), visit))
        }),
        post("/integrations/events/new", WRITE, |services, visit| {
            Box::pin(events::send_event(services.events.clone(), visit))
        }),
        get("/integrations/events/{id}", READ, |services, visit| {
            let webhooks = services.webhooks.clone();
            Box::pin(events::show_event(services.events.clone(), webhooks, visit))
        }),
    ]
}

fn coming_pages() -> Vec<PageRoute> {
    const WEBHOOKS: Access = Scopes(&[WebhooksRead]);
    vec![get("/integrations/connections", WEBHOOKS, |_, visit| {
        Box::pin(coming::show_section(visit, Section::Connections))
    })]
}
