//! The pages of API keys: the list, a new key, one key, and how keys end.

mod create;
mod detail;
mod endings;
mod list;

pub use create::{create_key, show_new};
pub use detail::show_key;
pub use endings::{
    confirm_delete, confirm_revoke, confirm_rotate, confirm_sign_out, delete_key, revoke_key, rotate_key,
    sign_out_everywhere,
};
pub use list::list_keys;

use super::Visit;
use super::access::model::ConsoleSession;
use super::access::store;
use crate::base::clock::Millis;
use crate::base::id::KeyId;
use crate::base::scope::Scope;
use crate::http::problem::Problem;
use crate::keys::model::ApiKey;

/// A key that ends within so many seconds ends soon.
const SOON_SECONDS: i64 = 7 * 86_400;

/// A key's status in a word.
fn status(key: &ApiKey, now: Millis) -> &'static str {
    match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if end <= now => "expired",
        (None, Some(end)) if end <= now.plus_seconds(SOON_SECONDS) => "expires soon",
        _ => "active",
    }
}

fn has_ended(status: &str) -> bool {
    matches!(status, "revoked" | "expired")
}

/// The key that a path names, and so many of its sessions; 404 if there is none.
async fn find(visit: &Visit, session_count: i64) -> Result<(ApiKey, Vec<ConsoleSession>), Problem> {
    let id: KeyId = visit.call.id()?;
    let client = visit.console.db.client().await?;
    let idle = visit.console.settings.idle.as_secs_f64();
    let workspace = visit.call.caller.workspace;
    let found = store::find_key_with_sessions(&client, workspace, id, idle, session_count).await?;
    found.ok_or_else(Problem::not_found)
}

/// The scopes of one area, such as `crm`.
struct Area {
    name: &'static str,
    scopes: Vec<Scope>,
}

fn areas() -> Vec<Area> {
    let mut areas: Vec<(&str, Area)> = Vec::new();
    for &scope in Scope::ALL {
        let area = scope.name().split(':').next().unwrap_or_default();
        match areas.last_mut().filter(|(last, _)| *last == area) {
            Some((_, found)) => found.scopes.push(scope),
            None => {
                let name = match area {
                    "crm" => "CRM",
                    "commerce" => "Commerce",
                    "events" => "Events",
                    "webhooks" => "Webhooks",
                    "imports" => "Imports",
                    "sentries" => "Sentries",
                    "keys" => "API keys",
                    "audit" => "Audit",
                    other => other,
                };
                let scopes = vec![scope];
                areas.push((area, Area { name, scopes }));
            }
        }
    }
    areas.into_iter().map(|(_, area)| area).collect()
}
