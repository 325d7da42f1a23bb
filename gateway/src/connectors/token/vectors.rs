//! Runs the `[[vector.token]]` of a definition.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde::Deserialize;

use super::answer::{Judged, judge};
use super::call::{Client, Grant, TokenCall, token_call};
use crate::base::secret::Secret;
use crate::connectors::definition::{ConnectionKind, Definition};
use crate::http::json::Node;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    /// `kind`, and the fields; beside them `refresh_token`.
    connection: BTreeMap<String, String>,
    expect: Option<Expected>,
    answer: Option<Answer>,
    after: Option<After>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: u16,
    body: String,
}

/// What there is after the answer.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    access_token: Option<String>,
    refresh_token: Option<String>,
    lifetime_seconds: Option<i64>,
    /// `reconnect`, or `failing` where the call is repeated.
    status: Option<String>,
}

/// What is wrong with each vector, by its place in the file.
pub fn token_vector_faults(definition: &Definition) -> Vec<(usize, String)> {
    let vectors = definition.vector.token.iter().enumerate();
    vectors
        .filter_map(|(at, table)| run(definition, table).err().map(|fault| (at, fault)))
        .collect()
}

fn run(definition: &Definition, table: &toml::Table) -> Result<(), String> {
    let vector: Vector = table
        .clone()
        .try_into()
        .map_err(|fault: toml::de::Error| fault.message().to_owned())?;
    let mut fields = vector.connection;
    let kind = fields.remove("kind").ok_or("connection has no kind")?;
    let mut defined = definition.connection.iter();
    let defined = defined
        .find(|defined| defined.kind.name() == kind)
        .ok_or_else(|| format!("{kind} is no kind of [[connection]] here"))?;
    let refresh = fields.remove("refresh_token");
    let client = fields
        .get("client_id")
        .zip(fields.get("client_secret"))
        .map(|(id, secret)| Client {
            id: id.clone(),
            secret: Secret::new(secret.clone()),
        });
    let members = fields
        .iter()
        .map(|(name, value)| (name.clone(), Node::Text(value.clone())));
    let connection = Node::Object(members.collect());
    if let Some(expected) = vector.expect {
        let grant = match (defined.kind, &refresh) {
            (ConnectionKind::ServiceAccount, _) => Grant::Assertion { jwt: "assertion" },
            (_, Some(token)) => Grant::Refresh { token },
            (_, None) => Grant::Client,
        };
        let call =
            token_call(defined, &connection, client.as_ref(), &grant).map_err(|fault| fault.to_string())?;
        compare(&expected, &call)?;
    }
    let Some((answer, after)) = vector.answer.zip(vector.after) else {
        return Ok(());
    };
    let found = match judge(defined, answer.status, &HeaderMap::new(), answer.body.as_bytes()) {
        Judged::Granted(granted) => After {
            access_token: Some(granted.access_token.expose().clone()),
            refresh_token: match granted.refresh_token {
                Some(token) => Some(token.expose().clone()),
                None => refresh,
            },
            lifetime_seconds: granted.lifetime_seconds,
            status: None,
        },
        Judged::Refused { .. } => After {
            status: Some("reconnect".to_owned()),
            ..After::default()
        },
        Judged::Failed { .. } => After {
            status: Some("failing".to_owned()),
            ..After::default()
        },
    };
    match found == after {
        true => Ok(()),
        false => Err(format!("after: expected {after:?}, found {found:?}")),
    }
}

fn compare(expected: &Expected, call: &TokenCall) -> Result<(), String> {
    let same = |what: &str, expected: &str, found: &str| match expected == found {
        true => Ok(()),
        false => Err(format!("expect.{what}: expected {expected:?}, found {found:?}")),
    };
    same("method", &expected.method, "POST")?;
    same("url", &expected.url, &call.url)?;
    for (name, value) in &expected.headers {
        let found = call
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        same(
            &format!("headers.{name}"),
            value,
            found.map_or("", |(_, value)| value),
        )?;
    }
    same("body", &expected.body, &call.body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::catalogue::Catalogue;

    #[test]
    fn those_of_the_built_in_connectors_hold() {
        let all = Catalogue::load(None).expect("valid").all();
        let mut count = 0;
        for connector in all.values() {
            let definition = &connector.definition;
            count += definition.vector.token.len();
            assert_eq!(token_vector_faults(definition), [], "{}", definition.name);
        }
        assert!(count > 0, "some have vectors");
    }

    #[test]
    fn what_does_not_hold_is_told() {
        let text = r#"
            format = 1
            name = "x"
            title = "X"
            checked = 2026-12-01
            hosts = ["x.example"]
            [[connection]]
            kind = "client_credentials"
            token = "https://x.example/token"
            client_auth = "basic"
            token_params = { account_id = "{{account_id}}" }
            [[vector.token]]
            connection = { kind = "client_credentials", client_id = "a b", client_secret = "c", account_id = "7" }
            expect = { method = "POST", url = "https://x.example/token", headers = { Authorization = "Basic YStiOmM=" }, body = "grant_type=client_credentials&account_id=7" }
            answer = { status = 200, body = '{"access_token":"t"}' }
            after = { access_token = "t", lifetime_seconds = 1 }
        "#;
        let definition = crate::connectors::definition::read("x.toml", text).expect("valid");
        let faults = token_vector_faults(&definition);
        assert!(faults[0].1.starts_with("after: expected"), "{faults:?}");
    }
}
