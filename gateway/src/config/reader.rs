//! Reads settings from the file and the environment, and collects their faults.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

const PREFIX: &str = "GATEWAY_";
/// Where platforms put the database's address.
pub(super) const DATABASE_URL: &str = "DATABASE_URL";

/// One thing that is wrong, where it stands and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// `server.listen`, or the name of the environment variable.
    pub place: String,
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.message)
    }
}

/// A value as it was written, before it is parsed: the environment has only text, and lists with commas.
struct Written {
    place: String,
    text: String,
}

/// The file and the environment, from which each section takes what it knows.
pub struct Reader {
    written: BTreeMap<(String, String), Written>,
    known: BTreeSet<(String, String)>,
    environment: BTreeMap<String, String>,
    faults: Vec<Fault>,
}

impl Reader {
    /// Whether a variable of the environment may concern the gateway.
    pub fn is_read(name: &str) -> bool {
        name == DATABASE_URL || name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains("__"))
    }

    /// Lays the `GATEWAY_SECTION__KEY` variables over the tables of the file.
    pub fn new(file: toml::Table, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut reader = Self {
            written: BTreeMap::new(),
            known: BTreeSet::new(),
            environment: environment.into_iter().collect(),
            faults: Vec::new(),
        };
        for (section, value) in file {
            let toml::Value::Table(table) = value else {
                reader.fault(section, "stands outside a section such as [server]".into());
                continue;
            };
            for (key, value) in table {
                let place = format!("{section}.{key}");
                reader.take_from_file(&section, key, place, value);
            }
        }
        reader.take_environment();
        reader
    }

    /// The keys of a table within the section are joined as those of a variable are.
    fn take_from_file(&mut self, section: &str, key: String, place: String, value: toml::Value) {
        if let toml::Value::Table(table) = value {
            for (inner, value) in table {
                let place = format!("{place}.{inner}");
                self.take_from_file(section, format!("{key}__{inner}"), place, value);
            }
            return;
        }
        match plain_text(&value) {
            Some(text) => {
                self.written
                    .insert((section.to_owned(), key), Written { place, text });
            }
            None => self.fault(place, "takes a single value or a list of them".into()),
        }
    }

    fn take_environment(&mut self) {
        for (name, text) in &self.environment {
            let Some((section, key)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once("__"))
            else {
                continue;
            };
            self.written.insert(
                (section.to_ascii_lowercase(), key.to_ascii_lowercase()),
                Written {
                    place: name.clone(),
                    text: text.clone(),
                },
            );
        }
    }

    /// The setting `section.key` read by `parse`, or `default` where it is absent or wrong.
    ///
    /// `parse` answers with what it expected, such as "a number of seconds above 0".
    pub fn get<T>(
        &mut self,
        section: &str,
        key: &str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let name = (section.to_owned(), key.to_owned());
        self.known.insert(name.clone());
        let Some(written) = self.written.get(&name) else {
            return default;
        };
        match parse(&written.text) {
            Ok(value) => value,
            Err(expected) => {
                let place = written.place.clone();
                self.fault(place, format!("expected {expected}"));
                default
            }
        }
    }

    /// The keys of a section that begin with `start` and are set.
    pub fn keys(&self, section: &str, start: &str) -> Vec<String> {
        let names = self.written.keys();
        names
            .filter(|(of, key)| of == section && key.starts_with(start))
            .map(|(_, key)| key.clone())
            .collect()
    }

    /// A variable that other programs use too, such as `DATABASE_URL`.
    pub fn environment(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    /// Whether the environment itself sets `section.key`.
    pub fn is_in_environment(&self, section: &str, key: &str) -> bool {
        self.written
            .get(&(section.to_owned(), key.to_owned()))
            .is_some_and(|written| written.place.starts_with(PREFIX))
    }

    /// Notes a fault that concerns more than one value.
    pub fn fault(&mut self, place: String, message: String) {
        self.faults.push(Fault { place, message });
    }

    /// All faults, unknown names among them.
    pub fn finish(mut self) -> Vec<Fault> {
        for (name, written) in &self.written {
            if !self.known.contains(name) {
                self.faults.push(Fault {
                    place: written.place.clone(),
                    message: "is no setting of the gateway".into(),
                });
            }
        }
        self.faults
    }
}

fn plain_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(plain_text).collect();
            items.map(|items| items.join(","))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}
