//! Vectors of requests that go out.

use std::collections::BTreeMap;

use super::{VectorFault, compare};
use crate::base::secret::Secret;
use crate::connectors::credential::Credential;
use crate::connectors::definition::{Action, Connected, Definition, ExpectedRequest, Outgoing, Request};
use crate::connectors::input::Inputs;
use crate::connectors::request::{Given, Rendered, delivery_root, render};
use crate::connectors::template::{RenderFault, Scope};
use crate::connectors::view;
use crate::http::json::Node;

/// The delivery of a vector that names none.
const DELIVERY: &str = "dlv_0198c0de-0000-7000-8000-000000000000";

pub(super) fn run(definition: &Definition) -> Vec<VectorFault> {
    let vectors = definition.vector.outgoing.iter().enumerate();
    let faults = vectors.flat_map(|(at, vector)| {
        let key = format!("vector.out[{at}]");
        let told = check(definition, vector).into_iter();
        told.map(move |message| VectorFault::new(key.clone(), message))
    });
    faults.collect()
}

fn check(definition: &Definition, vector: &Outgoing) -> Vec<String> {
    let Some(action) = definition.find_action(&vector.action) else {
        return vec![format!("{} is no action", vector.action)];
    };
    let made = make(definition, action, vector);
    let expect = &vector.expect;
    match (made, &expect.error) {
        (Err(fault), Some(error)) => {
            let mut faults = Vec::new();
            compare("error", error, "template_failed", &mut faults);
            if let Some(path) = &expect.path {
                compare("path", path, &fault.path, &mut faults);
            }
            faults
        }
        (Err(fault), None) => vec![format!("cannot be rendered: {fault}")],
        (Ok(_), Some(error)) => vec![format!("is rendered, where {error} is expected")],
        (Ok(Made::Input(input)), None) => {
            let expected = expect.input.as_ref().map(|input| view::written(&input.0));
            let mut faults = Vec::new();
            compare(
                "input",
                &expected.unwrap_or_default(),
                &view::written(&input),
                &mut faults,
            );
            faults
        }
        (Ok(Made::Request(request)), None) => differences(expect, &request),
    }
}

enum Made {
    /// Of an action within the gateway.
    Input(Node),
    Request(Box<Rendered>),
}

fn make(definition: &Definition, action: &Action, vector: &Outgoing) -> Result<Made, RenderFault> {
    let input = Inputs::of_values(action, &vector.input.0).render(&Scope::new([]))?;
    let Some(request) = request_of(action, vector.step.as_deref()) else {
        return match action.request.is_none() && action.steps.is_empty() {
            true => Ok(Made::Input(input)),
            false => Err(RenderFault::new("there is no such step")),
        };
    };
    let credential = vector.connection.as_ref().map(credential);
    let delivery = delivery_root(vector.delivery.as_deref().unwrap_or(DELIVERY));
    let mut roots = vec![("input", &input), ("delivery", &delivery)];
    roots.extend(vector.event.iter().map(|event| ("event", &event.0)));
    roots.extend(
        vector
            .captured
            .iter()
            .map(|(step, captured)| (step.as_str(), &captured.0)),
    );
    let given = Given {
        definition,
        request,
        credential: credential.as_ref(),
        roots: &roots,
    };
    render(given).map(|request| Made::Request(Box::new(request)))
}

fn request_of<'d>(action: &'d Action, step: Option<&str>) -> Option<&'d Request> {
    match step {
        Some(name) => action
            .steps
            .iter()
            .find(|step| step.name == name)
            .map(|step| &step.request),
        None => action.request.as_ref(),
    }
}

fn credential(connected: &Connected) -> Credential {
    let fields = connected.fields.iter();
    let fields = fields.map(|(name, value)| (name.clone(), Secret::new(value.clone())));
    Credential {
        kind: connected.kind,
        fields: fields.collect(),
    }
}

fn differences(expect: &ExpectedRequest, request: &Rendered) -> Vec<String> {
    let mut faults = Vec::new();
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    compare(
        "method",
        &text(&expect.method),
        request.method.as_str(),
        &mut faults,
    );
    compare("url", &text(&expect.url), request.url.as_str(), &mut faults);
    let headers: BTreeMap<String, String> = request
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let expected: BTreeMap<String, String> = expect
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .collect();
    compare(
        "headers",
        &format!("{expected:?}"),
        &format!("{headers:?}"),
        &mut faults,
    );
    compare(
        "body",
        &text(&expect.body),
        &String::from_utf8_lossy(&request.body),
        &mut faults,
    );
    faults
}
