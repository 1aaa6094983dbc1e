//! The program itself: health, metrics, what may be done here, sessions, and what was gated.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Body, DESCRIPTION, Shared, problem, today};
use crate::{
    config::AddKind,
    http::{Report, access, session},
};

/// OpenMetrics 1.0, section 4.2.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How long a wrong token is thought about.
const THOUGHT: Duration = Duration::from_millis(300);

/// How long a report serves whoever asks the same.
const FRESH: Duration = Duration::from_secs(5);

/// Days that a report may look back.
const DAYS: u64 = 366;

pub(super) async fn metrics(State(shared): State<Shared>) -> Response {
    match shared.served.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn verdict(good: bool, word: &'static str) -> Response {
    if good { word.into_response() } else { (StatusCode::SERVICE_UNAVAILABLE, format!("not {word}")).into_response() }
}

pub(super) async fn alive(State(shared): State<Shared>) -> Response {
    verdict(shared.served.health.is_alive(), "alive")
}

pub(super) async fn ready(State(shared): State<Shared>) -> Response {
    verdict(shared.served.health.is_ready(), "ready")
}

pub(super) async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}

pub(super) async fn about(State(shared): State<Shared>) -> Response {
    let (served, settings) = (&shared.served, &shared.settings);
    let mut kinds: Vec<&str> = Vec::new();
    for kind in &settings.additions.kinds {
        kinds.push(match kind {
            AddKind::Rtsp => "rtsp",
            AddKind::Http => "http",
            AddKind::Test => "test",
        });
    }
    if settings.additions.files.is_some() {
        kinds.push("file");
    }
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "model": served.about.model,
        "model_version": served.about.model_version,
        "provider": served.about.provider,
        "distortions": served.about.distortions,
        "now": today(),
        "alive": served.health.is_alive(),
        "ready": served.health.is_ready(),
        "stretch": served.screen.stretch(),
        "configuration": served.screen.refused(),
        "commands": settings.commands,
        "add": kinds,
        "kept": served.kept,
        "session": settings.token.is_some(),
        "rules": served.screen.rules(),
    }))
    .into_response()
}

fn cookie(shared: &Shared, value: &str, lasts: u64) -> Response {
    let secure = if shared.settings.tls.is_some() { "; Secure" } else { "" };
    let cookie = format!("{}={value}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Strict{secure}", shared.cookie);
    match HeaderValue::try_from(cookie) {
        Ok(cookie) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response(),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the session could not be begun"),
    }
}

pub(super) async fn log_in(State(shared): State<Shared>, Body(asked): Body<Value>) -> Response {
    // Not by `Secret`'s own reading: what isn't the token needn't be remembered.
    let given = match (asked.as_object().map(|keys| keys.len()), asked["token"].as_str()) {
        (Some(1), Some(given)) => given,
        _ => return problem(StatusCode::BAD_REQUEST, "send {\"token\": \"…\"} and nothing else"),
    };
    let Some(token) = &shared.settings.token else { return StatusCode::NO_CONTENT.into_response() };
    if !access::is_token(given, token) {
        tokio::time::sleep(THOUGHT).await;
        return problem(
            StatusCode::UNAUTHORIZED,
            "that is not the token; it stands where [http] token_file or token_env says",
        );
    }
    cookie(&shared, &session::begin(token, today()), session::LASTS)
}

pub(super) async fn log_out(State(shared): State<Shared>) -> Response {
    cookie(&shared, "", 0)
}

/// Reports, made one at a time and kept for a moment.
pub(super) struct Reports {
    make: Arc<Report>,
    made: Mutex<Option<(u64, Instant, Value)>>,
    one: tokio::sync::Semaphore,
}

impl Reports {
    pub(super) fn new(make: Arc<Report>) -> Self {
        Self { make, made: Mutex::default(), one: tokio::sync::Semaphore::new(1) }
    }

    fn kept(&self, seconds: u64) -> Option<Value> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.as_ref().filter(|(of, at, _)| *of == seconds && at.elapsed() < FRESH).map(|(_, _, report)| report.clone())
    }

    async fn of(&self, seconds: u64) -> Result<Value, String> {
        if let Some(report) = self.kept(seconds) {
            return Ok(report);
        }
        let _one = self.one.acquire().await;
        if let Some(report) = self.kept(seconds) {
            return Ok(report);
        }
        let make = Arc::clone(&self.make);
        let made = tokio::task::spawn_blocking(move || make(Duration::from_secs(seconds))).await;
        let report = made.map_err(|e| e.to_string())??;
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some((seconds, Instant::now(), report.clone()));
        Ok(report)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// Seconds before now.
    since: Option<u64>,
}

pub(super) async fn report(State(shared): State<Shared>, Query(query): Query<Since>) -> Response {
    let since = query.since.unwrap_or(7 * 86_400);
    if !(1..=DAYS * 86_400).contains(&since) {
        return problem(StatusCode::BAD_REQUEST, &format!("since: {since} must be 1 to {} seconds", DAYS * 86_400));
    }
    match shared.report.of(since).await {
        Ok(report) => Json(report).into_response(),
        Err(why) => problem(StatusCode::CONFLICT, &why),
    }
}
