//! `/integrations/sentries`.

use std::collections::HashMap;

use askama::Template;

use super::LIST;
use crate::base::clock::Millis;
use crate::base::id::{HootId, SentryId};
use crate::base::page::DEFAULT_LIMIT;
use crate::base::scope::Scope;
use crate::console::Visit;
use crate::console::frame::{Frame, Section};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::records::search;
use crate::sentries::model::{Sentry, State};
use crate::sentries::store::{self, Filter};
use crate::sentries::{Sentries, around_store};

const STATES: [(&str, &str); 5] = [
    ("", "All"),
    ("happy", "happy"),
    ("sad", "sad"),
    ("sick", "sick"),
    ("none", "None yet"),
];

#[derive(Template)]
#[template(path = "sentries/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    words: String,
    state: String,
    states: [(&'static str, &'static str); 5],
    is_filtered: bool,
    may_write: bool,
    newest: Option<String>,
    older: Option<String>,
}

#[derive(serde::Serialize)]
struct Row {
    id: SentryId,
    name: String,
    enabled: bool,
    state: Option<State>,
    message: Option<String>,
    last_report_at: Option<Millis>,
    due_at: Option<Millis>,
    hoots: Vec<(HootId, String)>,
}

impl Row {
    fn of(sentry: Sentry, names: &HashMap<HootId, String>) -> Self {
        let named = |id: HootId| Some((id, names.get(&id)?.clone()));
        Self {
            id: sentry.id,
            name: sentry.name,
            enabled: sentry.enabled,
            state: sentry.state,
            message: sentry.user_message,
            last_report_at: sentry.last_report_at,
            due_at: sentry.sick_at,
            hoots: sentry.hoots.into_iter().filter_map(named).collect(),
        }
    }
}

/// `GET /integrations/sentries`.
pub async fn list_sentries(sentries: Sentries, mut visit: Visit) -> Result<Reply, Problem> {
    let workspace = visit.call.caller.workspace;
    let query = &mut visit.call.query;
    let words = query.take("q").unwrap_or_default();
    let state = query.take("state").unwrap_or_default();
    let asked = search::query(workspace, &words);
    let filter = Filter {
        state: match state.as_str() {
            "none" => Some(None),
            name => State::parse(name).map(Some),
        },
        enabled: None,
        is_impossible: !words.trim().is_empty() && asked.is_none(),
        words: asked,
    };
    let page = query.page(
        DEFAULT_LIMIT,
        format!("console sentries {workspace:?} {filter:?}"),
    );
    let is_first = page.after.is_none();
    visit.take_query().finish()?;
    let (found, names) = match filter.is_impossible {
        true => (Vec::new(), Vec::new()),
        false => {
            let client = sentries.db.client().await?;
            let found = store::list(&client, workspace, &filter, &page).await?;
            let mut ids: Vec<HootId> = found.iter().flat_map(|sentry| sentry.hoots.clone()).collect();
            ids.sort_unstable();
            ids.dedup();
            let names = match ids.is_empty() {
                true => Vec::new(),
                false => around_store::hoots_of(&client, workspace, &ids).await?,
            };
            (found, names)
        }
    };
    let names: HashMap<HootId, String> = names.into_iter().map(|hoot| (hoot.id, hoot.name)).collect();
    let listing = page.listing(found, |sentry| sentry.id.to_string());
    let asked = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("q", &words)
        .append_pair("state", &state)
        .finish();
    let shown = ListPage {
        frame: visit.frame(Section::Sentries.label(), Section::Sentries),
        is_filtered: !words.trim().is_empty() || filter.state.is_some(),
        words,
        state,
        states: STATES,
        may_write: visit.may(Scope::SentriesWrite),
        newest: (!is_first).then(|| format!("{LIST}?{asked}")),
        older: listing
            .next_cursor
            .map(|cursor| format!("{LIST}?{asked}&cursor={cursor}")),
        rows: listing
            .data
            .into_iter()
            .map(|sentry| Row::of(sentry, &names))
            .collect(),
    };
    visit.show_list(&shown, &shown.rows)
}
