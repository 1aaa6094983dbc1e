//! Does the picture repeat?
//!
//! Two things must hold. *Nothing moved*: against the picture at the beginning, no block outside the caption rows has
//! moved, but for the few that an encoder codes anew differently. *Nothing lives*: most blocks equal the frame before
//! to the last bit. A lossy encoder that is fed one picture over and over skips its blocks in the frames between
//! keyframes; sensor noise makes it code them.

use std::time::Duration;

use super::sample::{BLOCK, BLOCKS, Samples, in_caption};

/// A sample that differs by this much from the beginning means that its block has moved. A repeated picture coded
/// anew stays below in nearly all blocks (docs/facts.md).
const MOVED: u8 = 6;

/// How the shares below change once the picture is still, so that it does not stop being so by one odd frame.
struct Limits {
    /// Most moved blocks outside the caption rows (share of those).
    scene: f32,
    /// Most moved blocks inside the caption rows (share of those): a clock, a counter.
    caption: f32,
    /// Least share of blocks that equal the frame before, smoothed.
    equal: f32,
}

const BEGIN: Limits = Limits { scene: 0.025, caption: 0.25, equal: 0.6 };
const STAY: Limits = Limits { scene: 0.05, caption: 0.4, equal: 0.4 };

/// Time constant of the share of equal blocks.
const SMOOTH: f32 = 1.0;

/// What is remembered of the frames before.
#[derive(Clone, Debug)]
pub(super) struct Still {
    /// The samples that movement is measured against.
    anchor: Box<[u8]>,
    /// The samples of the frame before.
    previous: Box<[u8]>,
    /// Blocks that moved since the anchor was taken.
    moved: Box<[bool; BLOCKS]>,
    /// Share of blocks that equal the frame before, smoothed; none before the second frame.
    equal: Option<f32>,
    newest: Option<Duration>,
    still: bool,
}

impl Still {
    pub(super) fn new() -> Self {
        Self {
            anchor: vec![0; BLOCKS * BLOCK].into(),
            previous: vec![0; BLOCKS * BLOCK].into(),
            moved: Box::new([false; BLOCKS]),
            equal: None,
            newest: None,
            still: false,
        }
    }

    /// Whether nothing moves and nothing lives, as of this frame.
    pub(super) fn step(&mut self, now: Duration, samples: &Samples) -> bool {
        let Some(newest) = self.newest.replace(now) else {
            self.previous.copy_from_slice(&samples.luma);
            self.restart();
            return false;
        };
        let equal = self.compare(samples) as f32 / BLOCKS as f32;
        let weight = 1.0 - (-now.saturating_sub(newest).as_secs_f32() / SMOOTH).exp();
        let equal = self.equal.map_or(equal, |before| before + weight * (equal - before));
        self.equal = Some(equal);
        let limits = if self.still { STAY } else { BEGIN };
        let (scene, caption) = self.shares_moved();
        self.previous.copy_from_slice(&samples.luma);
        self.still = scene <= limits.scene && caption <= limits.caption && equal >= limits.equal;
        if !self.still {
            self.restart();
        }
        self.still
    }

    /// Whether most of the picture repeats, whatever moves in the rest.
    pub(super) fn repeats(&self) -> bool {
        self.equal.is_some_and(|equal| equal >= BEGIN.equal)
    }

    /// Marks blocks that moved; how many equal the frame before.
    fn compare(&mut self, samples: &Samples) -> usize {
        let mut equal = 0;
        let blocks = samples.luma.chunks_exact(BLOCK);
        let before = self.previous.chunks_exact(BLOCK).zip(self.anchor.chunks_exact(BLOCK));
        for ((block, (previous, anchor)), moved) in blocks.zip(before).zip(self.moved.iter_mut()) {
            if block == previous {
                equal += 1;
            } else if !*moved {
                let largest = block.iter().zip(anchor).map(|(a, b)| a.abs_diff(*b)).fold(0, u8::max);
                *moved = largest >= MOVED;
            }
        }
        equal
    }

    fn shares_moved(&self) -> (f32, f32) {
        let count = |caption: bool| {
            let blocks = self.moved.iter().enumerate().filter(|(i, _)| in_caption(*i) == caption);
            let (all, moved) = blocks.fold((0_u32, 0_u32), |(all, n), (_, &moved)| (all + 1, n + u32::from(moved)));
            moved as f32 / all as f32
        };
        (count(false), count(true))
    }

    /// Measures movement against the newest frame from now on.
    fn restart(&mut self) {
        self.anchor.copy_from_slice(&self.previous);
        self.moved.fill(false);
    }
}
