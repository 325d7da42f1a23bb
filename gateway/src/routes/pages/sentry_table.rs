//! The pages of sentries and hoots.

use super::route::{PageRoute, get, post};
use crate::base::scope::Scope::{SentriesRead, SentriesWrite};
use crate::console::{hoots, sentries};
use crate::routes::Access::{self, Scopes};

/// They stand before those of sentries, whose ids they would be taken for.
pub(super) fn hoot_pages() -> Vec<PageRoute> {
    const READ: Access = Scopes(&[SentriesRead]);
    const WRITE: Access = Scopes(&[SentriesWrite]);
    vec![
        get("/integrations/sentries/hoots", READ, |services, visit| {
            Box::pin(hoots::list_hoots(services.hoots.clone(), visit))
        }),
        get("/integrations/sentries/hoots/new", WRITE, |services, visit| {
            Box::pin(hoots::show_new(services.hoots.clone(), visit))
        }),
        post("/integrations/sentries/hoots/new", WRITE, |services, visit| {
            Box::pin(hoots::create_hoot(services.hoots.clone(), visit))
        }),
        get("/integrations/sentries/hoots/{id}", READ, |services, visit| {
            Box::pin(hoots::show_hoot(services.hoots.clone(), visit))
        }),
        get(
            "/integrations/sentries/hoots/{id}/badge.svg",
            READ,
            |services, visit| Box::pin(hoots::draw_badge(services.hoots.clone(), visit)),
        ),
        get(
            "/integrations/sentries/hoots/{id}/edit",
            WRITE,
            |services, visit| Box::pin(hoots::show_edit(services.hoots.clone(), visit)),
        ),
        post(
            "/integrations/sentries/hoots/{id}/edit",
            WRITE,
            |services, visit| Box::pin(hoots::save_hoot(services.hoots.clone(), visit)),
        ),
        post(
            "/integrations/sentries/hoots/{id}/override",
            WRITE,
            |services, visit| Box::pin(hoots::override_hoot(services.hoots.clone(), visit)),
        ),
        get(
            "/integrations/sentries/hoots/{id}/override/end",
            WRITE,
            |services, visit| Box::pin(hoots::confirm_end(services.hoots.clone(), visit)),
        ),
        post(
            "/integrations/sentries/hoots/{id}/override/end",
            WRITE,
            |services, visit| Box::pin(hoots::end_override(services.hoots.clone(), visit)),
        ),
        get(
            "/integrations/sentries/hoots/{id}/disable",
            WRITE,
            |services, visit| Box::pin(hoots::confirm_disable(services.hoots.clone(), visit)),
        ),
        post(
            "/integrations/sentries/hoots/{id}/disable",
            WRITE,
            |services, visit| Box::pin(hoots::disable_hoot(services.hoots.clone(), visit)),
        ),
        get(
            "/integrations/sentries/hoots/{id}/enable",
            WRITE,
            |services, visit| Box::pin(hoots::confirm_enable(services.hoots.clone(), visit)),
        ),
        post(
            "/integrations/sentries/hoots/{id}/enable",
            WRITE,
            |services, visit| Box::pin(hoots::enable_hoot(services.hoots.clone(), visit)),
        ),
        get(
            "/integrations/sentries/hoots/{id}/delete",
            WRITE,
            |services, visit| Box::pin(hoots::confirm_delete(services.hoots.clone(), visit)),
        ),
        post(
            "/integrations/sentries/hoots/{id}/delete",
            WRITE,
            |services, visit| Box::pin(hoots::delete_hoot(services.hoots.clone(), visit)),
        ),
    ]
}

pub(super) fn sentry_pages() -> Vec<PageRoute> {
    const READ: Access = Scopes(&[SentriesRead]);
    const WRITE: Access = Scopes(&[SentriesWrite]);
    vec![
        get("/integrations/sentries", READ, |services, visit| {
            Box::pin(sentries::list_sentries(services.sentries.clone(), visit))
        }),
        get("/integrations/sentries/new", WRITE, |services, visit| {
            Box::pin(sentries::show_new(services.sentries.clone(), visit))
        }),
        post("/integrations/sentries/new", WRITE, |services, visit| {
            Box::pin(sentries::create_sentry(services.sentries.clone(), visit))
        }),
        get("/integrations/sentries/{id}", READ, |services, visit| {
            Box::pin(sentries::show_sentry(services.sentries.clone(), visit))
        }),
        get("/integrations/sentries/{id}/history", READ, |services, visit| {
            Box::pin(sentries::list_history(services.sentries.clone(), visit))
        }),
        get("/integrations/sentries/{id}/edit", WRITE, |services, visit| {
            Box::pin(sentries::show_edit(services.sentries.clone(), visit))
        }),
        post("/integrations/sentries/{id}/edit", WRITE, |services, visit| {
            Box::pin(sentries::save_sentry(services.sentries.clone(), visit))
        }),
        post("/integrations/sentries/{id}/report", WRITE, |services, visit| {
            Box::pin(sentries::report_now(services.sentries.clone(), visit))
        }),
        get("/integrations/sentries/{id}/disable", WRITE, |services, visit| {
            Box::pin(sentries::confirm_disable(services.sentries.clone(), visit))
        }),
        post("/integrations/sentries/{id}/disable", WRITE, |services, visit| {
            Box::pin(sentries::disable_sentry(services.sentries.clone(), visit))
        }),
        get("/integrations/sentries/{id}/enable", WRITE, |services, visit| {
            Box::pin(sentries::confirm_enable(services.sentries.clone(), visit))
        }),
        post("/integrations/sentries/{id}/enable", WRITE, |services, visit| {
            Box::pin(sentries::enable_sentry(services.sentries.clone(), visit))
        }),
        get("/integrations/sentries/{id}/delete", WRITE, |services, visit| {
            Box::pin(sentries::confirm_delete(services.sentries.clone(), visit))
        }),
        post("/integrations/sentries/{id}/delete", WRITE, |services, visit| {
            Box::pin(sentries::delete_sentry(services.sentries.clone(), visit))
        }),
    ]
}
