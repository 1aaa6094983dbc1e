//! Pillow's `Image.resize` of 8-bit RGB, to the byte.
//!
//! One pass along the rows, one down the columns; either rounds to 8 bits, and one that keeps its length is left out. Rows
//! come first, as in every Pillow from 3.3 on, but where the height loses over twice as many pixels as the width does columns
//! come first: so Pillow 13 has it (its pull request 9549), and a cubic that overshoots is clipped elsewhere.
//! Weights are whole numbers of 22 fractional bits, so what is summed is exact and the order of summing does not matter.

#[cfg(any(test, not(target_arch = "x86_64")))]
mod plain;
#[cfg(target_arch = "x86_64")]
mod sse2;
mod taps;

use std::ops::Range;

use image::RgbImage;

#[cfg(not(target_arch = "x86_64"))]
use self::plain::{across, down};
#[cfg(target_arch = "x86_64")]
use self::sse2::{across, down};
use self::taps::Taps;
use super::zoo::Interpolation;

/// Zero bytes behind a row, so that a register can be read at its last pixel.
const SPARE: usize = 8;

/// Bytes that [`down`] takes at a time; rows are whole multiples long.
const BLOCK: usize = 16;

/// The part of the resized picture that is wanted, in its pixels; it lies inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Columns left of it.
    pub left: u32,
    /// Rows above it.
    pub top: u32,
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

impl Window {
    /// All of a picture.
    #[must_use]
    pub fn all((width, height): (u32, u32)) -> Self {
        Self { left: 0, top: 0, width, height }
    }
}

/// The window of `rgb` resized to `to` (width, height). No other part is computed.
///
/// # Panics
/// A side of the picture, of `to` or of the window is 0, or the window reaches beyond `to`.
#[must_use]
pub fn resize(rgb: &RgbImage, to: (u32, u32), window: Window, filter: Interpolation) -> RgbImage {
    let (width, height) = rgb.dimensions();
    let columns = window.left as usize..(window.left + window.width) as usize;
    let rows = window.top as usize..(window.top + window.height) as usize;
    assert!(width.min(height).min(window.width).min(window.height) > 0, "an empty picture or window");
    assert!(columns.end <= to.0 as usize && rows.end <= to.1 as usize, "{window:?} reaches beyond {to:?}");
    let mut horizontal = Taps::new(width as usize, to.0 as usize, columns, filter);
    let mut vertical = Taps::new(height as usize, to.1 as usize, rows, filter);
    let mut lines = Lines::cut(rgb, &horizontal.rebase(), &vertical.rebase());
    let (narrower, lower) = (i64::from(width) - i64::from(to.0), i64::from(height) - i64::from(to.1));
    let columns_first = lower > 0 && lower > 2 * narrower;
    for is_down in [columns_first, !columns_first] {
        lines = if is_down { lines.down(&vertical) } else { lines.across(&horizontal) };
    }
    lines.into_image()
}

/// Rows of RGB pixels with bytes to spare behind each.
struct Lines {
    bytes: Vec<u8>,
    /// Pixels of a row.
    width: usize,
    /// Bytes from row to row.
    stride: usize,
}

impl Lines {
    fn new(width: usize, rows: usize) -> Self {
        let stride = (3 * width + SPARE).next_multiple_of(BLOCK);
        Self { bytes: vec![0; stride * rows], width, stride }
    }

    fn cut(rgb: &RgbImage, columns: &Range<usize>, rows: &Range<usize>) -> Self {
        let mut cut = Self::new(columns.len(), rows.len());
        let lines = rgb.as_raw().chunks_exact(3 * rgb.width() as usize).skip(rows.start);
        for (target, line) in cut.bytes.chunks_exact_mut(cut.stride).zip(lines) {
            target[..3 * columns.len()].copy_from_slice(&line[3 * columns.start..3 * columns.end]);
        }
        cut
    }

    fn across(self, taps: &Taps) -> Self {
        if taps.keep() {
            return self;
        }
        let mut out = Self::new(taps.len(), self.bytes.len() / self.stride);
        for (out, row) in out.bytes.chunks_exact_mut(out.stride).zip(self.bytes.chunks_exact(self.stride)) {
            across(row, taps, out);
        }
        out
    }

    fn down(self, taps: &Taps) -> Self {
        if taps.keep() {
            return self;
        }
        let mut out = Self::new(self.width, taps.len());
        for (at, out) in out.bytes.chunks_exact_mut(out.stride).enumerate() {
            let under = taps.first(at) * self.stride..(taps.first(at) + taps.count(at)) * self.stride;
            down(&self.bytes[under], taps, at, out);
        }
        out
    }

    fn into_image(self) -> RgbImage {
        let (line, rows) = (3 * self.width, self.bytes.len() / self.stride);
        let mut bytes = Vec::with_capacity(line * rows);
        self.bytes.chunks_exact(self.stride).for_each(|row| bytes.extend_from_slice(&row[..line]));
        RgbImage::from_raw(self.width as u32, rows as u32, bytes).expect("the buffer was made for this size")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use sha2::{Digest, Sha256};

    /// What Pillow made of a drawn picture (tests/golden/make_resize.py).
    #[derive(Deserialize)]
    struct Case {
        from: (u32, u32),
        black_and_white: bool,
        to: (u32, u32),
        filter: Interpolation,
        sha256: String,
    }

    /// Bytes without a pattern, or black and white ones, at which cubics overshoot.
    fn drawn((width, height): (u32, u32), black_and_white: bool) -> RgbImage {
        let byte = |at: u64| {
            let byte = (at.wrapping_mul(2_654_435_761) >> 11) as u8;
            if black_and_white { if byte > 127 { 255 } else { 0 } } else { byte }
        };
        let bytes = (0..u64::from(3 * width * height)).map(byte).collect();
        RgbImage::from_raw(width, height, bytes).expect("as many bytes as pixels")
    }

    #[test]
    fn every_byte_is_pillows() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../tests/golden/resize.json")).expect("written by the maker");
        assert!(cases.len() > 60);
        for Case { from, black_and_white, to, filter, sha256 } in cases {
            let resized = resize(&drawn(from, black_and_white), to, Window::all(to), filter);
            let hash: String = Sha256::digest(resized.as_raw()).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hash, sha256, "{from:?} to {to:?}, {filter:?}, black and white: {black_and_white}");
        }
    }

    #[test]
    fn a_window_is_cut_from_the_whole() {
        for (from, to) in [
            ((97, 61), (45, 33)),
            ((20, 31), (57, 70)),
            ((40, 40), (40, 23)),
            ((40, 40), (23, 40)),
            ((60, 90), (50, 30)),
        ] {
            let rgb = drawn(from, false);
            let whole = resize(&rgb, to, Window::all(to), Interpolation::Bicubic);
            for window in [(0, 0, 1, 1), (3, 5, 17, 14), (to.0 - 1, to.1 - 1, 1, 1), (5, 0, to.0 - 5, to.1)] {
                let (left, top, width, height) = window;
                let cut = image::imageops::crop_imm(&whole, left, top, width, height).to_image();
                let window = Window { left, top, width, height };
                assert!(resize(&rgb, to, window, Interpolation::Bicubic) == cut, "{from:?} to {to:?}, {window:?}");
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn registers_and_plain_numbers_agree() {
        for filter in [Interpolation::Bilinear, Interpolation::Bicubic] {
            for (from, to) in [(1, 1), (1, 7), (7, 1), (640, 416), (300, 301), (5, 64), (4_700, 2), (31, 30)] {
                let taps = Taps::new(from, to, 0..to, filter);
                let row = [drawn((from as u32, 1), true).into_raw(), vec![9; SPARE]].concat();
                let (mut fast, mut slow) = (vec![0; 3 * to + 1], vec![0; 3 * to + 1]);
                sse2::across(&row, &taps, &mut fast);
                plain::across(&row, &taps, &mut slow);
                assert!(fast[..3 * to] == slow[..3 * to], "a row, {from} to {to}, {filter:?}");

                let rows = drawn((BLOCK as u32, from as u32), true).into_raw();
                for at in 0..to {
                    let under = &rows[taps.first(at) * 3 * BLOCK..][..taps.count(at) * 3 * BLOCK];
                    let (mut fast, mut slow) = ([0; 3 * BLOCK], [0; 3 * BLOCK]);
                    sse2::down(under, &taps, at, &mut fast);
                    plain::down(under, &taps, at, &mut slow);
                    assert!(fast == slow, "column {at}, {from} to {to}, {filter:?}");
                }
            }
        }
    }
}
