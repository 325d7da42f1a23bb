//! Reads the body of a form: its fields, then its one file. A field or file behind that is refused.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::fault::{MAX_BESIDE_BYTES, Pieces, SourceFault};
use crate::http::form::part_head::PartHead;
use crate::http::form::splitter::{Found, Splitter};

/// A form that ends within so many bytes …
const LOOK_AHEAD_BYTES: usize = 256 * 1024;
/// … and this time is read whole before its import begins, so that a field or file behind its file refuses it.
const LOOK_AHEAD: Duration = Duration::from_secs(1);

/// What a form says before its file's first byte.
pub struct FormHead {
    /// Names and values.
    pub fields: Vec<(String, String)>,
    /// The headers of the file.
    pub file: PartHead,
}

/// Reads a form up to its file's first byte; the pieces that are left are the file's.
pub async fn open(mut pieces: Pieces, boundary: &str) -> Result<(FormHead, Pieces), SourceFault> {
    let mut splitter = Splitter::new(boundary);
    let mut fields = Vec::new();
    let mut field: Option<(String, Vec<u8>)> = None;
    let mut pushed = 0;
    loop {
        let found = splitter.find().map_err(|_| SourceFault::FormUnreadable)?;
        if pushed > MAX_BESIDE_BYTES + splitter.held_bytes() {
            return Err(SourceFault::NoFile);
        }
        match found {
            Found::Head(file) if file.name.as_deref() == Some("file") => {
                if file.is_transfer_encoded {
                    return Err(SourceFault::FileEncoded);
                }
                let file_pieces = stream::unfold(FormFile::of(pieces, splitter), |mut form| async {
                    let piece = form.next().await.transpose()?;
                    Some((piece, form))
                });
                return Ok((FormHead { fields, file }, Box::pin(file_pieces)));
            }
            Found::Head(head) => field = Some((head.name.unwrap_or_default(), Vec::new())),
            Found::Body(bytes) => {
                if let Some((_, value)) = &mut field {
                    value.extend_from_slice(&bytes);
                }
            }
            Found::BodyEnd => {
                if let Some((name, value)) = field.take() {
                    match String::from_utf8(value) {
                        Ok(value) => fields.push((name, value)),
                        Err(_) => return Err(SourceFault::FieldNotText(name)),
                    }
                }
            }
            Found::End => return Err(SourceFault::NoFile),
            Found::Nothing if splitter.is_over() => return Err(SourceFault::NoFile),
            Found::Nothing => {
                let piece = pieces.next().await.transpose()?.ok_or(SourceFault::NoFile)?;
                pushed += piece.len();
                splitter.push(&piece);
            }
        }
    }
}

/// A form of which the file is being read.
struct FormFile {
    pieces: Pieces,
    splitter: Splitter,
    epilogue_bytes: usize,
}

impl FormFile {
    fn of(pieces: Pieces, splitter: Splitter) -> Self {
        Self {
            pieces,
            splitter,
            epilogue_bytes: 0,
        }
    }

    /// The file's next piece; `None` once the whole form was read.
    async fn next(&mut self) -> Result<Option<Bytes>, SourceFault> {
        loop {
            match self.splitter.find().map_err(|_| SourceFault::FormUnreadable)? {
                Found::Body(bytes) => return Ok(Some(bytes)),
                Found::Head(head) => {
                    return Err(match head.name {
                        Some(name) if name == "file" => SourceFault::SecondFile,
                        name => SourceFault::LateField(name.unwrap_or_default()),
                    });
                }
                Found::BodyEnd | Found::End => {}
                Found::Nothing => match self.pieces.next().await.transpose()? {
                    None if self.splitter.is_over() => return Ok(None),
                    None => return Err(SourceFault::FormCut),
                    Some(piece) => self.take(&piece)?,
                },
            }
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), SourceFault> {
        if self.splitter.is_over() {
            self.epilogue_bytes += piece.len();
            if self.epilogue_bytes > MAX_BESIDE_BYTES {
                return Err(SourceFault::FormUnreadable);
            }
        }
        self.splitter.push(piece);
        Ok(())
    }
}

/// Reads a small form to its end, and gives its file again from the beginning. A form that is not what it should be is
/// refused here, before anything of it is stored; a large or slow one that is not ends as a failed job.
pub async fn look_ahead(mut pieces: Pieces) -> Result<Pieces, SourceFault> {
    let deadline = Instant::now() + LOOK_AHEAD;
    let mut read = Vec::new();
    let mut read_bytes = 0;
    while read_bytes < LOOK_AHEAD_BYTES {
        match timeout_at(deadline, pieces.next()).await {
            Err(_) => break,
            Ok(None) => return Ok(Box::pin(stream::iter(read))),
            Ok(Some(Err(fault))) if fault.refuses() => return Err(fault),
            Ok(Some(Err(fault))) => {
                // It ends the job that the bytes before it may make.
                read.push(Err(fault));
                return Ok(Box::pin(stream::iter(read)));
            }
            Ok(Some(Ok(piece))) => {
                read_bytes += piece.len();
                read.push(Ok(piece));
            }
        }
    }
    Ok(Box::pin(stream::iter(read).chain(pieces)))
}
