//! A configuration file as it counts: every default written out, secrets masked. Fed back, it gives itself.

use std::path::{Path, PathBuf};

use super::{Bound, BrokerKeys, Config, ConfigError, Keys, RegionKeys, Rule, RuleKeys, Subject};
/// What counts although the file alone doesn't say it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// The machine's name, which stands in default names.
    pub host: String,
    /// Folder of the model, where it was found.
    pub model: Option<PathBuf>,
    /// Each stream's thresholds, in the order of the file; none if the model's card can't be read.
    pub thresholds: Vec<EffectiveThresholds>,
}

/// The thresholds of a stream's gate, those that the model's card gives among them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EffectiveThresholds {
    /// Score below which it closes.
    pub close_below: f32,
    /// Score below which an open gate is degraded.
    pub degrade_below: f32,
    /// Score from which it opens again.
    pub open_above: f32,
}

impl Known {
    /// MQTT's client id where no key names one.
    pub fn client_id(host: &str) -> String {
        format!("miqa-{host}")
    }

    /// The `source` of CloudEvents where no key names one.
    pub fn source(host: &str) -> String {
        format!("/miqa/{host}")
    }
}

impl Config {
    /// The file as it would be with every default written out: `[gate]`, `[facts]` and `[detector]` are moved into the streams, paths
    /// are absolute, secrets are masked (so streams and receivers whose address holds one can't be reached with it).
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn effective(path: &Path, known: &Known) -> Result<String, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| ConfigError::Read { path: path.into(), reason: e.to_string() })?;
        Self::effective_of(&text, path, known)
    }

    pub(super) fn effective_of(text: &str, path: &Path, known: &Known) -> Result<String, ConfigError> {
        let checked = Self::parse(text, path)?;
        let mut keys: Keys = toml::from_str(text).map_err(|e| ConfigError::place(path.into(), text, &e))?;
        keys.fill(&checked, known);
        keys.settle(path.parent().unwrap_or(Path::new("")));
        if let Some(model) = &known.model {
            keys.engine.model = model.clone();
            absolute(&mut keys.engine.model, Path::new(""));
        }
        let value = |e: toml::ser::Error| ConfigError::Value {
            path: path.into(),
            key: "effective".into(),
            reason: e.to_string(),
        };
        // Secrets are masked by their types: looking for them in the text would tear other words apart.
        toml::to_string_pretty(&keys).map_err(value)
    }
}

impl Keys {
    /// Writes every default out.
    fn fill(&mut self, checked: &Config, known: &Known) {
        let (gate, facts) = (std::mem::take(&mut self.gate), std::mem::take(&mut self.facts));
        let detector = std::mem::take(&mut self.detector);
        for (i, (keys, stream)) in self.stream.iter_mut().zip(&checked.streams).enumerate() {
            keys.gate = gate.filled(&keys.gate, &stream.gate);
            if let Some(thresholds) = known.thresholds.get(i) {
                keys.gate.close_below = Some(thresholds.close_below.into());
                keys.gate.degrade_below = Some(thresholds.degrade_below);
                keys.gate.open_above = Some(thresholds.open_above.into());
            }
            keys.facts = facts.filled(&keys.facts);
            keys.detector = detector.filled(&keys.detector);
            keys.fast_interval = Some(stream.fast_interval);
        }
        for (keys, rule) in self.rule.iter_mut().zip(&checked.rules) {
            keys.fill(rule);
        }
        if let Some(state) = &self.state {
            self.ledger.get_or_insert_default().folder.get_or_insert_with(|| state.folder.clone());
        }
        for webhook in &mut self.webhook {
            webhook.source.get_or_insert_with(|| Known::source(&known.host));
        }
        for broker in self.brokers() {
            broker.client_id.get_or_insert_with(|| Known::client_id(&known.host));
        }
    }

    fn brokers(&mut self) -> impl Iterator<Item = &mut BrokerKeys> {
        let frigate = self.frigate.as_mut().and_then(|frigate| frigate.broker.as_mut());
        self.mqtt.as_mut().map(|mqtt| &mut mqtt.broker).into_iter().chain(frigate)
    }

    /// Makes every path absolute, so that the file may stand anywhere.
    fn settle(&mut self, folder: &Path) {
        let mut paths: Vec<&mut PathBuf> = Vec::new();
        let Self { stream, snapshots, state, ledger, socket, slot, jsonl, webhook, mqtt, frigate, http, .. } = self;
        for keys in stream {
            let here = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
            keys.location = keys.location.clone().under(&here);
            paths.extend(&mut keys.password_file);
            paths.extend(keys.region.iter_mut().filter_map(|RegionKeys { mask, .. }| mask.as_mut()));
        }
        paths.extend(snapshots.iter_mut().map(|keys| &mut keys.folder));
        paths.extend(state.iter_mut().map(|keys| &mut keys.folder));
        paths.extend(ledger.iter_mut().filter_map(|keys| keys.folder.as_mut()));
        paths.extend(socket.iter_mut().map(|keys| &mut keys.path));
        paths.extend(slot.iter_mut().map(|keys| &mut keys.path));
        paths.extend(jsonl.iter_mut().map(|keys| &mut keys.path));
        for keys in webhook {
            let files = [&mut keys.url_file, &mut keys.secret_file, &mut keys.token_file, &mut keys.ca_file];
            paths.extend(files.into_iter().flatten());
        }
        let frigate = frigate.as_mut().and_then(|frigate| frigate.broker.as_mut());
        for keys in mqtt.as_mut().map(|mqtt| &mut mqtt.broker).into_iter().chain(frigate) {
            paths.extend([&mut keys.password_file, &mut keys.ca_file].into_iter().flatten());
        }
        paths.extend(http.iter_mut().filter_map(|keys| keys.token_file.as_mut()));
        paths.into_iter().for_each(|path| absolute(path, folder));
    }
}

/// Without a working folder a path stays as it is.
fn absolute(path: &mut PathBuf, folder: &Path) {
    if let Ok(whole) = std::path::absolute(folder.join(&path)) {
        *path = whole;
    }
}

impl RuleKeys {
    /// Writes out what the rule does where its keys don't say.
    fn fill(&mut self, rule: &Rule) {
        match (&rule.subject, rule.bound) {
            (Subject::Head(_) | Subject::Distortion(_), Bound::Below { resolve, .. }) => {
                self.resolve_above = Some(resolve);
            }
            (Subject::Head(_) | Subject::Distortion(_), Bound::Above { resolve, .. }) => {
                self.resolve_below = Some(resolve);
            }
            (Subject::Drop { over, accept_after, .. }, _) => {
                (self.over, self.accept_after) = (Some(*over), Some(*accept_after));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use toml::{Table, Value};

    use super::*;

    /// Every section with what it requires and nothing else.
    const LEAST: &str = "[[stream]]\nname = \"yard\"\nlocation = \"a.mp4\"\n[[stream.region]]\nrectangle = [0, 0, 1, 1]\n\
        [[rule]]\nname = \"r\"\ndrop = 0.25\n[snapshots]\nfolder = \"s\"\n[socket]\n[slot]\n[state]\nfolder = \"t\"\n\
        [jsonl]\npath = \"e\"\n[[webhook]]\nurl = \"https://h/\"\n[mqtt.broker]\naddress = \"mqtt://h\"\n\
        [frigate]\ncameras = { yard = \"c\" }\n[http]\n";

    fn known(streams: usize) -> Known {
        let one = EffectiveThresholds { close_below: 0.43, degrade_below: (0.43 + 0.57) / 2.0, open_above: 0.57 };
        Known { host: "hostname".into(), model: Some("/m".into()), thresholds: vec![one; streams] }
    }

    #[test]
    fn fed_back_it_gives_itself_wherever_it_stands() {
        let secret = "[[stream]]\nname = \"b\"\nlocation = \"rtsp://ann:zk-fixed@cam/1?key=zk-query\"\n\
            [[stream]]\nname = \"c\"\nlocation = \"images:stills\"\n[[stream]]\nname = \"d\"\nlocation = \"gst:videotestsrc\"\n\
            [[rule]]\nname = \"q\"\ndistortion = \"fog\"\nfire_above = 0.7\n[[rule]]\nname = \"p\"\nhead = \"x\"\nfire_below = 0.3\n\
            [[webhook]]\nname = \"w\"\nurl = \"https://h.example/zk-path\"\n[gate]\nclose_below = 0.4\nmode = \"shadow\"\n";
        for text in [include_str!("../../config/miqa.toml").to_owned(), LEAST.to_owned(), format!("{secret}{LEAST}")] {
            for known in [known(text.matches("[[stream]]").count()), known(0)] {
                let once = Config::effective_of(&text, Path::new("conf/a.toml"), &known).expect(&text);
                let twice = Config::effective_of(&once, Path::new("/elsewhere/b.toml"), &known).expect(&once);
                assert_eq!(once, twice);
                assert!(!once.contains("zk-") && !once.contains("lost = false"), "{once}");
                let other = Known { thresholds: vec![], ..known };
                let alone = Config::effective_of(&once, Path::new("/elsewhere/b.toml"), &other).expect(&once);
                assert_eq!(once, alone, "what the card gives stands in the file");
            }
        }
        let text =
            Config::effective_of(&format!("{secret}{LEAST}"), Path::new("conf/a.toml"), &known(4)).expect("valid");
        for part in [
            "close_below = 0.43",
            "degrade_below = 0.5",
            "open_above = 0.57",
            "client_id = \"miqa-hostname\"",
            "source = \"/miqa/hostname\"",
            "url = \"https://h.example/***\"",
            "url = \"https://h/\"",
            "location = \"rtsp://***@cam/1?***\"",
            "resolve_below = 0.7",
            "resolve_above = 0.3",
            "accept_after = \"30m\"",
            "model = \"/m\"",
            "conf/t\"",
        ] {
            assert!(text.contains(part), "no {part} in\n{text}");
        }
    }

    /// What the example file shows: section, key, value, and whether it says that this is the default.
    fn shown(text: &str) -> Vec<(String, String, Value, bool)> {
        let (mut section, mut found) = (String::new(), Vec::new());
        for line in text.lines() {
            let (bare, default) = match line.strip_prefix("# e.g. ") {
                Some(bare) => (bare, false),
                None => (line.strip_prefix("# ").unwrap_or(line), line.starts_with("# ")),
            };
            if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name) {
                section = name.trim_start_matches('[').into();
            } else if let Some((key, _)) = bare.split_once(" = ")
                && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            {
                let table: Table = toml::from_str(bare).unwrap_or_else(|e| panic!("{line}: {e}"));
                found.push((section.clone(), key.to_owned(), table[key].clone(), default));
            }
        }
        found
    }

    #[test]
    fn the_example_file_shows_every_key_with_its_real_default() {
        let text = include_str!("../../config/miqa.toml");
        let known = Known { host: "hostname".into(), ..Known::default() };
        let real = Config::effective_of(LEAST, Path::new("/c/a.toml"), &known).expect("valid");
        let real: Table = toml::from_str(&real).expect("TOML");
        let (stream, one) = (&real["stream"][0], |name: &str| &real[name][0]);
        let sections: Vec<(&str, &Value)> = vec![
            ("engine", &real["engine"]),
            ("gate", &stream["gate"]),
            ("facts", &stream["facts"]),
            ("detector", &stream["detector"]),
            ("stream", stream),
            ("stream.region", &stream["region"][0]),
            ("rule", one("rule")),
            ("snapshots", &real["snapshots"]),
            ("socket", &real["socket"]),
            ("slot", &real["slot"]),
            ("state", &real["state"]),
            ("ledger", &real["ledger"]),
            ("jsonl", &real["jsonl"]),
            ("webhook", one("webhook")),
            ("mqtt", &real["mqtt"]),
            ("mqtt.broker", &real["mqtt"]["broker"]),
            ("frigate", &real["frigate"]),
            ("http", &real["http"]),
        ];
        let shown = shown(text);
        let mut defaults = 0;
        for (section, key, value, _) in shown.iter().filter(|(.., default)| *default) {
            let table = sections.iter().find(|(name, _)| name == section).map(|(_, table)| *table);
            let real = table.and_then(|table| table.get(key));
            assert_eq!(Some(value), real, "config/miqa.toml: the default of {key} in [{section}]");
            defaults += 1;
        }
        assert!(defaults > 60, "{defaults}");
        let there: BTreeSet<_> = shown.iter().map(|(section, key, ..)| (section.as_str(), key.as_str())).collect();
        for (section, table) in sections {
            for (key, value) in table.as_table().expect("a table") {
                let part = matches!(value, Value::Table(_)) && key != "cameras"
                    || value.as_array().is_some_and(|all| all.iter().any(Value::is_table));
                assert!(part || there.contains(&(section, key)), "config/miqa.toml lacks {key} in [{section}]");
            }
        }
        // With everything taken in the file still has no key that nobody knows.
        let bare = |line: &str| {
            let bare = line.strip_prefix("# e.g. ").or(line.strip_prefix("# ")).unwrap_or(line);
            let key = bare.split(" = ").next().unwrap_or_default();
            let is_key = bare.contains(" = ") && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            if is_key || bare.starts_with('[') { format!("{bare}\n") } else { String::new() }
        };
        let all: String = text.lines().map(bare).collect();
        let keys: Keys = toml::from_str(&all).unwrap_or_else(|e| panic!("{e}"));
        assert!(keys.frigate.is_some() && keys.http.is_some() && keys.webhook.len() == 1);
    }
}
