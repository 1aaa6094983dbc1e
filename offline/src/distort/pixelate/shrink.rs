//! Box averages in Pillow's arithmetic.
//!
//! Pillow weighs every sample under an output sample by W = ⌊2²²/n + ½⌋ and takes (W·sum + 2²¹) / 2²², rounded down. That is
//! the mean rounded to the nearest, where a half goes up if W is at least 2²²/n, else down. So it is one division of whole
//! numbers, which 16 bits and one multiplication do for eight samples at a time.

use std::ops::Range;

use super::stretch::{SPARE, Stretch, copy};

/// Fractional bits of Pillow's weights.
const BITS: u32 = 22;

/// The input samples under each of `out` output samples.
pub(super) fn boxes(length: usize, out: usize) -> Vec<Range<usize>> {
    let scale = length as f64 / out as f64;
    let one = |at: usize| {
        let centre = (at as f64 + 0.5) * scale;
        let start = (centre - 0.5 * scale + 0.5) as usize;
        let end = ((centre + 0.5 * scale + 0.5) as usize).min(length);
        // A sample counts where its centre lies in the half-open box.
        let inside = |sample: &usize| {
            let distance = (*sample as f64 - centre + 0.5) * (1.0 / scale);
            distance > -0.5 && distance <= 0.5
        };
        let mut taps = (start..end).filter(inside);
        let first = taps.next().unwrap_or(start.min(length - 1));
        first..taps.next_back().unwrap_or(first) + 1
    };
    (0..out).map(one).collect()
}

/// The weight of each of `count` samples.
fn weight(count: usize) -> u32 {
    (0.5 + 1.0 / count as f64 * f64::from(1 << BITS)) as u32
}

#[inline]
fn mean(sum: u32, weight: u32) -> u8 {
    // Never more than 255 and a little: the weights of a box sum to 1 within a rounding each.
    ((sum * weight + (1 << (BITS - 1))) >> BITS).min(255) as u8
}

/// Sums of 16 bits divided as Pillow does, each by the number of samples in it: ⌊(sum + half) / count⌋.
///
/// As 2·(sum + half)·⌈2ᵏ/(2·count)⌉ / 2ᵏ with k = 16 + `shift`; twice, so that also a count of 1 leaves the factor 16 bits.
struct Division {
    halves: Vec<u16>,
    factors: Vec<u16>,
    shift: u32,
}

impl Division {
    /// Divides sums of these numbers of samples, one number a pixel; none if 16 bits can't hold it exactly.
    fn by(counts: &[usize]) -> Option<Self> {
        let (&least, &most) = (counts.iter().min()?, counts.iter().max()?);
        if most > 128 {
            return None;
        }
        // The largest that leaves 2ᵏ/(2·least), rounded up, below 2¹⁶.
        let shift = (2 * least - 1).ilog2();
        let factor = |count: usize| (1_usize << (16 + shift)).div_ceil(2 * count);
        // Rounding the factor up must not carry any quotient over the next whole number.
        let exact = |count: usize| {
            let excess = factor(count) * 2 * count - (1 << (16 + shift));
            2 * (255 * count + count / 2) * excess < 1 << (16 + shift) && factor(count) < 1 << 16
        };
        let half = |count: usize| {
            if weight(count) as usize * count >= 1 << BITS { count / 2 } else { (count - 1) / 2 }
        };
        let all = |of: &dyn Fn(usize) -> usize| counts.iter().flat_map(|&count| [of(count) as u16; 3]).collect();
        counts.iter().copied().all(exact).then(|| Self { halves: all(&half), factors: all(&factor), shift })
    }

    fn divide(&self, sums: &[u16], means: &mut [u8]) {
        let terms = sums.iter().zip(&self.halves).zip(&self.factors);
        for (mean, ((&sum, &half), &factor)) in means.iter_mut().zip(terms) {
            let high = (u32::from(2 * (sum + half)) * u32::from(factor)) >> 16;
            *mean = (high as u16 >> self.shift) as u8;
        }
    }
}

/// Averages along rows.
pub(super) struct Columns {
    /// The pixels under each output pixel.
    boxes: Vec<Range<usize>>,
    way: Way,
    sums: Vec<u16>,
}

enum Way {
    /// Few boxes hold two pixels, the others one: the rest of a row is copied, then come these (their first byte, and
    /// their mean's).
    Singles(Vec<Stretch>, Vec<[usize; 2]>),
    /// Boxes hold one pixel or two: first bytes of the first and the last.
    Pairs(Vec<[usize; 2]>),
    Sums(Division),
    Plain,
}

impl Way {
    fn of(boxes: &[Range<usize>]) -> Self {
        if boxes.iter().any(|columns| columns.len() > 2) {
            let counts: Vec<usize> = boxes.iter().map(Range::len).collect();
            return Division::by(&counts).map_or(Self::Plain, Self::Sums);
        }
        let twos = || boxes.iter().enumerate().filter(|(_, columns)| columns.len() == 2);
        if 3 * twos().count() < boxes.len() {
            let stretches = Stretch::all(boxes.iter().map(|columns| columns.start));
            return Self::Singles(stretches, twos().map(|(to, columns)| [3 * columns.start, 3 * to]).collect());
        }
        Self::Pairs(boxes.iter().map(|columns| [3 * columns.start, 3 * (columns.end - 1)]).collect())
    }
}

impl Columns {
    /// From rows of `width` pixels to rows of `wide`.
    pub(super) fn new(width: usize, wide: usize) -> Self {
        let boxes = boxes(width, wide);
        Self { way: Way::of(&boxes), boxes, sums: vec![0; 3 * wide + SPARE] }
    }

    /// One row; it and `narrow` end [`SPARE`] bytes behind their last sample.
    pub(super) fn shrink(&mut self, row: &[u8], narrow: &mut [u8]) {
        match &self.way {
            Way::Singles(stretches, twos) => {
                copy(stretches, row, narrow);
                for &[from, to] in twos {
                    let mean = mean_of_two(pixel(row, from), pixel(row, from + 3));
                    let [r, g, b, _] = mean.to_le_bytes();
                    *narrow[to..].first_chunk_mut().expect("rows have spare bytes") = [r, g, b];
                }
            }
            Way::Pairs(ends) => {
                for (out, &[first, last]) in ends.iter().enumerate() {
                    let mean = mean_of_two(pixel(row, first), pixel(row, last));
                    put(narrow, 3 * out, mean.to_le_bytes());
                }
            }
            Way::Sums(division) => {
                for (out, columns) in self.boxes.iter().enumerate() {
                    let under = &row[3 * columns.start..3 * columns.end + 1];
                    let mut sums = [0_u16; 4];
                    for at in 0..columns.len() {
                        let bytes: &[u8; 4] = under[3 * at..].first_chunk().expect("a byte follows each pixel");
                        sums.iter_mut().zip(bytes).for_each(|(sum, &byte)| *sum += u16::from(byte));
                    }
                    put(&mut self.sums, 3 * out, sums);
                }
                division.divide(&self.sums, narrow);
            }
            Way::Plain => shrink_plainly(row, &self.boxes, narrow),
        }
    }
}

/// The pixel at that place, and the byte behind it.
#[inline]
fn pixel(row: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*row[at..].first_chunk().expect("rows have spare bytes"))
}

#[inline]
fn put<T: Copy>(row: &mut [T], at: usize, values: [T; 4]) {
    *row[at..].first_chunk_mut().expect("rows have spare bytes") = values;
}

/// Means of the four bytes of two words, halves up.
#[inline]
fn mean_of_two(a: u32, b: u32) -> u32 {
    (a | b) - (((a ^ b) & 0xfefe_fefe) >> 1)
}

/// By definition: one row averaged over `columns`.
fn shrink_plainly(row: &[u8], columns: &[Range<usize>], narrow: &mut [u8]) {
    let pixels = row.as_chunks::<3>().0;
    for (out, columns) in narrow.as_chunks_mut::<3>().0.iter_mut().zip(columns) {
        let weight = weight(columns.len());
        let mut sums = [0_u32; 3];
        for pixel in &pixels[columns.clone()] {
            sums.iter_mut().zip(pixel).for_each(|(sum, &sample)| *sum += u32::from(sample));
        }
        *out = sums.map(|sum| mean(sum, weight));
    }
}

/// Averages of rows.
pub(super) struct Rows {
    /// For each number of rows that are averaged how their sums are divided.
    divisions: Vec<(usize, Option<Division>)>,
    sums: Vec<u16>,
}

impl Rows {
    /// Of rows of `wide` pixels, in as many rows as `boxes` hold.
    pub(super) fn new(boxes: &[Range<usize>], wide: usize) -> Self {
        let mut counts: Vec<usize> = boxes.iter().map(Range::len).filter(|&count| count > 2).collect();
        counts.sort_unstable();
        counts.dedup();
        let division = |count| (count, Division::by(&vec![count; wide]));
        Self { divisions: counts.into_iter().map(division).collect(), sums: vec![0; 3 * wide] }
    }

    /// The mean of rows of equal length that lie one after another, `stride` bytes from start to start.
    pub(super) fn mean(&mut self, rows: &[u8], stride: usize, small: &mut [u8]) {
        let line = self.sums.len();
        let small = &mut small[..line];
        let count = rows.len() / stride;
        match count {
            1 => small.copy_from_slice(&rows[..line]),
            2 => {
                for (small, (&a, &b)) in small.iter_mut().zip(rows[..line].iter().zip(&rows[stride..])) {
                    *small = ((u16::from(a) + u16::from(b) + 1) >> 1) as u8;
                }
            }
            _ => match self.divisions.iter().find(|(known, _)| *known == count) {
                Some((_, Some(division))) => {
                    self.sums.fill(0);
                    for row in rows.chunks_exact(stride) {
                        self.sums.iter_mut().zip(row).for_each(|(sum, &sample)| *sum += u16::from(sample));
                    }
                    division.divide(&self.sums, small);
                }
                _ => {
                    let weight = weight(count);
                    for (x, small) in small.iter_mut().enumerate() {
                        *small = mean(rows[x..].iter().step_by(stride).map(|&v| u32::from(v)).sum(), weight);
                    }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisions_are_pillows() {
        for counts in (1..=30).map(|count| [count, count + 1, count]).chain([[1, 15, 2], [40, 41, 64], [128, 128, 128]])
        {
            let Some(division) = Division::by(&counts) else {
                assert!(counts[0].abs_diff(counts[1]) > 1 || counts[1] > 64, "{counts:?} fit into 16 bits");
                continue;
            };
            for sum in 0..=255 * counts[1] {
                let sums: Vec<u16> = counts.iter().flat_map(|&count| [sum.min(255 * count) as u16; 3]).collect();
                let mut means = [0; 9];
                division.divide(&sums, &mut means);
                for (at, &count) in counts.iter().enumerate() {
                    assert_eq!(means[3 * at], mean(sum.min(255 * count) as u32, weight(count)), "{sum} of {counts:?}");
                }
            }
        }
        assert!(Division::by(&[129]).is_none());
    }

    #[test]
    fn fast_rows_equal_plain_ones() {
        let sample = |at: usize| (at.wrapping_mul(2_654_435_761) >> 11) as u8;
        for (width, wide) in [(640, 608), (640, 390), (100, 50), (97, 42), (97, 7), (300, 2), (1, 1), (5, 5), (700, 2)]
        {
            let row: Vec<u8> = (0..3 * width + SPARE).map(sample).collect();
            let (mut fast, mut plain) = (vec![0; 3 * wide + SPARE], vec![0; 3 * wide]);
            let mut columns = Columns::new(width, wide);
            assert_eq!(matches!(columns.way, Way::Plain), wide == 2, "{width} to {wide}");
            columns.shrink(&row, &mut fast);
            shrink_plainly(&row, &boxes(width, wide), &mut plain);
            assert_eq!(fast[..3 * wide], plain, "{width} to {wide}");
        }
    }

    #[test]
    fn means_of_rows_are_pillows() {
        let (wide, stride) = (20, 3 * 20 + SPARE);
        for count in [1, 2, 3, 10, 14, 60, 127, 128, 300] {
            let rows: Vec<u8> = (0..count * stride).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            let mut small = vec![0; stride];
            let under = 0..count;
            Rows::new(std::slice::from_ref(&under), wide).mean(&rows, stride, &mut small);
            for x in 0..3 * wide {
                let sum = (0..count).map(|row| u32::from(rows[row * stride + x])).sum();
                assert_eq!(small[x], mean(sum, weight(count)), "{count} rows, {x}");
            }
        }
    }
}
