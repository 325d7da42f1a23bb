//! A report as names and values: a form's, or a query's. `meta[counts][orders]=12` says where a value stands in `meta`.

use super::meta::{self, Counts, MAX_LEVELS, MAX_NAMES};
use super::{Meta, Said};
use crate::http::fields::Faults;
use crate::http::json::Node;
use crate::sentries::model::State;

/// Where the pairs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Body,
    Query,
}

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Query => "query",
        }
    }
}

const FIELDS: [&str; 4] = ["state", "user_message", "history_note", "private_entry"];
/// Faults beyond these tell nothing more.
const MAX_FAULTS: usize = 50;

struct Reading<'a> {
    place: Place,
    faults: &'a mut Faults,
    fault_count: usize,
    seen: Vec<&'static str>,
    meta: Vec<(String, Node)>,
    name_count: usize,
    has_meta: bool,
}

/// Reads the pairs of one source.
pub(super) fn read(
    pairs: impl Iterator<Item = (String, Option<String>)>,
    place: Place,
    faults: &mut Faults,
) -> Said {
    let mut reading = Reading {
        place,
        faults,
        fault_count: 0,
        seen: Vec::new(),
        meta: Vec::new(),
        name_count: 0,
        has_meta: false,
    };
    let mut said = Said::default();
    for (name, value) in pairs {
        match value {
            Some(value) => reading.take(&name, value, &mut said),
            None => reading.fault(&name, "not_utf8", "is not UTF-8"),
        }
        if reading.fault_count >= MAX_FAULTS {
            break;
        }
    }
    said.meta = reading.finish_meta();
    said
}

impl Reading<'_> {
    fn fault(&mut self, name: &str, code: &'static str, message: impl Into<String>) {
        let shown: String = name.chars().take(100).collect();
        let place = format!("{}.{}", self.place.name(), shown.replace('\0', "\\0"));
        self.faults.add(place, code, message);
        self.fault_count += 1;
    }

    fn take(&mut self, name: &str, value: String, said: &mut Said) {
        if name.contains('\0') || value.contains('\0') {
            return self.fault(name, "nul", "must not hold U+0000");
        }
        if let Some(field) = FIELDS.into_iter().find(|field| *field == name) {
            if self.seen.contains(&field) {
                return self.fault(name, "duplicate", "occurs twice");
            }
            self.seen.push(field);
            return self.take_field(field, &value, said);
        }
        match name.split_once('[') {
            Some(("meta", _)) => self.take_meta(name, value),
            _ if name == "meta" => self.fault(name, "invalid_type", "expected meta[name]=value"),
            Some((base, _)) if FIELDS.contains(&base) => {
                self.fault(name, "invalid_type", "has no parts in brackets");
            }
            _ => {
                let code = match self.place {
                    Place::Body => "unknown_field",
                    Place::Query => "unknown_parameter",
                };
                self.fault(name, code, "is no field of a report");
            }
        }
    }

    fn take_field(&mut self, field: &str, value: &str, said: &mut Said) {
        match field {
            "state" => {
                said.state = State::parse_reported(value);
                if said.state.is_none() {
                    self.fault(field, "invalid_choice", "expected happy, sad or sick");
                }
            }
            "private_entry" => {
                said.private_entry = read_flag(value);
                if said.private_entry.is_none() {
                    self.fault(field, "invalid_choice", "expected true or false");
                }
            }
            "user_message" => said.user_message = self.checked(field, super::message(value)),
            _ => said.history_note = self.checked(field, super::note(value)),
        }
    }

    fn checked(
        &mut self,
        field: &str,
        checked: Result<Option<String>, (&'static str, String)>,
    ) -> Option<Option<String>> {
        match checked {
            Ok(text) => Some(text),
            Err((code, message)) => {
                self.fault(field, code, message);
                None
            }
        }
    }

    fn take_meta(&mut self, name: &str, value: String) {
        self.has_meta = true;
        let Some(path) = brackets(name) else {
            return self.fault(
                name,
                "invalid_name",
                "expected brackets such as meta[counts][orders]",
            );
        };
        if path.len() > MAX_LEVELS {
            return self.fault(name, "too_deep", format!("expected at most {MAX_LEVELS} levels"));
        }
        if self.name_count >= MAX_NAMES {
            // More of them are told once, by what is left of them.
            self.name_count += 1;
            return;
        }
        match insert(&mut self.meta, &path, value) {
            Ok(new_names) => self.name_count += new_names,
            Err(Clash::Twice) => self.fault(name, "duplicate", "occurs twice"),
            Err(Clash::Both) => self.fault(name, "clash", "has a value here and parts in brackets elsewhere"),
        }
    }

    fn finish_meta(mut self) -> Option<Meta> {
        if !self.has_meta {
            return None;
        }
        if self.name_count > MAX_NAMES {
            self.fault(
                "meta",
                "too_many_names",
                format!("expected at most {MAX_NAMES} names"),
            );
            return None;
        }
        let node = Node::Object(std::mem::take(&mut self.meta));
        // Texts and objects cannot fail to serialise.
        let text = serde_json::to_string(&node).unwrap_or_default();
        let place = format!("{}.meta", self.place.name());
        meta::check(&text, &node, &place, Counts::Digits, self.faults)
    }
}

fn read_flag(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Some(true),
        "false" | "0" | "no" => Some(false),
        _ => None,
    }
}

/// `a` and `b` of `meta[a][b]`; `None` if the brackets do not fit.
fn brackets(name: &str) -> Option<Vec<&str>> {
    let mut rest = name.strip_prefix("meta")?;
    let mut path = Vec::new();
    while !rest.is_empty() {
        let (part, after) = rest.strip_prefix('[')?.split_once(']')?;
        if part.is_empty() || part.contains('[') {
            return None;
        }
        path.push(part);
        rest = after;
    }
    Some(path)
}

enum Clash {
    Twice,
    /// A value and an object under one name.
    Both,
}

/// Puts a value in its place; how many names that took.
fn insert(members: &mut Vec<(String, Node)>, path: &[&str], value: String) -> Result<usize, Clash> {
    let Some((name, rest)) = path.split_first() else {
        return Ok(0);
    };
    let known = members.iter().position(|(known, _)| known == name);
    match (known, rest.is_empty()) {
        (None, true) => {
            members.push(((*name).to_owned(), Node::Text(value)));
            Ok(1)
        }
        (None, false) => {
            let mut inner = Vec::new();
            let names = insert(&mut inner, rest, value)?;
            members.push(((*name).to_owned(), Node::Object(inner)));
            Ok(names + 1)
        }
        (Some(at), is_last) => match &mut members[at].1 {
            Node::Object(inner) if !is_last => insert(inner, rest, value),
            Node::Object(_) => Err(Clash::Both),
            _ if is_last => Err(Clash::Twice),
            _ => Err(Clash::Both),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::form::urlencoded;

    fn said(text: &str) -> (Said, Vec<String>) {
        let mut faults = Faults::default();
        let said = read(urlencoded::pairs(text.as_bytes()), Place::Query, &mut faults);
        let places = faults.into_vec().into_iter().map(|fault| fault.location);
        (said, places.collect())
    }

    #[test]
    fn fields_and_brackets() {
        let text = "state=SICK&user_message=&history_note=why&private_entry=Yes&meta[counts][orders]=12&meta[counts][x]=-1.5&meta[a]=&meta[latest_record_at]=1700000000";
        let (said, faults) = said(text);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(said.state, Some(State::Sick));
        assert_eq!(said.user_message, Some(None));
        assert_eq!(said.history_note, Some(Some("why".into())));
        assert_eq!(said.private_entry, Some(true));
        let meta = said.meta.expect("meta");
        assert_eq!(
            meta.text.get(),
            r#"{"counts":{"orders":"12","x":"-1.5"},"a":"","latest_record_at":"1700000000"}"#
        );
        assert_eq!(
            meta.latest_record_at.map(|moment| moment.0),
            Some(1_700_000_000_000)
        );
    }

    #[test]
    fn what_is_wrong_is_told_where_it_stands() {
        for (text, place) in [
            ("state=", "query.state"),
            ("state=good", "query.state"),
            ("private_entry=", "query.private_entry"),
            ("private_entry=on", "query.private_entry"),
            ("state=sad&state=sad", "query.state"),
            ("user_message=a&user_message=a", "query.user_message"),
            ("meta=x", "query.meta"),
            ("state[x]=sad", "query.state[x]"),
            ("meta[a]=1&meta[a]=2", "query.meta[a]"),
            ("meta[a]=1&meta[a][b]=2", "query.meta[a][b]"),
            ("meta[a][b]=1&meta[a]=2", "query.meta[a]"),
            ("meta[]=1", "query.meta[]"),
            ("meta[a=1", "query.meta[a"),
            ("meta[a]b=1", "query.meta[a]b"),
            ("meta[a][b][c][d][e][f]=1", "query.meta[a][b][c][d][e][f]"),
            ("meta[latest_record_at]=", "query.meta.latest_record_at"),
            ("meta[counts][a]=x", "query.meta.counts.a"),
            ("meta[counts]=1", "query.meta.counts"),
            ("foo=1", "query.foo"),
            ("state=%ff", "query.state"),
            ("state=happy%00", "query.state"),
            ("user_message=a%0Ab", "query.user_message"),
        ] {
            assert_eq!(said(text).1, [place], "{text}");
        }
        assert!(said("meta[a][b][c][d][e]=1").1.is_empty());
        let many: Vec<String> = (0..101).map(|number| format!("meta[n{number}]=1")).collect();
        assert_eq!(said(&many.join("&")).1, ["query.meta"]);
        assert!(said(&many[..100].join("&")).1.is_empty());
    }
}
