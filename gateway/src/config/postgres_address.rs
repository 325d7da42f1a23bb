//! The address of the database as libpq understands it. The driver knows neither `sslrootcert` nor the two modes that
//! verify the server, so this module reads them from the address and passes the rest on.

use std::path::PathBuf;
use std::str::FromStr;

/// How the connection is secured, in libpq's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// Never encrypted.
    Disable,
    /// Encrypted if the server can.
    Prefer,
    /// Encrypted; the server is not verified, unless a root certificate is given.
    Require,
    /// The server's certificate must come from a root that is trusted.
    VerifyCa,
    /// … and name the host that was asked for.
    VerifyFull,
}

/// An address in its parts.
#[derive(Debug, Clone)]
pub struct PostgresAddress {
    /// For the driver; its `Debug` hides the password.
    pub settings: tokio_postgres::Config,
    pub tls: TlsMode,
    pub roots: Roots,
    /// `-c name=value …`, which every session is given; they have the last word.
    pub options: String,
}

/// The authorities that verify the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    Unsaid,
    /// `sslrootcert=system`: those of the operating system.
    System,
    File(PathBuf),
}

/// What the driver reads by itself.
const DRIVERS: &[&str] = &[
    "user",
    "password",
    "dbname",
    "application_name",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];

const EXPECTED: &str = "an address such as postgres://user:password@host:5432/database";

impl PostgresAddress {
    /// Reads a URL or a list of `key=value`. The error says what was expected and repeats nothing of the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (rest, taken) = match text.starts_with("postgres://") || text.starts_with("postgresql://") {
            true => split_url(text)?,
            false => split_pairs(text)?,
        };
        let (mut mode, mut roots, mut options) = (None, Roots::Unsaid, String::new());
        for (key, value) in taken {
            match key {
                "sslmode" => mode = Some(TlsMode::read(&value)?),
                "options" => options = value,
                _ if value == "system" => roots = Roots::System,
                _ => roots = Roots::File(PathBuf::from(value)),
            }
        }
        // As in libpq: where all authorities of the system are trusted, the name must be verified too.
        let tls = match (&roots, mode) {
            (Roots::System, None | Some(TlsMode::VerifyFull)) => TlsMode::VerifyFull,
            (Roots::System, Some(_)) => return Err("sslmode=verify-full beside sslrootcert=system".into()),
            (_, mode) => mode.unwrap_or(TlsMode::Prefer),
        };
        // The driver's own words could repeat the password, so they are not passed on.
        let mut settings = tokio_postgres::Config::from_str(&rest).map_err(|_| EXPECTED.to_owned())?;
        if settings.get_hosts().is_empty() {
            return Err(EXPECTED.into());
        }
        settings.ssl_mode(match tls {
            TlsMode::Disable => tokio_postgres::config::SslMode::Disable,
            TlsMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => {
                tokio_postgres::config::SslMode::Require
            }
        });
        Ok(Self {
            settings,
            tls,
            roots,
            options,
        })
    }
}

impl TlsMode {
    fn read(word: &str) -> Result<Self, String> {
        match word {
            "disable" => Ok(Self::Disable),
            // libpq's default beside prefer; the server decides in both.
            "allow" | "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            _ => Err("sslmode to be disable, prefer, require, verify-ca or verify-full".into()),
        }
    }
}

type Taken = Vec<(&'static str, String)>;

fn ours(key: &str) -> Option<&'static str> {
    ["sslmode", "sslrootcert", "options"]
        .into_iter()
        .find(|known| *known == key)
}

/// Names a parameter that nobody reads. What does not look like a name may be a piece of a password.
fn check_known(key: &str, is_certain: bool) -> Result<(), String> {
    if DRIVERS.contains(&key) {
        return Ok(());
    }
    let is_name = key.len() <= 40 && key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
    if !is_name || key.is_empty() || !is_certain {
        return Err(EXPECTED.into());
    }
    let known = DRIVERS.join(", ");
    Err(format!(
        "no parameter `{key}`, which the gateway does not know; there are sslmode, sslrootcert, options, {known}"
    ))
}

fn split_url(text: &str) -> Result<(String, Taken), String> {
    let Some((front, query)) = text.split_once('?') else {
        return Ok((text.to_owned(), Vec::new()));
    };
    // With one of these the question mark stood in a password.
    let is_certain = !query.contains(['@', '/']);
    let mut taken = Vec::new();
    let mut kept = Vec::new();
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match ours(key) {
            Some(key) => {
                let mut decoded = url::form_urlencoded::parse(pair.as_bytes());
                let value = decoded.next().map_or(value.into(), |(_, value)| value);
                taken.push((key, value.into_owned()));
            }
            None => {
                check_known(key, is_certain)?;
                kept.push(pair);
            }
        }
    }
    let rest = match kept.is_empty() {
        true => front.to_owned(),
        false => format!("{front}?{}", kept.join("&")),
    };
    Ok((rest, taken))
}

/// `host=a user='b c' sslmode = require`: values may be quoted, a backslash takes the next character as it is.
fn split_pairs(text: &str) -> Result<(String, Taken), String> {
    let mut taken = Vec::new();
    let mut kept = String::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let whole = rest;
        let (key, after) = rest.split_once('=').ok_or(EXPECTED)?;
        let (value, after) = read_value(after.trim_start())?;
        rest = after.trim_start();
        match ours(key.trim()) {
            Some(key) => taken.push((key, value)),
            None => {
                check_known(key.trim(), true)?;
                kept.push_str(&whole[..whole.len() - rest.len()]);
            }
        }
    }
    Ok((kept, taken))
}

fn read_value(text: &str) -> Result<(String, &str), String> {
    let (quoted, body) = match text.strip_prefix('\'') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &body[at + 1..])),
            blank if !quoted && blank.is_whitespace() => return Ok((value, &body[at..])),
            other => value.push(other),
        }
    }
    match quoted {
        true => Err(EXPECTED.into()),
        false => Ok((value, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> PostgresAddress {
        PostgresAddress::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
    }

    #[test]
    fn modes_and_roots_are_read_from_both_forms() {
        let url =
            "postgres://u:p%3F@h:1/d?application_name=a&sslmode=verify-full&sslrootcert=%2Fetc%2Fca.crt";
        let pairs =
            "host=h user=u password='p\\' ?' sslmode = 'verify-full' sslrootcert=/etc/ca.crt dbname=d";
        for text in [url, pairs] {
            let address = parse(text);
            assert_eq!(address.tls, TlsMode::VerifyFull);
            assert_eq!(address.roots, Roots::File(PathBuf::from("/etc/ca.crt")));
            assert_eq!(address.settings.get_dbname(), Some("d"));
        }
        assert_eq!(parse(pairs).settings.get_password(), Some(b"p' ?".as_slice()));
        assert_eq!(parse("postgres://h/d").tls, TlsMode::Prefer);
        assert_eq!(parse("postgres://h/d?sslmode=require").tls, TlsMode::Require);
        assert_eq!(parse("host=h sslmode=disable").tls, TlsMode::Disable);
    }

    #[test]
    fn a_parameter_that_nobody_knows_is_named() {
        for text in ["postgres://h/d?gssencmode=off", "host=h gssencmode=off"] {
            let fault = PostgresAddress::parse(text).expect_err(text);
            assert!(fault.contains("`gssencmode`"), "{fault}");
        }
        let known = "postgres://h/d?options=-c%20search_path%3Dx&connect_timeout=3";
        assert_eq!(parse(known).options, "-c search_path=x");
        // Not a parameter but the rest of a password with a question mark.
        let fault = PostgresAddress::parse("postgres://u:a?secret=@h/d").expect_err("no address");
        assert!(!fault.contains("secret"), "{fault}");
    }

    #[test]
    fn authorities_of_the_system_ask_for_the_name_as_well() {
        let address = parse("postgres://h/d?sslrootcert=system");
        assert_eq!((address.tls, address.roots), (TlsMode::VerifyFull, Roots::System));
        let weaker = "postgres://h/d?sslrootcert=system&sslmode=require";
        let fault = PostgresAddress::parse(weaker).expect_err("too weak");
        assert!(fault.contains("verify-full"), "{fault}");
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_the_password() {
        let bad = [
            "hunter2",
            "postgres://u:hunter2@h/d?sslmode=maybe",
            "host=h password='hunter2",
            "postgres://u:hunter2@h/d?no_such=1",
        ];
        for text in bad {
            let fault = PostgresAddress::parse(text).expect_err(text);
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }
}
