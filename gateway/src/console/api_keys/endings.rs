//! Revoking, rotating and deleting a key, and signing out everywhere: each asked about first.

use askama::Template;
use http::StatusCode;
use serde_json::{Value, json};

use super::create::show_created;
use super::{find, has_ended, status};
use crate::base::clock::Millis;
use crate::base::id::{Key, KeyId};
use crate::console::access::api as access;
use crate::console::alert::Alert;
use crate::console::form::new_id;
use crate::console::frame::{Frame, Section};
use crate::console::{Visit, page};
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::keys::model::ApiKey;
use crate::keys::{Keys, api};

const LIST: &str = "/integrations/api-keys";
const OVERLAPS: [(&str, &str); 4] = [
    ("0", "None: the old key stops at once"),
    ("3600", "1 hour"),
    ("86400", "24 hours"),
    ("604800", "7 days"),
];

#[derive(PartialEq, Eq)]
enum Ending {
    Revoke,
    Rotate,
    Delete,
    SignOut,
}

#[derive(Template)]
#[template(path = "api_keys/confirm.html")]
struct ConfirmPage {
    frame: Frame,
    ending: Ending,
    key: ApiKey,
    form_id: String,
    action: String,
    button: &'static str,
    cancel: String,
    is_own: bool,
    alert: Option<Alert>,
    overlap: String,
    overlaps: [(&'static str, &'static str); 4],
}

/// `GET /integrations/api-keys/{id}/revoke`.
pub async fn confirm_revoke(visit: Visit) -> Result<Reply, Problem> {
    confirm(&visit, Ending::Revoke).await
}

/// `GET /integrations/api-keys/{id}/rotate`; 409 for a key that has ended.
pub async fn confirm_rotate(visit: Visit) -> Result<Reply, Problem> {
    confirm(&visit, Ending::Rotate).await
}

/// `GET /integrations/api-keys/{id}/delete`.
pub async fn confirm_delete(visit: Visit) -> Result<Reply, Problem> {
    confirm(&visit, Ending::Delete).await
}

/// `GET /integrations/api-keys/{id}/sessions`.
pub async fn confirm_sign_out(visit: Visit) -> Result<Reply, Problem> {
    confirm(&visit, Ending::SignOut).await
}

async fn confirm(visit: &Visit, ending: Ending) -> Result<Reply, Problem> {
    ask(visit, ending, new_id(), String::from("86400"), None).await
}

async fn ask(
    visit: &Visit,
    ending: Ending,
    form_id: String,
    overlap: String,
    alert: Option<Alert>,
) -> Result<Reply, Problem> {
    let (key, _) = find(visit, 0).await?;
    if ending == Ending::Rotate && has_ended(status(&key, Millis::now())) {
        let detail = "A key that is revoked or expired cannot be rotated.";
        return Err(Problem::new(Code::KeyEnded, detail));
    }
    let name = &key.name;
    let (heading, button) = match ending {
        Ending::Revoke => (format!("Revoke {name}?"), "Revoke key"),
        Ending::Rotate => (format!("Rotate {name}?"), "Rotate key"),
        Ending::Delete => (format!("Delete {name}?"), "Delete key"),
        Ending::SignOut => ("Sign out everywhere?".to_owned(), "Sign out everywhere"),
    };
    let asked = ConfirmPage {
        frame: visit.frame(&heading, Section::ApiKeys),
        ending,
        form_id,
        action: visit.uri.path().to_owned(),
        button,
        cancel: format!("{LIST}/{}", key.id),
        is_own: key.id == visit.call.caller.key_id,
        key,
        overlap,
        overlaps: OVERLAPS,
        alert,
    };
    let status = asked.alert.as_ref().map_or(StatusCode::OK, |alert| alert.status);
    page::html(status, &asked)
}

/// `POST /integrations/api-keys/{id}/revoke`.
pub async fn revoke_key(keys: Keys, mut visit: Visit) -> Result<Reply, Problem> {
    let id: KeyId = visit.call.id::<Key>()?;
    let form = visit.form().await?;
    let call = visit.api_call(&form, &json!({}))?;
    let reply = api::revoke_api_key(keys, call).await?;
    let revoked: Value = serde_json::from_slice(reply.whole()).map_err(|fault| Problem::internal(&fault))?;
    let confirmed = &revoked["confirmed"];
    let notice = match (
        &confirmed["instances"],
        &confirmed["of"],
        &confirmed["milliseconds"],
    ) {
        (Value::Number(on), Value::Number(of), Value::Number(millis)) => {
            format!("Stopped on {on} of {of} instances in {millis} ms")
        }
        _ => "Revoked. Every instance refuses it within a second, or refuses every key.".into(),
    };
    visit.see_other(&format!("{LIST}/{id}"), &notice)
}

/// `POST /integrations/api-keys/{id}/rotate`.
pub async fn rotate_key(keys: Keys, mut visit: Visit) -> Result<Reply, Problem> {
    visit.call.id::<Key>()?;
    let form = visit.form().await?;
    let text = form.filled("overlap_seconds").unwrap_or_default();
    let overlap = text
        .parse::<u64>()
        .map_or_else(|_| json!(text), |seconds| json!(seconds));
    let call = visit.api_call(&form, &json!({"overlap_seconds": overlap}))?;
    match api::rotate_api_key(keys, call).await {
        Ok(reply) => show_created(&visit, "API key rotated", &reply),
        Err(problem) => {
            let alert = Alert::of(problem, &[("overlap_seconds", "Overlap")])?;
            ask(
                &visit,
                Ending::Rotate,
                form.id_text(),
                text.to_owned(),
                Some(alert),
            )
            .await
        }
    }
}

/// `POST /integrations/api-keys/{id}/delete`.
pub async fn delete_key(keys: Keys, mut visit: Visit) -> Result<Reply, Problem> {
    visit.call.id::<Key>()?;
    let form = visit.form().await?;
    let call = visit.api_call(&form, &json!({}))?;
    api::delete_api_key(keys, call).await?;
    visit.see_other(LIST, "The key is deleted. Its audit trail stays.")
}

/// `POST /integrations/api-keys/{id}/sessions`.
pub async fn sign_out_everywhere(mut visit: Visit) -> Result<Reply, Problem> {
    let id: KeyId = visit.call.id::<Key>()?;
    let form = visit.form().await?;
    let call = visit.api_call(&form, &json!({}))?;
    access::end_key_sessions(visit.console.clone(), call).await?;
    visit.see_other(&format!("{LIST}/{id}"), "Everybody is signed out.")
}
