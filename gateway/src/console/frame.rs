//! What stands around every page.

use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};

use super::access::Session;
use super::site::Site;
use super::{Console, assets, cookies};
use crate::base::scope::Scope;

/// A link of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Overview,
    ApiKeys,
    Webhooks,
    Deliveries,
    Imports,
    Events,
    Sentries,
    Connections,
    Audit,
}

impl Section {
    /// In the order in which they stand; the overview is behind the product's name.
    const NAVIGATION: [Self; 8] = [
        Self::ApiKeys,
        Self::Webhooks,
        Self::Deliveries,
        Self::Imports,
        Self::Events,
        Self::Sentries,
        Self::Connections,
        Self::Audit,
    ];

    /// What the link says, which is the heading of its list.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::ApiKeys => "API keys",
            Self::Webhooks => "Webhooks",
            Self::Deliveries => "Deliveries",
            Self::Imports => "Imports",
            Self::Events => "Events",
            Self::Sentries => "Sentries",
            Self::Connections => "Connections",
            Self::Audit => "Audit",
        }
    }

    /// Where the link leads.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/integrations",
            Self::ApiKeys => "/integrations/api-keys",
            Self::Webhooks => "/integrations/webhooks",
            Self::Deliveries => "/integrations/deliveries",
            Self::Imports => "/integrations/imports",
            Self::Events => "/integrations/events",
            Self::Sentries => "/integrations/sentries",
            Self::Connections => "/integrations/connections",
            Self::Audit => "/integrations/audit",
        }
    }

    /// What one finds there.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Overview => "What needs attention.",
            Self::ApiKeys => "Who may call the API, and for what.",
            Self::Webhooks => "Endpoints that get events, and their health.",
            Self::Deliveries => "What was sent, what came back, what waits.",
            Self::Imports => "CSV files, their rows and their faults.",
            Self::Events => "What happened, and who was told.",
            Self::Sentries => "The state of what reports to you.",
            Self::Connections => "Sources in, rules out.",
            Self::Audit => "Who changed what.",
        }
    }

    /// Without this scope the link is left out.
    const fn scope(self) -> Option<Scope> {
        match self {
            Self::Overview => None,
            Self::ApiKeys => Some(Scope::KeysRead),
            Self::Webhooks | Self::Deliveries | Self::Connections => Some(Scope::WebhooksRead),
            Self::Imports => Some(Scope::ImportsRead),
            Self::Events => Some(Scope::EventsRead),
            Self::Sentries => Some(Scope::SentriesRead),
            Self::Audit => Some(Scope::AuditRead),
        }
    }
}

/// Who is signed in, and what they may see.
pub struct Who {
    pub workspace: String,
    pub key_name: String,
    pub sections: Vec<Section>,
    failing_count: i64,
}

/// A page without its content.
pub struct Frame {
    pub h1: String,
    pub who: Option<Who>,
    /// What the change said that led here.
    pub notice: Option<String>,
    pub is_local_time: bool,
    pub has_dense_rows: bool,
    /// The page itself, to come back to.
    pub here: String,
    pub instance: String,
    section: Option<Section>,
}

impl Frame {
    /// The frame of a page of which nothing is known but its heading.
    pub fn new(console: &Console, h1: &str) -> Self {
        Self {
            h1: h1.to_owned(),
            who: None,
            notice: None,
            is_local_time: false,
            has_dense_rows: false,
            here: "/integrations".into(),
            instance: console.instance.clone(),
            section: None,
        }
    }

    /// Adds what the request tells about its reader.
    pub fn asked_with(mut self, headers: &HeaderMap, site: &Site, uri: &Uri) -> Self {
        self.notice = cookies::notice(headers, site);
        self.is_local_time = cookies::wants_local_times(headers);
        self.has_dense_rows = cookies::wants_dense_rows(headers);
        self.here = uri.path_and_query().map_or("/", PathAndQuery::as_str).to_owned();
        self
    }

    /// Adds who is signed in.
    pub fn of_session(mut self, session: &Session) -> Self {
        self.admit(session);
        self
    }

    /// The same, when it turns out later.
    pub fn admit(&mut self, session: &Session) {
        let caller = &session.caller;
        let is_seen = |section: &Section| section.scope().is_none_or(|scope| caller.scopes.contains(scope));
        self.who = Some(Who {
            workspace: caller.workspace_name.to_string(),
            key_name: caller.key_name.to_string(),
            sections: Section::NAVIGATION.into_iter().filter(is_seen).collect(),
            failing_count: session.failing_count,
        });
    }

    /// Marks the link of the navigation that the page stands under.
    pub const fn under(mut self, section: Section) -> Self {
        self.section = Some(section);
        self
    }

    /// The page's title.
    pub fn title(&self) -> String {
        let h1 = &self.h1;
        match &self.who {
            None => format!("{h1} · Sentinel Gateway"),
            Some(Who {
                workspace,
                failing_count,
                ..
            }) => {
                let failing = match failing_count {
                    0 => String::new(),
                    count => format!("({count} failing) "),
                };
                format!("{failing}{h1} · {workspace} · Sentinel Gateway")
            }
        }
    }

    /// Whether a link of the navigation is that of this page.
    pub fn is_under(&self, section: &Section) -> bool {
        self.section == Some(*section)
    }

    /// The paths of the assets.
    pub fn css(&self) -> &'static str {
        &assets::ALL.css.path
    }

    /// See [`Self::css`].
    pub fn script(&self) -> &'static str {
        &assets::ALL.script.path
    }

    /// See [`Self::css`].
    pub fn icon(&self) -> &'static str {
        &assets::ALL.icon.path
    }

    /// The gateway's version.
    pub const fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
