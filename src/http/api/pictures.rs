//! Pictures: of now, the last good one, and those of alerts.

use std::{sync::Arc, time::SystemTime};

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{Shared, no_stream, problem};
use crate::http::screen::{Pane, Picture, Size};

/// When a picture was taken, in seconds since 1970.
const TAKEN: HeaderName = HeaderName::from_static("miqa-taken");

/// Bytes of the largest file that is served.
const LARGEST: u64 = 32 << 20;

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    #[default]
    Small,
    Large,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sized {
    #[serde(default)]
    size: Wanted,
    /// Anything: a browser that shows a picture asks for it anew only under another address.
    #[serde(default, rename = "t")]
    _anew: Option<String>,
}

fn jpeg(bytes: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "image/jpeg")], bytes).into_response()
}

fn none(error: &str) -> Response {
    problem(StatusCode::NOT_FOUND, error)
}

fn shown(picture: Option<Picture>, error: &str) -> Response {
    let Some(picture) = picture else { return none(error) };
    let taken = picture.taken.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let mut response = jpeg(picture.bytes);
    if let Ok(taken) = HeaderValue::try_from(format!("{taken:.3}")) {
        response.headers_mut().insert(TAKEN, taken);
    }
    response
}

/// A stream whose pictures may be shown.
fn pane(shared: &Shared, stream: &str) -> Result<Arc<Pane>, Response> {
    let pane = shared.served.screen.find(stream).ok_or_else(no_stream)?;
    if !pane.about().pictures {
        return Err(problem(StatusCode::FORBIDDEN, "no pictures of this stream are shown: it has snapshots = false"));
    }
    Ok(pane)
}

pub(super) async fn live(
    State(shared): State<Shared>,
    Path(stream): Path<String>,
    Query(query): Query<Sized>,
) -> Result<Response, Response> {
    let pane = pane(&shared, &stream)?;
    let size = match query.size {
        Wanted::Small => Size::Small,
        Wanted::Large => Size::Large,
    };
    Ok(shown(pane.live(size).await, "there is no picture yet; the stream gives no frames"))
}

pub(super) async fn good(
    State(shared): State<Shared>,
    Path(stream): Path<String>,
    Query(Sized { .. }): Query<Sized>,
) -> Result<Response, Response> {
    let pane = pane(&shared, &stream)?;
    Ok(shown(pane.good(), "there is no good picture yet: the gate has not been open since the start"))
}

/// The file is found by the alert's id, never by a path of the request.
async fn of_alert(shared: Shared, alert: String, good: bool) -> Response {
    let read = move || {
        let path = (shared.served.snapshot)(&alert, good)?;
        let file = std::fs::File::open(path).ok().filter(|file| file.metadata().is_ok_and(|m| m.len() <= LARGEST))?;
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(file, LARGEST), &mut bytes).ok()?;
        Some(bytes)
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Some(bytes)) => jpeg(bytes.into()),
        _ => none("there is no such picture (any more); [snapshots] says what is kept and for how long"),
    }
}

pub(super) async fn snapshot(State(shared): State<Shared>, Path(alert): Path<String>) -> Response {
    of_alert(shared, alert, false).await
}

pub(super) async fn last_good(State(shared): State<Shared>, Path(alert): Path<String>) -> Response {
    of_alert(shared, alert, true).await
}
