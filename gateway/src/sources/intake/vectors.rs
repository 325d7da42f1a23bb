//! The vectors of a definition's source, judged as requests are.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::judge::{Request, Verdict, judge};
use crate::base::clock::Millis;
use crate::base::id::SourceId;
use crate::base::secret::Secret;
use crate::connectors::catalogue::{self, Origin};
use crate::connectors::definition::{Definition, Incoming, Source};
use crate::connectors::vectors::{Request as Sent, VectorFault};
use crate::connectors::verify::{Held, Keyring, Verifier};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::request_id::RequestId;
use crate::sources::connector::{Connector, Options};
use crate::sources::live::Live;

/// Status, headers and body of an answer.
type Answered = (u16, HeaderMap, String);

/// What a vector came to.
struct Came {
    outcome: String,
    event_type: Option<String>,
    at: Option<String>,
    dedupe: Option<String>,
    count: usize,
    reply: Answered,
}

fn secrets(vector: &Incoming) -> BTreeMap<String, Vec<Held>> {
    let held = vector.secrets.iter().map(|(name, value)| {
        let value = Secret::new(value.clone());
        let until_unix_ms = None;
        (name.clone(), vec![Held { value, until_unix_ms }])
    });
    held.collect()
}

/// The options of a vector over the defaults.
fn options(vector: &Incoming, source: &Source) -> Options {
    let defaults = source.options.iter();
    let defaults = defaults.filter_map(|(name, field)| Some((name.clone(), field.default.clone()?)));
    defaults.chain(vector.options.clone()).collect()
}

fn answered(reply: Reply) -> Answered {
    let body = String::from_utf8_lossy(reply.whole()).into_owned();
    let response = reply.into_response(&RequestId::of(&HeaderMap::new()));
    (response.status().as_u16(), response.headers().clone(), body)
}

fn refused(problem: &Problem) -> Came {
    Came {
        outcome: problem.code().name().to_owned(),
        event_type: None,
        at: None,
        dedupe: None,
        count: 0,
        reply: (problem.status().as_u16(), HeaderMap::new(), String::new()),
    }
}

/// Runs each vector of a definition's source.
pub fn run(definition: &Definition) -> Vec<VectorFault> {
    let Some(source) = &definition.source else {
        return Vec::new();
    };
    let of = Arc::new(catalogue::Connector {
        definition: definition.clone(),
        origin: Origin::Operator,
    });
    let connector = match Connector::compile(of) {
        Ok(connector) => Arc::new(connector),
        Err(unfit) => return vec![VectorFault::new("source", unfit.to_string())],
    };
    let mut faults = Vec::new();
    for (at, vector) in definition.vector.incoming.iter().enumerate() {
        let told = match judged(&connector, source, vector) {
            Ok(came) => differences(&came, vector),
            Err(fault) => vec![fault],
        };
        let key = format!("vector.in[{at}]");
        faults.extend(
            told.into_iter()
                .map(|message| VectorFault::new(key.clone(), message)),
        );
    }
    faults
}

fn judged(connector: &Arc<Connector>, source: &Source, vector: &Incoming) -> Result<Came, String> {
    let options = options(vector, source);
    let username = options.get("username").map(String::as_str);
    let verifier = Verifier::compile(&connector.verify(&options), username);
    let verifier = verifier.map_err(|fault| fault.to_string())?;
    let sent = Sent::of(vector, source)?;
    let keyring: Keyring = sent.secrets.clone();
    let id = SourceId::generate();
    let live = Live::of(id, connector.clone(), verifier, options, secrets(vector));
    let live = live.map_err(|fault| fault.to_string())?;
    let request = Request {
        method: &sent.method,
        query: sent.query,
        url: sent.url,
        headers: &sent.headers,
        body: &Bytes::copy_from_slice(sent.body),
        url_secret: sent.url_secret,
    };
    let verdict = judge(&live, &request, &keyring, Millis(sent.now_unix_ms));
    let came = |outcome: &str, reply| Came {
        outcome: outcome.to_owned(),
        event_type: None,
        at: None,
        dedupe: None,
        count: 0,
        reply: answered(reply),
    };
    Ok(match verdict {
        Err(problem) => refused(&problem),
        Ok(Verdict::Handshake(shaken)) => came("handshake", shaken.reply),
        Ok(Verdict::Filtered(reply)) => came("filtered", reply),
        Ok(Verdict::Events(made, reply)) => {
            let count = made.len();
            let first = made.into_iter().next().ok_or("makes no event")?;
            Came {
                event_type: Some(first.label),
                at: first.occurred_at.map(|at| at.to_string()),
                dedupe: first.known_by,
                count,
                ..came("accepted", reply)
            }
        }
    })
}

/// Where a vector came to something else than it says.
fn differences(came: &Came, vector: &Incoming) -> Vec<String> {
    let expected = &vector.expect;
    let mut wrong = Vec::new();
    let mut check = |what: &str, is: &str, should: &str| {
        if is != should {
            wrong.push(format!("{what} is {is:?} and not {should:?}"));
        }
    };
    check("outcome", &came.outcome, &expected.outcome);
    let told = [
        ("type", &came.event_type, &expected.event_type),
        ("at", &came.at, &expected.at),
        ("dedupe", &came.dedupe, &expected.dedupe),
    ];
    for (what, is, should) in told {
        if let Some(should) = should {
            check(what, is.as_deref().unwrap_or("absent"), should);
        }
    }
    if expected.outcome == "accepted" {
        let should = expected.count.unwrap_or(1);
        check("count", &came.count.to_string(), &should.to_string());
    }
    if let Some(reply) = &expected.reply {
        check("status", &came.reply.0.to_string(), &reply.status.to_string());
        let media_type = reply.content_type.iter().map(|text| ("content-type", text));
        let headers = reply.headers.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in media_type.chain(headers) {
            let is = came.reply.1.get(name).and_then(|value| value.to_str().ok());
            check(name, is.unwrap_or("absent"), value);
        }
        if let Some(body) = &reply.body {
            check("body", &came.reply.2, body);
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::catalogue::Catalogue;

    #[test]
    fn every_vector_comes_to_what_it_says() {
        let all = Catalogue::load(None).expect("valid").all();
        let mut count = 0;
        for (name, connector) in &*all {
            let faults = run(&connector.definition);
            assert!(faults.is_empty(), "{name}: {faults:#?}");
            count += connector.definition.vector.incoming.len();
        }
        assert!(count > 60, "only {count} vectors were there");
    }
}
