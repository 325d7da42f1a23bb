//! Sentries: statuses that outside systems report, such as a dbt job, an Airflow task or a cron script.
//!
//! A report sets the *reported* state; the *effective* state, which everyone sees, is the worst of it and the effective
//! states of the enabled upstream sentries at that moment. An upstream that changes later does nothing by itself. Without a
//! report within its time-out a sentry turns sick, by `timeout`, on one instance and once. Each of these is one transaction
//! with its entry in the history, and its event where the effective state has changed.
//!
//! `report/` reads a report in each of its forms, `history/` has what is kept of them; `effect` says what it does, `recording` writes it.

pub mod api;
pub mod around_store;
pub mod connection_store;
pub mod draft;
pub mod editing;
mod effect;
mod event;
pub mod history;
pub mod model;
pub mod pace;
pub mod recording;
pub mod report;
pub mod store;
pub mod timeout;

use std::sync::Arc;

use crate::bus::Bus;
use crate::db::Db;
use crate::feed::bell::Bell;
use model::Sentry;
use pace::Pace;

/// What the handlers of sentries need.
#[derive(Clone)]
pub struct Sentries {
    pub db: Db,
    pub bus: Arc<dyn Bus>,
    pub pace: Arc<Pace>,
    pub bell: Arc<Bell>,
    /// The origin in `api_url`; the request's own if absent.
    pub public_url: Option<Arc<str>>,
}

impl Sentries {
    /// Has the hoots of a sentry read again everywhere. Call it when a report is committed.
    pub fn tell_hoots(&self, sentry: &Sentry) {
        if sentry.enabled && !sentry.hoots.is_empty() {
            self.bell.ring();
        }
    }
}
