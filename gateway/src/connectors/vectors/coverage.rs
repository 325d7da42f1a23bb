//! What no vector of a definition covers: a source, a handshake, an action, a request of one, an outcome that is no success.

use super::VectorFault;
use super::incoming::Request;
use super::outcome::{answer, headers, table_of};
use crate::connectors::definition::{Action, Definition, Handshake, Incoming, Outcome, Source, Verdict};
use crate::connectors::outcome::row;
use crate::connectors::view;
use crate::filter::Data;
use crate::http::form::urlencoded;
use crate::http::json::{self, Node};

/// All gaps.
pub fn gaps(definition: &Definition) -> Vec<VectorFault> {
    let mut gaps = Vec::new();
    let mut gap = |key: String| gaps.push(VectorFault::new(key, "has no vector"));
    if let Some(source) = &definition.source {
        let vectors = &definition.vector.incoming;
        let has =
            |is_wanted: &dyn Fn(&str) -> bool| vectors.iter().any(|vector| is_wanted(&vector.expect.outcome));
        // One that holds and one that does not.
        if !has(&|outcome| outcome == "accepted") || !has(&|outcome| outcome.starts_with("signature_")) {
            gap("source".into());
        }
        for at in (0..source.handshake.len()).filter(|at| !shakes(source, *at, vectors)) {
            gap(format!("source.handshake[{at}]"));
        }
    }
    for (at, action) in definition.action.iter().enumerate() {
        let key = format!("action[{at}]");
        let requests = definition.vector.outgoing.iter();
        let requests =
            requests.filter(|vector| vector.action == action.name && vector.expect.error.is_none());
        let steps: Vec<Option<&str>> = requests.map(|vector| vector.step.as_deref()).collect();
        let is_covered = |step: Option<&str>| steps.contains(&step);
        if action.steps.is_empty() && !is_covered(None) {
            gap(key.clone());
        }
        uncovered(definition, action, None, &key, &mut gap);
        for (at, step) in action.steps.iter().enumerate() {
            let key = format!("{key}.steps[{at}]");
            if !is_covered(Some(&step.name)) {
                gap(key.clone());
            }
            uncovered(definition, action, Some(&step.name), &key, &mut gap);
        }
    }
    gaps
}

/// The rows that are no success and by which no vector is judged.
fn uncovered(
    definition: &Definition,
    action: &Action,
    step: Option<&str>,
    key: &str,
    gap: &mut impl FnMut(String),
) {
    let table: &[Outcome] = table_of(action, step).unwrap_or_default();
    let vectors = definition.vector.outcome.iter();
    let vectors = vectors.filter(|vector| vector.action == action.name && vector.step.as_deref() == step);
    let judged: Vec<usize> = vectors
        .filter_map(|vector| row(table, answer(vector, &headers(&vector.answer).ok()?)))
        .collect();
    for (at, outcome) in table.iter().enumerate() {
        if outcome.is != Verdict::Success && !judged.contains(&at) {
            gap(format!("{key}.outcome[{at}]"));
        }
    }
}

/// Whether a vector is answered by the handshake.
fn shakes(source: &Source, at: usize, vectors: &[Incoming]) -> bool {
    let vectors = vectors
        .iter()
        .filter(|vector| vector.expect.outcome == "handshake");
    let mut requests = vectors.filter_map(|vector| Request::of(vector, source).ok());
    requests.any(|request| first(source, &request) == Some(at))
}

/// The handshake that a request is, those before the signature first.
fn first(source: &Source, request: &Request<'_>) -> Option<usize> {
    let pairs = urlencoded::pairs(request.query.as_bytes());
    let pairs = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let seen = view::object([
        ("query", view::query(pairs)),
        ("headers", view::headers(&request.headers)),
        ("body", json::parse(request.body).unwrap_or(Node::Null)),
    ]);
    let written = view::written(&seen);
    let data = Data::of(written.as_bytes());
    let is_it = |handshake: &Handshake| {
        handshake.method.as_deref().unwrap_or("POST") == request.method.as_str()
            && handshake.when.holds(&data)
    };
    let of_kind = |before: bool| {
        let mut all = source.handshake.iter();
        all.position(|handshake| handshake.before_verify == before && is_it(handshake))
    };
    of_kind(true).or_else(|| of_kind(false))
}
