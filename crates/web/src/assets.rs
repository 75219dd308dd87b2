//! Files that pages are made of: compiled in, and named by their content, so that browsers keep them until they change.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::failure::Failure;
use crate::token::digest;

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static [u8],
}

macro_rules! assets {
    ($($name:literal: $kind:literal),* $(,)?) => {
        [$(Asset { name: $name, kind: $kind, content: include_bytes!(concat!("../assets/", $name)) }),*]
    };
}

static ASSETS: [Asset; 7] = assets![
    "style.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "hx-sse.min.js": "text/javascript; charset=utf-8",
    "inter.woff2": "font/woff2",
    "jetbrains-mono.woff2": "font/woff2",
    "icon.svg": "image/svg+xml",
];

/// Of everything, so that a page never mixes files of two versions.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all: Vec<u8> = ASSETS.iter().flat_map(|asset| asset.content).copied().collect();
    digest(&all)
});

/// Where an asset is found.
pub fn at(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

pub async fn serve(Path((version, name)): Path<(String, String)>) -> Result<Response, Failure> {
    let asset = ASSETS.iter().find(|asset| asset.name == name).ok_or_else(Failure::nowhere)?;
    let kept = if version == *VERSION { "public, max-age=31536000, immutable" } else { "no-store" };
    Ok(([(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, kept)], asset.content).into_response())
}
