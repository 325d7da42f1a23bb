//! Rules of `[[connection]]`, `[test]` and `[[action]]`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Faults, is_name};
use crate::connectors::definition::{Action, ConnectionKind, Definition, Outcome, Pairs, Request};
use crate::connectors::mime::PARTS as MIME_PARTS;
use crate::connectors::template::Text;

/// The methods that a request may have.
pub const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The connector whose actions happen within the gateway.
const INTERNAL: &str = "gateway";

/// What templates of an answer see.
const ANSWER: &[&str] = &["status", "headers", "body", "text"];

pub(super) fn check(definition: &Definition, faults: &mut Faults) {
    let mut kinds = BTreeSet::new();
    for (at, connection) in definition.connection.iter().enumerate() {
        let key = format!("connection[{at}]");
        if !kinds.insert(connection.kind) {
            faults.add(&format!("{key}.kind"), "stands twice");
        }
        for (name, url) in [("authorize", &connection.authorize), ("token", &connection.token)] {
            if let Some(url) = url {
                check_url(&format!("{key}.{name}"), url, definition, faults);
            }
        }
    }
    if let Some(test) = &definition.test {
        known("test.connections", &test.connections, &kinds, faults);
        request("test.request", &test.request, &["connection"], definition, faults);
    }
    let mut names = BTreeSet::new();
    for (at, action) in definition.action.iter().enumerate() {
        let key = format!("action[{at}]");
        if !is_name(&action.name) {
            faults.add(
                &format!("{key}.name"),
                "takes a-z, 0-9 and _, and begins with a letter",
            );
        }
        if !names.insert(&action.name) {
            faults.add(&format!("{key}.name"), "stands twice");
        }
        known(&format!("{key}.connections"), &action.connections, &kinds, faults);
        check_inputs(&key, action, faults);
        check_action(&key, action, definition, faults);
    }
}

fn known(key: &str, used: &[ConnectionKind], kinds: &BTreeSet<ConnectionKind>, faults: &mut Faults) {
    for kind in used.iter().filter(|kind| !kinds.contains(kind)) {
        faults.add(key, format!("{kind:?} is no kind of [[connection]] here"));
    }
}

fn check_inputs(key: &str, action: &Action, faults: &mut Faults) {
    for (name, input) in &action.inputs {
        let key = format!("{key}.inputs.{name}");
        // As the vendor names its fields, so that capitals may stand in it.
        if !is_name(&name.to_ascii_lowercase()) {
            faults.add(&key, "takes letters, digits and _, and begins with a letter");
        }
        if input.escape.as_ref().is_some_and(|escape| !escape.is_known()) {
            let known = "angles, or the built-in connector whose markup it is";
            faults.add(&format!("{key}.escape"), format!("takes {known}"));
        }
    }
}

fn check_action(key: &str, action: &Action, definition: &Definition, faults: &mut Faults) {
    let mut roots = vec![
        "event",
        "data",
        "input",
        "connection",
        "delivery",
        "now",
        "mime",
        "item",
    ];
    let is_internal = definition.name == INTERNAL;
    match action.request.is_some() || !action.steps.is_empty() {
        true if is_internal => faults.add(key, "happens within the gateway and has no request"),
        false if !is_internal => faults.add(key, "has neither request nor steps"),
        _ => {}
    }
    if let Some(one) = &action.request {
        let key = format!("{key}.request");
        request(&key, one, &roots, definition, faults);
        inputs(&key, one, action, faults);
    }
    outcomes(key, &action.outcome, faults);
    for (at, step) in action.steps.iter().enumerate() {
        let key = format!("{key}.steps[{at}]");
        request(
            &format!("{key}.request"),
            &step.request,
            &roots,
            definition,
            faults,
        );
        inputs(&format!("{key}.request"), &step.request, action, faults);
        outcomes(&key, &step.outcome, faults);
        roots.push(&step.name);
    }
}

fn outcomes(key: &str, outcomes: &[Outcome], faults: &mut Faults) {
    for (at, outcome) in outcomes.iter().enumerate() {
        let key = format!("{key}.outcome[{at}]");
        if let Some(why) = &outcome.why {
            faults.roots(&format!("{key}.why"), why, ANSWER);
        }
        if let Some(result) = &outcome.result {
            faults.roots_of_tree(&format!("{key}.result"), result, ANSWER);
        }
    }
}

/// Every text of a request with its key below the request's; its JSON aside.
fn texts(request: &Request) -> Vec<(String, &Text)> {
    let mut texts = vec![
        ("method".to_owned(), &request.method),
        ("url".to_owned(), &request.url),
    ];
    let lists = [
        ("query", Some(&request.query)),
        ("headers", Some(&request.headers)),
        ("form", request.form.as_ref()),
    ];
    for (list, pairs) in lists {
        let named = pairs.into_iter().flat_map(Pairs::texts);
        texts.extend(named.map(|(name, text)| match name {
            "" => (list.to_owned(), text),
            name => (format!("{list}.{name}"), text),
        }));
    }
    let mime = request.mime.iter().flatten();
    texts.extend(mime.map(|(name, text)| (format!("mime.{name}"), text)));
    texts
}

fn request(key: &str, request: &Request, roots: &[&str], definition: &Definition, faults: &mut Faults) {
    check_url(&format!("{key}.url"), &request.url, definition, faults);
    if request
        .method
        .fixed()
        .is_some_and(|method| !METHODS.contains(&method))
    {
        faults.add(
            &format!("{key}.method"),
            format!("is none of {}", METHODS.join(", ")),
        );
    }
    for (name, text) in texts(request) {
        faults.roots(&format!("{key}.{name}"), text, roots);
        if text.paths().any(|path| path[0] == "mime") {
            faults.add(&format!("{key}.{name}"), "mime stands in json alone");
        }
    }
    for part in request.mime.iter().flat_map(BTreeMap::keys) {
        if !MIME_PARTS.contains(&part.as_str()) {
            let known = MIME_PARTS.join(", ");
            faults.add(
                &format!("{key}.mime.{part}"),
                format!("is no part; known are {known}"),
            );
        }
    }
    if let Some(json) = &request.json {
        faults.roots_of_tree(&format!("{key}.json"), json, roots);
    }
}

/// Inputs that a request reads and the action does not list.
fn inputs(key: &str, request: &Request, action: &Action, faults: &mut Faults) {
    let mut check = |key: String, path: &[String]| {
        let unlisted = match path {
            [root, name, ..] if root == "input" => !action.inputs.contains_key(name),
            _ => false,
        };
        if unlisted {
            faults.add(&key, format!("{} is no input of the action", path[1]));
        }
    };
    for (name, text) in texts(request) {
        text.paths().for_each(|path| check(format!("{key}.{name}"), path));
    }
    for path in request.json.iter().flat_map(|json| json.paths()) {
        check(format!("{key}.json"), path);
    }
}

/// A URL whose host is fixed leads to one of the definition's hosts.
fn check_url(key: &str, url: &Text, definition: &Definition, faults: &mut Faults) {
    if let Err(fault) = url.check_url(definition.allows_any_host()) {
        faults.add(key, fault);
        return;
    }
    let Some(host) = url.fixed_host() else { return };
    if !definition.allows_host(host) {
        faults.add(key, format!("{host} is none of hosts"));
    }
}
