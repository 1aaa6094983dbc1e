//! Smear: what a decoder shows after it has lost data and covered it up.
//!
//! Three looks, each seen on real streams with dropped packets (docs/facts.md): lines repeated downwards over what is
//! missing, ghosts with the edges of macroblocks, and plain grey where the first picture of a group was lost.

use std::time::Duration;

use super::sample::{ACROSS, BLOCK, DOWN, SIDE, Samples};

/// Quarters of the width that repeated lines are looked for in.
const QUARTERS: usize = 4;
/// So many rows of blocks, one below the other, must repeat their lines.
const STRETCHED_ROWS: usize = 3;
/// Lines repeat if they differ by less than this on average (coded levels) ...
const SAME_LINE: f32 = 0.15;
/// ... and by less than this share of what varies along the line, which must be something.
const SAME_SHARE: f32 = 0.03;
const VARIES: f32 = 3.0;

/// Macroblock edges: so much more often than `RATIO` times at other columns. Heavy compression makes edges at all
/// columns of its transforms, loss at those of macroblocks.
const EDGE_SHARE: f32 = 0.003;
const RATIO: f32 = 3.0;

/// Grey: a decoder's start value is 128 in luma and chroma (coded), whatever the range.
const GREY: u8 = 128;
const GREY_LUMA: (u8, f32) = (4, 0.6);
const GREY_CHROMA: (u8, f32) = (2, 0.9);

/// A stream's usual share of macroblock edges falls and rises with these time constants (seconds): loss comes and goes
/// with the keyframes, a starved encoder's edges stay.
const FALL: f32 = 1.0;
const RISE: f32 = 120.0;
/// So many times the usual share must be exceeded as well.
const USUAL: f32 = 2.0;

/// Whether one picture by itself shows any of the three.
pub(super) fn look(samples: &Samples) -> bool {
    ghosts(samples, 0.0) || grey(samples) || Stretched::of(samples).found(0.0)
}

/// The looks of a stream's pictures, measured against what is usual in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Smear {
    /// Usual share of macroblock edges, usual share of repeated lines, and the time of the newest frame.
    usual: Option<(f32, f32, Duration)>,
}

impl Smear {
    pub(super) fn step(&mut self, now: Duration, samples: &Samples) -> bool {
        let (edge, _) = samples.edges.shares();
        let stretched = Stretched::of(samples);
        let (edges, lines, newest) = self.usual.unwrap_or((edge, stretched.share, now));
        let found = ghosts(samples, edges) || grey(samples) || stretched.found(lines);
        let passed = now.saturating_sub(newest).as_secs_f32();
        let follow = |usual: f32, value: f32| {
            let constant = if value < usual { FALL } else { RISE };
            usual + (1.0 - (-passed / constant).exp()) * (value - usual)
        };
        self.usual = Some((follow(edges, edge), follow(lines, stretched.share), now));
        found
    }
}

fn ghosts(samples: &Samples, usual: f32) -> bool {
    let (edge, other) = samples.edges.shares();
    edge > EDGE_SHARE + RATIO * other + USUAL * usual
}

fn grey(samples: &Samples) -> bool {
    let near = |v: u8, span: u8| v.abs_diff(GREY) <= span;
    let luma = samples.luma.iter().filter(|&&v| near(v, GREY_LUMA.0)).count();
    if (luma as f32) < GREY_LUMA.1 * samples.luma.len() as f32 {
        return false;
    }
    let chroma = samples.chroma.iter().filter(|c| near(c[0], GREY_CHROMA.0) && near(c[1], GREY_CHROMA.0)).count();
    // Neutral chroma alone is an infrared camera's; exactly neutral luma as well is nobody's.
    let exact = samples.luma.iter().filter(|&&v| near(v, 1)).count();
    chroma as f32 >= GREY_CHROMA.1 * samples.chroma.len() as f32 && exact as f32 >= 0.3 * luma as f32
}

/// Where lines repeat downwards.
struct Stretched {
    /// Share (0–1) of the quarter rows of blocks that do.
    share: f32,
    /// Most of them one below the other.
    longest: usize,
}

impl Stretched {
    fn of(samples: &Samples) -> Self {
        let row_of_blocks = ACROSS * BLOCK;
        let (mut runs, mut longest, mut count) = ([0; QUARTERS], 0, 0);
        for row in samples.luma.chunks_exact(row_of_blocks) {
            for (run, quarter) in runs.iter_mut().zip(row.chunks_exact(row_of_blocks / QUARTERS)) {
                let repeats = repeats(quarter);
                count += usize::from(repeats);
                *run = if repeats { *run + 1 } else { 0 };
                longest = longest.max(*run);
            }
        }
        Self { share: count as f32 / (QUARTERS * DOWN) as f32, longest }
    }

    fn found(&self, usual: f32) -> bool {
        // A picture of nothing but bars is a test pattern.
        self.longest >= STRETCHED_ROWS && self.share > USUAL * usual && self.share < 1.0
    }
}

/// Whether the lines of neighbouring blocks equal each other and are not flat.
fn repeats(blocks: &[u8]) -> bool {
    let line = |n: usize| blocks.chunks_exact(BLOCK).flat_map(move |block| &block[n * SIDE..(n + 1) * SIDE]);
    let count = (blocks.len() / SIDE) as f32;
    let mut down = 0_u32;
    for n in [0, 2, 4] {
        down += line(n).zip(line(n + 2)).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>();
        if down as f32 > SAME_LINE * 3.0 * count {
            return false;
        }
    }
    let mean = line(0).map(|&v| f32::from(v)).sum::<f32>() / count;
    let along = (line(0).map(|&v| (f32::from(v) - mean).powi(2)).sum::<f32>() / count).sqrt();
    let down = down as f32 / (3.0 * count);
    along > VARIES && down < SAME_SHARE * along
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Colour, Frame, Pixels, Plane};

    fn found(pixel: impl Fn(usize, usize) -> u8) -> bool {
        look(&samples(pixel))
    }

    fn samples(pixel: impl Fn(usize, usize) -> u8) -> Samples {
        let (w, h) = (640, 360);
        let frame = Frame {
            pixels: Pixels::Grey(Plane::owned((0..w * h).map(|i| pixel(i % w, i / w)).collect(), w)),
            colour: Colour { full_range: false, ..Colour::assumed(360) },
            ..Frame::from_rgb(image::RgbImage::new(w as u32, h as u32))
        };
        let mut samples = Samples::new();
        assert!(samples.take(&frame));
        samples
    }

    fn scene(x: usize, y: usize) -> u8 {
        (60 + (x * 7 + y * 3) % 23 + (x / 40 * 31 + y / 30 * 17) % 90) as u8
    }

    #[test]
    fn the_three_looks_are_found_and_a_scene_is_none() {
        assert!(!found(scene));
        assert!(found(|x, y| scene(x, y.min(200))), "lines repeated to the bottom");
        assert!(found(|x, y| if x > 320 { scene(x, y.min(200)) } else { scene(x, y) }), "on the right only");
        assert!(!found(|x, _| scene(x, 0)), "bars over the whole picture are a test pattern");
        assert!(found(|x, y| if (x / 16 + y / 16) % 5 == 0 { 150 } else { 90 }), "macroblocks");
        assert!(!found(|x, y| if (x / 8 + y / 8) % 5 == 0 { 150 } else { 90 }), "blocks of another grid");
        assert!(found(|x, y| if (x + y) % 50 == 0 { 128 + (x % 20) as u8 } else { 127 + (x % 2) as u8 }), "grey");
        assert!(!found(|x, y| 118 + ((x * 5 + y * 11) % 20) as u8), "a grey scene");
    }

    #[test]
    fn what_is_usual_in_a_stream_is_no_smear() {
        let blocky = samples(|x, y| if (x / 16 + y / 16) % 5 == 0 { 150 } else { 90 });
        let clean = samples(scene);
        let feed = |pictures: &[(&Samples, u64)]| {
            let (mut smear, mut now) = (Smear::default(), 0);
            let mut found = Vec::new();
            for &(picture, frames) in pictures {
                let n = (0..frames).filter(|i| smear.step(Duration::from_millis((now + i) * 40), picture)).count();
                now += frames;
                found.push(n as u64);
            }
            found
        };
        assert_eq!(feed(&[(&blocky, 500)]), [0], "a starved encoder from the beginning");
        let poles = samples(|x, y| scene(x, y.min(200)));
        assert_eq!(feed(&[(&poles, 500)]), [0], "a scene of upright lines");
        assert_eq!(feed(&[(&clean, 100), (&poles, 50)]), [0, 50]);
        assert_eq!(feed(&[(&clean, 100), (&blocky, 50), (&clean, 50), (&blocky, 50)]), [0, 50, 0, 50]);
        assert_eq!(feed(&[(&blocky, 100), (&clean, 150), (&blocky, 50)]), [0, 0, 50], "loss at the beginning");
    }
}
