//! Sources: what comes in at them, what is turned away, and what becomes of it.

mod checks;
mod editing;
mod handshakes;
mod places;
mod receipts;
mod rotation;
mod signed;
mod two_instances;
mod vendors;
mod way;

use http::Method;
use serde_json::{Value, json};
use stage::api::Call;
use stage::desk::text;
use stage::{Api, Desk, Reply};

/// A source that a test made.
struct Source {
    id: String,
    /// The path of its URL.
    path: String,
    api: Api,
}

impl Source {
    /// A source of a connector with these secrets.
    async fn make(desk: &Desk, connector: &str, secrets: Value) -> Self {
        Self::make_with(desk, connector, secrets, json!({})).await
    }

    /// The same with more fields.
    async fn make_with(desk: &Desk, connector: &str, secrets: Value, more: Value) -> Self {
        let mut body = json!({"name": "in", "connector": connector, "secrets": secrets});
        let fields = body.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        let made = desk.api.post("/v1/sources", &body).await.ok(201);
        Self::of(desk, &made)
    }

    /// The source of a reply.
    fn of(desk: &Desk, made: &Value) -> Self {
        Self {
            id: text(made, "id"),
            path: path_of(&text(made, "url")),
            api: Api::new(desk.api.address, None),
        }
    }

    /// Begins a request to it.
    fn call(&self, method: Method) -> Call {
        self.api.call(method, &self.path)
    }

    /// A path of the API.
    fn at(&self, rest: &str) -> String {
        format!("/v1/sources/{}{rest}", self.id)
    }

    /// The source as the API shows it.
    async fn shown(&self, desk: &Desk) -> Value {
        desk.api.get(&self.at("")).await.ok(200)
    }

    /// Its newest receipts.
    async fn receipts(&self, desk: &Desk) -> Vec<Value> {
        let list = desk.api.get(&self.at("/receipts")).await.ok(200);
        list["data"].as_array().expect("data").clone()
    }
}

/// The path of a URL.
fn path_of(url: &str) -> String {
    let at = url.find("/in/").expect("a source's URL");
    url[at..].to_owned()
}

/// The events of a type, newest first.
async fn events_of(desk: &Desk, label: &str) -> Vec<Value> {
    let list = desk.api.get(&format!("/v1/events?type={label}")).await.ok(200);
    list["data"].as_array().expect("data").clone()
}

/// Whether a reply is one that no browser takes for more than it is.
fn is_dressed(reply: &Reply) -> bool {
    reply.header("x-content-type-options") == Some("nosniff")
        && reply.header("content-security-policy") == Some("default-src 'none'")
}
