//! Parsers from the text of a setting to its value. The error says what was expected.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use url::Url;

use super::PostgresAddress;
use crate::base::network::parse_network;
use crate::base::secret::Secret;

pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

pub(super) fn parsed<T: FromStr>(expected: &'static str) -> impl Fn(&str) -> Result<T, String> {
    move |text| text.trim().parse().map_err(|_| expected.to_owned())
}

pub(super) fn between<T: FromStr + PartialOrd + std::fmt::Display + Copy>(
    least: T,
    most: T,
) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let number = text.trim().parse().ok();
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("a whole number from {least} to {most}"))
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    parsed("an address and port such as 127.0.0.1:8080")(text)
}

pub(super) fn path(text: &str) -> Result<Option<PathBuf>, String> {
    if text.is_empty() {
        return Err("the path of a PEM file".into());
    }
    Ok(Some(PathBuf::from(text)))
}

pub(super) fn seconds_above_0(text: &str) -> Result<Duration, String> {
    const LONGEST_SECONDS: f64 = 31_536_000.0;
    text.trim()
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.001..=LONGEST_SECONDS).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds above 0, fractions allowed".into())
}

pub(super) fn cidrs(text: &str) -> Result<Vec<IpNet>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| {
            parse_network(item).ok_or_else(|| {
                format!("addresses or CIDRs such as 10.0.0.0/8,::1/128, and `{item}` is neither")
            })
        })
        .collect()
}

pub(super) fn postgres_url(text: &str) -> Result<Secret<String>, String> {
    PostgresAddress::parse(text).map(|_| Secret::new(text.to_owned()))
}

pub(super) fn public_url(text: &str) -> Result<Option<Url>, String> {
    let expected = || "a URL such as https://gateway.example.com, without a query".to_owned();
    let url: Url = text.trim().parse().map_err(|_| expected())?;
    let is_bare = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    match matches!(url.scheme(), "http" | "https") && url.has_host() && is_bare {
        true => Ok(Some(url)),
        false => Err(expected()),
    }
}

pub(super) fn sealing_key(text: &str) -> Result<Secret<[u8; 32]>, String> {
    STANDARD
        .decode(text.trim())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .map(Secret::new)
        .ok_or_else(|| "32 bytes in base64, as `openssl rand -base64 32` prints them".into())
}
