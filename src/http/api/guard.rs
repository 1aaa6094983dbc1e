//! What every request goes through: who may ask, how long it may take, what a browser is told to beware of.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};

use super::{Shared, problem, today};
use crate::http::{access, page, session};

/// How long a request may take; event streams go on after their beginning.
const LONGEST: Duration = Duration::from_secs(20);

/// No script but our own files, nothing from elsewhere, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
];

pub(super) async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&shared, &request) {
        Some(refused) => refused,
        None => match tokio::time::timeout(LONGEST, next.run(request)).await {
            Ok(response) => told(response),
            Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "that took too long; try again"),
        },
    };
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Errors that axum makes are told as ours are.
fn told(response: Response) -> Response {
    let status = response.status();
    let plain = response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/"));
    if !status.is_client_error() || !plain {
        return response;
    }
    let error = match status {
        StatusCode::METHOD_NOT_ALLOWED => "this can't be done here; /api/v1/openapi.json describes what can",
        StatusCode::BAD_REQUEST => {
            "a part of the address or its query is not understood; /api/v1/openapi.json describes it"
        }
        other => other.canonical_reason().unwrap_or("refused"),
    };
    let mut told = problem(status, error);
    if let Some(allowed) = response.headers().get(header::ALLOW) {
        told.headers_mut().insert(header::ALLOW, allowed.clone());
    }
    told
}

/// What is answered to those who may not ask. Health says nothing about anything else, so supervisors need no token for
/// it; the page's own files are the same for everybody, and a token can't be asked for without them.
fn refusal(shared: &Shared, request: &Request) -> Option<Response> {
    let header = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    // HTTP/1.1 requires the header; a request in absolute form (RFC 9112, section 3.2.2) carries the name itself.
    let host = request.uri().authority().map(|name| name.as_str()).or(header(&header::HOST));
    if !access::knows_host(host, &shared.settings.hosts) {
        let error = "this name is not ours; use the address, or add the name to [http] hosts";
        return Some(problem(StatusCode::FORBIDDEN, error));
    }
    let (path, read) = (request.uri().path(), [Method::GET, Method::HEAD].contains(request.method()));
    let page = read && page::FILES.iter().any(|file| file.path == path);
    let site = header(&HeaderName::from_static("sec-fetch-site"));
    if !access::is_ours(host.unwrap_or_default(), header(&header::ORIGIN), site, page) {
        return Some(problem(StatusCode::FORBIDDEN, "another page may not ask this server anything"));
    }
    let token = shared.settings.token.as_ref()?;
    let open = page || ["/healthz", "/readyz", "/api/v1/session"].contains(&path);
    let cookies = header(&header::COOKIE).and_then(|cookies| session::cookie(cookies, &shared.cookie));
    let known = || cookies.is_some_and(|value| session::holds(token, value, today()));
    if open || access::bears(header(&header::AUTHORIZATION), token) || known() {
        return None;
    }
    let mut refused = problem(StatusCode::UNAUTHORIZED, "send the token as Authorization: Bearer …");
    refused.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Some(refused)
}
