//! The routes, and what every request goes through. `openapi.json` beside this describes them; a test holds the two together.

#![expect(clippy::result_large_err, reason = "what refuses is an answer like any other, and is handed on at once")]

mod about;
mod alerts;
mod events;
mod gates;
mod guard;
mod pictures;
mod streams;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequest, Request, rejection::JsonRejection},
    http::StatusCode,
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post, put},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use tokio::sync::oneshot;

pub(super) use events::tell_standings;

use super::{Served, page};
use crate::{
    config::Http,
    control::{Answer, Request as Ask},
    secret,
};

/// Bytes of a request's body.
const BODY: usize = 16 << 10;

/// How long the daemon may take to do what it is asked.
const ANSWER: Duration = Duration::from_secs(10);

/// The longest time for which a gate is set by hand or an alert silenced, in seconds: thirty days.
const LONGEST: u64 = 30 * 86_400;

/// The description of everything below.
pub(super) const DESCRIPTION: &str = include_str!("openapi.json");

#[derive(Clone)]
pub(super) struct Shared {
    settings: Arc<Http>,
    served: Served,
    /// Name of the session's cookie: cookies know no ports.
    cookie: Arc<str>,
    /// Event streams that are open.
    streams: Arc<AtomicUsize>,
    report: Arc<about::Reports>,
}

impl Shared {
    pub(super) fn new(settings: &Http, served: Served, port: u16) -> Self {
        let report = Arc::new(about::Reports::new(Arc::clone(&served.report)));
        let cookie = format!("miqa_{port}").into();
        Self { settings: Arc::new(settings.clone()), served, cookie, streams: Arc::default(), report }
    }

    /// One more event stream, if there may be one; it counts until it is dropped.
    fn one_more(&self, most: usize) -> Option<Counted> {
        let free = |n| (n < most).then_some(n + 1);
        self.streams.fetch_update(Ordering::AcqRel, Ordering::Acquire, free).ok()?;
        Some(Counted(Arc::clone(&self.streams)))
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Seconds since 1970.
fn today() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}

/// Every path with its methods. What isn't described isn't served: a test compares this with the description.
fn routes() -> Vec<(&'static str, &'static [&'static str], MethodRouter<Shared>)> {
    vec![
        ("/metrics", &["get"], get(about::metrics)),
        ("/healthz", &["get"], get(about::alive)),
        ("/readyz", &["get"], get(about::ready)),
        ("/api/v1/openapi.json", &["get"], get(about::description)),
        ("/api/v1/session", &["post", "delete"], post(about::log_in).delete(about::log_out)),
        ("/api/v1/about", &["get"], get(about::about)),
        ("/api/v1/streams", &["get", "post"], get(streams::list).post(streams::add)),
        ("/api/v1/streams/{stream}", &["get", "delete"], get(streams::one).delete(streams::remove)),
        ("/api/v1/streams/{stream}/pause", &["post"], post(streams::pause)),
        ("/api/v1/streams/{stream}/resume", &["post"], post(streams::resume)),
        ("/api/v1/streams/{stream}/history", &["get"], get(streams::history)),
        ("/api/v1/streams/{stream}/live.jpg", &["get"], get(pictures::live)),
        ("/api/v1/streams/{stream}/good.jpg", &["get"], get(pictures::good)),
        ("/api/v1/history", &["get"], get(streams::histories)),
        ("/api/v1/gates", &["get"], get(gates::list)),
        ("/api/v1/gates/{stream}", &["get"], get(gates::one)),
        ("/api/v1/gates/{stream}/override", &["put", "delete"], put(gates::set).delete(gates::take_back)),
        ("/api/v1/alerts", &["get"], get(alerts::list)),
        ("/api/v1/alerts/{alert}/acknowledge", &["post"], post(alerts::acknowledge)),
        ("/api/v1/alerts/{alert}/snapshot.jpg", &["get"], get(pictures::snapshot)),
        ("/api/v1/alerts/{alert}/good.jpg", &["get"], get(pictures::last_good)),
        ("/api/v1/silences", &["get"], get(alerts::silences)),
        ("/api/v1/silences/{stream}", &["put", "delete"], put(alerts::silence).delete(alerts::end_silence)),
        ("/api/v1/report", &["get"], get(about::report)),
        ("/api/v1/log", &["get"], get(events::log)),
        ("/api/v1/events", &["get"], get(events::listen)),
    ]
}

pub(super) fn router(shared: Shared) -> Router {
    let mut router = Router::new();
    for (path, _, handler) in routes() {
        router = router.route(path, handler);
    }
    for file in page::FILES {
        router = router.route(file.path, get(async move |request: Request| page::serve(file, &request)));
    }
    router
        .fallback(async || {
            let error = "there is nothing; /api/v1/openapi.json describes what there is, / is a page for people";
            problem(StatusCode::NOT_FOUND, error)
        })
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(shared.clone(), guard::guard))
        .with_state(shared)
}

/// What went wrong and the next step, as JSON.
fn problem(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": secret::scrub(error) }))).into_response()
}

fn no_stream() -> Response {
    problem(StatusCode::NOT_FOUND, "there is no such stream; /api/v1/streams names them all")
}

/// A JSON body; what is wrong with one is said as a [`problem`].
struct Body<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejected) => {
                let status = match &rejected {
                    // The form is wrong either way, whether JSON itself or what it says.
                    JsonRejection::JsonSyntaxError(_) | JsonRejection::JsonDataError(_) => StatusCode::BAD_REQUEST,
                    other => other.status(),
                };
                Err(problem(status, &rejected.body_text()))
            }
        }
    }
}

/// For how long, in whole seconds.
#[derive(Deserialize)]
#[serde(try_from = "u64")]
struct Lasts(u64);

impl TryFrom<u64> for Lasts {
    type Error = String;

    fn try_from(seconds: u64) -> Result<Self, String> {
        match seconds {
            1..=LONGEST => Ok(Self(seconds)),
            _ => Err(format!("{seconds} seconds must be 1 to {LONGEST}")),
        }
    }
}

/// Whether anything may be changed from here at all.
fn may_command(shared: &Shared) -> Result<(), Response> {
    if shared.settings.commands {
        return Ok(());
    }
    Err(problem(StatusCode::FORBIDDEN, "nothing may be changed from here; [http] commands = true allows it"))
}

/// Asks the daemon for a change.
async fn ask(shared: &Shared, request: Ask) -> Result<Answer, Response> {
    may_command(shared)?;
    let busy = || problem(StatusCode::SERVICE_UNAVAILABLE, "the daemon does not answer; look at its log and try again");
    let (to, from) = oneshot::channel();
    // Whoever asked may be gone when the answer comes.
    if !shared.served.desk.ask(request, move |answer| drop(to.send(answer))) {
        return Err(busy());
    }
    match tokio::time::timeout(ANSWER, from).await {
        Ok(Ok(Answer { refused: Some(why), .. })) => Err(problem(StatusCode::CONFLICT, &why)),
        Ok(Ok(answer)) => Ok(answer),
        _ => Err(busy()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;
    use crate::event::{GateReason, GateState};

    #[test]
    fn what_is_served_is_described_and_the_other_way_round() {
        let description: Value = serde_json::from_str(DESCRIPTION).expect("JSON");
        assert_eq!(description["openapi"], "3.1.0");
        assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
        let paths = description["paths"].as_object().expect("paths");
        let methods = |item: &Value| -> BTreeSet<String> {
            let keys = item.as_object().expect("a path").keys();
            keys.filter(|key| ["get", "put", "post", "delete", "patch"].contains(&key.as_str())).cloned().collect()
        };
        let described: BTreeMap<String, BTreeSet<String>> =
            paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect();
        let served: BTreeMap<String, BTreeSet<String>> = routes()
            .into_iter()
            .map(|(path, methods, _)| (path.into(), methods.iter().map(ToString::to_string).collect()))
            .collect();
        assert_eq!(described, served);
        let words = |pointer: &str| -> Vec<String> {
            let list = description.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
            serde_json::from_value(list.clone()).expect("words")
        };
        assert_eq!(words("/components/schemas/State/enum"), GateState::ALL.map(|state| state.name().to_owned()));
        assert_eq!(words("/components/schemas/Reason/enum"), GateReason::ALL.map(|reason| reason.name().to_owned()));
    }
}
