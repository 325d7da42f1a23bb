//! Hoots as the API shows them, with what to put into other pages.

use serde::Serialize;

use super::badge::{self, Look};
use super::escape::{push_html, push_markdown};
use super::model::{Faq, HootSentry, HootState, Link, Override, StoredHoot};
use super::verdict::Verdict;
use crate::base::clock::Millis;
use crate::base::id::HootId;

/// What to put into other pages.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Embed {
    pub markdown: String,
    /// The badge as a link, and the page in a frame.
    pub html: String,
}

/// A hoot as the API shows it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Hoot {
    #[schema(value_type = String, example = "hoot_0198c0de-0000-7000-8000-000000000001")]
    pub id: HootId,
    pub name: String,
    pub description: Option<String>,
    pub resource_url: Option<String>,
    pub enabled: bool,
    /// Whether badge, page and JSON can be had without a key.
    pub public: bool,
    /// `disabled`, `neutral`, `happy`, `sad` or `sick`.
    #[schema(value_type = String)]
    pub state: HootState,
    pub message: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub latest_record_at: Option<Millis>,
    pub sentries: Vec<HootSentry>,
    pub r#override: Option<Override>,
    pub links: Vec<Link>,
    pub faqs: Vec<Faq>,
    pub badge_url: String,
    pub page_url: String,
    pub json_url: String,
    pub embed: Embed,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Millis,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Millis,
}

impl StoredHoot {
    /// What the API shows at a moment, with links at an origin.
    pub fn shown(self, now: Millis, origin: &str) -> Hoot {
        let verdict = Verdict::of(&self, now);
        let page_url = format!("{origin}/hoots/{}", self.id);
        let badge_url = format!("{page_url}/badge.svg");
        Hoot {
            embed: Embed::of(&self.name, &badge_url, &page_url),
            id: self.id,
            name: self.name,
            description: self.description,
            resource_url: self.resource_url,
            enabled: self.enabled,
            public: self.public,
            state: verdict.state,
            message: verdict.message,
            latest_record_at: verdict.latest_record_at,
            sentries: self.sentries,
            r#override: self.override_.filter(|override_| override_.holds(now)),
            links: self.links,
            faqs: self.faqs,
            badge_url,
            json_url: format!("{page_url}.json"),
            page_url,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

impl StoredHoot {
    /// Its badge at a moment, whether it is public or not; `query` says how it is wanted, as that of the public address.
    pub fn badge(&self, query: &str, now: Millis) -> String {
        badge::of_hoot(&self.name, &Verdict::of(self, now), &Look::read(query), now)
    }
}

impl Embed {
    fn of(name: &str, badge_url: &str, page_url: &str) -> Self {
        let mut markdown = "[![".to_owned();
        push_markdown(name, &mut markdown);
        markdown.push_str(&format!("]({badge_url})]({page_url})"));
        let mut escaped = String::new();
        push_html(name, &mut escaped);
        let (mut badge, mut page) = (String::new(), String::new());
        push_html(badge_url, &mut badge);
        push_html(page_url, &mut page);
        let html = format!(
            "<a href=\"{page}\"><img src=\"{badge}\" alt=\"{escaped}\"></a>\n\
             <iframe src=\"{page}\" title=\"{escaped}\" width=\"280\" height=\"360\" loading=\"lazy\" \
             style=\"border:0\"></iframe>"
        );
        Self { markdown, html }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_what_is_embedded() {
        let embed = Embed::of("a](x) <b> \"&'`*_", "https://h/b", "https://h/p");
        assert_eq!(
            embed.markdown,
            r#"[![a\](x) \<b\> "\&'\`\*\_](https://h/b)](https://h/p)"#
        );
        assert!(embed.html.starts_with(
            "<a href=\"https://h/p\"><img src=\"https://h/b\" alt=\"a](x) &lt;b&gt; &quot;&amp;&#39;`*_\"></a>\n<iframe "
        ));
    }
}
