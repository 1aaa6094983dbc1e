//! Weighted sums, number by number.

use super::taps::{BITS, HALF, Taps};

/// A row of RGB pixels resized; `row` ends with spare bytes, `out` may.
pub(super) fn across(row: &[u8], taps: &Taps, out: &mut [u8]) {
    let (pixels, _) = row.as_chunks::<3>();
    for (at, out) in out.as_chunks_mut::<3>().0.iter_mut().enumerate().take(taps.len()) {
        let mut sums = [HALF; 3];
        for (pixel, weight) in pixels[taps.first(at)..].iter().zip(taps.weights(at)) {
            sums.iter_mut().zip(pixel).for_each(|(sum, &sample)| *sum += weight * i32::from(sample));
        }
        *out = sums.map(clipped);
    }
}

/// The resized row at `at` from the rows under it, which lie one after another, each as long as `out`.
pub(super) fn down(under: &[u8], taps: &Taps, at: usize, out: &mut [u8]) {
    let mut sums = vec![HALF; out.len()];
    for (row, weight) in under.chunks_exact(out.len()).zip(taps.weights(at)) {
        sums.iter_mut().zip(row).for_each(|(sum, &sample)| *sum += weight * i32::from(sample));
    }
    out.iter_mut().zip(sums).for_each(|(out, sum)| *out = clipped(sum));
}

fn clipped(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}
