//! Alerts: listed, acknowledged, silenced for a while.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Body, Lasts, Shared, ask, no_stream, problem, today};
use crate::{control::Request as Ask, event::AlertState, http::AlertView};

#[derive(Serialize)]
struct Alerts {
    alerts: Vec<AlertView>,
}

pub(super) async fn list(State(shared): State<Shared>) -> Response {
    Json(Alerts { alerts: shared.served.screen.alerts() }).into_response()
}

pub(super) async fn acknowledge(State(shared): State<Shared>, Path(alert): Path<String>) -> Result<Response, Response> {
    let screen = &shared.served.screen;
    match screen.alert(&alert) {
        None => return Err(problem(StatusCode::NOT_FOUND, "there is no such alert; /api/v1/alerts names them all")),
        Some(known) if known.state == AlertState::Resolved => {
            return Err(problem(
                StatusCode::CONFLICT,
                "this alert is resolved; there is nothing to look after any more",
            ));
        }
        Some(_) => {}
    }
    ask(&shared, Ask::Acknowledge { alert: alert.clone() }).await?;
    match screen.alert(&alert) {
        Some(known) => Ok(Json(known).into_response()),
        None => Err(problem(StatusCode::NOT_FOUND, "the alert is gone")),
    }
}

fn silent(shared: &Shared) -> Response {
    Json(json!({ "silences": shared.served.screen.silences(today()) })).into_response()
}

pub(super) async fn silences(State(shared): State<Shared>) -> Response {
    silent(&shared)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Silence {
    /// All of the stream's rules without one.
    rule: Option<String>,
    /// Seconds for which it holds.
    seconds: Lasts,
}

async fn change(
    shared: &Shared,
    stream: String,
    rule: Option<String>,
    until: Option<u64>,
) -> Result<Response, Response> {
    shared.served.screen.find(&stream).ok_or_else(no_stream)?;
    ask(shared, Ask::Silence { stream, rule, until }).await?;
    Ok(silent(shared))
}

pub(super) async fn silence(
    State(shared): State<Shared>,
    Path(stream): Path<String>,
    Body(asked): Body<Silence>,
) -> Result<Response, Response> {
    change(&shared, stream, asked.rule, Some(today() + asked.seconds.0)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfRule {
    rule: Option<String>,
}

pub(super) async fn end_silence(
    State(shared): State<Shared>,
    Path(stream): Path<String>,
    Query(query): Query<OfRule>,
) -> Result<Response, Response> {
    change(&shared, stream, query.rule, None).await
}
