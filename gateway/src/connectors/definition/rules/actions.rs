//! Rules of `[[connection]]`, `[test]` and `[[action]]`.

use std::collections::BTreeSet;

use super::{Faults, is_name};
use crate::connectors::definition::{Action, ConnectionKind, Definition, Outcome, Request};
use crate::connectors::template::Text;

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
        check_action(&key, action, definition, faults);
    }
}

fn known(key: &str, used: &[ConnectionKind], kinds: &BTreeSet<ConnectionKind>, faults: &mut Faults) {
    for kind in used.iter().filter(|kind| !kinds.contains(kind)) {
        faults.add(key, format!("{kind:?} is no kind of [[connection]] here"));
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
    let mut texts = vec![("url".to_owned(), &request.url)];
    let lists = [
        ("query", Some(&request.query)),
        ("headers", Some(&request.headers)),
        ("form", request.form.as_ref()),
        ("mime", request.mime.as_ref()),
    ];
    for (name, list) in lists {
        let list = list.into_iter().flatten();
        texts.extend(list.map(|(key, text)| (format!("{name}.{key}"), text)));
    }
    texts
}

fn request(key: &str, request: &Request, roots: &[&str], definition: &Definition, faults: &mut Faults) {
    check_url(&format!("{key}.url"), &request.url, definition, faults);
    for (name, text) in texts(request) {
        faults.roots(&format!("{key}.{name}"), text, roots);
    }
    if let Some(json) = &request.json {
        faults.roots_of_tree(&format!("{key}.json"), json, roots);
    }
    if request.json.is_some() && request.form.is_some() {
        faults.add(key, "has json or form, not both");
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
    if let Err(fault) = url.check_url() {
        faults.add(key, fault);
        return;
    }
    let Some(host) = url.fixed_host() else { return };
    if !definition.hosts.iter().any(|known| known == host) {
        faults.add(key, format!("{host} is none of hosts"));
    }
}
