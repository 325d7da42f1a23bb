//! A workspace of a test's own with a key that may do everything, and what most tests do with it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::wait::{SOON, until};
use super::{Api, Cluster, Database, Gateway, Receiver, Reply, cli};

/// Where a test works.
pub struct Desk {
    pub api: Api,
    pub workspace: String,
    pub url: String,
}

/// A webhook that a test made, with its secrets.
#[derive(Debug, Clone)]
pub struct Hook {
    pub id: String,
    pub secret: String,
    pub standard_secret: String,
}

impl Desk {
    /// A new workspace at the gateway that tests share.
    pub async fn open() -> Self {
        let (gateway, database) = Gateway::shared().await;
        Self::at(gateway, database).await
    }

    /// A gateway of one's own on a database of one's own.
    pub async fn own(environment: &[(&str, &str)]) -> (Gateway, Database, Self) {
        let database = Cluster::shared().database().await;
        let gateway = Gateway::start(&database.url(), environment).await;
        let desk = Self::at(&gateway, &database).await;
        (gateway, database, desk)
    }

    /// Two gateways of one's own on a database of one's own; the requests of the desk go to each in turn.
    pub async fn own_pair(environment: &[(&str, &str)]) -> ([Gateway; 2], Database, Self) {
        let database = Cluster::shared().database().await;
        let url = database.url();
        let (one, two) = tokio::join!(
            Gateway::start(&url, environment),
            Gateway::start(&url, environment)
        );
        let mut desk = Self::at(&one, &database).await;
        desk.seen_from(&two).wait_for_key().await;
        desk.api = Api::in_turn(&[one.api, two.api], desk.api.key.as_deref());
        ([one, two], database, desk)
    }

    /// A new workspace at a gateway.
    pub async fn at(gateway: &Gateway, database: &Database) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let workspace = format!("workspace {}", COUNT.fetch_add(1, Ordering::SeqCst));
        let url = database.url();
        cli::succeed(&url, &["workspaces", "create", &workspace]);
        let key = cli::make_key(&url, &workspace, "*");
        let api = gateway.with_key(&key);
        let desk = Self { api, workspace, url };
        desk.api.wait_for_key().await;
        desk
    }

    /// The same at another instance, which takes the place of this one.
    pub fn moved_to(self, gateway: &Gateway) -> Self {
        let api = self.seen_from(gateway);
        Self { api, ..self }
    }

    /// This workspace seen from another instance.
    pub fn seen_from(&self, gateway: &Gateway) -> Api {
        Api::new(gateway.api, self.api.key.as_deref())
    }

    /// A client whose key holds these scopes alone.
    pub async fn with_scopes(&self, scopes: &[&str]) -> Api {
        let made = self.make_key(&json!({"name": "narrow", "scopes": scopes})).await;
        let api = self.api.with_key(made["key"].as_str().expect("a key"));
        if api.takes_turns() {
            api.wait_for_key().await;
        }
        api
    }

    /// A new key, as the reply to its creation.
    pub async fn make_key(&self, body: &Value) -> Value {
        self.api.post("/v1/api-keys", body).await.ok(201)
    }

    /// Asks who a key is, given as the reply to its creation.
    pub async fn whoami(&self, made: &Value) -> Reply {
        self.api.with_key(&text(made, "key")).get("/v1/whoami").await
    }

    /// A webhook for these types that leads to `receiver`.
    pub async fn hook(&self, receiver: &Receiver, events: &[&str]) -> Hook {
        self.hook_with(receiver, events, json!({})).await
    }

    /// The same with more fields.
    pub async fn hook_with(&self, receiver: &Receiver, events: &[&str], more: Value) -> Hook {
        let mut body = json!({"name": "hook", "url": receiver.url(), "events": events});
        let fields = body.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        let made = self.api.post("/v1/webhooks", &body).await.ok(201);
        let text = |field: &str| made[field].as_str().expect("text").to_owned();
        Hook {
            id: text("id"),
            secret: text("secret"),
            standard_secret: text("standard_secret"),
        }
    }

    /// Sends an event; its id.
    pub async fn send(&self, label: &str, data: Value) -> String {
        let reply = self
            .api
            .post("/v1/events", &json!({"type": label, "data": data}))
            .await;
        reply.ok(202)["id"].as_str().expect("an id").to_owned()
    }

    /// A webhook as the API shows it.
    pub async fn webhook(&self, hook: &Hook) -> Value {
        self.api.get(&hook.path()).await.ok(200)
    }

    /// The deliveries of an event.
    pub async fn deliveries_of(&self, event: &str) -> Vec<Value> {
        let shown = self.api.get(&format!("/v1/events/{event}")).await.ok(200);
        shown["deliveries"].as_array().expect("deliveries").clone()
    }

    /// A delivery with its attempts.
    pub async fn delivery(&self, id: &str) -> Value {
        self.api.get(&format!("/v1/deliveries/{id}")).await.ok(200)
    }

    /// Waits until the only delivery of an event has a status; the delivery.
    pub async fn delivery_that(&self, event: &str, status: &str) -> Value {
        self.delivery_when(event, |delivery| delivery["status"] == status)
            .await
    }

    /// Waits until the only delivery of an event is as wanted.
    pub async fn delivery_when(&self, event: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let is_wanted = &is_wanted;
        until("the delivery is as wanted", SOON, || async move {
            let deliveries = self.deliveries_of(event).await;
            assert!(deliveries.len() < 2, "{deliveries:?}");
            let id = deliveries.first()?["id"].as_str().expect("an id").to_owned();
            let delivery = self.delivery(&id).await;
            is_wanted(&delivery).then_some(delivery)
        })
        .await
    }

    /// Waits until a delivery has a status.
    pub async fn wait_for_delivery(&self, id: &str, status: &str) -> Value {
        until(&format!("the delivery {id} is {status}"), SOON, || async {
            let delivery = self.delivery(id).await;
            (delivery["status"] == status).then_some(delivery)
        })
        .await
    }
}

impl Hook {
    /// Its path.
    pub fn path(&self) -> String {
        format!("/v1/webhooks/{}", self.id)
    }

    /// The path of one of its actions or lists.
    pub fn at(&self, rest: &str) -> String {
        format!("/v1/webhooks/{}/{rest}", self.id)
    }
}

/// The rows of a list, all pages of it, newest first.
pub async fn all_pages(api: &Api, path: &str, limit: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor: Option<String> = None;
    let joint = if path.contains('?') { '&' } else { '?' };
    loop {
        let after = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let page = api
            .get(&format!("{path}{joint}limit={limit}{after}"))
            .await
            .ok(200);
        let data = page["data"].as_array().expect("data");
        assert!(data.len() <= limit);
        rows.extend(data.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return rows,
        }
    }
}

/// The text of a field.
pub fn text(value: &Value, field: &str) -> String {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {value}"))
        .to_owned()
}

/// A moment long enough for what should not happen to have happened; never for what should.
pub async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(700)).await;
}
