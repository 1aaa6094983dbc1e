//! Scripts: scores and facts at times → what the monitor says.

mod gate;
mod normal;
mod rules;
mod settings;
mod sights;
mod status;

use std::path::Path;

use super::*;
use crate::{
    config::Config,
    engine::Card,
    event::{Cause, Unjudged},
};

const CARD: &str = r#"
format = 1
name = "script"
version = "1"
description = "for scripts"
limits = []
[file]
name = "model.onnx"
sha256 = ""
bytes = 0
[input]
name = "image"
dtype = "uint8"
layout = "NHWC"
colour = "RGB"
size = 288
[output]
heads = ["cls_composite", "cls_consistency"]
distortion = "distortion"
distortions = ["darkness", "fog"]
[thresholds]
cls_consistency = { close_below = 0.4, open_above = 0.6 }
[falls]
cls_consistency = [[0.05, 0.9], [0.1, 0.8], [0.2, 0.5]]
[training]
data = ""
labels = ""
recipe = ""
split = ""
[metrics]
[licence]
weights = ""
parts = []
"#;

fn settings(toml: &str) -> Result<Settings, SettingsError> {
    let card: Card = toml::from_str(CARD).expect("card");
    let text = format!("{toml}\n[[stream]]\nname = \"s\"\nlocation = \"s.mp4\"\n");
    let config = Config::parse(&text, Path::new("script.toml")).expect("config");
    Settings::new("s", &config.streams[0].gate, &config.rules, &card)
}

/// A line of a script: `Ok` is a score of the gate's head with a probability of fog, `Err` anything else.
type Line = (u64, Result<(f32, f32), Input<'static>>);

fn play(toml: &str, script: &[Line]) -> (Vec<String>, Monitor) {
    let mut monitor = Monitor::new(settings(toml).expect("settings"));
    let mut said = Vec::new();
    for (ms, line) in script {
        let now = Duration::from_millis(*ms);
        let events = match line {
            Ok((score, fog)) => {
                monitor.step(now, Input::Scores(&Scores { heads: vec![0.5, *score], distortions: vec![0.1, *fog] }))
            }
            Err(input) => monitor.step(now, input.clone()),
        };
        said.extend(events.iter().map(short));
    }
    (said, monitor)
}

fn short(event: &Event) -> String {
    match event {
        Event::Gate(g) => {
            let causes: Vec<_> = g.causes.iter().map(|c| c.distortion.as_str()).collect();
            format!("{} {} ({}) since {} {}", g.at, g.state, g.reason, g.since, causes.join("+")).trim_end().to_owned()
        }
        Event::Alert(a) => format!("{} {:?} {}", a.at, a.state, a.id),
        Event::Error { error, at, .. } => format!("{} error {error}", at.unwrap_or_default()),
        other => other.to_string().trim_start().to_owned(),
    }
}

/// The same score every 200 ms.
fn run(from: u64, to: u64, score: f32, fog: f32) -> Vec<Line> {
    (from..to).step_by(200).map(|ms| (ms, Ok((score, fog)))).collect()
}

fn fact(ms: u64, fact: Fact) -> Line {
    (ms, Err(Input::Fact(fact)))
}

/// Without smoothing a script is easier to follow.
const RAW: &str = "[gate]\nsmooth = \"0s\"\n";
