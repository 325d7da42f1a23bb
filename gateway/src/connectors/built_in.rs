//! The definitions that are compiled in: the files of `config/connectors`, listed by `build.rs`.

/// Name and text of each file, in the order of their names.
pub const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/connectors.rs"));
