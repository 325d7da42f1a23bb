//! Where a request believes to be: the host it names, and whether it came from the console's own pages.
//!
//! A page of another site can send requests here with the browser's cookies, and a name that an attacker owns can lead to
//! this address (DNS rebinding). So the host must be one of ours, and a form must come from one of our pages.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Method, Uri};
use ipnet::IpNet;
use url::Url;

use crate::http::forwarded::came_over_https;
use crate::http::problem::{Code, Problem};
use crate::http::transport::connection::Ends;

/// What the settings say about hosts.
#[derive(Debug, Clone)]
pub struct HostRules {
    pub listen: SocketAddr,
    pub public_url: Option<Url>,
    /// From these `X-Forwarded-Proto` is believed.
    pub trusted_proxies: Vec<IpNet>,
    pub requires_https: bool,
}

/// A host that is ours, as the request names it.
#[derive(Debug, Clone)]
pub struct Site {
    /// Host and perhaps port, in lower case.
    authority: String,
    port: Option<u16>,
    pub is_https: bool,
    /// Browser and host are this very machine.
    pub is_local: bool,
}

impl Site {
    /// 421 for a host that is not ours, 403 for plain http where https is required.
    pub fn of(
        rules: &HostRules,
        uri: &Uri,
        headers: &HeaderMap,
        ends: &Ends,
        client: IpAddr,
    ) -> Result<Self, Problem> {
        let authority = authority(uri, headers).ok_or_else(unknown_host)?;
        if !rules.is_ours(&authority, ends.local) {
            return Err(unknown_host());
        }
        let site = Self {
            is_https: ends.is_tls || came_over_https(headers, ends.client, &rules.trusted_proxies),
            is_local: is_loopback_name(authority.host()) && client.is_loopback(),
            port: authority.port_u16(),
            authority: authority.as_str().to_ascii_lowercase(),
        };
        if rules.requires_https && !site.is_https && !site.is_local {
            let detail = "Open the console with https.";
            return Err(Problem::new(Code::HttpsRequired, detail));
        }
        Ok(site)
    }

    /// Scheme and authority, as browsers write an origin.
    pub fn origin(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// The name of the session's cookie. With plain http it carries the port: cookies do not tell ports apart.
    pub fn cookie_name(&self) -> String {
        match self.is_https {
            true => "__Host-gw".into(),
            false => format!("gw_{}", self.port.unwrap_or(80)),
        }
    }

    /// The attributes of the console's cookies.
    pub const fn cookie_attributes(&self) -> &'static str {
        match self.is_https {
            true => "Path=/; Secure; HttpOnly; SameSite=Lax",
            false => "Path=/integrations; HttpOnly; SameSite=Lax",
        }
    }

    /// 403 unless a request that may change something comes from the console's own pages, or from no page at all and
    /// without a session.
    pub fn check_origin(
        &self,
        rules: &HostRules,
        method: &Method,
        headers: &HeaderMap,
        has_cookie: bool,
    ) -> Result<(), Problem> {
        if method.is_safe() {
            return Ok(());
        }
        let is_own = match (headers.get("sec-fetch-site"), headers.get(ORIGIN)) {
            (Some(site), _) => matches!(site.as_bytes(), b"same-origin" | b"none"),
            (None, Some(origin)) => {
                let origin = origin.as_bytes();
                let public = rules
                    .public_url
                    .as_ref()
                    .map(|url| url.origin().ascii_serialization());
                origin == self.origin().as_bytes() || public.is_some_and(|public| origin == public.as_bytes())
            }
            (None, None) => !has_cookie,
        };
        match is_own {
            true => Ok(()),
            false => {
                let detail = "Forms are taken from the console's own pages alone; nothing was done.";
                Err(Problem::new(Code::CrossOrigin, detail))
            }
        }
    }
}

impl HostRules {
    fn is_ours(&self, authority: &Authority, local: Option<SocketAddr>) -> bool {
        let host = authority.host();
        if is_loopback_name(host) {
            return true;
        }
        let listen = match self.listen.ip() {
            any if any.is_unspecified() => local.map(|local| local.ip()),
            one => Some(one),
        };
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        if address.is_some() && address.map(|ip| ip.to_canonical()) == listen.map(|ip| ip.to_canonical()) {
            return true;
        }
        self.public_url.as_ref().is_some_and(|url| {
            let is_named = url
                .host_str()
                .is_some_and(|named| named.eq_ignore_ascii_case(host));
            // A proxy that ends TLS leaves the default port out.
            let port = authority.port_u16();
            is_named && (port.is_none() || port == url.port_or_known_default())
        })
    }

    /// Whether a host that a caller of the API named is one where the console answers, as far as settings tell.
    pub fn is_reachable(&self, host: &str) -> bool {
        let authority: Option<Authority> = host.parse().ok();
        authority.is_some_and(|authority| self.is_ours(&authority, None))
    }

    /// Where a browser reaches the gateway, as far as settings tell.
    pub fn base(&self, is_tls: bool) -> String {
        base(self.public_url.as_ref(), self.listen, is_tls)
    }
}

/// Where a browser reaches a gateway: its public URL, else its listen address.
pub fn base(public_url: Option<&Url>, mut listen: SocketAddr, is_tls: bool) -> String {
    if let Some(url) = public_url {
        return url.origin().ascii_serialization();
    }
    let scheme = if is_tls { "https" } else { "http" };
    if listen.ip().is_unspecified() {
        let loopback = match listen {
            SocketAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
            SocketAddr::V6(_) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        };
        listen.set_ip(loopback);
    }
    format!("{scheme}://{listen}")
}

fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    match headers.get(HOST) {
        Some(host) => host.to_str().ok()?.parse().ok(),
        None => uri.authority().cloned(),
    }
}

fn is_loopback_name(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    matches!(host.as_str(), "127.0.0.1" | "[::1]" | "localhost") || host.ends_with(".localhost")
}

fn unknown_host() -> Problem {
    Problem::new(Code::HostUnknown, "The console does not answer under this host.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(listen: &str, public_url: Option<&str>) -> HostRules {
        HostRules {
            listen: listen.parse().expect("an address"),
            public_url: public_url.map(|url| url.parse().expect("a URL")),
            trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")],
            requires_https: false,
        }
    }

    fn ends(client: &str) -> Ends {
        Ends {
            client: client.parse().expect("an address"),
            local: Some("[::ffff:192.0.2.7]:8080".parse().expect("an address")),
            is_tls: false,
        }
    }

    fn site(rules: &HostRules, host: &str, forwarded: &str) -> Result<Site, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().expect("a value"));
        headers.insert("x-forwarded-proto", forwarded.parse().expect("a value"));
        let ends = ends("10.0.0.1:5000");
        Site::of(rules, &Uri::from_static("/"), &headers, &ends, ends.client.ip())
    }

    #[test]
    fn hosts_that_are_ours_and_others() {
        let rules = rules("0.0.0.0:8080", Some("https://gateway.example.com"));
        for ours in [
            "127.0.0.1:1",
            "localhost",
            "LOCALHOST:80",
            "gw.localhost:9",
            "[::1]:8080",
            "192.0.2.7:8080",
            "gateway.example.com",
            "Gateway.Example.com:443",
        ] {
            assert!(site(&rules, ours, "http").is_ok(), "{ours}");
        }
        for other in [
            "evil.example",
            "localhost.evil.example",
            "192.0.2.8",
            "127.0.0.1.nip.io",
            "gateway.example.com:8443",
            "notlocalhost",
        ] {
            let refused = site(&rules, other, "http").expect_err(other);
            assert_eq!(refused.code(), Code::HostUnknown, "{other}");
        }
    }

    #[test]
    fn the_last_proxy_says_whether_it_is_https() {
        let rules = rules("127.0.0.1:8080", None);
        let named = |host, forwarded| site(&rules, host, forwarded).expect("ours").cookie_name();
        assert_eq!(named("localhost:8080", "http"), "gw_8080");
        assert_eq!(named("localhost", "https, http"), "gw_80");
        assert_eq!(named("localhost", "http, https"), "__Host-gw");
    }

    #[test]
    fn forms_come_from_our_own_pages() {
        let rules = rules("127.0.0.1:8080", Some("https://gateway.example.com"));
        let site = site(&rules, "localhost:8080", "http").expect("ours");
        let is_taken = |fetch: Option<&'static str>, origin: Option<&'static str>, has_cookie| {
            let mut headers = HeaderMap::new();
            fetch.map(|value| headers.insert("sec-fetch-site", value.parse().expect("a value")));
            origin.map(|value| headers.insert(ORIGIN, value.parse().expect("a value")));
            site.check_origin(&rules, &Method::POST, &headers, has_cookie)
                .is_ok()
        };
        for (fetch, origin, has_cookie, expected) in [
            (Some("same-origin"), None, true, true),
            (Some("none"), None, true, true),
            (Some("same-site"), None, true, false),
            (Some("cross-site"), Some("http://localhost:8080"), false, false),
            (None, Some("http://localhost:8080"), true, true),
            (None, Some("https://gateway.example.com"), true, true),
            (None, Some("http://localhost"), true, false),
            (None, Some("null"), false, false),
            (None, None, true, false),
            (None, None, false, true),
        ] {
            assert_eq!(
                is_taken(fetch, origin, has_cookie),
                expected,
                "{fetch:?} {origin:?} {has_cookie}"
            );
        }
    }
}
