//! A request's body as the bytes of a file: inflated, taken out of its form, counted and capped.
//!
//! Everything is a stream of pieces, pulled one by one, so backpressure reaches the client's TCP window and nothing
//! grows with the file.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::io::AsyncRead;
use tokio::sync::Mutex;
use tokio_util::io::{ReaderStream, StreamReader};

use super::fault::{MAX_RATIO, Pieces, SourceFault};
use super::form::{self, FormHead};
use super::packing::{Coding, Packing};
use crate::http::body::RequestBody;
use crate::http::problem::{Code, Problem};
use crate::imports::kept::Keeper;

/// Inflated pieces have this size.
const PIECE_BYTES: usize = 64 * 1024;
/// The largest window of a zstd body: what RFC 9659 allows for HTTP. Memory is bound by it.
const ZSTD_WINDOW_LOG: u32 = 23;
/// No body is taken for a bomb before it has grown to this.
const FREE_BYTES: u64 = 64 << 20;

/// A body of which nothing was read but what a form says before its file.
pub struct Upload {
    pieces: Pieces,
    form: Option<FormHead>,
    origin: Origin,
    read: Arc<AtomicU64>,
}

/// Where a body comes from.
pub enum Origin {
    /// The client sends it.
    Sent(Arc<Mutex<RequestBody>>),
    /// It is kept; the client's request is another one, of this digest.
    Kept { body_digest: [u8; 32] },
}

impl Upload {
    /// Begins to read the body of a request, and gives what it reads to `keeper` too.
    pub async fn begin(
        body: RequestBody,
        packing: &Packing,
        keeper: Option<Arc<Keeper>>,
    ) -> Result<Self, SourceFault> {
        let read = Arc::new(AtomicU64::new(0));
        let body = Arc::new(Mutex::new(body));
        let pieces = sent(body.clone(), read.clone(), keeper);
        Self::of(pieces, read, packing, Origin::Sent(body)).await
    }

    /// Begins to read a body that comes in these pieces, whose bytes `read` counts.
    pub async fn of(
        pieces: Pieces,
        read: Arc<AtomicU64>,
        packing: &Packing,
        origin: Origin,
    ) -> Result<Self, SourceFault> {
        let pieces = inflate(pieces, packing.coding);
        let (form, pieces) = match &packing.boundary {
            None => (None, pieces),
            Some(boundary) => {
                let (head, pieces) = form::open(pieces, boundary).await?;
                (Some(head), pieces)
            }
        };
        Ok(Self {
            pieces,
            form,
            origin,
            read,
        })
    }

    /// The form's fields, which stand before its file.
    pub fn take_fields(&mut self) -> Vec<(String, String)> {
        self.form
            .as_mut()
            .map(|form| std::mem::take(&mut form.fields))
            .unwrap_or_default()
    }

    /// The charset that a form says of its file.
    pub fn charset(&self) -> Option<&str> {
        self.form.as_ref()?.file.charset.as_deref()
    }

    /// Reads the body to its end without keeping it, and gives its digest; `None` if it has more than so many bytes.
    pub async fn skip(self, max_bytes: u64) -> Result<Option<[u8; 32]>, Problem> {
        let body = match self.origin {
            Origin::Sent(body) => body,
            Origin::Kept { body_digest } => return Ok(Some(body_digest)),
        };
        // The pieces may hold the lock.
        drop(self.pieces);
        let mut body = body.lock().await;
        let mut read = self.read.load(Ordering::Relaxed);
        while let Some(piece) = body.next_piece().await? {
            read += piece.len() as u64;
            if read > max_bytes {
                return Ok(None);
            }
        }
        Ok(Some(body.digest()))
    }
}

/// The bytes of a file, piece by piece.
pub struct Source {
    pieces: Pieces,
    /// The name that the form gives the file.
    pub filename: Option<String>,
    origin: Origin,
    read: Arc<AtomicU64>,
    inflated: u64,
    max_bytes: u64,
}

impl Source {
    /// Opens what was uploaded.
    pub async fn open(upload: Upload, max_bytes: u64) -> Result<Self, SourceFault> {
        let (pieces, filename) = match upload.form {
            None => (upload.pieces, None),
            Some(head) => (form::look_ahead(upload.pieces).await?, head.file.filename),
        };
        Ok(Self {
            // Polling after the end returns `None` again.
            pieces: Box::pin(pieces.fuse()),
            filename,
            origin: upload.origin,
            read: upload.read,
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

    /// The digest of the request's body, which was read to its end if the file was.
    pub async fn digest(&mut self) -> [u8; 32] {
        match &self.origin {
            Origin::Sent(body) => {
                // The pieces may hold the lock.
                self.pieces = Box::pin(stream::empty());
                body.lock().await.digest()
            }
            Origin::Kept { body_digest } => *body_digest,
        }
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

fn sent(body: Arc<Mutex<RequestBody>>, read: Arc<AtomicU64>, keeper: Option<Arc<Keeper>>) -> Pieces {
    Box::pin(stream::unfold(
        (body, read, keeper),
        |(body, read, keeper)| async {
            let piece = body.lock().await.next_piece().await;
            let mut piece = match piece {
                Ok(piece) => Ok(piece?),
                Err(problem) if problem.code() == Code::BodyTimeout => Err(SourceFault::Silent),
                Err(_) => Err(SourceFault::BrokeOff),
            };
            if let Ok(bytes) = &piece {
                read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                if let Some(keeper) = &keeper
                    && let Err(fault) = keeper.take(bytes).await
                {
                    piece = Err(fault);
                }
            }
            Some((piece, (body, read, keeper)))
        },
    ))
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
