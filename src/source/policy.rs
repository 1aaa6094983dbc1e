//! Which access units are decoded: all, or keyframes only. Pure: times and counts in, yes or no out.
//!
//! Decoding keyframes only costs a tenth or less, and gives a frame as often as the encoder makes a keyframe. It is taken
//! where that is as often as frames are due, left where keyframes stay away (a longer distance, or packets lost), and
//! taken again later.

use std::{collections::VecDeque, time::Duration};

use serde::Serialize;

use crate::config::Decode;

/// How many distances between keyframes are remembered; the longest of them counts.
const MEMORY: usize = 4;

/// How many have to be known before keyframes are trusted to come.
const ENOUGH: usize = 2;

/// A keyframe distance may pass the interval by so much: 25 frames at 24 a second are meant to be a second.
const TOLERANCE: f64 = 1.1;

/// Keyframes that were not followed by a frame for so many times their distance are starved by loss.
const STARVED: f64 = 2.2;

/// After that everything is decoded for so long, twice as long each time, up to the longest.
const HOLD: Duration = Duration::from_secs(30);
const LONGEST_HOLD: Duration = Duration::from_secs(480);

/// Keyframes that worked for so long make starvation a single event again.
const PROVEN: Duration = Duration::from_secs(300);

/// Keyframes need not be decoded more often than this, nor more often than twice an interval. A little under a second,
/// so that of keyframes once a second none is left out for arriving early.
const OFTEN: Duration = Duration::from_millis(900);

/// What is decoded now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every picture.
    All,
    /// Keyframes only.
    Keyframes,
}

/// An access unit on its way to the decoder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    /// Monotonic time; of files the time in the file.
    pub(super) now: Duration,
    /// Its own time, if it has one: unlike `now` it doesn't jitter.
    pub(super) pts: Option<Duration>,
    /// A keyframe that can be decoded on its own.
    pub(super) key: bool,
    /// Frames that the decoder has given so far.
    pub(super) frames: u64,
    /// Time from one due frame to the next.
    pub(super) interval: Duration,
}

/// The decision, one unit after the other.
#[derive(Debug)]
pub(super) struct Policy {
    asked: Decode,
    mode: Mode,
    /// When the mode was taken.
    since: Duration,
    last_key: Option<Unit>,
    distances: VecDeque<Duration>,
    /// The decoder's frames, and when their number last changed.
    frames: u64,
    fresh: Option<Duration>,
    /// When a keyframe was last decoded.
    passed: Option<Duration>,
    /// Since when units are held back until a keyframe comes, because those before them were not decoded.
    gap: Option<Duration>,
    /// Keyframes are not trusted before this time.
    hold_until: Duration,
    hold: Duration,
}

impl Policy {
    pub(super) fn new(asked: Decode) -> Self {
        Self {
            asked,
            mode: if asked == Decode::Keyframes { Mode::Keyframes } else { Mode::All },
            since: Duration::ZERO,
            last_key: None,
            distances: VecDeque::with_capacity(MEMORY),
            frames: 0,
            fresh: None,
            passed: None,
            gap: None,
            hold_until: Duration::ZERO,
            hold: HOLD,
        }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// The longest of the last distances between keyframes; `None` until there are two keyframes.
    pub(super) fn keyframe_interval(&self) -> Option<Duration> {
        self.distances.iter().max().copied()
    }

    /// Whether keyframes come often enough for this interval, as far as they were seen.
    pub(super) fn suits(&self, interval: Duration) -> bool {
        self.distances.len() >= ENOUGH && !self.is_seldom(interval)
    }

    /// Whether a keyframe distance was seen that is too long for this interval.
    pub(super) fn is_seldom(&self, interval: Duration) -> bool {
        self.keyframe_interval().is_some_and(|k| k > interval.mul_f64(TOLERANCE))
    }

    /// How long a healthy decoder may give no frame while units flow, beside the stream's own limit.
    pub(super) fn patience(&self, interval: Duration) -> Duration {
        match (self.mode, self.gap) {
            (Mode::All, None) => Duration::ZERO,
            (Mode::Keyframes, _) => self.spacing(interval) * 3,
            (Mode::All, Some(_)) => self.spacing(interval) * 5,
        }
    }

    /// The stream was connected again: times and decoder are new, what was learnt of it holds.
    pub(super) fn reconnected(&mut self) {
        (self.last_key, self.fresh, self.passed, self.gap) = (None, None, None, None);
    }

    /// Takes note of a unit and says whether it is decoded.
    pub(super) fn unit(&mut self, unit: &Unit) -> bool {
        if unit.frames != self.frames || self.fresh.is_none() {
            (self.frames, self.fresh) = (unit.frames, Some(unit.now));
        }
        if unit.key {
            self.measure(unit);
        }
        if self.asked == Decode::Auto {
            self.choose(unit);
        }
        let decoded = match self.mode {
            Mode::All => self.is_whole(unit),
            Mode::Keyframes => {
                let thin = thinned(unit.interval);
                unit.key && self.passed.is_none_or(|passed| unit.now.saturating_sub(passed) >= thin)
            }
        };
        if decoded && unit.key {
            self.passed = Some(unit.now);
        }
        decoded
    }

    fn measure(&mut self, unit: &Unit) {
        if let Some(last) = self.last_key.replace(*unit) {
            let own = unit.pts.zip(last.pts).and_then(|(now, before)| now.checked_sub(before));
            let distance = own.filter(|d| !d.is_zero()).unwrap_or(unit.now.saturating_sub(last.now));
            if self.distances.len() == MEMORY {
                self.distances.pop_front();
            }
            self.distances.push_back(distance);
        }
    }

    fn choose(&mut self, unit: &Unit) {
        let suits = self.suits(unit.interval);
        match self.mode {
            Mode::All if suits && unit.now >= self.hold_until => {
                (self.mode, self.since, self.fresh, self.gap) = (Mode::Keyframes, unit.now, Some(unit.now), None);
            }
            Mode::Keyframes if !suits => self.decode_all(unit),
            Mode::Keyframes if self.silence(unit.now) > self.spacing(unit.interval).mul_f64(STARVED) => {
                if unit.now.saturating_sub(self.since) >= PROVEN {
                    self.hold = HOLD;
                }
                self.hold_until = unit.now + self.hold;
                self.hold = (self.hold * 2).min(LONGEST_HOLD);
                self.decode_all(unit);
            }
            _ => {}
        }
    }

    fn decode_all(&mut self, unit: &Unit) {
        (self.mode, self.since, self.gap) = (Mode::All, unit.now, Some(unit.now));
    }

    /// Whether the pictures this unit builds upon were decoded. A keyframe that doesn't come is not waited for for ever.
    fn is_whole(&mut self, unit: &Unit) -> bool {
        let Some(since) = self.gap else { return true };
        if unit.key || unit.now.saturating_sub(since) > self.spacing(unit.interval) * 2 {
            self.gap = None;
        }
        self.gap.is_none()
    }

    fn silence(&self, now: Duration) -> Duration {
        self.fresh.map_or(Duration::ZERO, |fresh| now.saturating_sub(fresh))
    }

    /// Time from one decoded keyframe to the next, at most.
    fn spacing(&self, interval: Duration) -> Duration {
        let distance = self.keyframe_interval().unwrap_or(Duration::ZERO);
        if distance < thinned(interval) { distance + thinned(interval) } else { distance }
    }
}

/// Keyframes closer together than this are left out: pictures that are all keyframes, such as JPEGs, would otherwise all
/// be decoded.
fn thinned(interval: Duration) -> Duration {
    (interval / 2).min(OFTEN)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
