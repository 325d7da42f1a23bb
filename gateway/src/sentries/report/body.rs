//! The body of a report in any of its media types.

use http::header::CONTENT_TYPE;

use super::form::{self, Place};
use super::{Said, json};
use crate::http::call::Call;
use crate::http::fields::Faults;
use crate::http::form::parameters::parameter;
use crate::http::form::splitter::{Found, Splitter};
use crate::http::form::urlencoded;
use crate::http::problem::{Code, Problem};

const MAX_BYTES: usize = 64 * 1024;

/// Reads the body, if there is one.
pub(super) async fn read(call: &mut Call, faults: &mut Faults) -> Result<Said, Problem> {
    let bytes = call.body.read(MAX_BYTES).await?;
    if bytes.is_empty() {
        return Ok(Said::default());
    }
    match call.body.media_type() {
        Some(of_form @ "application/x-www-form-urlencoded") => {
            call.body.expect_media_type(of_form)?;
            Ok(form::read(urlencoded::pairs(&bytes), Place::Body, faults))
        }
        Some(of_form @ "multipart/form-data") => {
            call.body.expect_media_type(of_form)?;
            let pairs = parts(call, &bytes)?;
            Ok(form::read(pairs.into_iter(), Place::Body, faults))
        }
        Some("application/json") => {
            call.body.expect_media_type("application/json")?;
            json::read(&bytes, faults)
        }
        _ => Err(Problem::new(
            Code::MediaTypeUnsupported,
            "Send application/json, application/x-www-form-urlencoded or multipart/form-data.",
        )),
    }
}

/// Names and values of a form's parts.
fn parts(call: &Call, bytes: &[u8]) -> Result<Vec<(String, Option<String>)>, Problem> {
    let header = call
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let boundary = header.and_then(|header| parameter(header, "boundary"));
    let boundary = boundary.filter(|boundary| !boundary.is_empty()).ok_or_else(|| {
        let detail = "Send multipart/form-data with its boundary.";
        Problem::new(Code::MediaTypeUnsupported, detail)
    })?;
    let refused = |detail: &'static str| Problem::new(Code::BadRequest, detail);
    let mut splitter = Splitter::new(&boundary);
    splitter.push(bytes);
    let mut pairs = Vec::new();
    let mut part: Option<(String, Vec<u8>)> = None;
    loop {
        match splitter.find() {
            Err(_) => return Err(refused("The headers of a part are too long.")),
            Ok(Found::Head(head)) => part = Some((head.name.unwrap_or_default(), Vec::new())),
            Ok(Found::Body(bytes)) => {
                if let Some((_, value)) = &mut part {
                    value.extend_from_slice(&bytes);
                }
            }
            Ok(Found::BodyEnd) => {
                if let Some((name, value)) = part.take() {
                    pairs.push((name, String::from_utf8(value).ok()));
                }
            }
            Ok(Found::End) => return Ok(pairs),
            Ok(Found::Nothing) if splitter.is_over() => return Ok(pairs),
            Ok(Found::Nothing) => return Err(refused("The form ends before its last boundary.")),
        }
    }
}
