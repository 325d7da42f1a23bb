//! Rules: what they send to the byte, what counts as success, and what their owner may change.

mod change;
mod http_request;
mod outcomes;
mod preview;
mod secrets;
mod templates;
mod test_run;
mod vendor;

use serde_json::{Value, json};

use stage::{Desk, Receiver, desk::text};

/// A rule that a test made.
struct Rule {
    id: String,
}

impl Rule {
    /// Its path.
    fn path(&self) -> String {
        format!("/v1/rules/{}", self.id)
    }

    /// The path of one of its actions or lists.
    fn at(&self, rest: &str) -> String {
        format!("/v1/rules/{}/{rest}", self.id)
    }
}

/// A place at a receiver.
fn url(receiver: &Receiver, path: &str) -> String {
    format!("http://{}{path}", receiver.address())
}

/// The body of a rule that sends an HTTP request.
fn request(events: &[&str], input: &Value) -> Value {
    json!({"name": "rule", "events": events, "action": "http.request", "input": input})
}

/// Makes a rule that sends an HTTP request, with more fields.
async fn rule_with(desk: &Desk, events: &[&str], input: Value, more: Value) -> Rule {
    let mut body = request(events, &input);
    let fields = body.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    let made = desk.api.post("/v1/rules", &body).await.ok(201);
    Rule {
        id: text(&made, "id"),
    }
}

/// The same without more fields.
async fn rule(desk: &Desk, events: &[&str], input: Value) -> Rule {
    rule_with(desk, events, input, json!({})).await
}
