//! `[frigate]`: a Frigate whose detection follows the gates.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Broker, BrokerKeys, Fault, fault, is_plain, is_topic};

/// Whether Frigate is told anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FrigateMode {
    /// Decided and logged only.
    #[default]
    Shadow,
    /// Detection is switched.
    Enforce,
}

/// What becomes of detection while a gate is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FrigateUnknown {
    /// It is as it was before us.
    #[default]
    On,
    /// It is off.
    Off,
    /// It stays as the gate left it.
    Keep,
}

/// The keys of `[frigate]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrigateKeys {
    /// Frigate's broker. Default: that of `[mqtt]`.
    pub broker: Option<BrokerKeys>,
    /// `"shadow"` or `"enforce"`: in shadow everything is decided and logged, and nothing is commanded. Default `"shadow"`.
    #[serde(default)]
    pub mode: FrigateMode,
    /// Frigate's `mqtt.topic_prefix`. Default `"frigate"`.
    #[serde(default = "prefix")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$"))]
    pub prefix: String,
    /// Detection while a gate is unknown: `"on"` (as it was before), `"off"` or `"keep"`. Default `"on"`.
    #[serde(default)]
    pub when_unknown: FrigateUnknown,
    /// Our stream's name → Frigate's camera. Required.
    #[serde(default)]
    pub cameras: BTreeMap<String, String>,
}

fn prefix() -> String {
    "frigate".into()
}

/// A checked `[frigate]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Frigate {
    /// Frigate's broker.
    pub broker: Broker,
    /// Whether Frigate is told anything.
    pub mode: FrigateMode,
    /// What Frigate's topics begin with.
    pub prefix: String,
    /// Detection while a gate is unknown.
    pub when_unknown: FrigateUnknown,
    /// Our stream's name → Frigate's camera, each camera once.
    pub cameras: BTreeMap<String, String>,
}

impl FrigateKeys {
    pub(super) fn check(
        self,
        folder: &Path,
        house: Option<&Broker>,
        streams: &HashSet<String>,
    ) -> Result<Frigate, Fault> {
        let broker = match (self.broker, house) {
            (Some(broker), _) => broker.check(folder)?,
            (None, Some(house)) => house.clone(),
            (None, None) => return Err(fault("broker", "is missing; add [mqtt] or [frigate.broker] with its address")),
        };
        if !is_topic(&self.prefix) {
            let reason = "must be letters, digits, '_', '-', '.' and '/' between them";
            return Err(fault("prefix", format!("\"{}\" {reason}", self.prefix)));
        }
        if self.cameras.is_empty() {
            return Err(fault("cameras", "is empty; name a stream and Frigate's camera, such as yard = \"back_yard\""));
        }
        let mut taken = HashSet::new();
        for (stream, camera) in &self.cameras {
            let at = |reason: String| Err(fault(&format!("cameras.{stream}"), reason));
            if !streams.contains(stream) {
                return at(format!("there is no stream \"{stream}\""));
            }
            if !is_plain(camera) {
                return at(format!("\"{camera}\" must be letters, digits, '_', '-' or '.'"));
            }
            if !taken.insert(camera) {
                return at(format!("camera \"{camera}\" is another stream's, too"));
            }
        }
        let Self { mode, prefix, when_unknown, cameras, broker: _ } = self;
        Ok(Frigate { broker, mode, prefix, when_unknown, cameras })
    }
}
