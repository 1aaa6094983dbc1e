//! Cheap facts of every frame: what can be told of a picture without a model.
//!
//! An [`Inspector`] a stream is fed with every decoded frame and says when a [`Sight`] begins and ends, what light the
//! camera sees by ([`LightMode`]), and a few [`Scalars`]. It reads luma on a coarse grid only; the cost of a frame is in
//! `docs/facts.md`, with how each fact is defined and how often it errs. Pure: times are arguments.

mod hold;
mod light;
mod plain;
mod sample;
mod signature;
mod smear;
mod still;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{config::Facts, event::Sight, frame::Frame};

pub use light::LightMode;
pub use signature::Signature;

use hold::{Hold, Times, Turn};

/// A fact that begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which one.
    pub sight: Sight,
    /// It holds from now on, or no longer.
    pub holds: bool,
    /// Stream time at which it was first seen, before its hold time.
    pub since: Duration,
}

/// Cheap measures of one frame. Levels run from 0 (black) to 255 (white) whatever the stream's range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scalars {
    /// Mean luma level.
    pub mean: f32,
    /// Median luma level.
    pub median: f32,
    /// Standard deviation of luma, in levels.
    pub deviation: f32,
    /// Share (0–1) of the picture's 576 blocks that hold anything but smooth ground.
    pub texture: f32,
    /// Share (0–1) of the picture that has a colour.
    pub coloured: f32,
}

impl Scalars {
    /// Texture below which a score says little: sky, a wall, fog in front of the lens. Nearly all photographs lie
    /// above (docs/facts.md).
    pub const LITTLE_TEXTURE: f32 = 0.05;

    /// Whether there is too little texture to judge how well the picture is seen.
    pub fn too_plain(&self) -> bool {
        self.texture < Self::LITTLE_TEXTURE
    }

    /// The same although there is light enough: not the dark hides the scene.
    pub fn plain_though_lit(&self) -> bool {
        self.too_plain() && self.median >= light::LOW.0
    }
}

/// What one picture shows by itself, without those before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glance {
    /// Nothing but black.
    pub black: bool,
    /// Nothing but one colour.
    pub one_colour: bool,
    /// Drawn, not seen by a sensor: a slate if it repeats as well.
    pub drawn: bool,
    /// Looks like data were lost. In a stream what is usual there is taken off.
    pub smear: bool,
    /// Its measures.
    pub scalars: Scalars,
}

/// Looks at one picture. `None` if its planes are shorter than its size says.
pub fn glance(frame: &Frame) -> Option<Glance> {
    let mut samples = sample::Samples::new();
    samples.take(frame).then(|| Glance::of(&samples))
}

impl Glance {
    fn of(samples: &sample::Samples) -> Self {
        let plain = plain::look(samples);
        // A test pattern's bars repeat downwards as well.
        let smear = !plain.drawn && smear::look(samples);
        let plain::Plain { black, one_colour, drawn, scalars } = plain;
        Self { black, one_colour, drawn, smear, scalars }
    }
}

/// Longest gap between two damaged pictures of one run: a damaged keyframe a second is one run.
const CORRUPT_GAP: Duration = Duration::from_millis(1500);
/// The same for smear, which is found in most but not all damaged pictures.
const SMEAR_GAP: Duration = Duration::from_millis(300);

/// From this gap on pictures were missing, unless they are always that rare: nobody saw what was in between.
const MISSING: Duration = Duration::from_secs(3);
/// What counts as always: a gap up to so many times the one before.
const RARE: u32 = 3;

/// Watches the pictures of one stream.
#[derive(Clone, Debug)]
pub struct Inspector {
    samples: sample::Samples,
    still: still::Still,
    smear: smear::Smear,
    light: light::Light,
    /// The facts that are looked for.
    holds: Vec<(Sight, Hold)>,
    scalars: Option<Scalars>,
    size: (u32, u32),
    newest: Option<Duration>,
    /// From the frame before it to the newest.
    gap: Option<Duration>,
}

impl Inspector {
    /// An inspector that has seen nothing.
    pub fn new(facts: &Facts) -> Self {
        let hold = |&sight: &Sight| {
            let after = facts.after(sight)?;
            let clear = facts.clear_after.get();
            let (bridge, clear) = match sight {
                // A picture that moved lives; and the run is as long as the anchor is old, so it has no gaps.
                Sight::Frozen => (Duration::ZERO, Duration::ZERO),
                Sight::Slate | Sight::Black | Sight::OneColour | Sight::Plain => (Duration::ZERO, clear),
                Sight::Corrupt => (CORRUPT_GAP, clear.max(CORRUPT_GAP)),
                Sight::Smear => (SMEAR_GAP, clear.max(SMEAR_GAP)),
            };
            Some((sight, Hold::new(Times { after, bridge, clear })))
        };
        Self {
            samples: sample::Samples::new(),
            still: still::Still::new(),
            smear: smear::Smear::default(),
            light: light::Light::new(facts.light_after.get()),
            holds: Sight::ALL.iter().filter_map(hold).collect(),
            scalars: None,
            size: (0, 0),
            newest: None,
            gap: None,
        }
    }

    /// Takes the next frame, of stream time `now`, and says what begins and ends with it. A time before the newest one
    /// counts as the newest. A frame whose planes are too short says nothing but its damage flag.
    pub fn look(&mut self, frame: &Frame, now: Duration) -> Vec<Change> {
        let now = self.newest.map_or(now, |newest| now.max(newest));
        let gap = self.newest.replace(now).map(|newest| now - newest);
        let before = std::mem::replace(&mut self.gap, gap);
        if gap.zip(before).is_some_and(|(gap, before)| gap >= MISSING && gap > RARE * before) {
            self.holds.iter_mut().for_each(|(_, hold)| hold.interrupt());
        }
        let whole = self.samples.take(frame);
        if std::mem::replace(&mut self.size, (frame.width, frame.height)) != self.size {
            // Another size is another picture.
            self.still = still::Still::new();
            self.smear = smear::Smear::default();
        }
        let mut seen = [false; Sight::ALL.len()];
        if whole {
            let plain = plain::look(&self.samples);
            let still = self.still.step(now, &self.samples);
            let smear = self.smear.step(now, &self.samples) && !plain.drawn;
            self.light.step(now, &plain.scalars);
            self.scalars = Some(plain.scalars);
            let slate = plain.drawn && self.still.repeats();
            // What says more is not said twice.
            let little = plain.scalars.plain_though_lit() && !(plain.one_colour || plain.drawn);
            seen = [slate, plain.black, plain.one_colour, still, false, smear, little];
        }
        seen[Sight::Corrupt as usize] = frame.corrupt;
        let step = |(sight, hold): &mut (Sight, Hold)| {
            let (holds, since) = match hold.step(now, seen[*sight as usize])? {
                Turn::Begins(since) => (true, since),
                Turn::Ends(since) => (false, since),
            };
            Some(Change { sight: *sight, holds, since })
        };
        self.holds.iter_mut().filter_map(step).collect()
    }

    /// The facts that hold, the most telling first, each with the stream time since when.
    pub fn standing(&self) -> impl Iterator<Item = (Sight, Duration)> + '_ {
        self.holds.iter().filter_map(|(sight, hold)| Some((*sight, hold.since()?)))
    }

    /// What light the camera sees by; none before the first frame.
    pub fn light(&self) -> Option<LightMode> {
        self.light.mode()
    }

    /// The newest frame's measures; none before the first frame.
    pub fn scalars(&self) -> Option<Scalars> {
        self.scalars
    }

    /// What the newest frame's scene looks like; none before the first frame. Made when asked for.
    pub fn signature(&self) -> Option<Signature> {
        self.scalars.map(|_| Signature::of(&self.samples))
    }
}

#[cfg(test)]
mod tests;
