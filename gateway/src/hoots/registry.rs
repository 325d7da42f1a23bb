//! All public hoots in memory, each ready to be shown.
//!
//! The change feed only says which hoots changed; a task of its own reads them again, so that however many there are, keys
//! and webhooks do not wait for them. What is drawn is kept for a second, as ages have no finer words.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::HeaderValue;
use metrics::gauge;
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::badge::{self, Look, Style, Theme};
use super::model::{Faq, HootState, Link, StoredHoot};
use super::page;
use super::store::{self, PublicEntry};
use super::verdict::Verdict;
use crate::base::clock::Millis;
use crate::base::hex;
use crate::base::id::HootId;
use crate::db::{Client, Db, DbError};
use crate::sentries::model::State;
use crate::telemetry::names;

/// Hoots that are read in one go.
const AT_ONCE: usize = 200;
const RETRY: Duration = Duration::from_millis(250);
const BADGES: usize = 6;

/// What was drawn, and when.
#[derive(Debug)]
pub(super) struct Drawn {
    second: i64,
    pub body: Bytes,
    pub etag: HeaderValue,
}

impl Drawn {
    fn of(body: impl Into<Bytes>, second: i64) -> Self {
        let body = body.into();
        let sum = digest(&SHA256, &body);
        let etag = format!("\"{}\"", hex::encode(&sum.as_ref()[..16]));
        Self {
            second,
            body,
            // Hexadecimal digits in quotes.
            etag: HeaderValue::try_from(etag).unwrap_or_else(|_| HeaderValue::from_static("\"\"")),
        }
    }
}

/// One hoot, and what was drawn of it within this second.
#[derive(Debug)]
pub(super) struct Shown {
    hoot: StoredHoot,
    history: Vec<PublicEntry>,
    page: ArcSwapOption<Drawn>,
    json: ArcSwapOption<Drawn>,
    badges: [ArcSwapOption<Drawn>; BADGES],
}

#[derive(Serialize)]
struct PublicSentry<'a> {
    name: &'a str,
    state: Option<State>,
    user_message: Option<&'a str>,
    latest_record_at: Option<Millis>,
}

#[derive(Serialize)]
struct PublicHoot<'a> {
    id: HootId,
    name: &'a str,
    description: Option<&'a str>,
    state: HootState,
    message: Option<&'a str>,
    latest_record_at: Option<Millis>,
    resource_url: Option<&'a str>,
    sentries: Vec<PublicSentry<'a>>,
    history: &'a [PublicEntry],
    links: &'a [Link],
    faqs: &'a [Faq],
    updated_at: Millis,
}

impl Shown {
    fn new(hoot: StoredHoot, history: Vec<PublicEntry>) -> Self {
        Self {
            hoot,
            history,
            page: ArcSwapOption::empty(),
            json: ArcSwapOption::empty(),
            badges: Default::default(),
        }
    }

    /// The page at a moment.
    pub fn page(&self, now: Millis) -> Arc<Drawn> {
        draw(&self.page, now, || {
            let verdict = Verdict::of(&self.hoot, now);
            page::of_hoot(&self.hoot, &self.history, &verdict, now)
        })
    }

    /// The JSON at a moment.
    pub fn json(&self, now: Millis) -> Arc<Drawn> {
        draw(&self.json, now, || self.to_json(now))
    }

    /// The badge at a moment. One with a label, of which there are as many as readers like, is drawn each time.
    pub fn badge(&self, look: &Look, now: Millis) -> Arc<Drawn> {
        let make = || badge::of_hoot(&self.hoot.name, &Verdict::of(&self.hoot, now), look, now);
        match look.label {
            Some(_) => Arc::new(Drawn::of(make(), now.0 / 1_000)),
            None => draw(&self.badges[place(look)], now, make),
        }
    }

    fn to_json(&self, now: Millis) -> String {
        let verdict = Verdict::of(&self.hoot, now);
        let enabled = self.hoot.sentries.iter().filter(|sentry| sentry.enabled);
        let sentries = enabled.map(|sentry| PublicSentry {
            name: &sentry.name,
            state: sentry.state,
            user_message: sentry.user_message.as_deref(),
            latest_record_at: sentry.latest_record_at,
        });
        let public = PublicHoot {
            id: self.hoot.id,
            name: &self.hoot.name,
            description: self.hoot.description.as_deref(),
            state: verdict.state,
            message: verdict.message.as_deref(),
            latest_record_at: verdict.latest_record_at,
            resource_url: self.hoot.resource_url.as_deref(),
            sentries: sentries.collect(),
            history: &self.history,
            links: &self.hoot.links,
            faqs: &self.hoot.faqs,
            updated_at: self.hoot.updated_at,
        };
        // Texts and numbers cannot fail to serialise.
        serde_json::to_string(&public).unwrap_or_default()
    }
}

const fn place(look: &Look) -> usize {
    let style = match look.style {
        Style::Flat => 0,
        Style::Pill => 1,
    };
    let theme = match look.theme {
        Theme::Light => 0,
        Theme::Dark => 1,
        Theme::Auto => 2,
    };
    style * 3 + theme
}

fn draw(kept: &ArcSwapOption<Drawn>, now: Millis, make: impl FnOnce() -> String) -> Arc<Drawn> {
    let second = now.0.div_euclid(1_000);
    if let Some(drawn) = &*kept.load()
        && drawn.second == second
    {
        return drawn.clone();
    }
    let drawn = Arc::new(Drawn::of(make(), second));
    kept.store(Some(drawn.clone()));
    drawn
}

/// Which hoots have to be read again.
#[derive(Debug, Default)]
struct Stale {
    all: bool,
    ids: HashSet<Uuid>,
}

/// All public hoots.
pub struct Registry {
    db: Db,
    shown: papaya::HashMap<Uuid, Arc<Shown>>,
    stale: Mutex<Stale>,
    wake: Notify,
    loaded: watch::Sender<bool>,
    /// Reads one after another, so that what was read first is not put over what was read last.
    reading: tokio::sync::Mutex<()>,
}

impl Registry {
    /// An empty registry, which reads over connections of `db`.
    pub fn new(db: Db) -> Self {
        Self {
            db,
            shown: papaya::HashMap::new(),
            stale: Mutex::default(),
            wake: Notify::new(),
            loaded: watch::Sender::new(false),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The public hoot of that id.
    pub(super) fn find(&self, id: HootId) -> Option<Arc<Shown>> {
        self.shown.pin().get(&id.uuid()).cloned()
    }

    /// Notes what has changed; nothing in particular is everything.
    pub fn note(&self, ids: impl ExactSizeIterator<Item = Uuid>) {
        let mut stale = self.stale.lock();
        match ids.len() {
            0 => stale.all = true,
            _ => stale.ids.extend(ids),
        }
        drop(stale);
        self.wake.notify_one();
    }

    /// Waits until everything was read once.
    pub async fn is_loaded(&self) {
        // The sender lives as long as this.
        let _ = self.loaded.subscribe().wait_for(|loaded| *loaded).await;
    }

    /// Reads what has changed until `stop`.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = self.wake.notified() => {}
                () = stop.cancelled() => return,
            }
            let stale = std::mem::take(&mut *self.stale.lock());
            if let Err(fault) = self.read(&stale).await {
                tracing::debug!(%fault, "hoots are read again");
                self.put_back(stale);
                tokio::select! {
                    () = tokio::time::sleep(RETRY) => self.wake.notify_one(),
                    () = stop.cancelled() => return,
                }
            }
        }
    }

    fn put_back(&self, stale: Stale) {
        let mut again = self.stale.lock();
        again.all |= stale.all;
        again.ids.extend(stale.ids);
    }

    async fn read(&self, stale: &Stale) -> Result<(), DbError> {
        let client = self.db.client().await?;
        if !stale.all {
            let ids: Vec<Uuid> = stale.ids.iter().copied().collect();
            return self.refresh(&client, &ids).await;
        }
        let mut present: HashSet<Uuid> = store::public_ids(&client).await?.into_iter().collect();
        let ids: Vec<Uuid> = present.iter().copied().collect();
        self.refresh(&client, &ids).await?;
        // What came meanwhile is noted, and read next.
        present.extend(self.stale.lock().ids.iter());
        self.shown.pin().retain(|id, _| present.contains(id));
        self.loaded.send_replace(true);
        self.count();
        Ok(())
    }

    /// Reads hoots again.
    pub async fn refresh(&self, client: &Client, ids: &[Uuid]) -> Result<(), DbError> {
        for ids in ids.chunks(AT_ONCE) {
            let _turn = self.reading.lock().await;
            let found = store::load_public(client, ids).await?;
            let shown = self.shown.pin();
            let mut gone: HashSet<Uuid> = ids.iter().copied().collect();
            for (hoot, history) in found {
                gone.remove(&hoot.id.uuid());
                shown.insert(hoot.id.uuid(), Arc::new(Shown::new(hoot, history)));
            }
            for id in gone {
                shown.remove(&id);
            }
        }
        self.count();
        Ok(())
    }

    fn count(&self) {
        gauge!(names::HOOTS_LOADED).set(self.shown.pin().len() as f64);
    }
}
