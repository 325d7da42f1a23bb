//! Where connectors' definitions come from, and where their requests go.

use std::collections::BTreeMap;
use std::path::PathBuf;

use url::Url;

use super::Reader;

/// Connectors.
#[derive(Debug, Clone)]
pub struct Connectors {
    /// The operator's definitions: each `*.toml` in it; read at the start and on SIGHUP.
    pub directory: Option<PathBuf>,
    /// Hosts whose requests go elsewhere, with the same path, query, body and `Host`.
    pub hosts: BTreeMap<String, Url>,
}

impl Connectors {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            directory: reader.get("connectors", "directory", None, directory),
            hosts: reader.get("connectors", "hosts", BTreeMap::new(), hosts),
        }
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
