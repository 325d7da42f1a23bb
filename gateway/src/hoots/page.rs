//! The page of a hoot: small enough for a frame of 280 × 360 pixels, without a script, without anything from elsewhere.

use super::escape::{push_html, push_text};
use super::icon::Face;
use super::model::{HootState, StoredHoot};
use super::store::PublicEntry;
use super::verdict::{Verdict, age, utc};
use crate::base::clock::Millis;
use crate::sentries::history::Source;
use crate::sentries::model::State;

const STYLE: &str = "\
*{box-sizing:border-box}body{font:13px/1.4 system-ui,-apple-system,'Segoe UI',sans-serif;margin:0;padding:12px;\
color:#1f2328;background:#fff;overflow-wrap:anywhere}main{max-width:640px;margin:0 auto}h1{font-size:15px;line-height:1.3;margin:0}\
h2{font-size:11px;text-transform:uppercase;letter-spacing:.05em;color:#57606a;margin:14px 0 4px}\
header{display:flex;gap:10px;align-items:flex-start}header svg{flex:none}p{margin:4px 0}\
.s{font-weight:600}.q{color:#57606a}.w{white-space:pre-wrap}ul{list-style:none;margin:0;padding:0}\
li{display:flex;gap:6px;padding:3px 0;border-top:1px solid #d8dee4}li:first-child{border-top:0}li svg{flex:none;margin-top:1px}\
li>div{min-width:0}li p:first-child{margin-top:0}li p:last-child{margin-bottom:0}a{color:#0969da}details{border-top:1px solid #d8dee4;padding:4px 0}details:first-of-type{border-top:0;padding-top:0}summary{cursor:pointer;font-weight:600}\
@media(prefers-color-scheme:dark){body{color:#f0f6fc;background:#0d1117}h2,.q{color:#a5aeb8}\
li,details{border-color:#30363d}a{color:#58a6ff}}";

/// The page at a moment.
pub(super) fn of_hoot(hoot: &StoredHoot, history: &[PublicEntry], verdict: &Verdict, now: Millis) -> String {
    let mut html = head(&hoot.name);
    push_header(hoot, verdict, now, &mut html);
    push_sentries(hoot, now, &mut html);
    push_links(hoot, &mut html);
    push_faqs(hoot, &mut html);
    push_history(history, now, &mut html);
    html.push_str("</main></body></html>\n");
    html
}

/// The page of nothing, the same whatever was asked for.
pub(super) fn not_found() -> String {
    let mut html = head("Not found");
    html.push_str("<header>");
    push_icon(Face::Unknown, 36, &mut html);
    html.push_str(
        "<div><h1>Not found</h1><p>There is no such hoot, or it is not public.</p></div></header></main></body></html>\n",
    );
    html
}

fn head(title: &str) -> String {
    let mut html = String::with_capacity(8_192);
    html.push_str(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>",
    );
    push_text(title, &mut html);
    html.push_str("</title><style>");
    html.push_str(STYLE);
    html.push_str("</style></head><body><main>");
    html
}

fn push_icon(face: Face, width: u32, html: &mut String) {
    let height = width * 5 / 6;
    html.push_str(&format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 24 20\" role=\"img\" aria-label=\"{}\">\
         <rect width=\"24\" height=\"20\" rx=\"4\" fill=\"{}\"/>",
        face.word(),
        face.ground()
    ));
    face.push_to(html);
    html.push_str("</svg>");
}

/// An element with text of others in it, whose direction is its own.
fn push_element(tag: &str, class: &str, text: &str, html: &mut String) {
    html.push_str(&format!("<{tag} dir=\"auto\" class=\"{class}\">"));
    push_text(text, html);
    html.push_str(&format!("</{tag}>"));
}

fn push_time(words: &str, moment: Millis, now: Millis, html: &mut String) {
    html.push_str(&format!(
        "<p class=\"q\">{words}<time datetime=\"{moment}\" title=\"{}\">{}</time></p>",
        utc(moment),
        age(moment, now)
    ));
}

fn push_header(hoot: &StoredHoot, verdict: &Verdict, now: Millis, html: &mut String) {
    html.push_str("<header>");
    let face = Face::Of(verdict.state);
    push_icon(face, 36, html);
    html.push_str("<div>");
    push_element("h1", "", &hoot.name, html);
    html.push_str(&format!("<p class=\"s\">{}</p>", words(verdict.state)));
    if let Some(message) = &verdict.message {
        push_element("p", "m", message, html);
    }
    if let Some(latest) = verdict.latest_record_at {
        push_time("Latest record ", latest, now, html);
    }
    html.push_str("</div></header>");
    if let Some(description) = &hoot.description {
        push_element("p", "w", description, html);
    }
    if let Some(url) = &hoot.resource_url {
        html.push_str("<p>");
        push_anchor(url, "Open the resource", html);
        html.push_str("</p>");
    }
}

const fn words(state: HootState) -> &'static str {
    match state {
        HootState::Disabled => "Disabled: nothing is said about it at the moment",
        HootState::Neutral => "Neutral: no state is known",
        HootState::Happy => "Happy: no known issue",
        HootState::Sad => "Sad: use with caution",
        HootState::Sick => "Sick: do not rely on it",
    }
}

fn push_anchor(url: &str, label: &str, html: &mut String) {
    html.push_str("<a dir=\"auto\" target=\"_blank\" rel=\"noopener noreferrer nofollow\" href=\"");
    push_html(url, html);
    html.push_str("\">");
    push_text(label, html);
    html.push_str("</a>");
}

fn push_state(state: Option<State>, html: &mut String) {
    let state = state.map_or(HootState::Neutral, HootState::from);
    push_icon(Face::Of(state), 20, html);
}

fn push_sentries(hoot: &StoredHoot, now: Millis, html: &mut String) {
    let mut enabled = hoot.sentries.iter().filter(|sentry| sentry.enabled).peekable();
    if enabled.peek().is_none() {
        return;
    }
    html.push_str("<h2>Sentries</h2><ul>");
    for sentry in enabled {
        html.push_str("<li>");
        push_state(sentry.state, html);
        html.push_str("<div>");
        push_element("span", "s", &sentry.name, html);
        if let Some(message) = &sentry.user_message {
            push_element("p", "", message, html);
        }
        if let Some(latest) = sentry.latest_record_at {
            push_time("Latest record ", latest, now, html);
        }
        html.push_str("</div></li>");
    }
    html.push_str("</ul>");
}

fn push_links(hoot: &StoredHoot, html: &mut String) {
    if hoot.links.is_empty() {
        return;
    }
    html.push_str("<h2>Links</h2><ul>");
    for link in &hoot.links {
        html.push_str("<li>");
        push_anchor(&link.url, &link.label, html);
        html.push_str("</li>");
    }
    html.push_str("</ul>");
}

fn push_faqs(hoot: &StoredHoot, html: &mut String) {
    if hoot.faqs.is_empty() {
        return;
    }
    html.push_str("<h2>Questions</h2>");
    for faq in &hoot.faqs {
        html.push_str("<details>");
        push_element("summary", "", &faq.question, html);
        push_element("p", "w", &faq.answer, html);
        html.push_str("</details>");
    }
}

fn push_history(history: &[PublicEntry], now: Millis, html: &mut String) {
    if history.is_empty() {
        return;
    }
    html.push_str("<h2>History</h2><ul>");
    for entry in history {
        html.push_str("<li>");
        push_state(entry.state, html);
        html.push_str("<div>");
        let words = match entry.source {
            Source::Report => "",
            Source::Timeout => "No report in time, ",
        };
        push_time(words, entry.at, now, html);
        if let Some(message) = &entry.user_message {
            push_element("p", "", message, html);
        }
        if let Some(note) = &entry.history_note {
            push_element("p", "q w", note, html);
        }
        html.push_str("</div></li>");
    }
    html.push_str("</ul>");
}
