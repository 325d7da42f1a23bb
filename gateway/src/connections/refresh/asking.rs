//! Asks a vendor for a token.

use http::{HeaderName, HeaderValue, Method};
use url::Url;

use super::Refresher;
use super::lease_store::Leased;
use crate::base::clock::Millis;
use crate::connections::editing::kind_in;
use crate::connections::outgoing::Outgoing;
use crate::connections::tokens::Tokens;
use crate::connectors::definition::{Connection, ConnectionKind, Definition};
use crate::connectors::request::Rendered;
use crate::connectors::token::{Grant, Judged, TokenCall, judge, sign_assertion, token_call};
use crate::http::json::Node;

const DAY_SECONDS: f64 = 86_400.0;

/// What came of asking.
pub enum Asked {
    /// Nobody uses the connection, and what renews it lives on: it is asked for again so many days after the last time.
    Postponed { after_days: Option<u32> },
    Judged {
        judged: Judged,
        /// The call may have reached the vendor, and no answer came.
        is_unsure: bool,
    },
}

impl Asked {
    fn failed(why: impl Into<String>) -> Self {
        Self::Judged {
            judged: Judged::Failed { why: why.into() },
            is_unsure: false,
        }
    }

    fn refused(code: &str) -> Self {
        Self::Judged {
            judged: Judged::Refused {
                code: code.to_owned(),
                is_grant: false,
            },
            is_unsure: false,
        }
    }
}

impl Refresher {
    /// Asks on the grounds that the connection's kind has.
    pub(super) async fn ask(&self, leased: &Leased) -> Asked {
        let stored = &leased.connection;
        let Some(connector) = self.connections.catalogue.get(&stored.connector) else {
            return Asked::failed(format!("The connector {} is known no more.", stored.connector));
        };
        let definition = &connector.definition;
        let Some(defined) = kind_in(definition, stored) else {
            return Asked::failed(format!("{} has no such kind of connection.", definition.title));
        };
        if leased.is_unused && is_early(defined, leased) {
            return Asked::Postponed {
                after_days: defined.keep_alive_days,
            };
        }
        let vault = self.connections.registry.vault();
        let opened = stored.values(vault).and_then(|values| {
            let tokens = stored.tokens.as_ref();
            let tokens = tokens
                .map(|sealed| Tokens::open(vault, stored.id, sealed))
                .transpose();
            tokens.map(|tokens| (values, tokens))
        });
        let (values, tokens) = match opened {
            Ok(opened) => opened,
            Err(fault) => return Asked::failed(format!("What is sealed cannot be opened: {fault}.")),
        };
        let members = Node::Object(values.to_members());
        let client = self.connections.client_of(&stored.connector, &values);
        let jwt;
        let grant = match defined.kind {
            ConnectionKind::Oauth2 => match tokens.as_ref().and_then(|tokens| tokens.refresh.as_ref()) {
                Some(token) => Grant::Refresh {
                    token: token.expose(),
                },
                None => return Asked::refused("no_refresh_token"),
            },
            ConnectionKind::ServiceAccount => {
                let Some(assertion) = &defined.assertion else {
                    return Asked::failed("The connector's definition has no assertion.");
                };
                jwt = match sign_assertion(assertion, &members, Millis::now()) {
                    Ok(jwt) => jwt,
                    Err(fault) => {
                        tracing::debug!(connection = %stored.id, %fault, "no assertion can be made");
                        return Asked::refused("bad_key_file");
                    }
                };
                Grant::Assertion { jwt: jwt.expose() }
            }
            _ => Grant::Client,
        };
        match token_call(defined, &members, client.as_ref(), &grant) {
            Ok(call) => send(&self.connections.outgoing, definition, defined, call).await,
            Err(fault) => Asked::failed(format!("The token call cannot be made: {fault}.")),
        }
    }
}

/// Whether an unused connection need not be asked for yet.
fn is_early(defined: &Connection, leased: &Leased) -> bool {
    let Some(ago) = leased.refreshed_seconds_ago else {
        return false;
    };
    match defined.keep_alive_days {
        Some(days) => ago < f64::from(days) * DAY_SECONDS,
        // Nothing ends by itself.
        None => true,
    }
}

/// Sends a token call and judges its answer.
pub async fn send(
    outgoing: &Outgoing,
    definition: &Definition,
    defined: &Connection,
    call: TokenCall,
) -> Asked {
    let Ok(url) = Url::parse(&call.url) else {
        return Asked::failed("The token endpoint is no URL.");
    };
    let headers = call.headers.into_iter().filter_map(|(name, value)| {
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::try_from(name).ok()?, value))
    });
    let rendered = Rendered {
        method: Method::POST,
        url,
        headers: headers.collect(),
        body: call.body.into_bytes(),
    };
    match outgoing.send(definition, rendered).await {
        Ok(answer) => Asked::Judged {
            judged: judge(defined, answer.status, &answer.headers, &answer.body),
            is_unsure: false,
        },
        Err(unanswered) => Asked::Judged {
            judged: Judged::Failed {
                why: unanswered.detail,
            },
            is_unsure: unanswered.may_have_arrived,
        },
    }
}
