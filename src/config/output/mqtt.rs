//! `[mqtt]`: gates and events at an MQTT broker, with Home Assistant's discovery.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Broker, BrokerKeys, Fault, fault, is_topic};
use crate::{config::Period, event::EventKind};

/// The keys of `[mqtt]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MqttKeys {
    /// The broker. Required.
    pub broker: BrokerKeys,
    /// What every topic of ours begins with. Default `"miqa"`.
    #[serde(default = "prefix")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"))]
    pub prefix: String,
    /// Which events: `"stream"`, `"gate"`, `"alert"`, `"overload"`, `"reloaded"`, `"error"`, `"summary"`. Default
    /// `["gate", "alert"]`.
    #[serde(default = "events")]
    pub events: Vec<EventKind>,
    /// How often a gate's state is sent again though it hasn't moved; moves are sent at once. Home Assistant takes a score
    /// for unavailable after three times this. Default `"10s"`.
    #[serde(default = "renew_every")]
    pub renew_every: Period,
    /// Whether streams are announced to Home Assistant. Default `true`.
    #[serde(default = "yes")]
    pub home_assistant: bool,
    /// What Home Assistant's discovery topics begin with. Default `"homeassistant"`.
    #[serde(default = "discovery_prefix")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"))]
    pub discovery_prefix: String,
    /// Whether gates may be set and alerts silenced from there (`<prefix>/<stream>/gate/set` and `…/silence/set`). Default
    /// `true`.
    #[serde(default = "yes")]
    pub commands: bool,
    /// How long a gate stays as somebody set it there. Default `"8h"`.
    #[serde(default = "override_for")]
    pub override_for: Period,
    /// How long alerts stay silenced that somebody silenced there without saying how long. Default `"1h"`.
    #[serde(default = "silence_for")]
    pub silence_for: Period,
}

fn prefix() -> String {
    "miqa".into()
}

fn events() -> Vec<EventKind> {
    vec![EventKind::Gate, EventKind::Alert]
}

fn renew_every() -> Period {
    Period::from_millis(10_000)
}

fn yes() -> bool {
    true
}

fn discovery_prefix() -> String {
    "homeassistant".into()
}

fn override_for() -> Period {
    Period::from_millis(8 * 3_600_000)
}

fn silence_for() -> Period {
    Period::from_millis(3_600_000)
}

/// A checked `[mqtt]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mqtt {
    /// The broker.
    pub broker: Broker,
    /// What every topic of ours begins with.
    pub prefix: String,
    /// Which events.
    pub events: Vec<EventKind>,
    /// How often a gate's state is sent again.
    pub renew_every: Period,
    /// Whether streams are announced to Home Assistant.
    pub home_assistant: bool,
    /// What Home Assistant's discovery topics begin with.
    pub discovery_prefix: String,
    /// Whether gates may be set and alerts silenced from there.
    pub commands: bool,
    /// How long a gate stays as somebody set it there.
    pub override_for: Period,
    /// How long alerts stay silenced that somebody silenced there without saying how long.
    pub silence_for: Period,
}

impl MqttKeys {
    pub(super) fn check(self, folder: &Path) -> Result<Mqtt, Fault> {
        for (key, topic) in [("prefix", &self.prefix), ("discovery_prefix", &self.discovery_prefix)] {
            if !is_topic(topic) {
                return Err(fault(
                    key,
                    format!("\"{topic}\" must be letters, digits, '_', '-', '.' and '/' between them"),
                ));
            }
        }
        for (key, period) in
            [("renew_every", self.renew_every), ("override_for", self.override_for), ("silence_for", self.silence_for)]
        {
            if period < Period::from_millis(1000) {
                return Err(fault(key, format!("{period} is too short; at least 1s")));
            }
        }
        Ok(Mqtt {
            broker: self.broker.check(folder)?,
            prefix: self.prefix,
            events: self.events,
            renew_every: self.renew_every,
            home_assistant: self.home_assistant,
            discovery_prefix: self.discovery_prefix,
            commands: self.commands,
            override_for: self.override_for,
            silence_for: self.silence_for,
        })
    }
}
