//! Routes and the thread that serves them.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tokio::{net::TcpListener, sync::oneshot};

use super::{Health, Metrics, access, connection::Bounded};
use crate::{
    config::Http,
    gate::{Kind, Line, monotonic_ns},
};

/// OpenMetrics 1.0, section 4.2.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How long answers under way may take once the server stops.
const GRACE: Duration = Duration::from_millis(500);

/// Why the server can't be started.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address can't be had.
    #[error("http: cannot listen on {address}: {source}; choose another [http] listen, or stop what listens there")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Off loopback without a token.
    #[error("http: {0} can be reached from elsewhere; add [http] token_file or token_env")]
    Open(SocketAddr),
    /// The system gives no thread.
    #[error("http: cannot start a thread: {0}; raise the limit on processes")]
    Thread(io::Error),
}

#[derive(Clone)]
struct Shared {
    settings: Arc<Http>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

/// The running server; ends when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens and serves from now on.
    ///
    /// # Errors
    /// [`HttpError`] if the address can't be had or would be open to everybody.
    pub fn start(settings: &Http, metrics: Arc<Metrics>, health: Arc<Health>) -> Result<Self, HttpError> {
        if !settings.listen.ip().is_loopback() && settings.token.is_none() {
            return Err(HttpError::Open(settings.listen));
        }
        let listen = |source| HttpError::Listen { address: settings.listen, source };
        let listener = std::net::TcpListener::bind(settings.listen).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(HttpError::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let routes = routes(Shared { settings: Arc::new(settings.clone()), metrics, health });
        let work = move || {
            runtime.block_on(async {
                if let Err(error) = serve(listener, routes, stopped).await {
                    tracing::error!(%error, "the HTTP server ended; restart miqa to have it back");
                }
            });
        };
        let thread = std::thread::Builder::new().name("http".into()).spawn(work).map_err(HttpError::Thread)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let Some(thread) = self.thread.take() else { return };
        let until = Instant::now() + 2 * GRACE;
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

async fn serve(listener: std::net::TcpListener, routes: Router, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let listener = Bounded::new(TcpListener::from_std(listener)?);
    let (over, ended) = oneshot::channel::<()>();
    let stop = async move {
        // Told, or the server was dropped: both end it.
        let _ = stopped.await;
        drop(over);
    };
    let server = axum::serve(listener, routes).with_graceful_shutdown(stop);
    tokio::select! {
        done = async { server.await } => done,
        () = async { let _ = ended.await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}

fn routes(shared: Shared) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/v1/gates", get(gates))
        .route("/v1/gates/{stream}", get(gate))
        .fallback(async || {
            problem(StatusCode::NOT_FOUND, "there is nothing; try /metrics, /healthz, /readyz or /v1/gates")
        })
        .layer(from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

fn problem(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&shared, &request) {
        Some(refused) => refused,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What is answered to those who may not ask. Health says nothing about anything else, so supervisors need no token for
/// it.
fn refusal(shared: &Shared, request: &Request) -> Option<Response> {
    let header = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    // HTTP/1.1 requires the header; a request in absolute form (RFC 9112, section 3.2.2) carries the name itself.
    let host = request.uri().authority().map(|name| name.as_str()).or(header(header::HOST));
    if !access::knows_host(host, &shared.settings.hosts) {
        let error = "this name is not ours; use the address, or add the name to [http] hosts";
        return Some(problem(StatusCode::FORBIDDEN, error));
    }
    let token = shared.settings.token.as_ref()?;
    if ["/healthz", "/readyz"].contains(&request.uri().path()) || access::bears(header(header::AUTHORIZATION), token) {
        return None;
    }
    let mut refused = problem(StatusCode::UNAUTHORIZED, "send the token as Authorization: Bearer …");
    refused.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Some(refused)
}

async fn metrics(State(shared): State<Shared>) -> Response {
    match shared.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn verdict(good: bool, word: &'static str) -> Response {
    if good { word.into_response() } else { (StatusCode::SERVICE_UNAVAILABLE, format!("not {word}")).into_response() }
}

async fn alive(State(shared): State<Shared>) -> Response {
    verdict(shared.health.is_alive(), "alive")
}

async fn ready(State(shared): State<Shared>) -> Response {
    verdict(shared.health.is_ready(), "ready")
}

fn lines(shared: &Shared) -> Vec<Line> {
    let now = monotonic_ns();
    shared.metrics.gates().standings(now).into_iter().map(|standing| Line::new(standing, Kind::State, now)).collect()
}

async fn gates(State(shared): State<Shared>) -> Response {
    Json(json!({ "gates": lines(&shared) })).into_response()
}

async fn gate(State(shared): State<Shared>, Path(stream): Path<String>) -> Response {
    match lines(&shared).into_iter().find(|line| line.stream == stream) {
        Some(line) => Json(line).into_response(),
        None => problem(StatusCode::NOT_FOUND, "there is no such stream; /v1/gates names them all"),
    }
}
