//! What the types of a definition cannot say: that names meet, and that a template reads what is there.

mod actions;
mod source;

use super::{Definition, FORMAT};
use crate::connectors::template::{Text, Tree};

/// What is wrong with a definition: keys and messages.
pub(super) fn faults(definition: &Definition) -> Vec<(String, String)> {
    let mut faults = Faults::default();
    if definition.format != FORMAT {
        faults.add("format", format!("the only format is {FORMAT}"));
    }
    if !is_name(&definition.name) {
        faults.add("name", "takes a-z, 0-9 and _, and begins with a letter");
    }
    if definition.title.trim().is_empty() {
        faults.add("title", "is empty");
    }
    for (at, host) in definition.hosts.iter().enumerate() {
        let is_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.*".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            faults.add(
                &format!("hosts[{at}]"),
                "takes the name of a host in lower case; * stands for its first labels",
            );
        }
    }
    if let Some(source) = &definition.source {
        source::check(&definition.name, source, &mut faults);
    }
    actions::check(definition, &mut faults);
    faults.0
}

fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(is_letter)
}

#[derive(Default)]
struct Faults(Vec<(String, String)>);

impl Faults {
    fn add(&mut self, key: &str, message: impl Into<String>) {
        self.0.push((key.to_owned(), message.into()));
    }

    /// Notes the paths of a text that begin elsewhere than at `roots`.
    fn roots(&mut self, key: &str, text: &Text, roots: &[&str]) {
        self.paths(key, text.paths(), roots);
    }

    fn roots_of_tree(&mut self, key: &str, tree: &Tree, roots: &[&str]) {
        self.paths(key, tree.paths().into_iter(), roots);
    }

    fn paths<'p>(&mut self, key: &str, paths: impl Iterator<Item = &'p [String]>, roots: &[&str]) {
        for path in paths {
            if !roots.contains(&path[0].as_str()) {
                let known = roots.join(", ");
                self.add(key, format!("{} is unknown here; known are {known}", path[0]));
            }
        }
    }
}
