//! `[jsonl]`, `[[webhook]]`, `[mqtt]`, `[frigate]` and `[http]`: where events and gates are told. Each is absent by
//! default: nothing is written, sent or listened on that the file doesn't ask for.

mod broker;
mod credential;
mod frigate;
mod http;
mod jsonl;
mod mqtt;
mod webhook;

use std::{collections::HashSet, path::Path};

pub use broker::{Broker, BrokerKeys};
pub use frigate::{Frigate, FrigateKeys, FrigateMode, FrigateUnknown};
pub use http::{Additions, Http, HttpKeys};
pub use jsonl::{Jsonl, JsonlKeys};
pub use mqtt::{Mqtt, MqttKeys};
pub use webhook::{Webhook, WebhookKeys};

use crate::event::EventKind;

/// A wrong key's path under its table, and why it is wrong.
type Fault = (String, String);

fn fault(key: &str, reason: impl Into<String>) -> Fault {
    (key.into(), reason.into())
}

/// The keys of all outputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct OutputKeys {
    pub(super) jsonl: Option<JsonlKeys>,
    pub(super) webhook: Vec<WebhookKeys>,
    pub(super) mqtt: Option<MqttKeys>,
    pub(super) frigate: Option<FrigateKeys>,
    pub(super) http: Option<HttpKeys>,
}

/// The outputs that are asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    /// A file of JSON lines.
    pub jsonl: Option<Jsonl>,
    /// Receivers of CloudEvents, with unique names.
    pub webhooks: Vec<Webhook>,
    /// An MQTT broker.
    pub mqtt: Option<Mqtt>,
    /// A Frigate that is told when to detect.
    pub frigate: Option<Frigate>,
    /// The HTTP server.
    pub http: Option<Http>,
}

impl OutputKeys {
    /// The outputs these keys mean, or the path of the first wrong key and why. Relative paths start at `folder`;
    /// `streams` are the names there are.
    pub(super) fn check(self, folder: &Path, streams: &HashSet<String>) -> Result<Outputs, Fault> {
        fn under(table: &str) -> impl Fn(Fault) -> Fault {
            move |(key, reason)| (format!("{table}.{key}"), reason)
        }
        let jsonl = self.jsonl.map(|keys| keys.check(folder)).transpose().map_err(under("jsonl"))?;
        let (mut webhooks, mut names) = (Vec::new(), HashSet::new());
        for (i, keys) in self.webhook.into_iter().enumerate() {
            let table = format!("webhook[{i}]");
            let at = under(&table);
            let webhook = keys.check(folder).map_err(&at)?;
            if !names.insert(webhook.name.clone()) {
                return Err(at(fault("name", format!("\"{}\" is the name of an earlier webhook", webhook.name))));
            }
            webhooks.push(webhook);
        }
        let mqtt = self.mqtt.map(|keys| keys.check(folder)).transpose().map_err(under("mqtt"))?;
        let house = mqtt.as_ref().map(|mqtt| &mqtt.broker);
        let frigate =
            self.frigate.map(|keys| keys.check(folder, house, streams)).transpose().map_err(under("frigate"))?;
        let http = self.http.map(|keys| keys.check(folder)).transpose().map_err(under("http"))?;
        Ok(Outputs { jsonl, webhooks, mqtt, frigate, http })
    }
}

/// Every kind of event.
fn all_events() -> Vec<EventKind> {
    EventKind::ALL.to_vec()
}

/// Letters, digits, `_`, `-` and `.`: what may stand in a topic, a label and a file name alike.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

/// A topic or its prefix: plain names parted by `/`.
fn is_topic(topic: &str) -> bool {
    topic.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde::Deserialize;

    use super::*;

    fn check(text: &str) -> Result<Outputs, String> {
        #[derive(Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[derive(Default)]
        struct File {
            jsonl: Option<JsonlKeys>,
            webhook: Vec<WebhookKeys>,
            mqtt: Option<MqttKeys>,
            frigate: Option<FrigateKeys>,
            http: Option<HttpKeys>,
        }
        let File { jsonl, webhook, mqtt, frigate, http } = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        let streams = ["yard", "gate"].map(str::to_owned).into();
        OutputKeys { jsonl, webhook, mqtt, frigate, http }
            .check(Path::new("conf"), &streams)
            .map_err(|(key, reason)| format!("{key}: {reason}"))
    }

    #[test]
    fn the_smallest_tables_have_defaults() {
        assert_eq!(check(""), Ok(Outputs::default()));
        let outputs = check(
            "[jsonl]\npath = \"e.jsonl\"\n[[webhook]]\nurl = \"https://x/hook\"\n\
             [mqtt.broker]\naddress = \"mqtt://house\"\n[frigate.cameras]\nyard = \"back_yard\"\n[http]\n",
        )
        .expect("valid");
        let jsonl = outputs.jsonl.expect("asked for");
        assert_eq!((jsonl.path, jsonl.rotate_bytes, jsonl.keep), (PathBuf::from("conf/e.jsonl"), 64 << 20, 5));
        assert_eq!(outputs.webhooks[0].events, [EventKind::Gate, EventKind::Alert]);
        let (mqtt, frigate) = (outputs.mqtt.expect("asked for"), outputs.frigate.expect("asked for"));
        assert_eq!((mqtt.broker.host.as_str(), mqtt.broker.port, mqtt.broker.tls), ("house", 1883, false));
        assert_eq!((frigate.mode, frigate.when_unknown), (FrigateMode::Shadow, FrigateUnknown::On));
        assert_eq!((frigate.broker.host.as_str(), frigate.prefix.as_str()), ("house", "frigate"));
        assert_eq!(outputs.http.expect("asked for").listen.to_string(), "127.0.0.1:9464");
    }

    #[test]
    fn the_outputs_of_the_example_file_are_valid() {
        let text = include_str!("../../../config/miqa.toml");
        let (_, outputs) = text.split_once("# Outputs: ").expect("a part on outputs");
        // What is commented out, without the keys that name files.
        let bare = |line: &'static str| line.strip_prefix("# e.g. ").or(line.strip_prefix("# "));
        let shown: Vec<_> = outputs
            .lines()
            .filter_map(bare)
            .filter(|line| line.starts_with('[') || line.contains(" = "))
            .filter(|line| !line.contains("_file = "))
            .collect();
        let outputs = check(&shown.join("\n")).expect("valid");
        assert!(outputs.jsonl.is_some() && outputs.mqtt.is_some() && outputs.frigate.is_some());
        assert!(outputs.http.is_some() && outputs.webhooks.len() == 1);
    }

    #[test]
    fn errors_name_the_key_and_the_next_step() {
        let broker = "[mqtt.broker]\naddress = \"mqtt://house\"\n";
        for (text, expected) in [
            ("[jsonl]\npath = \"\"\n".to_owned(), "jsonl.path: is empty"),
            ("[jsonl]\npath = \"a\"\nrotate_bytes = 10\n".into(), "jsonl.rotate_bytes: 10 is too small"),
            ("[jsonl]\npath = \"a\"\nkeep = 2000\n".into(), "jsonl.keep: 2000 is too many"),
            ("[jsonl]\npath = \"a\"\nkept = 2\n".into(), "unknown field `kept`"),
            ("[[webhook]]\nurl = \"ftp://x\"\n".into(), "webhook[0].url: must begin with https:// or http://"),
            ("[[webhook]]\n".into(), "webhook[0].url: is missing"),
            ("[[webhook]]\nurl = \"http://bob:hunter2@x/\"\n".into(), "webhook[0].url: holds a user name"),
            (
                "[[webhook]]\nurl = \"http://x\"\n[[webhook]]\nurl = \"http://y\"\n".into(),
                "webhook[1].name: \"webhook\" is the name of an earlier webhook",
            ),
            (
                "[[webhook]]\nurl = \"http://x\"\nsecret_env = \"MIQA_NONE_SUCH\"\n".into(),
                "webhook[0].secret_env: there is no environment variable MIQA_NONE_SUCH",
            ),
            (
                "[[webhook]]\nurl = \"http://x\"\nsecret_file = \"none\"\n".into(),
                "webhook[0].secret_file: conf/none: cannot be read",
            ),
            ("[mqtt.broker]\naddress = \"house\"\n".into(), "mqtt.broker.address: \"house\" is no broker's address"),
            (
                "[mqtt.broker]\naddress = \"mqtt://bob:hunter2@house\"\n".into(),
                "mqtt.broker.address: holds a user name",
            ),
            (format!("{broker}password_env = \"PATH\"\n"), "mqtt.broker.user: is missing"),
            (format!("{broker}ca_file = \"x\"\n"), "mqtt.broker.ca_file: goes with mqtts://"),
            (format!("{broker}[mqtt]\nprefix = \"a/#\"\n"), "mqtt.prefix: \"a/#\" must be"),
            ("[frigate.cameras]\nyard = \"y\"\n".into(), "frigate.broker: is missing"),
            (format!("{broker}[frigate]\n"), "frigate.cameras: is empty"),
            (format!("{broker}[frigate.cameras]\nbarn = \"b\"\n"), "frigate.cameras.barn: there is no stream \"barn\""),
            (
                format!("{broker}[frigate.cameras]\nyard = \"b\"\ngate = \"b\"\n"),
                "frigate.cameras.yard: camera \"b\" is another stream's, too",
            ),
            ("[http]\nlisten = \"0.0.0.0:1\"\n".into(), "http.listen: 0.0.0.0:1 can be reached from elsewhere"),
            ("[http]\nlisten = \"here\"\n".into(), "expected an address and port"),
            ("[http]\nhosts = [\"a:1\"]\n".into(), "http.hosts: \"a:1\" must be"),
            ("[http]\ntls_key_file = \"k\"\n".into(), "http.tls_certificate_file: is missing"),
            ("[http]\nadd = [\"gst\"]\n".into(), "unknown variant `gst`, expected one of"),
        ] {
            let error = check(&text).expect_err(&text);
            assert!(error.contains(expected), "\n{text}\n gave: {error}\n want: {expected}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(check("[http]\nlisten = \"0.0.0.0:1\"\ntoken_env = \"PATH\"\n").is_ok());
    }
}
