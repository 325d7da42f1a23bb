//! How an upload is compressed, by its headers.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::http::call::Call;
use crate::http::form::parameters::parameter;
use crate::http::problem::{Code, Problem};

/// What RFC 2046 allows of a boundary.
const MAX_BOUNDARY_BYTES: usize = 70;

/// How the body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Coding {
    /// Its name, which [`Coding::named`] knows.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Reads `Content-Encoding`; `None` if it is not one of ours.
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Packing {
    pub coding: Coding,
    /// That of a form, of which the part `file` is the file.
    pub boundary: Option<String>,
    pub charset: Option<String>,
}

impl Packing {
    /// Reads the headers; 415 for what is not taken.
    pub fn of(call: &Call) -> Result<Self, Problem> {
        let unsupported = |detail: &'static str| Problem::new(Code::MediaTypeUnsupported, detail).closing();
        let encoding = call.headers.get(CONTENT_ENCODING);
        let encoding = encoding.map_or(Some(""), |value| value.to_str().ok());
        let coding = encoding
            .and_then(Coding::named)
            .ok_or_else(|| unsupported("Content-Encoding may be gzip or zstd."))?;
        let content_type = call.headers.get(CONTENT_TYPE);
        let content_type = content_type.map_or_else(Default::default, |value| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        });
        let boundary = match call.body.media_type() {
            Some("text/csv") => None,
            Some("multipart/form-data") if coding != Coding::Identity => {
                return Err(unsupported(
                    "A multipart/form-data is taken without Content-Encoding alone; text/csv may be gzip or zstd.",
                ));
            }
            Some("multipart/form-data") => {
                let boundary = parameter(&content_type, "boundary");
                let is_fit = |boundary: &String| (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len());
                let boundary = boundary.filter(is_fit).ok_or_else(|| {
                    unsupported("The multipart/form-data has no boundary of 1 to 70 characters.")
                })?;
                Some(boundary)
            }
            _ => {
                return Err(unsupported(
                    "Send Content-Type: text/csv, or multipart/form-data with a part `file`.",
                ));
            }
        };
        Ok(Self {
            coding,
            boundary,
            charset: parameter(&content_type, "charset"),
        })
    }
}
