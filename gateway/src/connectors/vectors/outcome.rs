//! Vectors of answers to actions' requests.

use http::HeaderMap;

use super::{VectorFault, compare};
use crate::connectors::definition::{Action, Answered, Definition, JudgedVector, Outcome};
use crate::connectors::outcome::{Answer, judge};
use crate::connectors::view;

pub(super) fn run(definition: &Definition) -> Vec<VectorFault> {
    let vectors = definition.vector.outcome.iter().enumerate();
    let faults = vectors.flat_map(|(at, vector)| {
        let key = format!("vector.outcome[{at}]");
        let told = check(definition, vector).into_iter();
        told.map(move |message| VectorFault::new(key.clone(), message))
    });
    faults.collect()
}

fn check(definition: &Definition, vector: &JudgedVector) -> Vec<String> {
    let table = definition
        .find_action(&vector.action)
        .and_then(|action| table_of(action, vector.step.as_deref()));
    let Some(table) = table else {
        return vec![format!("{} is no action, or has no such step", vector.action)];
    };
    let headers = match headers(&vector.answer) {
        Ok(headers) => headers,
        Err(fault) => return vec![fault],
    };
    let kind = definition
        .find_action(&vector.action)
        .and_then(|action| action.connections.first());
    let judgement = judge(table, kind.copied(), answer(vector, &headers));
    let expect = &vector.expect;
    let mut faults = Vec::new();
    compare(
        "is",
        &format!("{:?}", expect.is),
        &format!("{:?}", judgement.is),
        &mut faults,
    );
    if expect.why.is_some() {
        compare(
            "why",
            &format!("{:?}", expect.why),
            &format!("{:?}", judgement.why),
            &mut faults,
        );
    }
    let (expected, found) = (expect.wait_seconds, judgement.wait_seconds);
    compare(
        "wait_seconds",
        &format!("{expected:?}"),
        &format!("{found:?}"),
        &mut faults,
    );
    if let Some(expected) = &expect.result {
        let found = judgement.result.as_ref().map(view::written).unwrap_or_default();
        compare("result", &view::written(&expected.0), &found, &mut faults);
    }
    faults
}

/// The outcomes of an action's request, or of one of its steps.
pub(super) fn table_of<'d>(action: &'d Action, step: Option<&str>) -> Option<&'d [Outcome]> {
    match step {
        Some(name) => action
            .steps
            .iter()
            .find(|step| step.name == name)
            .map(|step| step.outcome.as_slice()),
        None => Some(&action.outcome),
    }
}

pub(super) fn headers(answered: &Answered) -> Result<HeaderMap, String> {
    HeaderMap::try_from(
        &answered
            .headers
            .clone()
            .into_iter()
            .collect::<std::collections::HashMap<_, _>>(),
    )
    .map_err(|fault| fault.to_string())
}

pub(super) fn answer<'v>(vector: &'v JudgedVector, headers: &'v HeaderMap) -> Answer<'v> {
    Answer {
        status: vector.answer.status,
        headers,
        body: vector.answer.body.as_bytes(),
        now_unix_ms: vector.now * 1000,
    }
}
