//! Hoots as they are kept, and as requests describe them.

use serde::{Deserialize, Serialize, Serializer};

use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{HootId, SentryId};
use crate::sentries::model::State;

/// What a hoot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HootState {
    Disabled,
    /// No sentry has a state.
    Neutral,
    Happy,
    Sad,
    Sick,
}

impl HootState {
    /// The public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Neutral => "neutral",
            Self::Happy => "happy",
            Self::Sad => "sad",
            Self::Sick => "sick",
        }
    }

    /// The state that people may put in place of the sentries'.
    pub fn parse_override(name: &str) -> Option<Self> {
        [Self::Neutral, Self::Happy, Self::Sad, Self::Sick]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

impl From<State> for HootState {
    fn from(state: State) -> Self {
        match state {
            State::Happy => Self::Happy,
            State::Sad => Self::Sad,
            State::Sick => Self::Sick,
        }
    }
}

impl Serialize for HootState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What people have put in place of the sentries' state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Override {
    /// `happy`, `sad`, `sick` or `neutral`.
    #[schema(value_type = String)]
    pub state: HootState,
    pub message: Option<String>,
    /// When it ends; null is when it is taken away.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Millis>,
}

impl Override {
    /// Whether it holds at a moment.
    pub fn holds(&self, now: Millis) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// A link on the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Link {
    #[schema(min_length = 1, max_length = 200)]
    pub label: String,
    /// http or https.
    #[schema(max_length = 2048)]
    pub url: String,
}

/// A question with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Faq {
    #[schema(min_length = 1, max_length = 500)]
    pub question: String,
    #[schema(min_length = 1, max_length = 4000)]
    pub answer: String,
}

/// A sentry that a hoot shows.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct HootSentry {
    #[schema(value_type = String)]
    pub id: SentryId,
    pub name: String,
    #[schema(value_type = Option<String>)]
    pub state: Option<State>,
    pub user_message: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub latest_record_at: Option<Millis>,
    pub enabled: bool,
    #[serde(skip)]
    pub last_report_at: Option<Millis>,
}

/// A hoot as it is kept, with its sentries.
#[derive(Debug, Clone)]
pub struct StoredHoot {
    pub id: HootId,
    pub workspace: WorkspaceId,
    pub name: String,
    pub description: Option<String>,
    pub resource_url: Option<String>,
    pub enabled: bool,
    pub public: bool,
    pub message: Option<String>,
    pub links: Vec<Link>,
    pub faqs: Vec<Faq>,
    pub override_: Option<Override>,
    pub sentries: Vec<HootSentry>,
    pub created_at: Millis,
    pub updated_at: Millis,
}

/// The body of `POST /v1/hoots`.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct CreateHoot {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[schema(max_length = 4000)]
    description: Option<String>,
    /// What the hoot is about; http or https.
    #[schema(max_length = 2048)]
    resource_url: Option<String>,
    /// `true` if absent.
    public: Option<bool>,
    #[schema(max_items = 50)]
    sentries: Option<Vec<String>>,
    /// Shown where no sentry has a message.
    #[schema(max_length = 80)]
    message: Option<String>,
    #[schema(max_items = 20)]
    links: Option<Vec<Link>>,
    #[schema(max_items = 50)]
    faqs: Option<Vec<Faq>>,
}

/// What a PATCH puts in place of the sentries' state.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct SetOverride {
    /// `happy`, `sad`, `sick` or `neutral`.
    #[schema(pattern = "^(happy|sad|sick|neutral)$")]
    state: String,
    /// Without one the sentries' message is shown.
    #[schema(max_length = 80)]
    message: Option<String>,
    /// A time to come.
    #[schema(format = DateTime)]
    until: Option<String>,
}

/// The body of `PATCH /v1/hoots/{id}`: any of the fields. Lists are replaced whole.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the request in OpenAPI")]
pub struct UpdateHoot {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    #[schema(max_length = 4000)]
    description: Option<String>,
    #[schema(max_length = 2048)]
    resource_url: Option<String>,
    public: Option<bool>,
    #[schema(max_items = 50)]
    sentries: Option<Vec<String>>,
    #[schema(max_length = 80)]
    message: Option<String>,
    #[schema(max_items = 20)]
    links: Option<Vec<Link>>,
    #[schema(max_items = 50)]
    faqs: Option<Vec<Faq>>,
    enabled: Option<bool>,
    /// null ends it.
    r#override: Option<SetOverride>,
}
