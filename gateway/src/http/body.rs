//! Reads request bodies: capped, and cut when they fall silent.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body::Body;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Frame, Incoming};
use ring::digest::{Context, SHA256};

use super::arrival::{Allowance, LeastRate};
use super::form::parameters::parameter;
use super::json::{self, Node};
use super::problem::{Code, Problem};
use super::shares::Share;

/// The largest JSON body, in bytes.
pub const MAX_JSON_BYTES: usize = 256 * 1024;

/// How much, and for how long, is read on after a body was found too large.
const LINGER_BYTES: usize = 8 << 20;
const LINGER: Duration = Duration::from_secs(1);

/// A body on its way, or one that is whole already.
type Source = Either<Incoming, Full<Bytes>>;
/// What comes of waiting for a frame.
type Arrived = Option<Result<Frame<Bytes>, <Source as Body>::Error>>;

/// By what repeats of a request are recognised.
enum Identity {
    /// It cannot be repeated.
    None,
    /// Runs over what is read.
    Running(Context),
    /// Known from elsewhere: the body was made from a form.
    Known([u8; 32]),
}

/// A body that has not been read yet.
pub struct RequestBody {
    incoming: Source,
    declared_len: Option<u64>,
    media_type: Option<String>,
    charset: Option<String>,
    is_coded: bool,
    silence: Duration,
    identity: Identity,
    expects_continue: bool,
    least_rate: Option<LeastRate>,
    allowance: Option<Allowance>,
}

impl RequestBody {
    /// Takes hold of a body; `silence` is the longest pause within it.
    pub fn new(incoming: Incoming, headers: &HeaderMap, silence: Duration) -> Self {
        let declared_len = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.map(|whole| {
            let essence = whole.split(';').next().unwrap_or_default().trim();
            essence.to_ascii_lowercase()
        });
        let charset = content_type.and_then(|whole| parameter(whole, "charset"));
        Self {
            incoming: Either::Left(incoming),
            declared_len,
            media_type,
            charset,
            is_coded: is_coded(headers),
            silence,
            identity: match headers.contains_key("idempotency-key") {
                true => Identity::Running(Context::new(&SHA256)),
                false => Identity::None,
            },
            expects_continue: headers.contains_key(http::header::EXPECT),
            least_rate: None,
            allowance: None,
        }
    }

    /// A JSON body that is here already, made from a request whose body had this SHA-256.
    pub fn of_json(json: Vec<u8>, identity: [u8; 32]) -> Self {
        Self {
            declared_len: Some(json.len() as u64),
            incoming: Either::Right(Full::new(json.into())),
            media_type: Some("application/json".into()),
            charset: None,
            is_coded: false,
            silence: Duration::MAX,
            identity: Identity::Known(identity),
            expects_continue: false,
            least_rate: None,
            allowance: None,
        }
    }

    /// From now on it counts as the same as any other of this identity, whatever it holds.
    pub fn identify(&mut self, identity: [u8; 32]) {
        self.identity = Identity::Known(identity);
    }

    /// From now on a body that drips is a 408 too, for bodies that hold a place or memory until their end.
    pub fn require_rate(&mut self) {
        self.least_rate = Some(LeastRate::new(self.silence));
    }

    /// Takes its bytes from `share` as they arrive, and gives them back when it is dropped; 503 if one piece waits for
    /// longer than `wait`, or if all that hold some wait for each other.
    pub fn draw_on(&mut self, share: Share, wait: Duration) {
        self.allowance = Some(Allowance::new(share, wait));
    }

    /// Whether a Content-Encoding was applied to it.
    pub const fn is_coded(&self) -> bool {
        self.is_coded
    }

    /// Whether the client sends no body at all.
    pub fn is_absent(&self) -> bool {
        self.incoming.is_end_stream()
    }

    /// The content type without its parameters, in lower case.
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// The length that the client declared.
    pub const fn declared_len(&self) -> Option<u64> {
        self.declared_len
    }

    /// 415 unless the content type is `expected`, in UTF-8 where it names an encoding, and the body comes as it is.
    pub fn expect_media_type(&self, expected: &str) -> Result<(), Problem> {
        if self.is_coded {
            let detail = "Send the body without a Content-Encoding.";
            return Err(Problem::new(Code::MediaTypeUnsupported, detail));
        }
        let is_utf8 = |charset: &String| ["utf-8", "utf8"].contains(&charset.to_ascii_lowercase().as_str());
        if self.charset.as_ref().is_some_and(|charset| !is_utf8(charset)) {
            let detail = "Send the body in UTF-8.";
            return Err(Problem::new(Code::MediaTypeUnsupported, detail));
        }
        match &self.media_type {
            Some(found) if found == expected => Ok(()),
            Some(_) | None => Err(Problem::new(
                Code::MediaTypeUnsupported,
                format!("Send Content-Type: {expected}."),
            )),
        }
    }

    /// The next piece, or `None` at the end. Errors: 408 after a silence, 400 if the client broke off.
    pub async fn next_piece(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            // What has arrived already needs no timer.
            let frame = match self.incoming.frame().now_or_never() {
                Some(frame) => frame,
                None => match self.wait_for_frame().await? {
                    Some(frame) => frame,
                    None => {
                        let seconds = self.silence.as_secs();
                        let detail = format!("Nothing arrived for {seconds} seconds.");
                        return Err(Problem::new(Code::BodyTimeout, detail).closing());
                    }
                },
            };
            match frame {
                None => return Ok(None),
                Some(Err(_)) => {
                    let detail = "The body broke off.";
                    return Err(Problem::new(Code::BadRequest, detail).closing());
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) if !piece.is_empty() => {
                        if let Identity::Running(digest) = &mut self.identity {
                            digest.update(&piece);
                        }
                        if let Some(rate) = &mut self.least_rate {
                            rate.add(piece.len());
                        }
                        if let Some(allowance) = &mut self.allowance {
                            allowance.take(piece.len()).await?;
                        }
                        return Ok(Some(piece));
                    }
                    // Trailers and empty frames carry nothing of the body.
                    Ok(_) | Err(_) => {}
                },
            }
        }
    }

    /// The next frame, or `None` after a silence; 408 if the body drips.
    async fn wait_for_frame(&mut self) -> Result<Option<Arrived>, Problem> {
        let mut silence_left = self.silence;
        loop {
            let rate_left = self.least_rate.as_ref().map(LeastRate::left);
            let limit = rate_left.map_or(silence_left, |left| left.min(silence_left));
            let started = Instant::now();
            let frame = tokio::time::timeout(limit, self.incoming.frame()).await;
            let waited = match &frame {
                Ok(_) => started.elapsed().min(limit),
                Err(_) => limit,
            };
            silence_left -= waited;
            if frame.is_err() && silence_left.is_zero() {
                return Ok(None);
            }
            if let Some(rate) = &mut self.least_rate {
                rate.wait(waited)?;
            }
            if let Ok(frame) = frame {
                return Ok(Some(frame));
            }
        }
    }

    /// 413 if the client declares a longer body.
    pub async fn refuse_beyond(&mut self, most: u64) -> Result<(), Problem> {
        if self.declared_len.is_some_and(|len| len > most) {
            self.linger().await;
            return Err(too_large(most));
        }
        Ok(())
    }

    /// The whole body of at most `most` bytes; one piece is handed on without a copy.
    pub async fn read(&mut self, most: usize) -> Result<Bytes, Problem> {
        self.refuse_beyond(most as u64).await?;
        let Some(first) = self.next_piece().await? else {
            return Ok(Bytes::new());
        };
        let mut whole = BytesMut::new();
        let mut first = Some(first);
        while !self.incoming.is_end_stream() {
            let Some(piece) = self.next_piece().await? else {
                break;
            };
            if let Some(first) = first.take() {
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&piece);
            if whole.len() > most {
                self.linger().await;
                return Err(too_large(most as u64));
            }
        }
        match first {
            Some(only) if only.len() > most => Err(too_large(most as u64)),
            Some(only) => Ok(only),
            None => Ok(whole.freeze()),
        }
    }

    /// Reads on for a moment without keeping anything: a client that is still sending when its connection is closed would
    /// be told of a reset and not of the reply. One that waits for a word first gets the reply instead.
    async fn linger(&mut self) {
        if self.expects_continue {
            return;
        }
        let reading = async {
            let mut byte_count = 0;
            while byte_count < LINGER_BYTES
                && let Some(Ok(frame)) = self.incoming.frame().await
            {
                byte_count += frame.data_ref().map_or(0, Bytes::len);
            }
        };
        // Either way the reply comes next.
        let _ = tokio::time::timeout(LINGER, reading).await;
    }

    /// The SHA-256 of what was read so far, if the request can be repeated; else of nothing.
    pub fn digest(&self) -> [u8; 32] {
        let context = match &self.identity {
            Identity::None => Context::new(&SHA256),
            Identity::Running(context) => context.clone(),
            Identity::Known(identity) => return *identity,
        };
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }

    /// The bytes of a JSON body.
    pub async fn read_json_bytes(&mut self) -> Result<Bytes, Problem> {
        self.read_as("application/json", MAX_JSON_BYTES).await
    }

    /// The bytes of a body of one media type: 413, then 415, in the contract's order.
    pub async fn read_as(&mut self, media_type: &str, most: usize) -> Result<Bytes, Problem> {
        let bytes = self.read(most).await?;
        self.expect_media_type(media_type)?;
        Ok(bytes)
    }

    /// A JSON body as a tree.
    pub async fn read_json(&mut self) -> Result<Node, Problem> {
        let bytes = self.read_json_bytes().await?;
        json::parse(&bytes).map_err(malformed)
    }

    /// A JSON body whose fields are all optional: no body at all is an empty object.
    pub async fn read_optional_json(&mut self) -> Result<Node, Problem> {
        if self.is_absent() {
            return Ok(Node::Object(Vec::new()));
        }
        let bytes = self.read(MAX_JSON_BYTES).await?;
        if bytes.is_empty() {
            return Ok(Node::Object(Vec::new()));
        }
        self.expect_media_type("application/json")?;
        json::parse(&bytes).map_err(malformed)
    }
}

/// Whether a coding was applied to the body: what cannot be undone must not be taken for what it stands for.
fn is_coded(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(CONTENT_ENCODING).iter();
    codings
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

/// 400 for a body that is not acceptable JSON.
pub fn malformed(fault: json::Malformed) -> Problem {
    Problem::new(Code::MalformedJson, fault.to_string())
}

fn too_large(most: u64) -> Problem {
    Problem::new(Code::TooLarge, format!("The limit here is {most} bytes.")).closing()
}
