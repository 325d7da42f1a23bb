//! One-time links: made by the API or the command line, redeemed once by a browser.

use std::sync::Arc;

use super::model::{ConsoleLink, NewLink, OpenLink, Ticket, digest_of};
use super::sessions::{Opening, actor};
use super::store;
use crate::audit::{Changes, Target, Work};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::KeyId;
use crate::base::scope::Scopes;
use crate::console::{Arrival, Console};
use crate::http::problem::{Code, Problem};
use crate::keys::authenticate::{authenticate_digest, check_address};
use crate::keys::entry::Entry;

/// How long a session may last that nobody said anything about.
pub const DEFAULT_SESSION_HOURS: f64 = 12.0;

/// What a link is to open.
pub struct Wanted {
    pub workspace: WorkspaceId,
    pub key_id: KeyId,
    pub label: Option<String>,
    pub scopes: Scopes,
    pub next: Option<String>,
    pub session_hours: f64,
    pub seconds: f64,
}

/// Makes a link in the change `work`, with its audit entry; and the code, which only its URL holds.
pub async fn make(work: &Work<'_>, wanted: Wanted) -> Result<(ConsoleLink, Ticket), Problem> {
    let ticket = Ticket::generate().map_err(|fault| Problem::internal(&fault))?;
    let new = NewLink {
        digest: ticket.digest(),
        workspace: wanted.workspace,
        key_id: wanted.key_id,
        label: wanted.label,
        scopes: wanted.scopes,
        next: wanted.next,
        session_hours: wanted.session_hours,
        seconds: wanted.seconds,
    };
    let link = store::insert_link(work.transaction(), &new).await?;
    work.audit("console_link.created", &target(&link), &Changes::default())
        .await?;
    Ok((link, ticket))
}

/// A link as the audit trail names it.
pub fn target(link: &ConsoleLink) -> Target {
    Target::new("console_link", link.id, link.label.as_deref())
}

/// The URL that redeems a code at a gateway.
pub fn url(base: &str, ticket: &Ticket) -> String {
    format!("{base}/integrations/sign-in?code={}", ticket.expose())
}

impl Console {
    /// Redeems a code and opens its session: the cookie's secret, and where the link leads. 410 if that cannot be any more.
    pub async fn redeem(&self, code: &str, arrival: &Arrival) -> Result<(Ticket, Option<String>), Problem> {
        let mut client = self.db.client().await?;
        let link = store::find_link(&client, &digest_of(code))
            .await?
            .ok_or_else(ended)?;
        let entry = self.key_of(&link)?;
        // From an address that the key does not allow, the link is not spent.
        check_address(&entry, arrival.ip)?;
        let caller = entry.caller();
        let who = actor(&caller, &arrival.request_id, arrival.ip);
        let work = Work::begin_as(&mut client, caller.workspace, who).await?;
        if !store::spend_link(work.transaction(), link.id).await? {
            return Err(ended());
        }
        let opening = Opening {
            entry: &entry,
            scopes: link.scopes,
            link: Some(link.id),
            hours: link.session_hours,
        };
        let ticket = self.open_session(work, &opening, arrival).await?;
        Ok((ticket, link.next))
    }

    fn key_of(&self, link: &OpenLink) -> Result<Arc<Entry>, Problem> {
        let now = Millis::now();
        authenticate_digest(&self.keys.cache, &link.key_digest, now).map_err(|_| ended())
    }
}

fn ended() -> Problem {
    let detail = "This link was used or has expired. Print a new one with gateway console-link, or ask whoever sent it.";
    Problem::new(Code::LinkEnded, detail)
}
