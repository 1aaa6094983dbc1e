//! Smear: what a decoder shows after it has lost data and covered it up.
//!
//! Three looks, each seen on real streams with dropped packets (docs/facts.md): lines repeated downwards over what is
//! missing, ghosts with the edges of macroblocks, and plain grey where the first picture of a group was lost.

use super::sample::{ACROSS, BLOCK, DOWN, SIDE, Samples};

/// Quarters of the width that repeated lines are looked for in.
const QUARTERS: usize = 4;
/// So many rows of blocks, one below the other, must repeat their lines.
const STRETCHED_ROWS: usize = 3;
/// Lines repeat if they differ by less than this on average (coded levels) ...
const SAME_LINE: f32 = 0.35;
/// ... and by less than this share of what varies along the line, which must be something.
const SAME_SHARE: f32 = 0.12;
const VARIES: f32 = 2.0;

/// Macroblock edges: so much more often than `RATIO` times at other columns. Heavy compression makes edges at all
/// columns of its transforms, loss at those of macroblocks.
const EDGE_SHARE: f32 = 0.003;
const RATIO: f32 = 3.0;

/// Grey: a decoder's start value is 128 in luma and chroma (coded), whatever the range.
const GREY: u8 = 128;
const GREY_LUMA: (u8, f32) = (4, 0.6);
const GREY_CHROMA: (u8, f32) = (2, 0.9);

/// Whether one frame shows any of the three.
pub(super) fn look(samples: &Samples) -> bool {
    ghosts(samples) || grey(samples) || stretched(samples)
}

fn ghosts(samples: &Samples) -> bool {
    let (edge, other) = samples.edges.shares();
    edge > EDGE_SHARE + RATIO * other
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

fn stretched(samples: &Samples) -> bool {
    let row_of_blocks = ACROSS * BLOCK;
    let mut runs = [0; QUARTERS];
    let mut longest = 0;
    let mut everywhere = true;
    for row in samples.luma.chunks_exact(row_of_blocks) {
        for (run, quarter) in runs.iter_mut().zip(row.chunks_exact(row_of_blocks / QUARTERS)) {
            let repeats = repeats(quarter);
            everywhere &= repeats;
            *run = if repeats { *run + 1 } else { 0 };
            longest = longest.max(*run);
        }
    }
    // A picture of nothing but bars is a test pattern.
    longest >= STRETCHED_ROWS.min(DOWN) && !everywhere
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
        let (w, h) = (640, 360);
        let frame = Frame {
            pixels: Pixels::Grey(Plane::owned((0..w * h).map(|i| pixel(i % w, i / w)).collect(), w)),
            colour: Colour { full_range: false, ..Colour::assumed(360) },
            ..Frame::from_rgb(image::RgbImage::new(w as u32, h as u32))
        };
        let mut samples = Samples::new();
        assert!(samples.take(&frame));
        look(&samples)
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
}
