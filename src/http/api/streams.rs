//! Streams: what they are and how they stand; added, removed, paused and resumed.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Body, Shared, ask, may_command, no_stream, problem, today};
use crate::{
    config::Addition,
    control::Request as Ask,
    gate::{Kind, Line, monotonic_ns},
    http::{Pane, PaneAbout, screen},
};

/// One stream as it is shown.
#[derive(Serialize)]
pub(super) struct View {
    name: String,
    #[serde(flatten)]
    about: PaneAbout,
    size: Option<[u32; 2]>,
    light: Option<crate::facts::LightMode>,
    thresholds: Option<screen::Thresholds>,
    /// What is normal for this camera in this light; absent until that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    normal: Option<screen::Normal>,
    /// Since when, in seconds since 1970, state and reason are what they are.
    stands_since: Option<f64>,
    flaps: u32,
    gate: Line,
}

/// Every stream, in the order of the configuration.
pub(super) fn views(shared: &Shared) -> Vec<View> {
    let now = monotonic_ns();
    let mut standings: BTreeMap<_, _> = shared
        .served
        .metrics
        .gates()
        .standings(now)
        .into_iter()
        .map(|standing| (standing.status.stream.clone(), standing))
        .collect();
    let view = |pane: &std::sync::Arc<Pane>| {
        let standing = standings.remove(pane.name())?;
        let (looks, flaps) = (pane.looks(), standing.status.flaps);
        Some(View {
            name: pane.name().into(),
            about: pane.about(),
            size: looks.size,
            light: looks.light,
            thresholds: looks.thresholds,
            normal: looks.normal,
            stands_since: looks.stands_since(),
            flaps,
            gate: Line::new(standing, Kind::State, now),
        })
    };
    shared.served.screen.panes().iter().filter_map(view).collect()
}

pub(super) async fn list(State(shared): State<Shared>) -> Response {
    Json(Views { streams: views(&shared) }).into_response()
}

/// Every stream. A type of its own: as a `Value` scores would be written with the digits of doubles.
#[derive(Serialize)]
pub(super) struct Views {
    streams: Vec<View>,
}

#[derive(Serialize)]
struct Histories<'a> {
    streams: BTreeMap<&'a str, screen::HistoryView>,
}

pub(super) async fn one(State(shared): State<Shared>, Path(stream): Path<String>) -> Response {
    match views(&shared).into_iter().find(|view| view.name == stream) {
        Some(view) => Json(view).into_response(),
        None => no_stream(),
    }
}

pub(super) async fn add(
    State(shared): State<Shared>,
    Body(asked): Body<Map<String, Value>>,
) -> Result<Response, Response> {
    may_command(&shared)?;
    let addition = Addition::new(asked, &shared.settings.additions).map_err(|(key, reason)| {
        let colon = if key.is_empty() { "" } else { ": " };
        problem(StatusCode::UNPROCESSABLE_ENTITY, &format!("{key}{colon}{reason}"))
    })?;
    let name = addition.name().to_owned();
    ask(&shared, Ask::Add(addition)).await?;
    let view = views(&shared).into_iter().find(|view| view.name == name).ok_or_else(no_stream)?;
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

fn known(shared: &Shared, stream: &str) -> Result<(), Response> {
    shared.served.screen.find(stream).map(drop).ok_or_else(no_stream)
}

pub(super) async fn remove(State(shared): State<Shared>, Path(stream): Path<String>) -> Result<Response, Response> {
    known(&shared, &stream)?;
    ask(&shared, Ask::Remove { stream }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn rest(shared: &Shared, stream: String, paused: bool) -> Result<Response, Response> {
    known(shared, &stream)?;
    ask(shared, Ask::Pause { stream: stream.clone(), paused }).await?;
    let view = views(shared).into_iter().find(|view| view.name == stream).ok_or_else(no_stream)?;
    Ok(Json(view).into_response())
}

pub(super) async fn pause(State(shared): State<Shared>, Path(stream): Path<String>) -> Result<Response, Response> {
    rest(&shared, stream, true).await
}

pub(super) async fn resume(State(shared): State<Shared>, Path(stream): Path<String>) -> Result<Response, Response> {
    rest(&shared, stream, false).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Points {
    points: Option<usize>,
}

impl Points {
    /// Buckets that are asked for.
    fn or(&self, usual: usize) -> Result<usize, Response> {
        match self.points.unwrap_or(usual) {
            points @ 1..=screen::MOST_POINTS => Ok(points),
            points => {
                Err(problem(StatusCode::BAD_REQUEST, &format!("points: {points} must be 1 to {}", screen::MOST_POINTS)))
            }
        }
    }
}

pub(super) async fn history(
    State(shared): State<Shared>,
    Path(stream): Path<String>,
    Query(query): Query<Points>,
) -> Result<Response, Response> {
    let pane = shared.served.screen.find(&stream).ok_or_else(no_stream)?;
    Ok(Json(pane.history(today(), query.or(screen::MOST_POINTS)?)).into_response())
}

pub(super) async fn histories(State(shared): State<Shared>, Query(query): Query<Points>) -> Result<Response, Response> {
    let (now, points) = (today(), query.or(120)?);
    let panes = shared.served.screen.panes();
    let streams = panes.iter().map(|pane| (pane.name(), pane.history(now, points))).collect();
    Ok(Json(Histories { streams }).into_response())
}
