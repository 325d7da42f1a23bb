//! The settings of each session, by its purpose, sent at its start.
//!
//! A client whose machine vanished or froze must not hold locks for long: the server ends sessions that are idle
//! within a transaction, probes their connections, and gives up waiting for locks. JIT compilation is off: each
//! statement is a few steps in indexes, which the planner overestimates where it knows only a range of ids, and
//! compiling would take hundreds of times as long.

use std::time::Duration;

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Requests, each of which may take so long. A statement that outlives its request is ended by the server.
    Request(Duration),
    /// The engine: it limits itself, so only its waits for locks are limited.
    Background,
    /// The change feed, whose heartbeat need not survive a crash and must not wait for a standby.
    Feed,
    /// Chunks of rows: a lock that takes long counts as a conflict, and the chunk is tried again.
    Import,
    /// The schema and its partitions: they give way to traffic, and try again.
    Migration,
}

/// What a statement may run on after its request has been given up.
const GRACE: Duration = Duration::from_secs(1);
const BACKGROUND_LOCKS: Duration = Duration::from_secs(10);
const IMPORT_LOCKS: Duration = Duration::from_secs(5);
const IMPORT_STATEMENTS: Duration = Duration::from_secs(120);
/// Accepts wait behind a lock that waits, so it must not wait for longer than they may.
const MIGRATION_LOCKS: Duration = Duration::from_millis(500);

type Setting = (String, String);

impl Purpose {
    fn settings(self) -> Vec<Setting> {
        let millis = |time: Duration| time.as_millis().to_string();
        let mut settings: Vec<(&str, String)> = vec![
            ("jit", "off".into()),
            ("idle_in_transaction_session_timeout", "10s".into()),
            ("tcp_keepalives_idle", "5".into()),
            ("tcp_keepalives_interval", "3".into()),
            ("tcp_keepalives_count", "3".into()),
            ("tcp_user_timeout", "10s".into()),
        ];
        let lock = |settings: &mut Vec<(&str, String)>, time| settings.push(("lock_timeout", millis(time)));
        match self {
            Self::Request(limit) => {
                // Before the request is given up, so that its reply can say why.
                lock(&mut settings, limit * 7 / 8);
                settings.push(("statement_timeout", millis(limit + GRACE)));
            }
            Self::Background => lock(&mut settings, BACKGROUND_LOCKS),
            Self::Feed => {
                lock(&mut settings, BACKGROUND_LOCKS);
                settings.push(("synchronous_commit", "off".into()));
            }
            Self::Import => {
                lock(&mut settings, IMPORT_LOCKS);
                settings.push(("statement_timeout", millis(IMPORT_STATEMENTS)));
            }
            Self::Migration => lock(&mut settings, MIGRATION_LOCKS),
        }
        let named = |(name, value): (&str, String)| (name.to_owned(), value);
        settings.into_iter().map(named).collect()
    }

    /// For the start-up packet, as the server reads its command line. What the address gives comes last and so wins.
    pub(super) fn options(self, given: &str) -> String {
        let mut options = format!("-c {MARK}=on");
        for (name, value) in self.settings() {
            options.push_str(&format!(" -c {name}={value}"));
        }
        if !given.is_empty() {
            options.push(' ');
            options.push_str(given);
        }
        options
    }

    /// The same as statements, for a pooler that passes no options on.
    pub(super) fn statements(self, given: &str) -> String {
        let mut settings = self.settings();
        settings.extend(read_options(given));
        let quote = |text: &str| text.replace('\'', "''");
        let statements = settings
            .iter()
            .map(|(name, value)| format!("select set_config('{}', '{}', false);", quote(name), quote(value)));
        statements.collect()
    }
}

/// A setting of no meaning to the server, by which a session sees that its options have arrived.
pub(super) const MARK: &str = "gateway.started";

/// The settings in `-c name=value`, `-cname=value` and `--name=value`; a backslash keeps the next character.
fn read_options(text: &str) -> Vec<Setting> {
    let mut words = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, words.last_mut()) {
            ('\\', Some(word)) => word.extend(characters.next()),
            (blank, _) if blank.is_whitespace() => words.push(String::new()),
            (other, Some(word)) => word.push(other),
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    let mut settings = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let pair = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next().map(String::as_str),
            pair => pair,
        };
        if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
            settings.push((name.replace('-', "_"), value.to_owned()));
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_all_three_forms() {
        let read = read_options(r"-c search_path=a\ b -cjit=on  --lock-timeout=5s -d 3");
        let expected = [("search_path", "a b"), ("jit", "on"), ("lock_timeout", "5s")];
        assert_eq!(read, expected.map(|(name, value)| (name.into(), value.into())));
    }

    #[test]
    fn what_the_address_gives_comes_last() {
        let options = Purpose::Background.options("-c jit=on");
        assert!(
            options.contains("-c jit=off") && options.ends_with(" -c jit=on"),
            "{options}"
        );
        let statements = Purpose::Background.statements("-c search_path=it's");
        assert!(
            statements.ends_with("select set_config('search_path', 'it''s', false);"),
            "{statements}"
        );
    }
}
