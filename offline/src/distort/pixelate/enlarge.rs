//! The nearest pixel of a smaller row, in Pillow's arithmetic: the step is added in floating point from pixel to pixel.

use super::stretch::{Stretch, copy};

/// For each of `length` enlarged samples the one of `small` that it shows.
pub(super) fn nearest(small: usize, length: usize) -> Vec<usize> {
    let step = small as f64 / length as f64;
    let mut at = 0.5 * step;
    let mut next = || {
        let index = at as usize;
        at += step;
        index.min(small - 1)
    };
    (0..length).map(|_| next()).collect()
}

/// How a row is enlarged.
pub(super) enum Enlargement {
    /// For rows that keep more than half of their pixels: stretches as they are.
    Stretches(Vec<Stretch>),
    /// How often each pixel of the small row is shown.
    Repeats(Vec<usize>),
}

impl Enlargement {
    /// From `wide` pixels to `width`, which is not less.
    pub(super) fn new(wide: usize, width: usize) -> Self {
        let shown = nearest(wide, width);
        if 2 * wide <= width {
            let mut repeats = vec![0; wide];
            shown.into_iter().for_each(|pixel| repeats[pixel] += 1);
            return Self::Repeats(repeats);
        }
        Self::Stretches(Stretch::all(shown.into_iter()))
    }

    /// Enlarges a row; both end [`SPARE`](super::stretch::SPARE) bytes behind their last sample.
    pub(super) fn enlarge(&self, small: &[u8], row: &mut [u8]) {
        match self {
            Self::Stretches(stretches) => copy(stretches, small, row),
            Self::Repeats(repeats) => {
                let mut to = 0;
                for (at, &count) in repeats.iter().enumerate() {
                    let pixel = u32::from_le_bytes(*small[3 * at..].first_chunk().expect("spare bytes"));
                    let pixel = u64::from(pixel & 0xff_ffff);
                    let two = (pixel | pixel << 24).to_le_bytes();
                    let end = to + 3 * count;
                    for place in (to..end).step_by(6) {
                        *row[place..].first_chunk_mut().expect("rows have spare bytes") = two;
                    }
                    to = end;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stretch::SPARE;
    use super::*;

    #[test]
    fn rows_show_the_nearest_pixels() {
        for (wide, width) in
            [(1, 1), (1, 9), (5, 5), (608, 640), (390, 640), (319, 640), (320, 640), (44, 640), (3, 100)]
        {
            let small: Vec<u8> = (0..3 * wide + SPARE).map(|at| (at * 7 % 251) as u8).collect();
            let mut row = vec![0; 3 * width + SPARE];
            Enlargement::new(wide, width).enlarge(&small, &mut row);
            for (to, from) in nearest(wide, width).into_iter().enumerate() {
                assert_eq!(row[3 * to..3 * to + 3], small[3 * from..3 * from + 3], "{wide} to {width}, {to}");
            }
        }
    }
}
