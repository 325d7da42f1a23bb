//! `gateway sentries`: reports from scripts, through the API of a gateway that runs somewhere else.

use std::time::Duration;

use bytes::Bytes;
use clap::Subcommand;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::{Value, json};

use super::{CommandError, Format, print};
use crate::base::backoff::Backoff;
use crate::base::id::{SentryId, next_uuid};
use crate::base::secret::Secret;
use crate::config::Config;
use crate::outbound::client::Client;
use crate::outbound::connections::Connections;
use crate::outbound::exchange::Progress;
use crate::outbound::target::Target;
use crate::sentries::model::State;

/// Where the key is read from: as an argument, everyone on the machine could read it.
const KEY: &str = "GATEWAY_KEY";
const TIMEOUT: Duration = Duration::from_secs(10);
const TRIES: u32 = 4;
const WAIT: Backoff = Backoff::new(Duration::from_secs(1), LONGEST_WAIT);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

#[derive(Debug, Subcommand)]
pub(super) enum SentriesCommand {
    /// Report the state of a sentry, for cron jobs and scripts. The key is read from the environment, as GATEWAY_KEY.
    ///
    /// What may succeed later is tried four times, under one Idempotency-Key: it counts once.
    Report {
        /// sen_…
        #[arg(value_parser = read_id)]
        id: SentryId,
        /// happy, sad or sick; without it the reported state stays as it is.
        #[arg(long, value_parser = read_state)]
        state: Option<State>,
        /// The badge's text, at most 80 characters. It is public.
        #[arg(long)]
        message: Option<String>,
        /// Why it changed.
        #[arg(long)]
        note: Option<String>,
        /// Hide the note from hoots.
        #[arg(long)]
        private: bool,
        /// Further facts, such as '{"counts": {"orders": 12}}'.
        #[arg(long, value_name = "JSON", value_parser = read_meta)]
        meta: Option<Value>,
        /// The gateway.
        #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
        url: String,
        #[command(flatten)]
        format: Format,
    },
}

fn read_id(text: &str) -> Result<SentryId, String> {
    SentryId::parse(text).ok_or_else(|| "expected an id that begins with sen_".into())
}

fn read_state(text: &str) -> Result<State, String> {
    State::parse_reported(text).ok_or_else(|| "expected happy, sad or sick".into())
}

fn read_meta(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => Ok(Value::Object(members)),
        Ok(_) => Err("expected a JSON object".into()),
        Err(fault) => Err(fault.to_string()),
    }
}

pub(super) async fn run(command: SentriesCommand, config: &Config) -> Result<(), CommandError> {
    let SentriesCommand::Report {
        id,
        state,
        message,
        note,
        private,
        meta,
        url,
        format,
    } = command;
    let body = json!({
        "state": state, "user_message": message, "history_note": note, "private_entry": private, "meta": meta,
    });
    let told = send(config, id, &url, &body).await?;
    print(&match format.json {
        true => told.to_string(),
        false => format!("{id} is {}.", told["state"].as_str().unwrap_or("without a state")),
    })
}

/// Sends a report until it is taken or refused for good; what the gateway answered.
async fn send(config: &Config, id: SentryId, url: &str, body: &Value) -> Result<Value, CommandError> {
    let refused = |message: String| CommandError::Refused(message);
    let key = std::env::var(KEY).map_err(|_| {
        refused(format!(
            "{KEY} is not set: it takes a key that holds sentries:write"
        ))
    })?;
    let address = format!("{}/v1/sentries/{id}", url.trim_end_matches('/'));
    let target = Target::parse(&address).map_err(|fault| refused(format!("--url {fault}")))?;
    let call = Report {
        authorization: authorization(Secret::new(key))?,
        idempotency_key: HeaderValue::try_from(next_uuid().to_string())
            .map_err(|fault| refused(fault.to_string()))?,
        body: Bytes::from(body.to_string()),
        target,
    };
    let client = client(config)?;
    let mut try_count = 1;
    loop {
        let (told, wait) = match call.send(&client).await {
            Answer::Taken(told) => return Ok(told),
            Answer::Refused(told) => return Err(refused(told)),
            Answer::Later(told, wait) => (told, wait),
        };
        if try_count == TRIES {
            return Err(refused(told));
        }
        tracing::warn!(told, "the report is sent again");
        tokio::time::sleep(wait.unwrap_or_else(|| WAIT.jittered(try_count)).min(LONGEST_WAIT)).await;
        try_count += 1;
    }
}

fn authorization(key: Secret<String>) -> Result<HeaderValue, CommandError> {
    let value = HeaderValue::try_from(format!("Bearer {}", key.expose().trim()));
    let mut value = value.map_err(|_| CommandError::Refused(format!("{KEY} is no API key")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A client that may dial any address: its user names it.
fn client(config: &Config) -> Result<Client, CommandError> {
    let mut settings = config.webhooks.clone();
    settings.allow_cidrs = vec![IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
    Client::new(&settings).map_err(|fault| CommandError::Refused(fault.to_string()))
}

struct Report {
    target: Target,
    authorization: HeaderValue,
    idempotency_key: HeaderValue,
    body: Bytes,
}

enum Answer {
    Taken(Value),
    Refused(String),
    /// It may succeed later, after so long if that was said.
    Later(String, Option<Duration>),
}

impl Report {
    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.path.clone().into();
        let headers = request.headers_mut();
        headers.insert(HOST, self.target.authority.clone());
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            HeaderName::from_static("idempotency-key"),
            self.idempotency_key.clone(),
        );
        let agent = concat!("Sentinel-Gateway/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        request
    }

    async fn send(&self, client: &Client) -> Answer {
        let mut progress = Progress::default();
        let connections = Connections::default();
        let sending = client.send(&self.target, &connections, || self.request(), &mut progress);
        match tokio::time::timeout(TIMEOUT, sending).await {
            Err(_) => return Answer::Later("the gateway did not answer in time".into(), None),
            Ok(Err(fault)) => {
                let detail = fault.detail.as_deref().unwrap_or("the connection broke");
                return Answer::Later(format!("the gateway cannot be reached: {detail}"), None);
            }
            Ok(Ok(())) => {}
        }
        let told: Value = serde_json::from_slice(&progress.body).unwrap_or_default();
        let Some((status, headers)) = progress.head else {
            return Answer::Later("the gateway did not answer".into(), None);
        };
        if status == StatusCode::OK {
            return Answer::Taken(told);
        }
        let detail = told["detail"].as_str().unwrap_or_default();
        let detail = format!("the gateway answers {status}. {detail}");
        let is_passing = matches!(status.as_u16(), 408 | 409 | 429 | 502 | 503 | 504);
        if !is_passing {
            return Answer::Refused(detail);
        }
        let seconds = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        Answer::Later(detail, seconds.map(Duration::from_secs))
    }
}
