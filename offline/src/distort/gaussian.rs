//! Gaussian blur, rows and columns apart, cut at four deviations, edge values repeated; in 32-bit floats.
//!
//! Sums have one fixed order and nothing is fused, so the bits are the same everywhere.

use image::RgbImage;

use super::quantise::truncate_single;
use crate::render::elementary::exp;

/// Sums that are kept in registers at a time.
pub(super) const LANES: usize = 32;

/// The weights of distances 0, 1, … up to four deviations (SciPy's `truncate = 4`).
fn weights(sigma: f64) -> Vec<f32> {
    let radius = (4.0 * sigma + 0.5) as i32;
    let weights: Vec<f64> = (0..=radius).map(|k| exp(-f64::from(k * k) / (2.0 * sigma * sigma))).collect();
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
    weights.into_iter().map(|weight| (weight / sum) as f32).collect()
}

/// Blurs each channel and truncates to 8 bits; `sigma` in pixels, above 0.
pub(super) fn blur(rgb: &RgbImage, sigma: f64) -> RgbImage {
    let weights = weights(sigma);
    let radius = weights.len() - 1;
    if radius == 0 {
        return rgb.clone();
    }
    let (line, height) = (3 * rgb.width() as usize, rgb.height() as usize);
    let padded = line + 6 * radius;
    // Whole chunks for the sums; what lies behind the row is computed and dropped.
    let room = line.next_multiple_of(LANES);
    // As many rows as the kernel is high, as floats, the newest overwriting the oldest.
    let depth = 2 * radius + 1;
    let mut window = vec![0.0_f32; depth * room];
    let load = |window: &mut [f32], y: usize| {
        let slot = (y % depth) * room;
        let samples = &rgb.as_raw()[y * line..(y + 1) * line];
        window[slot..slot + line].iter_mut().zip(samples).for_each(|(to, &from)| *to = f32::from(from));
    };
    (0..radius.min(height)).for_each(|y| load(&mut window, y));
    let mut column = vec![0.0_f32; padded.max(6 * radius + room)];
    let mut sums = vec![0.0_f32; room];
    let mut blurred = RgbImage::new(rgb.width(), rgb.height());
    for (y, out) in blurred.chunks_exact_mut(line).enumerate() {
        if y + radius < height {
            load(&mut window, y + radius);
        }
        let row = |at: usize| &window[(at % depth) * room..(at % depth) * room + room];
        let above: Vec<&[f32]> = (0..=radius).map(|k| row(y.saturating_sub(k))).collect();
        let below: Vec<&[f32]> = (0..=radius).map(|k| row((y + k).min(height - 1))).collect();
        for (at, sums) in column[3 * radius..3 * radius + room].as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            *sums = symmetric(&weights, |k| (chunk(above[k], at * LANES), chunk(below[k], at * LANES)));
        }
        pad(&mut column, line, radius);
        for (at, sums) in sums.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let centre = at * LANES + 3 * radius;
            *sums = symmetric(&weights, |k| (chunk(&column, centre - 3 * k), chunk(&column, centre + 3 * k)));
        }
        out.iter_mut().zip(&sums).for_each(|(out, &sum)| *out = truncate_single(sum));
    }
    blurred
}

/// The weighted sum of pairs at distances 0, 1, …; the pair at distance 0 is the same chunk twice.
#[inline(always)]
pub(super) fn symmetric<'a>(
    weights: &[f32],
    pair: impl Fn(usize) -> (&'a [f32; LANES], &'a [f32; LANES]),
) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    sums.iter_mut().zip(pair(0).0).for_each(|(sum, sample)| *sum = sample * weights[0]);
    for (k, &weight) in weights.iter().enumerate().skip(1) {
        let (before, after) = pair(k);
        for ((sum, &before), &after) in sums.iter_mut().zip(before).zip(after) {
            *sum += (before + after) * weight;
        }
    }
    sums
}

#[inline(always)]
pub(super) fn chunk<T>(samples: &[T], at: usize) -> &[T; LANES] {
    samples[at..].first_chunk().expect("buffers end a chunk behind the last place read")
}

/// Repeats the first and last pixel of the row of `line` samples that lies `radius` pixels into `column`.
fn pad(column: &mut [f32], line: usize, radius: usize) {
    let (start, end) = (3 * radius, 3 * radius + line);
    for k in 0..radius {
        column.copy_within(start..start + 3, 3 * k);
        column.copy_within(end - 3..end, end + 3 * k);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_plain_double_sum() {
        for (width, height, sigma) in [(1, 1, 2.0), (3, 40, 1.2), (37, 5, 4.0), (64, 33, 0.4), (50, 50, 2.0)] {
            let rgb = RgbImage::from_fn(width, height, |x, y| {
                image::Rgb([(x * y % 256) as u8, (x * 8) as u8, ((x ^ y) * 37 % 256) as u8])
            });
            let weights = weights(sigma);
            let radius = weights.len() as i32 - 1;
            let blurred = blur(&rgb, sigma);
            for (x, y, pixel) in blurred.enumerate_pixels() {
                for channel in 0..3 {
                    let mut expected = 0.0;
                    for dy in -radius..=radius {
                        for dx in -radius..=radius {
                            let x = (x as i32 + dx).clamp(0, width as i32 - 1) as u32;
                            let y = (y as i32 + dy).clamp(0, height as i32 - 1) as u32;
                            let weight = weights[dx.unsigned_abs() as usize] * weights[dy.unsigned_abs() as usize];
                            expected += f64::from(weight) * f64::from(rgb.get_pixel(x, y)[channel]);
                        }
                    }
                    let found = f64::from(pixel[channel]);
                    assert!(
                        found - 1e-3 <= expected && expected < found + 1.001,
                        "{width}×{height} {x},{y}: {expected} {found}"
                    );
                }
            }
        }
    }

    #[test]
    fn flat_pictures_stay() {
        for value in [1, 100, 255] {
            let flat = RgbImage::from_pixel(45, 31, image::Rgb([value, 0, 255 - value]));
            for sigma in [0.4, 0.8, 2.0, 4.0] {
                assert_eq!(blur(&flat, sigma), flat, "{sigma}");
            }
        }
    }
}
