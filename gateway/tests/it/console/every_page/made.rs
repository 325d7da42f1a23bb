//! What the pages show: made by the API, with names that are hostile.

use serde_json::json;
use stage::Desk;
use stage::desk::text;

use super::HOSTILE;
use crate::console::browser::encode;

/// The ids of one of each.
pub struct Made([(&'static str, String); 6]);

impl Made {
    /// Makes one of each.
    pub async fn at(desk: &Desk) -> Self {
        let (sentry, hoot) = hostile_sentry(desk).await;
        Self([
            ("KEY", hostile_key(desk).await),
            ("HOOK", hostile_webhook(desk).await),
            ("FILE", hostile_import(desk).await),
            ("SENTRY", sentry),
            ("HOOT", hoot),
            ("EVENT", hostile_event(desk).await),
        ])
    }

    /// A path with ids in their places.
    pub fn path(&self, path: &str) -> String {
        let ids = self.0.iter();
        ids.fold(path.to_owned(), |path, (place, id)| path.replace(place, id))
    }
}

async fn hostile_webhook(desk: &Desk) -> String {
    let body = json!({"name": HOSTILE, "url": "http://127.0.0.1:9/x", "events": ["deal.won"]});
    text(&desk.api.post("/v1/webhooks", &body).await.ok(201), "id")
}

/// An event that its client has named, and that nobody gets.
async fn hostile_event(desk: &Desk) -> String {
    let body = json!({"type": "ticket.created", "id": "order-17", "data": {HOSTILE: HOSTILE}});
    text(&desk.api.post("/v1/events", &body).await.ok(202), "id")
}

async fn hostile_import(desk: &Desk) -> String {
    let query = format!("object=contact&{}", encode(&[("filename", HOSTILE)]));
    let job = desk.api.import(
        &query,
        b"email,<b>Note</b>\nada@example.com,<i>x</i>\nnobody,<i>y</i>\n",
    );
    text(&job.await.ok(201), "id")
}

/// A sentry with a report, and a hoot that shows it; everything in them is hostile.
async fn hostile_sentry(desk: &Desk) -> (String, String) {
    let faqs = json!([{"question": HOSTILE, "answer": HOSTILE}]);
    let links = json!([{"label": HOSTILE, "url": "https://example.com/?<script>"}]);
    let body = json!({"name": HOSTILE, "description": HOSTILE, "links": links, "faqs": faqs});
    let hoot = text(&desk.api.post("/v1/hoots", &body).await.ok(201), "id");
    let body = json!({"name": HOSTILE, "description": HOSTILE, "timeout_hours": 1, "hoots": [hoot]});
    let sentry = text(&desk.api.post("/v1/sentries", &body).await.ok(201), "id");
    let counts = json!({HOSTILE: -1.5});
    let meta = json!({"latest_record_at": "2026-01-31T02:00:00Z", "counts": counts});
    let body = json!({"state": "sad", "user_message": "<script>alert(1)</script>", "history_note": HOSTILE, "meta": meta});
    desk.api
        .post(&format!("/v1/sentries/{sentry}"), &body)
        .await
        .ok(200);
    (sentry, hoot)
}

pub async fn hostile_key(desk: &Desk) -> String {
    let body = json!({"name": HOSTILE, "scopes": ["crm:read"]});
    text(&desk.make_key(&body).await, "id")
}
