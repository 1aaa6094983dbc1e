//! Thresholds as a piece of configuration.

use super::{LOSSES, Outcome};

/// A `[stream.gate]` to be put below its `[[stream]]`: closes where the detector has lost 30 %, opens where it has lost
/// 10 %. A loss that the data doesn't reach is left out, with a word on it.
pub fn fragment(outcome: &Outcome, stream: &str, head: &str) -> String {
    let mut text = format!(
        "# miqa calibrate: {} degraded frames, {} detections. To be put below the [[stream]] named \"{stream}\".\n[stream.gate]\nhead = \"{head}\"\n",
        outcome.frames, outcome.detections
    );
    for (key, loss) in [("close_below", LOSSES[1]), ("open_above", LOSSES[0])] {
        let percent = 100.0 * loss;
        match outcome.thresholds.iter().find(|threshold| threshold.loss == loss) {
            Some(threshold) => {
                let [low, high] = threshold.interval;
                text += &format!(
                    "# the detector has lost {percent:.0} % here; 95 % interval {low:.3} to {high:.3}\n{key} = {:.3}\n",
                    threshold.score
                );
            }
            None => text += &format!("# {key}: no loss of {percent:.0} % was measured\n"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        calibrate::{Curve, Threshold},
        config::{Config, GateBound},
    };

    #[test]
    fn a_configuration_takes_it() {
        let threshold = |loss, score| Threshold { loss, score, interval: [score - 0.02, score + 0.02] };
        let mut outcome = Outcome {
            thresholds: vec![threshold(0.1, 0.612_34), threshold(0.3, 0.45)],
            halves: vec![],
            frames: 500,
            detections: 1200.0,
            segments: 12,
            band: vec![],
            curve: Curve::default(),
        };
        let parsed = |text: &str| {
            let whole = format!("[[stream]]\nname = \"yard\"\nlocation = \"a.mp4\"\n{text}");
            Config::parse(&whole, Path::new("c.toml")).expect(text).streams.remove(0).gate
        };
        let gate = parsed(&fragment(&outcome, "yard", "det_consistency"));
        let bounds = (gate.close_below, gate.open_above, gate.head.as_str());
        assert_eq!(bounds, (Some(GateBound::Score(0.45)), Some(GateBound::Score(0.612)), "det_consistency"));
        outcome.thresholds.pop();
        let gate = parsed(&fragment(&outcome, "yard", "det_consistency"));
        assert_eq!((gate.close_below, gate.open_above), (None, Some(GateBound::Score(0.612))));
    }
}
