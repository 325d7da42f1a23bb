//! The vectors of every definition that is compiled in, judged as requests are.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};

use super::judge::{Request, Verdict, judge};
use crate::base::clock::Millis;
use crate::base::id::SourceId;
use crate::base::secret::Secret;
use crate::connectors::catalogue::Catalogue;
use crate::connectors::definition::{Incoming, Source};
use crate::connectors::verify::{Held, KeySet, Keyring, Verifier};
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::request_id::RequestId;
use crate::sources::connector::{Connectors, Options};
use crate::sources::live::Live;

/// Where a source is, if the vector does not say.
const PLACE: &str = "https://gateway.example/in/token";

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

fn headers(vector: &Incoming) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &vector.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    headers
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
    let body = String::from_utf8(reply.whole().to_vec()).expect("UTF-8");
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

fn run(connectors: &Connectors, name: &str, source: &Source, vector: &Incoming) -> Option<Came> {
    // Of what no source can be made yet nothing is said.
    let connector = connectors.find(name)?.ok()?;
    let options = options(vector, source);
    let username = options.get("username").map(String::as_str);
    let verifier = Verifier::compile(&connector.verify(&options), username).expect("compiles");
    let secrets = secrets(vector);
    let mut keyring = Keyring::default();
    for (name, values) in &secrets {
        values.iter().for_each(|held| keyring.push(name, held.clone()));
    }
    if let Some(set) = &vector.jwks {
        let keys = Arc::new(KeySet::parse(set.as_bytes()).expect("a key set"));
        let rules = source.verify.jwt.as_ref().expect("rules");
        let email = rules.email_option.as_ref().and_then(|option| options.get(option));
        keyring = keyring.with_keys(keys, email.cloned());
    }
    let live = Live::of(SourceId::generate(), connector, verifier, options, secrets).expect("a source");
    let url = vector.url.as_deref().unwrap_or(PLACE);
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let behind = path.split_once("/in/").and_then(|(_, rest)| rest.split_once('/'));
    let method = vector.method.as_deref().unwrap_or("POST");
    let request = Request {
        method: &Method::from_bytes(method.as_bytes()).expect("a method"),
        query,
        url,
        headers: &headers(vector),
        body: &Bytes::copy_from_slice(vector.body.as_bytes()),
        url_secret: behind.map(|(_, secret)| secret),
    };
    let verdict = judge(&live, &request, &keyring, Millis(vector.now * 1000));
    let came = |outcome: &str, reply| Came {
        outcome: outcome.to_owned(),
        event_type: None,
        at: None,
        dedupe: None,
        count: 0,
        reply: answered(reply),
    };
    Some(match verdict {
        Err(problem) => refused(&problem),
        Ok(Verdict::Handshake(shaken)) => came("handshake", shaken.reply),
        Ok(Verdict::Filtered(reply)) => came("filtered", reply),
        Ok(Verdict::Events(made, reply)) => {
            let count = made.len();
            let first = made.into_iter().next().expect("an event");
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

#[test]
fn every_vector_comes_to_what_it_says() {
    let catalogue = Arc::new(Catalogue::load(None).expect("valid"));
    let connectors = Connectors::new(catalogue.clone());
    let mut count = 0;
    let mut wrong = Vec::new();
    for (name, connector) in &*catalogue.all() {
        let Some(source) = &connector.definition.source else {
            continue;
        };
        for vector in &connector.definition.vector.incoming {
            let Some(came) = run(&connectors, name, source, vector) else {
                continue;
            };
            count += 1;
            let expected = &vector.expect;
            let mut check = |what: &str, is: &str, should: &str| {
                if is != should {
                    wrong.push(format!(
                        "{name}, {}: {what} is {is:?}, and not {should:?}",
                        vector.from
                    ));
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
                    let is = came.reply.1.get(name).map(|value| value.to_str().expect("text"));
                    check(name, is.unwrap_or("absent"), value);
                }
                if let Some(body) = &reply.body {
                    check("body", &came.reply.2, body);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 10, "only {count} vectors were there");
}
