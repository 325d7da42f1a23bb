//! Where connectors' definitions come from, where their requests go, and the operator's apps at the vendors.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use url::Url;

use super::Reader;
use crate::base::secret::Secret;

/// What the keys of `[connectors.apps.NAME]` begin with.
const APPS: &str = "apps__";

/// Connectors.
#[derive(Debug, Clone)]
pub struct Connectors {
    /// The operator's definitions: each `*.toml` in it; read at the start and on SIGHUP.
    pub directory: Option<PathBuf>,
    /// Hosts whose requests go elsewhere, with the same path, query, body and `Host`.
    pub hosts: BTreeMap<String, Url>,
    /// By the connector's name.
    pub apps: BTreeMap<String, App>,
}

/// An app at a vendor, which connections without a client of their own use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub client_id: String,
    pub client_secret: Secret<String>,
}

impl Connectors {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            directory: reader.get("connectors", "directory", None, directory),
            hosts: reader.get("connectors", "hosts", BTreeMap::new(), hosts),
            apps: apps(reader),
        }
    }
}

fn apps(reader: &mut Reader) -> BTreeMap<String, App> {
    let keys = reader.keys("connectors", APPS);
    let names = keys.iter().filter_map(|key| {
        let rest = key.strip_prefix(APPS)?;
        rest.split_once("__").map(|(name, _)| name.to_owned())
    });
    let mut apps = BTreeMap::new();
    for name in names.collect::<BTreeSet<_>>() {
        let mut part = |part: &str| reader.get("connectors", &format!("{APPS}{name}__{part}"), None, word);
        match (part("client_id"), part("client_secret")) {
            (Some(client_id), Some(client_secret)) => {
                let client_secret = Secret::new(client_secret);
                apps.insert(
                    name,
                    App {
                        client_id,
                        client_secret,
                    },
                );
            }
            _ => reader.fault(
                format!("connectors.apps.{name}"),
                "needs client_id and client_secret".into(),
            ),
        }
    }
    apps
}

fn word(text: &str) -> Result<Option<String>, String> {
    match !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21..=0x7e)) {
        true => Ok(Some(text.to_owned())),
        false => Err("visible ASCII without blanks".into()),
    }
}

fn directory(text: &str) -> Result<Option<PathBuf>, String> {
    match text.is_empty() {
        true => Err("the path of a directory".into()),
        false => Ok(Some(PathBuf::from(text))),
    }
}

/// `api.example.com=http://127.0.0.1:9001,…`
fn hosts(text: &str) -> Result<BTreeMap<String, Url>, String> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs.map(pair).collect()
}

fn pair(pair: &str) -> Result<(String, Url), String> {
    let expected = || {
        format!(
            "hosts with where they are, such as api.example.com=http://127.0.0.1:9001, and `{pair}` is none"
        )
    };
    let (host, url) = pair.split_once('=').ok_or_else(expected)?;
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let url: Url = url.trim().parse().map_err(|_| expected())?;
    let is_bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let host = host.trim().to_ascii_lowercase();
    let is_valid = !host.is_empty() && host.bytes().all(is_host);
    match is_valid && is_bare && matches!(url.scheme(), "http" | "https") && url.has_host() {
        true => Ok((host, url)),
        false => Err(expected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigError};

    fn parsed(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::parse(text, environment)
    }

    #[test]
    fn apps_come_from_the_file_and_from_the_environment() {
        let text = "[connectors.apps.slack]\nclient_id = \"1.2\"\nclient_secret = \"of the file\"\n";
        assert!(parsed(text, &[]).is_err(), "a blank is in the secret");
        let text = text.replace("of the file", "file");
        let both = [
            ("GATEWAY_CONNECTORS__APPS__SLACK__CLIENT_SECRET", "environment"),
            ("GATEWAY_CONNECTORS__APPS__GOOGLE_CALENDAR__CLIENT_ID", "id"),
            ("GATEWAY_CONNECTORS__APPS__GOOGLE_CALENDAR__CLIENT_SECRET", "s"),
        ];
        let connectors = parsed(&text, &both).expect("valid").connectors;
        let slack = &connectors.apps["slack"];
        assert_eq!(
            (slack.client_id.as_str(), slack.client_secret.expose().as_str()),
            ("1.2", "environment")
        );
        assert_eq!(connectors.apps["google_calendar"].client_id, "id");
        assert!(!format!("{connectors:?}").contains("environment"));
    }

    #[test]
    fn half_an_app_and_unknown_keys_are_faults() {
        for (text, place) in [
            (
                "[connectors.apps.slack]\nclient_id = \"1\"\n",
                "connectors.apps.slack",
            ),
            (
                "[connectors.apps.slack]\nclient_id = \"1\"\nclient_secret = \"2\"\nscope = \"3\"\n",
                "connectors.apps.slack.scope",
            ),
        ] {
            let fault = parsed(text, &[]).expect_err(text).to_string();
            assert!(fault.contains(place), "{fault}");
        }
    }

    #[test]
    fn hosts_lead_elsewhere() {
        let read = hosts("API.example.com=http://127.0.0.1:9001, b.example=https://proxy.example:8443")
            .expect("valid");
        assert_eq!(read["api.example.com"].as_str(), "http://127.0.0.1:9001/");
        assert_eq!(read["b.example"].port(), Some(8443));
        for wrong in [
            "a.example",
            "=http://127.0.0.1:1",
            "a.example=127.0.0.1:1",
            "a.example=ftp://127.0.0.1",
            "a.example=http://127.0.0.1/path",
            "a.example=http://user@127.0.0.1",
            "a b=http://127.0.0.1",
        ] {
            let fault = hosts(wrong).expect_err(wrong);
            assert!(fault.contains(wrong), "{fault}");
        }
    }
}
