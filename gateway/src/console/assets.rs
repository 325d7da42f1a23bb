//! The style sheet, the script and the icon, part of the program. Their paths hold their hash, so browsers keep them.

use std::sync::LazyLock;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue};
use ring::digest::{SHA256, digest};

use crate::base::hex;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// A file of the program.
pub struct Asset {
    pub path: String,
    bytes: Bytes,
    media_type: &'static str,
}

/// All of them.
pub struct Assets {
    pub css: Asset,
    pub script: Asset,
    pub icon: Asset,
}

/// All of them, hashed once.
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
    Asset {
        path: format!("/integrations/assets/console.{sum}.{extension}"),
        bytes: Bytes::from_static(bytes),
        media_type,
    }
}

/// The asset of a path; one of another version is not found.
pub fn find(path: &str) -> Result<Reply, Problem> {
    let Assets { css, script, icon } = &*ALL;
    let found = [css, script, icon].into_iter().find(|asset| asset.path == path);
    let asset = found.ok_or_else(Problem::not_found)?;
    Ok(reply(asset, "public, max-age=31536000, immutable"))
}

/// The icon where browsers look for it by themselves.
pub fn favicon() -> Reply {
    reply(&ALL.icon, "public, max-age=86400")
}

fn reply(asset: &Asset, caching: &'static str) -> Reply {
    Reply::of(StatusCode::OK, asset.media_type, asset.bytes.clone())
        .with_header(CACHE_CONTROL, HeaderValue::from_static(caching))
}
