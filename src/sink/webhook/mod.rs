//! Events as CloudEvents 1.0 (structured mode) to an HTTP receiver, signed, tried again until it takes them.
//!
//! One event after the other: their order is kept, and an event that is tried again keeps its id.

mod envelope;
mod retry;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig, TlsProvider},
};

use super::{Sink, SinkError, tls};
use crate::{
    config,
    event::{Event, Said},
    secret::scrub,
};
use retry::{Answer, Limits, Next};

/// How often a wait looks whether it should end.
const NAP: Duration = Duration::from_millis(20);

/// Time for the connection itself, within the attempt's.
const CONNECT: Duration = Duration::from_secs(5);

/// Posts events to one receiver.
pub struct Webhook {
    settings: Arc<config::Webhook>,
    source: String,
    agent: Agent,
    hurry: Arc<AtomicBool>,
}

impl Webhook {
    /// A sink for this receiver.
    ///
    /// # Errors
    /// [`SinkError`] if no certificates can be had.
    pub fn new(settings: config::Webhook) -> Result<Self, SinkError> {
        let agent = Agent::config_builder()
            .tls_config(tls_config(&settings)?)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(settings.timeout.get()))
            .timeout_connect(Some(CONNECT.min(settings.timeout.get())))
            .user_agent(concat!("miqa/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        let source = settings.source.clone().unwrap_or_else(|| config::Known::source(&super::start::host()));
        Ok(Self { settings: Arc::new(settings), source, agent, hurry: Arc::default() })
    }

    /// One attempt.
    fn post(&self, body: &[u8], now: SystemTime) -> Answer {
        let mut request = self
            .agent
            .post(self.settings.url.reveal())
            .header("Content-Type", "application/cloudevents+json; charset=utf-8");
        if let Some(secret) = &self.settings.secret {
            request = request.header(envelope::SIGNATURE, envelope::signature(secret, now, body));
        }
        if let Some(token) = &self.settings.token {
            request = request.header("Authorization", format!("Bearer {}", token.reveal()));
        }
        match request.send(body) {
            Ok(response) => {
                let after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok());
                let after = after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
                Answer::Status(response.status().as_u16(), after)
            }
            Err(error) => retry::judge(&error),
        }
    }

    /// Waits, unless it should end soon.
    fn wait(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.hurry.load(Ordering::Acquire) && Instant::now() < until {
            std::thread::sleep(NAP.min(until.saturating_duration_since(Instant::now())));
        }
    }
}

fn tls_config(settings: &config::Webhook) -> Result<TlsConfig, SinkError> {
    // Without TLS there is nothing to read.
    if !settings.shown.starts_with("https") {
        return Ok(TlsConfig::default());
    }
    let roots = tls::roots(settings.ca_file.as_deref())?;
    let roots: Vec<_> = roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(tls::provider())
        .root_certs(RootCerts::new_with_certs(&roots))
        .build())
}

impl Sink for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn label(&self) -> String {
        self.settings.name.clone()
    }

    fn wants(&self) -> Box<dyn Fn(&Event) -> bool + Send + Sync> {
        let settings = Arc::clone(&self.settings);
        Box::new(move |event| settings.events.contains(&event.kind()) && !event.is_quiet())
    }

    fn hurry(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.hurry)
    }

    fn write(&mut self, said: &Said) -> io::Result<()> {
        let body = envelope::cloud_event(said, &self.source)?;
        let limits = Limits { attempts: self.settings.attempts, retry_for: self.settings.retry_for.get() };
        let (begun, mut attempt) = (Instant::now(), 0);
        loop {
            let answer = self.post(&body, SystemTime::now());
            attempt += 1;
            match limits.next(&answer, attempt, begun.elapsed(), retry::chance(&said.id, attempt)) {
                Next::Done => return Ok(()),
                Next::Again(_) if self.hurry.load(Ordering::Acquire) => {
                    return Err(io::Error::other(format!("{}: {answer}, and miqa stops", self.settings.shown)));
                }
                Next::Again(pause) => {
                    if attempt == 1 {
                        let answer = answer.to_string();
                        let answer = scrub(&answer);
                        tracing::warn!(sink = self.settings.name, "{}: {answer}; trying again", self.settings.shown);
                    }
                    self.wait(pause);
                }
                Next::GiveUp => {
                    return Err(io::Error::other(format!(
                        "{}: {answer}; given up after {attempt} attempt(s)",
                        self.settings.shown
                    )));
                }
            }
        }
    }
}
