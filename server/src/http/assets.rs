//! What the browser loads beside the pages: program, style, fonts and icons, from the site's folder.
//!
//! Names in `pkg/` do not carry a hash, so the browser asks each time and mostly hears 304; fonts never change under
//! their name. The build id is the hash of what is in `pkg/`, equal in every replica of one build.

use std::path::Path;

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use model::AppError;
use sha2::{Digest, Sha256};
use tower_http::services::{ServeDir, ServeFile};

use super::{HttpState, error_page::Failure};

/// The single files at the root of the site.
pub(super) const ROOT_FILES: [&str; 4] = ["/favicon.ico", "/favicon.svg", "/icons.svg", "/robots.txt"];

/// Returns the routes of the site's files.
pub(super) fn routes(site_root: &Path) -> Router<HttpState> {
    let folder = |name: &str| ServeDir::new(site_root.join(name)).precompressed_br().precompressed_gzip();
    let mut routes =
        Router::new().nest_service("/pkg", folder("pkg")).nest_service("/fonts", folder("fonts"));
    for path in ROOT_FILES {
        routes = routes.route_service(path, ServeFile::new(site_root.join(&path[1..])));
    }
    routes.layer(middleware::from_fn(say_how_long_it_keeps))
}

/// Returns the id of the build that the site's folder holds.
pub(super) fn build_id(site_root: &Path) -> std::io::Result<String> {
    let mut files = std::fs::read_dir(site_root.join("pkg"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|file| file.is_file());
    files.sort();
    let mut hash = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"));
    for file in files {
        hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update(std::fs::read(&file)?);
    }
    Ok(hex::encode(&hash.finalize()[..8]))
}

async fn say_how_long_it_keeps(request: Request, next: Next) -> Response {
    let is_font = request.uri().path().starts_with("/fonts/");
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        return Failure(AppError::NotFound { what: "This file".into() }).into_response();
    }
    let keep = if is_font { "public, max-age=31536000, immutable" } else { "public, no-cache" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    response
}
