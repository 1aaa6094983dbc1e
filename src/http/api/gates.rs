//! Gates: where they stand, and set by hand for a while.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{Body, Lasts, Shared, ask, no_stream, today};
use crate::{
    control::Request as Ask,
    event::GateState,
    gate::{Kind, Line, monotonic_ns},
};

fn lines(shared: &Shared) -> Vec<Line> {
    let now = monotonic_ns();
    let standings = shared.served.metrics.gates().standings(now);
    standings.into_iter().map(|standing| Line::new(standing, Kind::State, now)).collect()
}

#[derive(Serialize)]
struct Gates {
    gates: Vec<Line>,
}

pub(super) async fn list(State(shared): State<Shared>) -> Response {
    Json(Gates { gates: lines(&shared) }).into_response()
}

pub(super) async fn one(State(shared): State<Shared>, Path(stream): Path<String>) -> Response {
    match lines(&shared).into_iter().find(|line| line.stream == stream) {
        Some(line) => Json(line).into_response(),
        None => no_stream(),
    }
}

/// What may be set by hand.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wish {
    Open,
    Closed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Override {
    state: Wish,
    /// Seconds for which it holds.
    seconds: Lasts,
}

async fn put(
    shared: &Shared,
    stream: String,
    state: Option<GateState>,
    until: Option<u64>,
) -> Result<Response, Response> {
    shared.served.screen.find(&stream).ok_or_else(no_stream)?;
    ask(shared, Ask::Gate { stream: stream.clone(), state, until }).await?;
    let line = lines(shared).into_iter().find(|line| line.stream == stream).ok_or_else(no_stream)?;
    Ok((StatusCode::OK, Json(line)).into_response())
}

pub(super) async fn set(
    State(shared): State<Shared>,
    Path(stream): Path<String>,
    Body(asked): Body<Override>,
) -> Result<Response, Response> {
    let state = match asked.state {
        Wish::Open => GateState::Open,
        Wish::Closed => GateState::Closed,
    };
    put(&shared, stream, Some(state), Some(today() + asked.seconds.0)).await
}

pub(super) async fn take_back(State(shared): State<Shared>, Path(stream): Path<String>) -> Result<Response, Response> {
    put(&shared, stream, None, None).await
}
