//! Hosts whose requests the operator sends elsewhere: to an egress proxy, or to a stand-in in tests.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use url::Url;

use super::target::{Target, UrlFault};

/// By host: the target that takes its requests.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere(Arc<HashMap<String, Target>>);

impl Elsewhere {
    /// The hosts that the setting `connectors.hosts` names.
    pub fn new(hosts: &BTreeMap<String, Url>) -> Result<Self, UrlFault> {
        let targets = hosts
            .iter()
            .map(|(host, url)| Ok((host.clone(), Target::parse(url.as_str())?)));
        Ok(Self(Arc::new(targets.collect::<Result<_, UrlFault>>()?)))
    }

    /// The target of a URL. Where its host is named it is dialled elsewhere: path, query and `Host` stay, and the address
    /// needs no leave, because the operator chose it.
    pub fn target(&self, url: &str) -> Result<Target, UrlFault> {
        let mut target = Target::parse(url)?;
        let host = Url::parse(&target.url)?.host_str().map(str::to_owned);
        if let Some(other) = host.and_then(|host| self.0.get(host.trim_end_matches('.'))) {
            target.destination = other.destination.clone();
            target.port = other.port;
            target.is_tls = other.is_tls;
            target.is_operators = true;
        }
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_query_and_host_stay() {
        let url = Url::parse("http://127.0.0.1:9001").expect("a URL");
        let elsewhere = Elsewhere::new(&BTreeMap::from([("slack.com".to_owned(), url)])).expect("valid");
        let target = elsewhere
            .target("https://slack.com/api/x?a=%2F")
            .expect("a target");
        assert_eq!(
            (target.port, target.is_tls, target.is_operators),
            (9001, false, true)
        );
        assert_eq!(target.authority, "slack.com");
        assert_eq!(target.path, "/api/x?a=%2F");
        let other = elsewhere.target("https://hooks.slack.com/x").expect("a target");
        assert_eq!((other.port, other.is_operators), (443, false));
    }
}
