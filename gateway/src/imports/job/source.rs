//! A request's body as the bytes of a file: inflated, taken out of its form, counted and capped.
//!
//! Everything is a stream of pieces, pulled one by one, so backpressure reaches the client's TCP window and nothing
//! grows with the file.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};

use crate::http::body::RequestBody;
use crate::http::call::Call;
use crate::http::problem::{Code, Problem, sentence};

/// Inflated pieces have this size.
const PIECE_BYTES: usize = 64 * 1024;
/// The largest window of a zstd body: what RFC 9659 allows for HTTP. Memory is bound by it.
const ZSTD_WINDOW_LOG: u32 = 23;
/// A body that inflates to more than this many times its size is taken for a bomb …
const MAX_RATIO: u64 = 300;
/// … once it has grown to this.
const FREE_BYTES: u64 = 64 << 20;

/// Why no more of a file can be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceFault {
    #[error("nothing arrived for too long")]
    Silent,
    #[error("the upload broke off before its end")]
    BrokeOff,
    #[error("the body is not valid {0}, or it was cut")]
    Corrupt(&'static str),
    #[error("the file is over the limit of {0} bytes (imports.max_bytes)")]
    TooLarge(u64),
    #[error("the body inflates to more than {MAX_RATIO} times its size")]
    Bomb,
    #[error("the form has no part named `file`")]
    NoFile,
    #[error("the form cannot be read, or it was cut")]
    Form,
}

impl SourceFault {
    /// The code in the job's `error`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Silent => "upload_stalled",
            Self::BrokeOff | Self::Form => "upload_cut",
            Self::Corrupt(_) => "body_corrupt",
            Self::TooLarge(_) | Self::Bomb => "too_large",
            Self::NoFile => "no_file",
        }
    }

    /// The reply where there is no job yet.
    pub fn problem(&self) -> Problem {
        let code = match self {
            Self::Silent => Code::BodyTimeout,
            Self::BrokeOff | Self::Form => Code::BadRequest,
            Self::Corrupt(_) => Code::FileRefused,
            Self::TooLarge(_) | Self::Bomb => Code::TooLarge,
            Self::NoFile => Code::ValidationFailed,
        };
        Problem::new(code, sentence(self)).closing()
    }
}

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, SourceFault>> + Send>>;

/// How the body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Coding {
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

/// How the headers say that the body is packed.
pub struct Form {
    pub coding: Coding,
    pub boundary: Option<String>,
    pub charset: Option<String>,
}

impl Form {
    /// Reads them; 415 for what is not taken.
    pub fn of(call: &Call) -> Result<Self, Problem> {
        let unsupported = |detail: &'static str| Problem::new(Code::MediaTypeUnsupported, detail).closing();
        let encoding = call.headers.get(CONTENT_ENCODING);
        let encoding = encoding.map_or(Some(""), |value| value.to_str().ok());
        let coding = encoding
            .and_then(Coding::named)
            .ok_or_else(|| unsupported("Content-Encoding may be gzip or zstd."))?;
        let content_type = call.headers.get(CONTENT_TYPE);
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let boundary = match call.body.media_type() {
            Some("text/csv") => None,
            Some("multipart/form-data") => Some(
                multer::parse_boundary(content_type)
                    .map_err(|_| unsupported("The multipart/form-data has no boundary."))?,
            ),
            _ => {
                return Err(unsupported(
                    "Send Content-Type: text/csv, or multipart/form-data with a part `file`.",
                ));
            }
        };
        let parameters = content_type.split(';').skip(1);
        let charset = parameters
            .filter_map(|parameter| parameter.trim().split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
            .map(|(_, value)| value.trim().trim_matches('"').to_owned());
        Ok(Self {
            coding,
            boundary,
            charset,
        })
    }
}

/// The bytes of a file, piece by piece.
pub struct Source {
    pieces: Pieces,
    /// The name that the form gives the file.
    pub filename: Option<String>,
    read: Arc<AtomicU64>,
    inflated: u64,
    max_bytes: u64,
}

impl Source {
    /// Opens a body. `boundary` is that of a form, of which the part `file` is the file.
    pub async fn open(
        body: RequestBody,
        coding: Coding,
        boundary: Option<String>,
        max_bytes: u64,
    ) -> Result<Self, SourceFault> {
        let read = Arc::new(AtomicU64::new(0));
        let pieces = inflate(sent(body, read.clone()), coding);
        let (pieces, filename) = match boundary {
            None => (pieces, None),
            Some(boundary) => file_of_form(pieces, boundary).await?,
        };
        Ok(Self {
            // Polling after the end returns `None` again.
            pieces: Box::pin(pieces.fuse()),
            filename,
            read,
            inflated: 0,
            max_bytes,
        })
    }

    /// The next piece, or `None` at the file's end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, SourceFault> {
        let Some(piece) = self.pieces.next().await.transpose()? else {
            return Ok(None);
        };
        self.inflated += piece.len() as u64;
        if self.inflated > self.max_bytes {
            return Err(SourceFault::TooLarge(self.max_bytes));
        }
        if self.inflated > FREE_BYTES && self.inflated / MAX_RATIO > self.bytes_read() {
            return Err(SourceFault::Bomb);
        }
        Ok(Some(piece))
    }

    /// Bytes of the body as sent.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// What [`bytes_read`](Self::bytes_read) reads.
    pub fn counter(&self) -> Arc<AtomicU64> {
        self.read.clone()
    }
}

fn sent(body: RequestBody, read: Arc<AtomicU64>) -> Pieces {
    Box::pin(stream::unfold((body, read), |(mut body, read)| async {
        let piece = match body.next_piece().await {
            Ok(piece) => Ok(piece?),
            Err(problem) if problem.code() == Code::BodyTimeout => Err(SourceFault::Silent),
            Err(_) => Err(SourceFault::BrokeOff),
        };
        if let Ok(piece) = &piece {
            read.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        Some((piece, (body, read)))
    }))
}

fn inflate(pieces: Pieces, coding: Coding) -> Pieces {
    let reader = |pieces: Pieces| StreamReader::new(pieces.map(|piece| piece.map_err(io::Error::other)));
    match coding {
        Coding::Identity => pieces,
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(reader(pieces));
            decoder.multiple_members(true);
            pieces_of(decoder, "gzip")
        }
        Coding::Zstd => {
            let limits = [DParameter::window_log_max(ZSTD_WINDOW_LOG)];
            let mut decoder = ZstdDecoder::with_params(reader(pieces), &limits);
            decoder.multiple_members(true);
            pieces_of(decoder, "zstd")
        }
    }
}

fn pieces_of(reader: impl AsyncRead + Send + 'static, coding: &'static str) -> Pieces {
    let pieces = ReaderStream::with_capacity(reader, PIECE_BYTES);
    Box::pin(pieces.map(move |piece| piece.map_err(|fault| fault_of(fault, coding))))
}

/// Our own fault if it is one that travelled through a reader.
fn fault_of(fault: io::Error, coding: &'static str) -> SourceFault {
    let inner = fault
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<SourceFault>());
    inner.cloned().unwrap_or(SourceFault::Corrupt(coding))
}

async fn file_of_form(pieces: Pieces, boundary: String) -> Result<(Pieces, Option<String>), SourceFault> {
    let mut form = multer::Multipart::new(pieces, boundary);
    loop {
        let Some(field) = form.next_field().await.map_err(form_fault)? else {
            return Err(SourceFault::NoFile);
        };
        if field.name() != Some("file") {
            continue;
        }
        let filename = field.file_name().map(str::to_owned);
        // The form is read by the field, and has to live as long.
        let pieces = stream::unfold((field, form), |(mut field, form)| async {
            let piece = field.chunk().await.map_err(form_fault).transpose()?;
            Some((piece, (field, form)))
        });
        return Ok((Box::pin(pieces), filename));
    }
}

fn form_fault(fault: multer::Error) -> SourceFault {
    match fault {
        multer::Error::StreamReadFailed(inner) => inner
            .downcast::<SourceFault>()
            .map_or(SourceFault::Form, |fault| *fault),
        _ => SourceFault::Form,
    }
}
