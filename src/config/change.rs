//! What changed from one configuration to the next: what has to restart and what needs not.

use super::{Config, Rule, Stream};

/// The difference of two configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Streams that only the new one has.
    pub added: Vec<String>,
    /// Streams that only the old one has.
    pub removed: Vec<String>,
    /// Streams whose source or views changed.
    pub restarted: Vec<String>,
    /// Streams of which only the gate or the rules changed.
    pub regated: Vec<String>,
    /// Sections that can't change while the program runs.
    pub fixed: Vec<&'static str>,
}

impl Change {
    /// What leads from `old` to `new`.
    pub fn between(old: &Config, new: &Config) -> Self {
        let mut change = Self::default();
        for stream in &new.streams {
            let name = stream.name.clone();
            match old.streams.iter().find(|s| s.name == name) {
                None => change.added.push(name),
                Some(before)
                    if (Stream { gate: stream.gate.clone(), detector: stream.detector, ..before.clone() })
                        != *stream =>
                {
                    change.restarted.push(name);
                }
                Some(before) => {
                    let rules = |config: &Config| -> Vec<Rule> {
                        config.rules.iter().filter(|rule| rule.watches(&name)).cloned().collect()
                    };
                    if before.gate != stream.gate || rules(old) != rules(new) {
                        change.regated.push(name);
                    }
                }
            }
        }
        let gone = |s: &&Stream| !new.streams.iter().any(|t| t.name == s.name);
        change.removed = old.streams.iter().filter(gone).map(|s| s.name.clone()).collect();
        let sections = [
            ("engine", old.engine != new.engine),
            ("snapshots", old.snapshots != new.snapshots),
            ("state", old.state != new.state),
            ("ledger", old.state == new.state && old.ledger != new.ledger),
            ("socket", old.readers.socket != new.readers.socket),
            ("slot", old.readers.slot != new.readers.slot),
            ("jsonl", old.outputs.jsonl != new.outputs.jsonl),
            ("webhook", old.outputs.webhooks != new.outputs.webhooks),
            ("mqtt", old.outputs.mqtt != new.outputs.mqtt),
            ("frigate", old.outputs.frigate != new.outputs.frigate),
            ("http", old.outputs.http != new.outputs.http),
        ];
        change.fixed = sections.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
        change
    }

    /// Every stream that something changes for.
    pub fn streams(&self) -> Vec<String> {
        [&self.added, &self.removed, &self.restarted, &self.regated].into_iter().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text, Path::new("c.toml")).expect(text)
    }

    #[test]
    fn only_what_changed_is_named() {
        let stream =
            |name: &str, keys: &str| format!("[[stream]]\nname = \"{name}\"\nlocation = \"{name}.mp4\"\n{keys}");
        let rule = |value: f32| {
            format!("[[rule]]\nname = \"r\"\ndistortion = \"fog\"\nfire_above = {value}\nstreams = [\"c\"]\n")
        };
        let streams = ["a", "b", "c", "d"].map(|name| stream(name, "")).concat();
        let old = config(&format!("{streams}{}", rule(0.5)));
        assert_eq!(Change::between(&old, &old.clone()), Change::default());
        let streams = [
            stream("e", ""),
            stream("d", "interval = \"1s\"\n"),
            stream("b", "[stream.gate]\nclose_below = 0.2\n"),
            stream("c", ""),
        ]
        .concat();
        let new = config(&format!("[engine]\nthreads = 2\n{streams}{}", rule(0.6)));
        let change = Change::between(&old, &new);
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            change,
            Change {
                added: names(&["e"]),
                removed: names(&["a"]),
                restarted: names(&["d"]),
                regated: names(&["b", "c"]),
                fixed: vec!["engine"],
            }
        );
    }
}
