//! A detector that obeys a gate: YOLOX-nano at full rate while it is open, a fifth of that while it is degraded, at rest
//! while it is closed or unknown. Copy the ten lines of `may_look`; the rest is the detector.
//!
//! `examples/detector/run.sh` runs it beside miqa on the bundled clip and prints what the gate was worth.

mod worth;
mod yolox;

use std::{
    error::Error,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Parser;
use miqa::{
    engine::{Device, Runtime},
    event::GateState,
    gate::{monotonic_ns, slot::Follower},
    preprocess, source,
};
use worth::{Look, Worth};
use yolox::{Detection, Yolox};

#[derive(Parser)]
struct Arguments {
    /// Video file, played at its own speed
    clip: PathBuf,
    /// miqa's mapped file of gates; without it every due frame is looked at
    #[arg(long)]
    gates: Option<PathBuf>,
    /// The stream's name in miqa's configuration
    #[arg(long, default_value = "traffic")]
    stream: String,
    /// The detector (ONNX)
    #[arg(long, default_value = "examples/detector/yolox_nano.onnx")]
    model: PathBuf,
    /// What it finds in the clean clip; prints what the gate was worth
    #[arg(long)]
    truth: Option<PathBuf>,
    /// Writes what it finds, for use as `--truth`
    #[arg(long)]
    write: Option<PathBuf>,
    /// Milliseconds from one look to the next
    #[arg(long, default_value_t = 200)]
    every: u64,
}

/// What is found at a time in seconds.
type Found = (f64, Vec<Detection>);

/// Whether to look at the `number`-th due frame.
fn may_look(gate: Option<&mut Follower>, number: u64) -> bool {
    match gate.map_or(GateState::Open, |gate| gate.read(monotonic_ns()).obey()) {
        GateState::Open => true,
        GateState::Degraded => number.is_multiple_of(5),
        GateState::Closed | GateState::Unknown => false,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut detector = Yolox::open(&Runtime::open(Device::Cpu)?, &arguments.model)?;
    let mut gate = arguments.gates.as_ref().map(|path| Follower::new(path, &arguments.stream));
    let truth: Vec<Found> = match &arguments.truth {
        Some(path) => serde_json::from_slice(&std::fs::read(path)?)?,
        None => Vec::new(),
    };
    let (mut looks, mut due, mut number) = (Vec::new(), Duration::ZERO, 0);
    let begun = Instant::now();
    for frame in source::frames(&arguments.clip)? {
        let frame = frame?;
        let at = frame.pts.unwrap_or_default();
        if at < due {
            continue;
        }
        due += Duration::from_millis(arguments.every);
        let live = arguments.write.is_none();
        if live {
            std::thread::sleep(at.saturating_sub(begun.elapsed()));
        }
        let ran = may_look(gate.as_mut(), number);
        number += 1;
        let picture = preprocess::to_rgb(&frame)?;
        // A frame that is not looked at is detected in all the same where there is something to compare with.
        if !ran && truth.is_empty() {
            continue;
        }
        let before = Instant::now();
        let found = detector.detect(&picture)?;
        let took = before.elapsed();
        let at = at.as_secs_f64();
        let clean =
            truth.iter().find(|(t, _)| (t - at).abs() < 0.01).map(|(_, found)| found.clone()).unwrap_or_default();
        println!("{at:8.2} s  {}  {} found", if ran { "looked" } else { "rested" }, found.len());
        looks.push(Look { at, ran, took, found, truth: clean });
    }
    if let Some(path) = &arguments.write {
        let found: Vec<Found> = looks.iter().map(|look| (look.at, look.found.clone())).collect();
        std::fs::write(path, serde_json::to_vec(&found)?)?;
    }
    if !truth.is_empty() {
        println!("{}", Worth::of(&looks));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(class: usize, left: f32) -> Detection {
        Detection { class, score: 0.9, area: [left, 0.0, left + 10.0, 10.0] }
    }

    #[test]
    fn what_is_avoided_and_what_is_lost_is_counted() {
        let look = |ran, found: Vec<Detection>, truth: Vec<Detection>| Look {
            at: 0.0,
            ran,
            took: Duration::from_millis(10),
            found,
            truth,
        };
        let worth = Worth::of(&[
            look(true, vec![detection(1, 0.0), detection(2, 50.0)], vec![detection(1, 2.0)]),
            look(false, vec![detection(1, 0.0), detection(1, 80.0), detection(3, 0.0)], vec![detection(1, 0.0)]),
        ]);
        let expected = Worth {
            looks: 2,
            rested: 1,
            time: Duration::from_millis(20),
            saved: Duration::from_millis(10),
            wrong: 3,
            wrong_avoided: 2,
            right: 2,
            right_lost: 1,
        };
        assert_eq!(worth, expected);
        assert!(worth.to_string().contains("wrong ones avoided   2 of 3 (67 %)"), "{worth}");
    }
}
