//! `[[webhook]]`: events as CloudEvents to an HTTP receiver.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::{Fault, credential, fault, is_plain};
use crate::{
    config::{Period, location::has_sound_port},
    event::EventKind,
    secret::Secret,
};

/// The keys of one `[[webhook]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookKeys {
    /// Unique name, seen in logs and metrics: letters, digits, `_`, `-` and `.`. Default `"webhook"`.
    #[serde(default = "name")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.-]+$"))]
    pub name: String,
    /// The receiver, `https://…` or `http://…`. An address that holds a secret belongs in `url_file` or `url_env`.
    #[serde(serialize_with = "masked", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", regex(pattern = "^https?://[^/?#@]+([/?#]|$)"))]
    pub url: Option<Secret>,
    /// A file whose first line is the receiver's address.
    pub url_file: Option<PathBuf>,
    /// An environment variable whose value is the receiver's address.
    pub url_env: Option<String>,
    /// Which events: `"stream"`, `"gate"`, `"alert"`, `"overload"`, `"reloaded"`, `"error"`, `"summary"`. Default
    /// `["gate", "alert"]`.
    #[serde(default = "events")]
    pub events: Vec<EventKind>,
    /// A file whose first line is the key that bodies are signed with (HMAC-SHA256).
    pub secret_file: Option<PathBuf>,
    /// An environment variable whose value is that key.
    pub secret_env: Option<String>,
    /// A file whose first line is sent as `Authorization: Bearer …`.
    pub token_file: Option<PathBuf>,
    /// An environment variable whose value is sent so.
    pub token_env: Option<String>,
    /// Certificates (PEM) trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Time that one attempt may take, from the name's look-up to the answer's end. Default `"10s"`.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// How long an event is tried again while the receiver can't be reached or is busy. Default `"1h"`.
    #[serde(default = "retry_for")]
    pub retry_for: Period,
    /// How often an event is tried that the receiver answers with an error of its own (500). Default 8.
    #[serde(default = "attempts")]
    #[schemars(range(min = 1))]
    pub attempts: u32,
    /// `source` of the CloudEvents. Default `/miqa/` and the machine's name.
    pub source: Option<String>,
}

fn name() -> String {
    "webhook".into()
}

fn events() -> Vec<EventKind> {
    vec![EventKind::Gate, EventKind::Alert]
}

fn timeout() -> Period {
    Period::from_millis(10_000)
}

fn retry_for() -> Period {
    Period::from_millis(3_600_000)
}

fn attempts() -> u32 {
    8
}

/// A checked `[[webhook]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Unique name.
    pub name: String,
    /// The receiver; may hold a secret.
    pub url: Secret,
    /// The receiver as it may be shown: scheme and host.
    pub shown: String,
    /// Which events.
    pub events: Vec<EventKind>,
    /// The key that bodies are signed with.
    pub secret: Option<Secret>,
    /// The token sent along.
    pub token: Option<Secret>,
    /// Certificates (PEM) trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Time that one attempt may take.
    pub timeout: Period,
    /// How long an event is tried again while the receiver is away.
    pub retry_for: Period,
    /// How often an event is tried that the receiver fails on.
    pub attempts: u32,
    /// `source` of the CloudEvents, if it isn't the default.
    pub source: Option<String>,
}

impl WebhookKeys {
    pub(super) fn check(self, folder: &Path) -> Result<Webhook, Fault> {
        if !is_plain(&self.name) {
            return Err(fault("name", format!("\"{}\" must be letters, digits, '_', '-' or '.'", self.name)));
        }
        let elsewhere = credential::read("url", self.url_file, self.url_env, folder)?;
        let url = match (self.url, elsewhere) {
            (Some(url), None) | (None, Some(url)) => url,
            (Some(_), Some(_)) => return Err(fault("url", "stands beside url_file or url_env; keep one of them")),
            (None, None) => {
                return Err(fault("url", "is missing; give the receiver's address, or url_file or url_env"));
            }
        };
        let shown = shown(url.reveal()).map_err(|reason| fault("url", reason))?;
        let secret = credential::read("secret", self.secret_file, self.secret_env, folder)?;
        let token = credential::read("token", self.token_file, self.token_env, folder)?;
        if self.timeout < Period::from_millis(100) || self.timeout > Period::from_millis(300_000) {
            return Err(fault("timeout", format!("{} must be 100ms to 5m", self.timeout)));
        }
        if self.attempts == 0 {
            return Err(fault("attempts", "0 would send nothing; at least 1"));
        }
        Ok(Webhook {
            name: self.name,
            url,
            shown,
            events: self.events,
            secret,
            token,
            ca_file: self.ca_file.map(|path| folder.join(path)),
            timeout: self.timeout,
            retry_for: self.retry_for,
            attempts: self.attempts,
            source: self.source,
        })
    }
}

/// The address with `***` for what may be its secret.
fn masked<S: Serializer>(url: &Option<Secret>, s: S) -> Result<S::Ok, S::Error> {
    let text = url.as_ref().map_or("", |url| url.reveal());
    let masked = match shown(text) {
        Ok(host) if text.trim_end_matches('/') == host => text.to_owned(),
        Ok(host) => format!("{host}/***"),
        Err(_) => "***".into(),
    };
    s.serialize_str(&masked)
}

/// Scheme and host of an address: paths and queries of webhooks often are the secret.
fn shown(url: &str) -> Result<String, &'static str> {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme)) else {
        return Err("must begin with https:// or http://; give the receiver's whole address");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() {
        return Err("has no host; write https://HOST/PATH");
    }
    if host.contains('@') {
        return Err("holds a user name; use token_file or token_env");
    }
    if !has_sound_port(host) {
        return Err("has a port that is none; a port is a number from 1 to 65535");
    }
    Ok(format!("{scheme}://{host}"))
}
