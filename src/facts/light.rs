//! Light mode: does the camera see colours, infrared, or nearly nothing?

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Scalars;

/// What kind of light a camera sees by, told from its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LightMode {
    /// Colour, enough light.
    Colour,
    /// No colour: the infrared cut filter is out, or the camera has no colour.
    Infrared,
    /// Colour, but most of the picture is dark.
    LowLight,
}

impl LightMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Colour, Self::Infrared, Self::LowLight];

    /// The word used in configuration and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Colour => "colour",
            Self::Infrared => "infrared",
            Self::LowLight => "low_light",
        }
    }
}

/// A colour difference up to this many coded levels is no colour: an encoder's error on grey.
pub(super) const NEUTRAL: u8 = 2;

/// Share of coloured samples below which a picture is infrared, and from which it no longer is.
const INFRARED: (f32, f32) = (0.002, 0.01);

/// Median level (of 255) below which light is low, and from which it no longer is. The median, since headlights and
/// lamps are bright but small.
pub(super) const LOW: (f32, f32) = (40.0, 55.0);

/// The mode of a stream with its delay.
#[derive(Clone, Debug)]
pub(super) struct Light {
    hold: Duration,
    mode: Option<LightMode>,
    /// Another mode and since when it is seen.
    other: Option<(LightMode, Duration)>,
}

impl Light {
    /// A new mode must be seen for `hold` before it counts; the first one counts at once.
    pub(super) fn new(hold: Duration) -> Self {
        Self { hold, mode: None, other: None }
    }

    pub(super) fn mode(&self) -> Option<LightMode> {
        self.mode
    }

    pub(super) fn step(&mut self, now: Duration, scalars: &Scalars) {
        let seen = seen(scalars, self.mode);
        let Some(mode) = self.mode else {
            self.mode = Some(seen);
            return;
        };
        if seen == mode {
            self.other = None;
            return;
        }
        let since = self.other.filter(|(other, _)| *other == seen).map_or(now, |(_, since)| since);
        self.other = Some((seen, since));
        if now.saturating_sub(since) >= self.hold {
            (self.mode, self.other) = (Some(seen), None);
        }
    }
}

/// The mode of one picture; where it stands between two, the present one stays.
fn seen(scalars: &Scalars, present: Option<LightMode>) -> LightMode {
    let (colourless, coloured) = INFRARED;
    let (dark, light) = LOW;
    let infrared = scalars.coloured < if present == Some(LightMode::Infrared) { coloured } else { colourless };
    let low = scalars.median < if present == Some(LightMode::LowLight) { light } else { dark };
    match (infrared, low) {
        (true, _) => LightMode::Infrared,
        (false, true) => LightMode::LowLight,
        (false, false) => LightMode::Colour,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The modes that result from (seconds, share coloured, median level).
    fn modes(steps: &[(f32, f32, f32)]) -> Vec<LightMode> {
        let mut light = Light::new(Duration::from_secs(5));
        let step = |&(at, coloured, median): &(f32, f32, f32)| {
            let scalars = Scalars { coloured, median, mean: median, deviation: 20.0, texture: 0.5 };
            light.step(Duration::from_secs_f32(at), &scalars);
            light.mode()
        };
        steps.iter().filter_map(step).collect()
    }

    #[test]
    fn a_switch_counts_after_its_hold() {
        use LightMode::{Colour, Infrared, LowLight};
        let day = (0.3, 120.0);
        type Row<'a> = (&'a [(f32, f32, f32)], &'a [LightMode]);
        let table: [Row<'_>; 5] = [
            (&[(0.0, 0.0, 90.0)], &[Infrared]),
            (&[(0.0, 0.1, 20.0)], &[LowLight]),
            // Dusk: the filter goes out at 10 s.
            (
                &[(0.0, day.0, day.1), (10.0, 0.0, 80.0), (14.9, 0.0, 80.0), (15.0, 0.0, 80.0)],
                &[Colour, Colour, Colour, Infrared],
            ),
            // Headlights for three seconds, and again.
            (
                &[(0.0, 0.1, 20.0), (5.0, 0.2, 90.0), (8.0, 0.1, 20.0), (9.0, 0.2, 90.0), (13.0, 0.2, 90.0)],
                &[LowLight; 5],
            ),
            // Between the two limits the mode stays as it is.
            (
                &[
                    (0.0, 0.1, 20.0),
                    (5.0, 0.1, 50.0),
                    (60.0, 0.1, 50.0),
                    (70.0, 0.1, 60.0),
                    (80.0, 0.1, 60.0),
                    (90.0, 0.1, 50.0),
                ],
                &[LowLight, LowLight, LowLight, LowLight, Colour, Colour],
            ),
        ];
        for (steps, want) in table {
            assert_eq!(modes(steps), want, "{steps:?}");
        }
    }

    #[test]
    fn a_third_mode_starts_its_own_hold() {
        use LightMode::{Colour, Infrared};
        let steps = [(0.0, 0.3, 120.0), (1.0, 0.0, 80.0), (4.0, 0.1, 20.0), (6.5, 0.0, 80.0), (11.5, 0.0, 80.0)];
        assert_eq!(modes(&steps), [Colour, Colour, Colour, Colour, Infrared]);
    }
}
