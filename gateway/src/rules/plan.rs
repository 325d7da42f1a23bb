//! A rule's action with its inputs, compiled: what is sent for an event.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, Request};

use super::masks::masked;
use super::view::View;
use crate::connectors::catalogue::{Catalogue, Connector};
use crate::connectors::credential::Credential;
use crate::connectors::definition::{Action, Definition};
use crate::connectors::input::Inputs;
use crate::connectors::request::{Given, Rendered, Shown, render, render_masked};
use crate::connectors::template::{RenderFault, Scope};
use crate::delivery::destination::Sending;
use crate::delivery::log::SentRequest;
use crate::http::fields::Faults;
use crate::http::json::Node;
use crate::outbound::elsewhere::Elsewhere;
use crate::outbound::target::{Target, UrlFault};
use crate::webhooks::request::AGENT;

/// What a rule does.
#[derive(Debug, Clone)]
pub struct Plan {
    connector: Arc<Connector>,
    /// The action's place in the definition.
    at: usize,
    inputs: Inputs,
}

impl Plan {
    /// Compiles the action of this name, such as `http.request`, with its inputs. What is wrong is noted at `body.action`
    /// and below `body.input`.
    pub fn compile(catalogue: &Catalogue, name: &str, input: &Node, faults: &mut Faults) -> Option<Self> {
        let Some((connector, at)) = find(catalogue, name) else {
            let message = "is no action of a connector; GET /v1/connectors lists them";
            faults.add("body.action", "unknown_action", message);
            return None;
        };
        let action = connector.definition.action.get(at)?;
        if action.request.is_none() {
            // Better no rule than one whose deliveries all fail.
            let message = "is not carried out by this version, which sends one request for an action";
            faults.add("body.action", "unsupported", message);
            return None;
        }
        let inputs = Inputs::compile(action, input, "body.input", faults)?;
        Some(Self {
            connector,
            at,
            inputs,
        })
    }

    /// The connector's definition.
    pub fn definition(&self) -> &Definition {
        &self.connector.definition
    }

    /// The action.
    pub fn action(&self) -> &Action {
        // It was found there.
        &self.connector.definition.action[self.at]
    }

    /// Where URLs that are inputs lead, as far as it is known before an event comes: the input's name and the target.
    pub fn targets(&self) -> impl Iterator<Item = (&str, Result<Target, UrlFault>)> {
        let urls = self.inputs.urls();
        urls.map(|(name, start)| (name, Target::parse(start)))
    }

    /// The request for an event, and where it goes. A fault has the path of the value that did not fit, such as
    /// `input.text`.
    pub fn make(
        &self,
        view: &View,
        credential: Option<&Credential>,
        elsewhere: &Elsewhere,
    ) -> Result<Sending, RenderFault> {
        let template = self.action().request.as_ref();
        let template = template.ok_or_else(|| fault("the action sends no request"))?;
        let input = self.inputs.render(&Scope::new(view.roots()))?;
        let [event, data, delivery, now] = view.roots();
        let given = Given {
            definition: self.definition(),
            request: template,
            credential,
            roots: &[("input", &input), event, data, delivery, now],
        };
        let rendered = render(given)?;
        let shown = match credential {
            Some(_) => shown_masked(render_masked(given)?),
            None => shown(&rendered),
        };
        let shown = masked(shown);
        let target = elsewhere.target(rendered.url.as_str());
        let target = target.map_err(|found| fault(&found.to_string()))?;
        Ok(Sending {
            request: request(rendered, &target),
            target,
            connections: None,
            shown,
        })
    }
}

fn fault(message: &str) -> RenderFault {
    RenderFault {
        path: String::new(),
        message: message.to_owned(),
    }
}

/// The connector of an action, and the action's place in its definition.
fn find(catalogue: &Catalogue, name: &str) -> Option<(Arc<Connector>, usize)> {
    let (connector, action) = name.split_once('.')?;
    let connector = catalogue.get(connector)?;
    let actions = &connector.definition.action;
    let at = actions.iter().position(|known| known.name == action)?;
    Some((connector, at))
}

fn request(rendered: Rendered, target: &Target) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from(rendered.body));
    *request.method_mut() = rendered.method;
    *request.uri_mut() = target.path.clone().into();
    let headers = request.headers_mut();
    *headers = rendered.headers.into_iter().collect::<HeaderMap>();
    headers.insert(HOST, target.authority.clone());
    headers.entry(USER_AGENT).or_insert(AGENT);
    request
}

fn shown(rendered: &Rendered) -> SentRequest {
    let headers = rendered.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), value.into_owned())
    });
    let body = String::from_utf8_lossy(&rendered.body);
    SentRequest {
        method: rendered.method.to_string(),
        url: rendered.url.to_string(),
        headers: headers.collect::<BTreeMap<_, _>>(),
        body: (!body.is_empty()).then(|| body.into_owned()),
    }
}

fn shown_masked(shown: Shown) -> SentRequest {
    SentRequest {
        method: shown.method,
        url: shown.url,
        headers: shown.headers.into_iter().collect(),
        body: (!shown.body.is_empty()).then_some(shown.body),
    }
}
