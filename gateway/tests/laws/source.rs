//! The repository's files as text.

use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file of the repository that must be there.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

/// One Rust file.
pub struct File {
    /// Relative to the repository, with slashes.
    pub path: String,
    pub text: String,
}

impl File {
    /// The text without comments and without the unit tests at its end.
    pub fn code(&self) -> String {
        let code = self
            .text
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default();
        let lines = code
            .lines()
            .map(|line| match line.trim_start().starts_with("//") {
                true => "",
                false => line,
            });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Every Rust file under a folder of the repository, in the order of their paths.
pub fn rust_files(folder: &str) -> Vec<File> {
    let mut found = Vec::new();
    collect(&root().join(folder), folder, &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!found.is_empty(), "{folder} holds no Rust");
    found
}

fn collect(folder: &Path, shown: &str, found: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("UTF-8");
        let shown = format!("{shown}/{name}");
        if entry.file_type().expect("a kind").is_dir() {
            collect(&entry.path(), &shown, found);
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(entry.path()).expect("UTF-8");
            found.push(File { path: shown, text });
        }
    }
}
