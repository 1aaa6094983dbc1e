//! A frame's luma and chroma on a coarse grid, and its macroblock edges: all that the facts look at.
//!
//! 256 × 144 luma samples, in 32 × 18 blocks of 8 × 8 samples each, whatever the frame's size. Reading single pixels
//! keeps the sensor's noise, which means over blocks would lose; it is what tells a live picture from a frozen one.

use crate::frame::{Frame, Pixels, Plane};

/// Blocks across.
pub(super) const ACROSS: usize = 32;
/// Blocks down.
pub(super) const DOWN: usize = 18;
/// Blocks of a picture.
pub(super) const BLOCKS: usize = ACROSS * DOWN;
/// Samples of a block's side.
pub(super) const SIDE: usize = 8;
/// Samples of a block.
pub(super) const BLOCK: usize = SIDE * SIDE;
/// Chroma samples across and down.
const CHROMA: (usize, usize) = (64, 36);

/// Rows of blocks at the top and at the bottom in which cameras burn clocks, names and counters.
pub(super) const CAPTION_ROWS: usize = 3;

/// Whether a block lies where cameras burn in text.
pub(super) fn in_caption(block: usize) -> bool {
    let row = block / ACROSS;
    !(CAPTION_ROWS..DOWN - CAPTION_ROWS).contains(&row)
}

/// Isolated steps of luma between two flat neighbourhoods, counted by their column's place in the 16-pixel grid of
/// macroblocks (ITU-T H.264, 6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Edges {
    /// Steps at columns 0, 4, 8 and 12 of a macroblock.
    pub(super) steps: [u32; 4],
    /// Columns looked at, of each of the four.
    pub(super) looked: u32,
}

/// The samples of one frame. Buffers are used again from frame to frame.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    /// Luma as coded, block after block, row after row inside a block.
    pub(super) luma: Box<[u8]>,
    /// Blue and red difference as coded; 128 is neutral.
    pub(super) chroma: Box<[[u8; 2]]>,
    /// Macroblock edges on every second row of samples.
    pub(super) edges: Edges,
    /// Luma runs over 0–255 instead of 16–235.
    pub(super) full_range: bool,
    /// Columns of the luma samples, for this width.
    columns: (u32, Box<[u32]>),
    /// A row of luma made from RGB.
    row: Vec<u8>,
}

impl Samples {
    pub(super) fn new() -> Self {
        Self {
            luma: vec![0; BLOCKS * BLOCK].into(),
            chroma: vec![[128; 2]; CHROMA.0 * CHROMA.1].into(),
            edges: Edges::default(),
            full_range: false,
            columns: (0, Box::default()),
            row: Vec::new(),
        }
    }

    /// Takes the samples of a frame; false if its planes are shorter than its size says (the preprocessing names the
    /// fault).
    pub(super) fn take(&mut self, frame: &Frame) -> bool {
        let (width, height) = (frame.width as usize, frame.height as usize);
        if width == 0 || height == 0 {
            return false;
        }
        if self.columns.0 != frame.width {
            self.columns = (frame.width, (0..ACROSS * SIDE).map(|i| centre(i, ACROSS * SIDE, width) as u32).collect());
        }
        self.full_range = frame.colour.full_range || matches!(frame.pixels, Pixels::Rgb(_));
        self.edges = Edges::default();
        let (halfwidth, halfheight) = (width.div_ceil(2), height.div_ceil(2));
        match &frame.pixels {
            Pixels::I420 { y, u, v } => {
                self.luma(y, width, height, false)
                    && self.chroma(halfwidth, halfheight, |x, y| Some([at(u, x, y)?, at(v, x, y)?]))
            }
            Pixels::Nv12 { y, uv } => {
                self.luma(y, width, height, false)
                    && self.chroma(halfwidth, halfheight, |x, y| Some([at(uv, 2 * x, y)?, at(uv, 2 * x + 1, y)?]))
            }
            Pixels::Grey(y) => {
                self.chroma.fill([128; 2]);
                self.luma(y, width, height, false)
            }
            Pixels::Rgb(rgb) => {
                self.luma(rgb, width, height, true)
                    && self.chroma(width, height, |x, y| {
                        let rgb = [at(rgb, 3 * x, y)?, at(rgb, 3 * x + 1, y)?, at(rgb, 3 * x + 2, y)?];
                        Some(differences(rgb))
                    })
            }
        }
    }

    fn luma(&mut self, plane: &Plane, width: usize, height: usize, rgb: bool) -> bool {
        let bytes = if rgb { 3 * width } else { width };
        let data = plane.data();
        let mut row = std::mem::take(&mut self.row);
        for line in 0..DOWN * SIDE {
            let begin = centre(line, DOWN * SIDE, height) * plane.stride;
            let Some(mut pixels) = data.get(begin..begin + bytes) else {
                return false;
            };
            if rgb {
                row.clear();
                row.extend(pixels.chunks_exact(3).map(|p| luma_of([p[0], p[1], p[2]])));
                pixels = &row;
            }
            let (down, inner) = (line / SIDE, line % SIDE);
            for (across, columns) in self.columns.1.chunks_exact(SIDE).enumerate() {
                let to = (down * ACROSS + across) * BLOCK + inner * SIDE;
                for (to, &column) in self.luma[to..to + SIDE].iter_mut().zip(columns) {
                    *to = pixels[column as usize];
                }
            }
            if line % 2 == 1 {
                self.edges.count(pixels);
            }
        }
        self.row = row;
        true
    }

    fn chroma(&mut self, width: usize, height: usize, at: impl Fn(usize, usize) -> Option<[u8; 2]>) -> bool {
        for (i, to) in self.chroma.iter_mut().enumerate() {
            let (x, y) = (centre(i % CHROMA.0, CHROMA.0, width), centre(i / CHROMA.0, CHROMA.1, height));
            let Some(pair) = at(x, y) else {
                return false;
            };
            *to = pair;
        }
        true
    }

    /// The samples of one block.
    pub(super) fn block(&self, block: usize) -> &[u8] {
        &self.luma[block * BLOCK..][..BLOCK]
    }

    /// A luma sample as coded → a level of 0 (black) to 255 (white).
    pub(super) fn level(&self, luma: f32) -> f32 {
        let level = if self.full_range { luma } else { (luma - 16.0) * (255.0 / 219.0) };
        level.clamp(0.0, 255.0)
    }
}

impl Edges {
    /// A step this high counts if what lies beside it is this flat.
    const STEP: u8 = 8;
    const FLAT: u8 = 2;

    fn count(&mut self, row: &[u8]) {
        // The first macroblock's left edge is the picture's. A group is the two pixels on either side of an edge.
        let groups = row.get(14..).unwrap_or_default().chunks_exact(4);
        self.looked += (groups.len() / 4) as u32;
        for (i, p) in groups.enumerate() {
            if p[1].abs_diff(p[2]) >= Self::STEP
                && p[0].abs_diff(p[1]) <= Self::FLAT
                && p[2].abs_diff(p[3]) <= Self::FLAT
            {
                self.steps[i % 4] += 1;
            }
        }
    }

    /// Share of columns (0–1) with a step, at macroblock edges and at the busiest of the other three places.
    pub(super) fn shares(&self) -> (f32, f32) {
        let [edge, others @ ..] = self.steps.map(|n| n as f32 / self.looked.max(1) as f32);
        (edge, others.into_iter().fold(0.0, f32::max))
    }
}

/// Where the `i`-th of `count` samples spread over `length` pixels lies.
fn centre(i: usize, count: usize, length: usize) -> usize {
    (2 * i + 1) * length / (2 * count)
}

fn at(plane: &Plane, x: usize, y: usize) -> Option<u8> {
    plane.data().get(y * plane.stride + x).copied()
}

/// BT.601 luma, full range (ITU-R BT.601-7, 2.5.1), in 256ths.
fn luma_of([r, g, b]: [u8; 3]) -> u8 {
    ((77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b) + 128) >> 8) as u8
}

/// BT.601 colour differences, full range, 128 for grey (ITU-R BT.601-7, 2.5.1 and 2.5.2).
fn differences([r, g, b]: [u8; 3]) -> [u8; 2] {
    let luma = 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
    [(f32::from(b) - luma) * 0.564 + 128.5, (f32::from(r) - luma) * 0.713 + 128.5].map(|v| v as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Colour;

    fn grey(width: u32, height: u32, stride: usize, bytes: Vec<u8>) -> Frame {
        Frame {
            width,
            height,
            pixels: Pixels::Grey(Plane::owned(bytes, stride)),
            colour: Colour::assumed(height),
            pts: None,
            arrived: std::time::Duration::ZERO,
            corrupt: false,
        }
    }

    #[test]
    fn the_grid_covers_the_picture_block_by_block() {
        let bytes = (0..144 * 300).map(|i| ((i % 300) / 8 + 3 * (i / 300 / 8)) as u8).collect();
        let mut samples = Samples::new();
        assert!(samples.take(&grey(256, 144, 300, bytes)));
        for block in 0..BLOCKS {
            let want = (block % ACROSS + 3 * (block / ACROSS)) as u8;
            assert!(samples.block(block).iter().all(|&l| l == want), "block {block}");
        }
        assert!(samples.chroma.iter().all(|&c| c == [128, 128]));
    }

    #[test]
    fn every_size_is_taken_and_short_planes_are_refused() {
        let mut samples = Samples::new();
        for (w, h) in [(1, 1), (17, 9), (33, 900), (1920, 1080)] {
            assert!(samples.take(&grey(w, h, w as usize, vec![7; (w * h) as usize])), "{w}×{h}");
            assert!(samples.luma.iter().all(|&l| l == 7), "{w}×{h}");
            assert!(!samples.take(&grey(w, h, w as usize, vec![7; (w * (h / 2)) as usize])), "{w}×{h} cut short");
        }
        assert!(!samples.take(&grey(0, 0, 0, Vec::new())));
    }

    #[test]
    fn rgb_gives_the_luma_and_chroma_of_its_colours() {
        let mut samples = Samples::new();
        let red = image::RgbImage::from_pixel(64, 64, image::Rgb([255, 0, 0]));
        assert!(samples.take(&Frame::from_rgb(red)));
        // BT.601: luma 76, blue difference 85, red difference 255 of full range.
        assert_eq!((samples.luma[0], samples.chroma[0]), (77, [85, 255]));
        assert!((samples.level(77.0) - 77.0).abs() < 1e-6);
    }

    #[test]
    fn levels_follow_the_range() {
        let mut samples = Samples::new();
        assert!(samples.take(&grey(64, 64, 64, vec![235; 64 * 64])));
        assert!((samples.level(235.0) - 255.0).abs() < 1e-3 && samples.level(16.0) == 0.0 && samples.level(3.0) == 0.0);
    }

    #[test]
    fn only_isolated_steps_on_the_grid_count_as_macroblock_edges() {
        let frame = |step_at: usize| {
            grey(320, 160, 320, (0..320 * 160).map(|i| if (i % 320) % 32 < step_at { 90 } else { 120 }).collect())
        };
        let mut samples = Samples::new();
        assert!(samples.take(&frame(16)));
        let (edge, other) = samples.edges.shares();
        assert!(edge > 0.9 && other == 0.0, "{:?}", samples.edges);
        assert!(samples.take(&frame(23)));
        assert!(samples.edges.shares().0 < 0.6 && samples.edges.steps[1..] == [0, 0, 0], "{:?}", samples.edges);
    }
}
