//! The style sheet, the script and the icon, part of the program. Their paths hold their hash, so browsers keep them; they are
//! compressed once, for whoever takes gzip.

use std::io::Write;
use std::sync::LazyLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderValue, VARY};
use http::{HeaderMap, StatusCode};
use ring::digest::{SHA256, digest};

use crate::base::hex;
use crate::http::problem::Problem;
use crate::http::reply::{Reply, has_etag};

/// A file of the program.
pub struct Asset {
    pub path: String,
    plain: Form,
    /// Absent where it would be no smaller.
    gzip: Option<Form>,
    media_type: &'static str,
}

/// The bytes of a file in one coding, and the tag of just these.
struct Form {
    bytes: Bytes,
    etag: String,
}

/// All of them.
pub struct Assets {
    pub css: Asset,
    pub script: Asset,
    pub icon: Asset,
}

/// All of them, hashed and compressed once.
pub static ALL: LazyLock<Assets> = LazyLock::new(|| Assets {
    css: asset(
        "css",
        include_bytes!("assets/console.css"),
        "text/css; charset=utf-8",
    ),
    script: asset(
        "js",
        include_bytes!("assets/console.js"),
        "text/javascript; charset=utf-8",
    ),
    icon: asset("svg", include_bytes!("assets/icon.svg"), "image/svg+xml"),
});

fn asset(extension: &str, bytes: &'static [u8], media_type: &'static str) -> Asset {
    let sum = hex::encode(&digest(&SHA256, bytes).as_ref()[..8]);
    let gzip = gzip(bytes).filter(|gzip| gzip.len() < bytes.len());
    Asset {
        path: format!("/integrations/assets/console.{sum}.{extension}"),
        gzip: gzip.map(|gzip| Form {
            bytes: gzip.into(),
            etag: format!("\"{sum}-gzip\""),
        }),
        plain: Form {
            bytes: Bytes::from_static(bytes),
            etag: format!("\"{sum}\""),
        },
        media_type,
    }
}

/// `None` if it cannot be compressed, which memory does not refuse.
fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// The asset of a path; one of another version is not found.
pub fn find(path: &str, headers: &HeaderMap) -> Result<Reply, Problem> {
    let Assets { css, script, icon } = &*ALL;
    let found = [css, script, icon].into_iter().find(|asset| asset.path == path);
    let asset = found.ok_or_else(Problem::not_found)?;
    reply(asset, "public, max-age=31536000, immutable", headers)
}

/// The icon where browsers look for it by themselves.
pub fn favicon(headers: &HeaderMap) -> Result<Reply, Problem> {
    reply(&ALL.icon, "public, max-age=86400", headers)
}

fn reply(asset: &Asset, caching: &'static str, headers: &HeaderMap) -> Result<Reply, Problem> {
    let gzip = asset.gzip.as_ref().filter(|_| takes_gzip(headers));
    let form = gzip.unwrap_or(&asset.plain);
    let etag = HeaderValue::try_from(&form.etag).map_err(|fault| Problem::internal(&fault))?;
    let mut reply = match has_etag(headers, &etag) {
        true => Reply::empty(StatusCode::NOT_MODIFIED),
        false => Reply::of(StatusCode::OK, asset.media_type, form.bytes.clone()),
    };
    if gzip.is_some() {
        reply = reply.with_header(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(reply
        .with_header(ETAG, etag)
        .with_header(VARY, HeaderValue::from_static("accept-encoding"))
        .with_header(CACHE_CONTROL, HeaderValue::from_static(caching)))
}

/// Whether a client takes gzip (RFC 9110, 12.5.3): by its name, else by `*`; a weight of zero is a refusal.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter();
    let texts = lists.filter_map(|list| list.to_str().ok());
    let (mut by_name, mut by_star) = (None, None);
    for coding in texts.flat_map(|list| list.split(',')) {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=");
        let weight: f32 = weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0));
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => by_name = Some(weight > 0.0),
            "*" => by_star = Some(weight > 0.0),
            _ => {}
        }
    }
    by_name.or(by_star).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_those_who_take_it() {
        let takes = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(text));
            takes_gzip(&headers)
        };
        for text in [
            "gzip",
            "br, GZIP;q=0.5",
            "*",
            "deflate, gzip, br, zstd",
            "*;q=0, x-gzip",
        ] {
            assert!(takes(text), "{text}");
        }
        for text in [
            "",
            "br",
            "identity",
            "gzip;q=0",
            "gzip; q=0.0, *",
            "*;q=0",
            "gzip;q=x",
        ] {
            assert!(!takes(text), "{text}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn style_and_script_are_as_small_as_they_have_to_be() {
        let size = |asset: &Asset| asset.gzip.as_ref().expect("a form").bytes.len();
        assert!(size(&ALL.css) <= 20_000 && size(&ALL.script) <= 12_000);
    }
}
