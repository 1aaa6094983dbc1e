//! The configuration file (TOML) as typed, checked values. Every key is documented beside its type, with unit and
//! default; `config/miqa.toml` shows them all.

mod added;
mod change;
mod daemon;
mod detector;
mod effective;
mod error;
mod facts;
mod gate;
mod gate_bound;
mod gate_readers;
mod ledger;
mod location;
mod output;
mod period;
mod region;
mod rule;
mod schedule;
mod schema;
mod secret_files;
mod stream;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use added::{AddKind, Addition};
pub use change::Change;
pub use daemon::{Snapshots, StateKeys};
pub use detector::{Detector, DetectorKeys};
pub use effective::{EffectiveThresholds, Known};
pub use error::{ConfigError, explained, nearest};
pub use facts::{After, FactKeys, Facts};
pub use gate::{Gate, GateKeys, GateMode};
pub use gate_bound::GateBound;
pub use gate_readers::{FileMode, GateReaders, SlotKeys, SocketKeys};
#[cfg(feature = "daemon")]
pub(crate) use gate_readers::{LONGEST_NAME, MOST_SLOTS};
pub use ledger::{Ledger, LedgerKeys};
pub use location::{Address, Credentials, Location, Login};
pub use output::{
    Additions, Broker, BrokerKeys, Frigate, FrigateKeys, FrigateMode, FrigateUnknown, Http, HttpKeys, Jsonl, JsonlKeys,
    Mqtt, MqttKeys, Outputs, Webhook, WebhookKeys,
};
pub use period::Period;
pub use region::{Region, RegionKeys};
pub use rule::{Bound, Rule, RuleKeys, Severity, SightKey, Subject};
pub use schedule::{Day, Schedule, ScheduleKeys, Thresholds, TimeOfDay, in_force};
pub use stream::{Decode, EngineKeys, Pace, Stream, StreamKeys, Transport};

/// The file as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
// What serves HTTP may begin with no stream.
#[schemars(
    title = "miqa's configuration",
    extend("anyOf" = [
        { "required": ["stream"], "properties": { "stream": { "minItems": 1 } } },
        { "required": ["http"] }
    ])
)]
struct Keys {
    engine: EngineKeys,
    #[serde(skip_serializing_if = "is_default")]
    gate: GateKeys,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stream: Vec<StreamKeys>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rule: Vec<RuleKeys>,
    #[serde(skip_serializing_if = "is_default")]
    facts: FactKeys,
    #[serde(skip_serializing_if = "is_default")]
    detector: DetectorKeys,
    snapshots: Option<Snapshots>,
    state: Option<StateKeys>,
    ledger: Option<LedgerKeys>,
    socket: Option<SocketKeys>,
    slot: Option<SlotKeys>,
    jsonl: Option<JsonlKeys>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    webhook: Vec<WebhookKeys>,
    mqtt: Option<MqttKeys>,
    frigate: Option<FrigateKeys>,
    http: Option<HttpKeys>,
}

fn is_default<T: Default + PartialEq>(keys: &T) -> bool {
    *keys == T::default()
}

/// A checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What scores; the model's folder is resolved if it exists beside the file.
    pub engine: EngineKeys,
    /// The streams, at least one, with unique names.
    pub streams: Vec<Stream>,
    /// What a detector costs where no stream says it.
    pub detector: Detector,
    /// The alert rules, with unique names.
    pub rules: Vec<Rule>,
    /// Pictures of alerts, if they are to be kept.
    pub snapshots: Option<Snapshots>,
    /// What survives the program, if anything is to.
    pub state: Option<StateKeys>,
    /// How long it is remembered how gates stood, if at all.
    pub ledger: Option<Ledger>,
    /// How gates can be read from outside.
    pub readers: GateReaders,
    /// Where events and gates are told.
    pub outputs: Outputs,
    /// What this was made from, so that streams can be added to it.
    pub(crate) written: Written,
}

/// A file's keys and the folder where its relative paths start.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Written {
    keys: Keys,
    folder: PathBuf,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ConfigError`], naming the file, the key's path and what to write instead.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| ConfigError::Read { path: path.into(), reason: e.to_string() })?;
        Self::parse(&text, path)
    }

    /// Checks a configuration given as text; `path` names it in errors, and relative paths start at its folder.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let keys: Keys = toml::from_str(text).map_err(|e| ConfigError::place(path.into(), text, &e))?;
        keys.check(path.parent().unwrap_or(Path::new(""))).map_err(|(key, reason)| ConfigError::Value {
            path: path.into(),
            key,
            reason,
        })
    }

    /// The same file's configuration with these streams added behind its own. What was added before is left out.
    ///
    /// # Errors
    /// The path of the first wrong key and why it is wrong.
    pub fn with(&self, additions: &[Addition]) -> Result<Self, (String, String)> {
        let mut keys = self.written.keys.clone();
        keys.stream.extend(additions.iter().map(|addition| addition.keys().clone()));
        let config = keys.check(&self.written.folder)?;
        // Where the model was found is known already.
        Ok(Self { engine: self.engine.clone(), written: self.written.clone(), ..config })
    }

    /// Whether a stream of this name stands in the file.
    pub fn is_written(&self, stream: &str) -> bool {
        self.written.keys.stream.iter().any(|keys| keys.name == stream)
    }
}

impl Keys {
    /// The values these keys mean, or the path of the first wrong key and why.
    fn check(self, folder: &Path) -> Result<Config, (String, String)> {
        let written = Written { keys: self.clone(), folder: folder.into() };
        let mut engine = self.engine;
        if engine.threads == 0 || engine.threads > 256 {
            return Err(("engine.threads".into(), format!("{} must be 1 to 256", engine.threads)));
        }
        if engine.workers > 256 {
            return Err(("engine.workers".into(), format!("{} must be 0 (one a core) to 256", engine.workers)));
        }
        let beside = folder.join(&engine.model);
        if beside.exists() {
            engine.model = beside;
        }
        if let Some((key, reason)) = self.gate.fault() {
            return Err((format!("gate.{key}"), reason));
        }
        if let Some((key, reason)) = self.facts.fault() {
            return Err((format!("facts.{key}"), reason));
        }
        if let Some((key, reason)) = self.detector.fault() {
            return Err((format!("detector.{key}"), reason));
        }
        if self.stream.is_empty() && !self.http.as_ref().is_some_and(HttpKeys::can_add) {
            return Err(("stream".into(), "no stream; add a [[stream]] with name and location".into()));
        }
        let (mut streams, mut names) = (Vec::new(), HashSet::new());
        for (i, stream) in self.stream.into_iter().enumerate() {
            let at = |(key, reason): (&str, String)| (format!("stream[{i}].{key}"), reason);
            if let Some((key, reason)) = stream.gate.fault() {
                return Err(at((&format!("gate.{key}"), reason)));
            }
            if let Some((key, reason)) = stream.facts.fault() {
                return Err(at((&format!("facts.{key}"), reason)));
            }
            if let Some((key, reason)) = stream.detector.fault() {
                return Err(at((&format!("detector.{key}"), reason)));
            }
            let gate = self
                .gate
                .with(&stream.gate, stream.interval)
                .map_err(|(key, reason)| at((&format!("gate.{key}"), reason)))?;
            let mut regions = Vec::new();
            for (j, region) in stream.region.iter().enumerate() {
                let region = region.check(folder);
                regions.push(region.map_err(|(key, reason)| at((&format!("region[{j}].{key}"), reason)))?);
            }
            let facts = self.facts.with(&stream.facts);
            let detector = self.detector.with(&stream.detector);
            let mut stream = stream.check(gate, facts, detector, regions, folder).map_err(at)?;
            if !names.insert(stream.name.clone()) {
                return Err(at(("name", format!("\"{}\" is the name of an earlier stream", stream.name))));
            }
            stream.location = stream.location.under(folder);
            streams.push(stream);
        }
        let (mut rules, mut taken) = (Vec::new(), HashSet::new());
        for (i, rule) in self.rule.into_iter().enumerate() {
            let at = |(key, reason): (&str, String)| (format!("rule[{i}].{key}"), reason);
            let rule = rule.check().map_err(at)?;
            if !taken.insert(rule.name.clone()) {
                return Err(at(("name", format!("\"{}\" is the name of an earlier rule", rule.name))));
            }
            if let Some(name) = rule.streams.iter().flatten().find(|name| !names.contains(*name)) {
                return Err(at(("streams", format!("there is no stream \"{name}\""))));
            }
            rules.push(rule);
        }
        let snapshots = self.snapshots.map(|keys| keys.under(folder));
        let state = self.state.map(|keys| keys.under(folder));
        let ledger = LedgerKeys::check(self.ledger, state.as_ref(), folder)
            .map_err(|(key, reason)| (format!("ledger.{key}"), reason))?;
        let readers = GateReaders { socket: self.socket, slot: self.slot }.check(&streams, folder)?;
        let Self { jsonl, webhook, mqtt, frigate, http, .. } = self;
        let outputs = output::OutputKeys { jsonl, webhook, mqtt, frigate, http }.check(folder, &names)?;
        let detector = self.detector.with(&DetectorKeys::default());
        Ok(Config { engine, streams, detector, rules, snapshots, state, ledger, readers, outputs, written })
    }
}

/// Why a threshold is none, if it isn't.
fn off_scale(value: f32) -> Option<String> {
    (!(0.0..=1.0).contains(&value)).then(|| format!("{value} must be 0 to 1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::ViewSet;

    const ONE: &str = "[[stream]]\nname = \"a\"\nlocation = \"a.mp4\"\n";

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("conf/miqa.toml"))
    }

    #[test]
    fn the_example_file_parses() {
        let config = parse(include_str!("../../config/miqa.toml")).expect("config/miqa.toml");
        assert!(config.streams.len() > 1 && !config.rules.is_empty());
    }

    #[test]
    fn general_and_special_keys_meet() {
        let config = parse(
            "[gate]\nclose_below = 0.4\nopen_above = 0.5\nclose_for = \"1s\"\n\
             [[stream]]\nname = \"a\"\nlocation = \"v/a.mp4\"\nviews = \"centre\"\n[stream.gate]\nclose_for = \"2s\"\nhead = \"cls_accuracy\"\n\
             [[stream]]\nname = \"b\"\nlocation = \"rtsp://u:p@h/1\"\n\
             [[rule]]\nname = \"r\"\ndistortion = \"fog\"\nfire_above = 0.7\nresolve_below = 0.5\nfor = \"2s\"\nstreams = [\"b\"]\n",
        )
        .expect("valid");
        let [a, b] = &config.streams[..] else { panic!("two streams") };
        assert_eq!(a.location, Location::File("conf/v/a.mp4".into()));
        assert_eq!(a.views, ViewSet::Centre);
        assert_eq!((a.gate.close_for, a.gate.close_below), (Period::from_millis(2000), Some(GateBound::Score(0.4))));
        assert_eq!((a.gate.head.as_str(), b.gate.head.as_str()), ("cls_accuracy", "cls_consistency"));
        assert_eq!(b.gate.close_for, Period::from_millis(1000));
        assert!(!config.rules[0].watches("a") && config.rules[0].watches("b"));
        assert_eq!(config.rules[0].bound, Bound::Above { fire: 0.7, resolve: 0.5 });
    }

    #[test]
    fn errors_name_the_key_and_the_next_step() {
        const ZONE: &str = "name = \"n\"\ntime_zone = \"Europe/Berln\"\nfrom = \"22:00\"\nto = \"06:00\"\nclose_below = 0.1\nopen_above = 0.2\n";
        let rule = |keys: &str| format!("{ONE}[[rule]]\nname = \"r\"\n{keys}\n");
        for (text, expected) in [
            ("[engine\n".to_owned(), "conf/miqa.toml:1: not valid TOML"),
            (
                format!("{ONE}intervall = \"1s\"\n"),
                "conf/miqa.toml:4: stream[0].intervall: unknown key; did you mean \"interval\"?",
            ),
            (format!("{ONE}colour = 3\n"), "stream[0].colour: unknown key; known here: name, location, views"),
            ("[gates]\nclose_below = 0.2\n".to_owned(), "1: gates: unknown key; did you mean \"gate\"?"),
            (
                format!("[gate]\nclose_bellow = 0.2\n{ONE}"),
                "2: gate.close_bellow: unknown key; did you mean \"close_below\"?",
            ),
            (
                format!("{ONE}{ONE}[stream.gate]\nopenfor = \"1s\"\n"),
                "8: stream[1].gate.openfor: unknown key; did you mean \"open_for\"?",
            ),
            (
                format!("{ONE}interval = 200\n"),
                "4: stream[0].interval: invalid type: integer `200`, expected a duration in quotes",
            ),
            (format!("{ONE}interval = \"200\"\n"), "4: stream[0].interval: \"200\" is no duration"),
            ("[[stream]]\nname = \"a\"\n".to_owned(), "1: stream[0]: missing field `location`"),
            (String::new(), "stream: no stream; add a [[stream]]"),
            (
                ONE.replace("a.mp4", "ftp://u:hunter2@x/"),
                "3: stream[0].location: locations of kind \"ftp://\" are not supported",
            ),
            (ONE.replace("\"a\"", "\"a b\""), "stream[0].name: \"a b\" must be letters"),
            (format!("{ONE}{ONE}"), "stream[1].name: \"a\" is the name of an earlier stream"),
            (format!("{ONE}views = \"tiles:1\"\n"), "4: stream[0].views: \"tiles:1\""),
            (
                format!("{ONE}interval = \"4s\"\n[stream.gate]\nstale_after = \"3s\"\n"),
                "stream[0].interval: 4s is not below the gate's stale_after (3s)",
            ),
            (format!("{ONE}stall_after = \"1ms\"\n"), "stream[0].stall_after: 1ms is too short"),
            (ONE.replace("a.mp4", "rtsp://x/\"\npace = \"asap"), "stream[0].pace: \"asap\" is for files"),
            (
                format!("[engine]\ndevice = \"gpu\"\n{ONE}"),
                "2: engine.device: \"gpu\" is not one of \"auto\", \"cuda\", \"cpu\"; did you mean \"cpu\"?",
            ),
            (format!("[engine]\nthreads = 0\n{ONE}"), "engine.threads: 0 must be 1 to 256"),
            (format!("[gate]\nclose_below = 1.5\n{ONE}"), "gate.close_below: 1.5 must be 0 to 1"),
            (format!("[gate]\nclose_below = nan\n{ONE}"), "gate.close_below: NaN must be 0 to 1"),
            (
                format!("[gate]\nclose_below = 0.5\nopen_above = 0.4\n{ONE}"),
                "gate.open_above: 0.4 is below close_below (0.5)",
            ),
            (
                format!("[gate]\nclose_below = 0.5\n{ONE}[stream.gate]\nopen_above = 0.4\n"),
                "stream[0].gate.open_above: 0.4 is below",
            ),
            (
                format!("[engine]\nthreads = \"2\"\n{ONE}"),
                "2: engine.threads: invalid type: string \"2\", expected a whole number without quotes",
            ),
            (
                format!("[engine]\nworkers = -1\n{ONE}"),
                "integer `-1`, expected a whole number without quotes, not negative",
            ),
            (
                format!("{ONE}repeat = \"no\"\n"),
                "4: stream[0].repeat: invalid type: string \"no\", expected true or false",
            ),
            (format!("{ONE}transport = \"tpc\"\n"), "is not one of \"tcp\", \"udp\", \"auto\"; did you mean \"tcp\"?"),
            (format!("{ONE}decode = \"everything\"\n"), "\"keyframes\"; write one of them"),
            (rule("sight = \"frozn\""), "rule[0].sight: \"frozn\" is not one of "),
            (
                format!("{ONE}[jsonl]\npath = \"a\"\nevents = [\"gate\", \"alrt\"]\n"),
                "jsonl.events[1]: \"alrt\" is not one of",
            ),
            (
                ONE.replace("a.mp4", "rtsp://cam:99999/1"),
                "stream[0].location: the rtsp:// address has a port that is none",
            ),
            (
                format!("{ONE}[[webhook]]\nurl = \"https://cam:99999/1\"\n"),
                "webhook[0].url: has a port that is none; a port is a number from 1 to 65535",
            ),
            (
                format!("{ONE}[[gate.schedule]]\n{ZONE}"),
                "gate.schedule[0].time_zone: \"Europe/Berln\" is no time zone; did you mean \"Europe/Berlin\"?",
            ),
            (
                format!("{ONE}[[stream.gate.schedule]]\n{ZONE}"),
                "stream[0].gate.schedule[0].time_zone: \"Europe/Berln\" is no time zone",
            ),
            (rule("fire_below = 0.2"), "rule[0].head: is missing"),
            (rule("sight = \"snowed\""), "rule[0].sight: "),
            (rule("lost = true\nfire_below = 0.1"), "rule[0].fire_below: goes with head or distortion, not with lost"),
            (rule("sight = \"any\"\ndrop = 0.1"), "rule[0].drop: stands beside sight"),
            (rule("lost = true\nover = \"1m\""), "rule[0].over: goes with drop"),
            (format!("[gate]\nwhen_unknown = \"degraded\"\n{ONE}"), "gate.when_unknown: \"degraded\" must be"),
            (rule("head = \"x\"\ndistortion = \"fog\""), "rule[0].distortion: stands beside head"),
            (rule("head = \"x\""), "rule[0].fire_below: is missing"),
            (rule("head = \"x\"\nfire_below = 0.2\nresolve_above = 0.1"), "rule[0].resolve_above: 0.1 is below"),
            (
                rule("head = \"x\"\nfire_above = 0.2\nresolve_above = 0.1"),
                "rule[0].resolve_above: goes with fire_below",
            ),
            (rule("head = \"x\"\nfire_below = 0.2\nstreams = [\"b\"]"), "rule[0].streams: there is no stream \"b\""),
            (rule("head = \"x\"\nfire_below = 0.2\nfore = \"1s\""), "rule[0].fore: unknown key; did you mean \"for\"?"),
        ] {
            let error = parse(&text).expect_err(&text).to_string();
            assert!(error.contains(expected), "\n{text}\n gave: {error}\n want: {expected}");
            assert!(!error.contains('\n') && !error.contains("hunter2"), "{error}");
        }
        let missing = Config::read(Path::new("no/such.toml")).expect_err("missing").to_string();
        assert!(missing.starts_with("no/such.toml: cannot read the configuration"), "{missing}");
    }
}
