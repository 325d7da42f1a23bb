//! With what parameters a kept upload is imported: those of its dry run, less what the client gives anew.

use crate::http::fields::Fields;
use crate::http::json::Node;
use crate::http::query::Query;

/// The body of `POST /v1/imports/{id}/run`. What is absent is as it was in the dry run; `null` leaves it to be found out.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes what is read by name")]
pub struct RunOrder {
    /// `upsert`, `create` or `update`.
    mode: Option<String>,
    /// Header to field, or to null to leave it out.
    #[schema(value_type = Option<Object>)]
    mapping: Option<Node>,
    encoding: Option<String>,
    delimiter: Option<String>,
    /// `mdy` or `dmy`.
    date_order: Option<String>,
    /// `,` or `.`
    decimal: Option<String>,
    /// `summary` or `each`.
    events: Option<String>,
    /// The one key field that rows are matched by.
    r#match: Option<String>,
    filename: Option<String>,
    /// `true`: another dry run of the same bytes.
    dry_run: Option<bool>,
    /// `true`, in a dry run: keep the bytes for the new import too.
    keep: Option<bool>,
}

const TEXTS: [&str; 8] = [
    "mode",
    "encoding",
    "delimiter",
    "date_order",
    "decimal",
    "events",
    "match",
    "filename",
];
const FLAGS: [&str; 2] = ["dry_run", "keep"];
const MAPPING: &str = "mapping";

/// The parameters; what is wrong with the body is among their faults.
pub fn query(body: Node, mut kept: Vec<(String, String)>) -> Query {
    let mut fields = Fields::of(body);
    let mut given = Vec::new();
    for name in TEXTS.into_iter().chain(FLAGS).chain([MAPPING]) {
        let Some(node) = fields.take(name) else {
            continue;
        };
        kept.retain(|(known, _)| known != name);
        let text = match node {
            Node::Null => continue,
            Node::Text(text) if TEXTS.contains(&name) => text,
            Node::Bool(flag) if FLAGS.contains(&name) => flag.to_string(),
            // What was read as JSON can be written as JSON.
            Node::Object(_) if name == MAPPING => serde_json::to_string(&node).unwrap_or_default(),
            _ => {
                let expected = match name {
                    MAPPING => "expected a JSON object",
                    _ if FLAGS.contains(&name) => "expected true or false",
                    _ => "expected a string",
                };
                fields.fault(name, "invalid_type", expected);
                continue;
            }
        };
        given.push((name, text));
    }
    let mut query = Query::of_pairs(kept);
    for (name, text) in given {
        query.add_body_field(name, text);
    }
    query.faults.extend(fields.finish_faults());
    query
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json::parse;

    fn read(body: &str) -> Query {
        let kept = [("object", "contact"), ("mode", "create"), ("delimiter", ";")];
        let kept = kept.map(|(name, value)| (name.to_owned(), value.to_owned()));
        query(parse(body.as_bytes()).expect("JSON"), kept.to_vec())
    }

    #[test]
    fn what_is_given_takes_the_place_of_what_was_and_null_takes_it_away() {
        let query = read(
            r#"{"mode": "update", "delimiter": null, "mapping": {"A": "email", "B": null}, "dry_run": true}"#,
        );
        assert!(query.faults.is_empty());
        for (name, value) in [
            ("object", Some("contact")),
            ("mode", Some("update")),
            ("delimiter", None),
            ("mapping", Some(r#"{"A":"email","B":null}"#)),
            ("dry_run", Some("true")),
            ("keep", None),
        ] {
            assert_eq!(query.peek(name), value, "{name}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_named_at_its_place() {
        let query =
            read(r#"{"mode": 1, "mapping": [], "keep": "yes", "object": "deal", "match": "a\u0000"}"#);
        let faults = query.faults.into_vec();
        let mut places: Vec<_> = faults.iter().map(|fault| fault.location.as_str()).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(
            places,
            [
                "body.keep",
                "body.mapping",
                "body.match",
                "body.mode",
                "body.object"
            ]
        );
        assert_eq!(read("[]").faults.into_vec()[0].location, "body");
    }
}
