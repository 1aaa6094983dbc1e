//! What happens, as it happens (server-sent events) and as a list; and the ticker behind it.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Counted, Shared, problem, streams};
use crate::http::screen::{REMEMBERED, Told};

/// Event streams at a time.
const MOST: usize = 24;

/// How often listeners are told where the gates stand.
const EVERY: Duration = Duration::from_secs(1);

/// A connection is given a sign of life so often.
const ALIVE: Duration = Duration::from_secs(10);

/// What listeners are told each second.
#[derive(Serialize)]
struct Status {
    streams: Vec<streams::View>,
    stretch: f32,
    configuration: Option<String>,
}

/// Tells where the gates stand, as long as anybody listens. Runs as long as the server.
pub(in crate::http) async fn tell_standings(shared: Shared) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let screen = Arc::clone(&shared.served.screen);
    loop {
        tick.tick().await;
        if screen.listeners() == 0 {
            continue;
        }
        let (stretch, configuration) = (screen.stretch(), screen.refused());
        let status = Status { streams: streams::views(&shared), stretch, configuration };
        if let Ok(status) = serde_json::to_string(&status) {
            screen.tell(Told::Status(status.into()));
        }
    }
}

/// What is told, in the form of server-sent events.
fn event(told: &Told) -> Event {
    match told {
        Told::Said(id, json) => Event::default().event("said").id(&**id).data(&**json),
        Told::Status(json) => Event::default().event("status").data(&**json),
        Told::Streams => Event::default().event("streams").data("{}"),
        Told::Alerts => Event::default().event("alerts").data("{}"),
    }
}

struct Listener {
    before: std::vec::IntoIter<Told>,
    from: Receiver<Told>,
    _counted: Counted,
}

async fn next(mut listener: Listener) -> Option<(Result<Event, std::convert::Infallible>, Listener)> {
    if let Some(told) = listener.before.next() {
        return Some((Ok(event(&told)), listener));
    }
    let event = match listener.from.recv().await {
        Ok(told) => event(&told),
        // It was too slow: whatever it shows may be old.
        Err(RecvError::Lagged(_)) => Event::default().event("missed").data("{}"),
        Err(RecvError::Closed) => return None,
    };
    Some((Ok(event), listener))
}

pub(super) async fn listen(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let Some(counted) = shared.one_more(MOST) else {
        return problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many listen already; close a page that is open elsewhere",
        );
    };
    let screen = &shared.served.screen;
    // Listening begins first: between the two nothing is lost, at worst told twice.
    let from = screen.listen();
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let before = last.map_or_else(Vec::new, |id| screen.events(Some(id))).into_iter();
    let listener = Listener { before, from, _counted: counted };
    let mut response =
        Sse::new(stream::unfold(listener, next)).keep_alive(KeepAlive::new().interval(ALIVE)).into_response();
    // Proxies that collect an answer before they pass it on would never pass this one on.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    limit: Option<usize>,
}

pub(super) async fn log(State(shared): State<Shared>, Query(query): Query<Limit>) -> Response {
    let limit = query.limit.unwrap_or(100);
    if limit > REMEMBERED {
        return problem(StatusCode::BAD_REQUEST, &format!("limit: {limit} must be 0 to {REMEMBERED}"));
    }
    let events = shared.served.screen.events(None);
    let said = events.iter().rev().filter_map(|told| match told {
        Told::Said(_, json) => Some(&**json),
        _ => None,
    });
    let list: Vec<&str> = said.take(limit).collect();
    // Each is JSON already.
    let body = format!("{{\"events\":[{}]}}", list.join(","));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
