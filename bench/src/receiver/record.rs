//! Deliveries written down as they came, for checks that look at headers and signatures.

use crate::payload::now_us;
use anyhow::{Context, Result};
use hyper::http::request::Parts;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

pub struct Recorder {
    file: Mutex<File>,
}

#[derive(Serialize)]
struct Line<'a> {
    received_at_us: u64,
    method: &'a str,
    path: &'a str,
    headers: BTreeMap<&'a str, String>,
    /// The raw body; deliveries are JSON and so UTF-8, anything else is marked by U+FFFD.
    body: String,
}

impl Recorder {
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("opening {}", path.display()))?;
        Ok(Self {
            file: Mutex::new(file),
        })
    }

    /// One unbuffered write a line, so that a reader beside us sees whole lines at once.
    pub fn append(&self, head: &Parts, body: &[u8]) {
        let line = Line {
            received_at_us: now_us(),
            method: head.method.as_str(),
            path: head.uri.path(),
            headers: head
                .headers
                .iter()
                .map(|(name, value)| {
                    let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.as_str(), text)
                })
                .collect(),
            body: String::from_utf8_lossy(body).into_owned(),
        };
        let Ok(mut json) = serde_json::to_vec(&line) else {
            return;
        };
        json.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(&json) {
            eprintln!("receiver: a delivery could not be recorded: {error}");
        }
    }
}
