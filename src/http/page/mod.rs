//! The page: a few files inside the program, the same for everybody. Nothing is built, nothing comes from elsewhere.

use axum::{
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

/// One file of the page.
#[derive(Debug)]
pub(super) struct File {
    /// Where it is served.
    pub(super) path: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($path:literal $kind:literal $name:literal)*) => {
        &[$(File { path: $path, kind: $kind, text: include_str!($name) }),*]
    };
}

/// All of them.
pub(super) const FILES: &[File] = files! {
    "/" "text/html; charset=utf-8" "index.html"
    "/page/style.css" "text/css; charset=utf-8" "style.css"
    "/page/icon.svg" "image/svg+xml" "icon.svg"
    "/page/app.js" "text/javascript; charset=utf-8" "app.js"
    "/page/element.js" "text/javascript; charset=utf-8" "element.js"
    "/page/words.js" "text/javascript; charset=utf-8" "words.js"
    "/page/api.js" "text/javascript; charset=utf-8" "api.js"
    "/page/store.js" "text/javascript; charset=utf-8" "store.js"
    "/page/chart.js" "text/javascript; charset=utf-8" "chart.js"
    "/page/pictures.js" "text/javascript; charset=utf-8" "pictures.js"
    "/page/dialogs.js" "text/javascript; charset=utf-8" "dialogs.js"
    "/page/cameras.js" "text/javascript; charset=utf-8" "cameras.js"
    "/page/camera.js" "text/javascript; charset=utf-8" "camera.js"
    "/page/alerts.js" "text/javascript; charset=utf-8" "alerts.js"
    "/page/report.js" "text/javascript; charset=utf-8" "report.js"
};

/// Serves a file; a browser that has it is told so.
pub(super) fn serve(file: &File, request: &Request) -> Response {
    let tag = tag(file.text);
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|tag| tag.to_str().ok());
    let headers =
        [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, "no-cache"), (header::CONTENT_TYPE, file.kind)];
    if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, file.text).into_response()
}

fn tag(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_whole_and_at_home() {
        let bytes: usize = FILES.iter().map(|file| file.text.len()).sum();
        assert!(bytes < 200_000, "{bytes} bytes");
        let index = FILES.iter().find(|file| file.path == "/").expect("an index");
        assert!(!index.text.contains("<style") && !index.text.contains(" style=") && !index.text.contains(" on"));
        for file in FILES {
            // Scripts import each other, and the index names scripts, by absolute paths that are served.
            for part in file.text.split('"').filter(|part| part.starts_with("/page/")) {
                assert!(FILES.iter().any(|other| other.path == part), "{}: {part} is not served", file.path);
            }
            for far in ["http://", "https://"] {
                // A namespace, and what a camera's address may look like.
                let elsewhere = ["http://www.w3.org/2000/svg", "http://camera/"]
                    .iter()
                    .fold(file.text.to_owned(), |text, allowed| text.replace(allowed, ""));
                assert!(!elsewhere.contains(far), "{} names {far}", file.path);
            }
        }
    }
}
