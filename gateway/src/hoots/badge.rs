//! The badge: an SVG of at most 4 kB that needs nothing else, 20 pixels high.
//!
//! Its widths are estimates, and `textLength` holds the text to them whatever font a reader has.

use super::escape::push_text;
use super::icon::Face;
use super::verdict::{Verdict, age, utc};
use crate::base::clock::Millis;

const MAX_LABEL_CHARS: usize = 60;
/// So much of a name fits into the title with all else as long as it can be.
const MAX_NAME_CHARS: usize = 100;
const ICON_WIDTH: u32 = 24;
const MARGIN: u32 = 7;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Style {
    #[default]
    Flat,
    Pill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Theme {
    Light,
    Dark,
    #[default]
    Auto,
}

/// How a badge is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Look {
    pub style: Style,
    pub theme: Theme,
    pub label: Option<String>,
}

impl Look {
    /// Reads the parameters of a query; what is not known is the default, or nothing.
    pub fn read(query: &str) -> Self {
        let mut look = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match (&*name, &*value) {
                ("style", "pill") => look.style = Style::Pill,
                ("style", _) => look.style = Style::Flat,
                ("theme", "light") => look.theme = Theme::Light,
                ("theme", "dark") => look.theme = Theme::Dark,
                ("theme", _) => look.theme = Theme::Auto,
                ("label", label) => {
                    let letters = label.chars().filter(|letter| !letter.is_control());
                    let label: String = letters.take(MAX_LABEL_CHARS).collect();
                    look.label = Some(label).filter(|label| !label.trim().is_empty());
                }
                _ => {}
            }
        }
        look
    }
}

/// The badge of a hoot.
pub(super) fn of_hoot(name: &str, verdict: &Verdict, look: &Look, now: Millis) -> String {
    let face = Face::Of(verdict.state);
    let is_off = verdict.state == super::model::HootState::Disabled;
    let message = verdict.message.as_deref().filter(|_| !is_off);
    let latest = verdict.latest_record_at.filter(|_| !is_off);
    let name: String = name.chars().take(MAX_NAME_CHARS).collect();
    let mut title = format!("{name}: {}", face.word());
    if let Some(message) = message {
        title.push_str(&format!(". {message}"));
    }
    if let Some(latest) = latest {
        title.push_str(&format!(". Latest record {}", utc(latest)));
    }
    let age = latest.map(|latest| format!("latest record {}", age(latest, now)));
    draw(face, message.unwrap_or(face.word()), age.as_deref(), &title, look)
}

/// The badge of nothing.
pub(super) fn unknown(look: &Look) -> String {
    draw(Face::Unknown, Face::Unknown.word(), None, "unknown", look)
}

fn draw(face: Face, text: &str, age: Option<&str>, title: &str, look: &Look) -> String {
    let label = look.label.as_deref();
    let label_width = label.map_or(0, |label| text_width(label) + 2 * MARGIN);
    let text_x = label_width + ICON_WIDTH + MARGIN;
    let text_length = text_width(text);
    let age_x = text_x + text_length + MARGIN;
    let age_length = age.map_or(0, text_width);
    let width = text_x + text_length + MARGIN + age.map_or(0, |_| age_length + MARGIN);
    let radius = match look.style {
        Style::Flat => 4,
        Style::Pill => 10,
    };
    let mut svg = String::with_capacity(2_048);
    svg.push_str(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"20\" viewBox=\"0 0 {width} 20\" \
         role=\"img\" aria-labelledby=\"t\"><title id=\"t\">"
    ));
    push_text(title, &mut svg);
    svg.push_str("</title><style>");
    push_colours(look.theme, &mut svg);
    svg.push_str(&format!(
        "text{{font:11px Verdana,'DejaVu Sans',Geneva,sans-serif}}</style>\
         <clipPath id=\"c\"><rect width=\"{width}\" height=\"20\" rx=\"{radius}\"/></clipPath>\
         <g clip-path=\"url(#c)\"><rect class=\"g\" width=\"{width}\" height=\"20\"/>"
    ));
    if label_width > 0 {
        svg.push_str(&format!(
            "<rect class=\"l\" width=\"{label_width}\" height=\"20\"/>"
        ));
    }
    svg.push_str(&format!(
        "<rect x=\"{label_width}\" width=\"{ICON_WIDTH}\" height=\"20\" fill=\"{}\"/></g>",
        face.ground()
    ));
    svg.push_str(&format!(
        "<rect class=\"b\" x=\".5\" y=\".5\" width=\"{}\" height=\"19\" rx=\"{}\" fill=\"none\"/>",
        width - 1,
        f64::from(radius) - 0.5
    ));
    svg.push_str(&format!("<g transform=\"translate({label_width})\">"));
    face.push_to(&mut svg);
    svg.push_str("</g>");
    if let Some(label) = label {
        push_line("k", MARGIN, text_width(label), label, &mut svg);
    }
    push_line("m", text_x, text_length, text, &mut svg);
    if let Some(age) = age {
        push_line("a", age_x, age_length, age, &mut svg);
    }
    svg.push_str("</svg>");
    svg
}

fn push_colours(theme: Theme, svg: &mut String) {
    const LIGHT: &str =
        ".g{fill:#f6f8fa}.l{fill:#d8dee4}.b{stroke:#1f232826}.m,.k{fill:#1f2328}.a{fill:#57606a}";
    const DARK: &str =
        ".g{fill:#21262d}.l{fill:#373e47}.b{stroke:#f0f6fc26}.m,.k{fill:#f0f6fc}.a{fill:#a5aeb8}";
    match theme {
        Theme::Light => svg.push_str(LIGHT),
        Theme::Dark => svg.push_str(DARK),
        Theme::Auto => {
            svg.push_str(LIGHT);
            svg.push_str("@media(prefers-color-scheme:dark){");
            svg.push_str(DARK);
            svg.push('}');
        }
    }
}

fn push_line(class: &str, x: u32, length: u32, text: &str, svg: &mut String) {
    svg.push_str(&format!(
        "<text class=\"{class}\" x=\"{x}\" y=\"14\" textLength=\"{length}\">"
    ));
    push_text(text, svg);
    svg.push_str("</text>");
}

/// The width of a line in Verdana at 11 pixels, roughly.
fn text_width(text: &str) -> u32 {
    let tenths: u32 = text.chars().map(letter_tenths).sum();
    tenths.div_ceil(10).max(1)
}

const fn letter_tenths(letter: char) -> u32 {
    match letter {
        'i' | 'j' | 'l' | '\'' => 31,
        ' ' | ',' | '.' | 'f' => 39,
        '!' | ':' | ';' | 't' | 'I' | '(' | ')' | '[' | ']' | 'r' | '|' | '-' => 47,
        's' | 'z' | 'c' | 'J' | '/' | '"' => 57,
        'v' | 'x' | 'y' | 'k' | 'L' => 64,
        'a'..='h' | 'n'..='u' | '0'..='9' | 'F' | 'P' => 68,
        'A'..='E' | 'K' | 'R'..='V' | 'X'..='Z' => 76,
        'G' | 'H' | 'N' | 'O' | 'Q' | '+' | '=' | '<' | '>' | '~' | '#' => 86,
        'm' | 'w' | 'M' | '%' | '@' | '&' => 102,
        'W' => 110,
        '\u{0300}'..='\u{036f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ff60}' => 115,
        '\u{1f000}'..='\u{3ffff}' => 140,
        _ => 72,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hoots::model::HootState;

    #[test]
    fn it_never_has_more_than_4096_bytes() {
        for letter in ["&", "<", "\u{1f600}", "W"] {
            let verdict = Verdict {
                state: HootState::Sick,
                message: Some(letter.repeat(80)),
                latest_record_at: Some(Millis(0)),
            };
            let look = Look {
                label: Some(letter.repeat(60)),
                ..Look::default()
            };
            let svg = of_hoot(
                &letter.repeat(200),
                &verdict,
                &look,
                Millis(i64::from(u32::MAX) * 1_000),
            );
            assert!(svg.len() <= 4_096, "{}", svg.len());
            // Nothing outside of it.
            let rest = svg.replace("http://www.w3.org/2000/svg", "");
            assert!(!rest.contains("http") && !rest.contains("href"));
        }
    }

    #[test]
    fn every_state_has_a_shape_of_its_own() {
        let faces = [
            Face::Of(HootState::Happy),
            Face::Of(HootState::Sad),
            Face::Of(HootState::Sick),
            Face::Of(HootState::Neutral),
            Face::Of(HootState::Disabled),
            Face::Unknown,
        ];
        for (at, one) in faces.iter().enumerate() {
            for other in &faces[at + 1..] {
                assert_ne!(one.paths().0, other.paths().0);
                assert_ne!(one.paths().1, other.paths().1);
            }
        }
    }

    #[test]
    fn parameters_that_are_not_known_mean_nothing() {
        assert_eq!(Look::read("style=x&theme=y&label=&foo=1"), Look::default());
        let look = Look::read("style=pill&theme=dark&label=a%00b");
        assert_eq!(
            (look.style, look.theme, look.label.as_deref()),
            (Style::Pill, Theme::Dark, Some("ab"))
        );
        let long = Look::read(&format!("label={}", "x".repeat(100)));
        assert_eq!(long.label.map(|label| label.len()), Some(60));
    }
}
