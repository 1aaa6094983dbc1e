//! Two levels of one distortion fused through the weight of a mask: F = W·ROI + (1 − W)·background.
//!
//! All in integers, so the bytes are the same everywhere. With w = 255·W a sample is M/255 where
//! M = w·roi + (255 − w)·background ≤ 65,025, and a smoothed sample, the mean of F and F under the kernel [¼ ½ ¼]², is
//! N/8,160 where N = 16·M + Σ k·M over the neighbours with k = [1 2 1]². Truncating is dividing.

use image::RgbImage;

use super::weight::{FusionWeight, reflect};

/// Pictures that don't have the weight's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "can't fuse {}×{} pixels through a mask of {}×{}: make the mask for this original",
    picture.0, picture.1, mask.0, mask.1
)]
pub struct SizeError {
    /// Width and height of the picture.
    pub picture: (u32, u32),
    /// Width and height of the mask.
    pub mask: (u32, u32),
}

/// The variant that shows `roi` where the weight is 1 and `background` where it is 0.
///
/// Where 0.05 < W < 0.95 the mix is smoothed; all is truncated to 8 bits.
///
/// # Errors
/// One of the pictures has another size than the mask.
pub fn fuse(weight: &FusionWeight, roi: &RgbImage, background: &RgbImage) -> Result<RgbImage, SizeError> {
    let (width, height) = weight.dimensions();
    let mut fused = RgbImage::new(width, height);
    fuse_into(weight, roi, background, &mut fused)?;
    Ok(fused)
}

/// [`fuse`] into a picture that is there already; all its pixels are replaced.
///
/// # Errors
/// One of the pictures has another size than the mask.
pub fn fuse_into(
    weight: &FusionWeight,
    roi: &RgbImage,
    background: &RgbImage,
    fused: &mut RgbImage,
) -> Result<(), SizeError> {
    for picture in [roi, background, fused] {
        if picture.dimensions() != weight.dimensions() {
            return Err(SizeError { picture: picture.dimensions(), mask: weight.dimensions() });
        }
    }
    let (width, height) = (weight.dimensions().0 as usize, weight.dimensions().1 as usize);
    let line = 3 * width;
    // M of three rows, row y in place y % 3, filled one row ahead of the output.
    let mut mixes = [vec![0_u16; line], vec![0_u16; line], vec![0_u16; line]];
    let mix_row = |y: usize, mixes: &mut [Vec<u16>; 3]| {
        let from = y * line;
        for run in &weight.rows()[y].mixed {
            let (start, end) = (from + 3 * run.start, from + 3 * run.end);
            let mix = &mut mixes[y % 3][3 * run.start..3 * run.end];
            mix_run(&weight.samples()[start..end], &roi.as_raw()[start..end], &background.as_raw()[start..end], mix);
        }
    };
    if height > 0 {
        mix_row(0, &mut mixes);
    }
    for (y, out) in fused.chunks_exact_mut(line.max(1)).enumerate() {
        if y + 1 < height {
            mix_row(y + 1, &mut mixes);
        }
        let row = &weight.rows()[y];
        for (runs, source) in [(&row.roi, roi), (&row.background, background)] {
            for run in runs {
                let run = 3 * run.start..3 * run.end;
                out[run.clone()].copy_from_slice(&source.as_raw()[y * line..][run]);
            }
        }
        for run in &row.mixed {
            let run = 3 * run.start..3 * run.end;
            out[run.clone()].iter_mut().zip(&mixes[y % 3][run]).for_each(|(out, &mix)| *out = over_255(mix));
        }
        if row.band.is_empty() {
            continue;
        }
        let above = &mixes[reflect(y as isize - 1, height) % 3];
        let below = &mixes[reflect(y as isize + 1, height) % 3];
        for run in &row.band {
            smooth_run([above, &mixes[y % 3], below], run.clone(), width, out);
        }
    }
    Ok(())
}

/// M of each sample.
#[inline]
fn mix_run(weight: &[u8], roi: &[u8], background: &[u8], mix: &mut [u16]) {
    for (((mix, &w), &r), &b) in mix.iter_mut().zip(weight).zip(roi).zip(background) {
        let w = u16::from(w);
        *mix = w * u16::from(r) + (255 - w) * u16::from(b);
    }
}

/// M/255 truncated, for M ≤ 65,025.
#[inline]
fn over_255(mix: u16) -> u8 {
    ((mix + 1 + (mix >> 8)) >> 8) as u8
}

/// N/8,160 truncated, from the sums with factors 20 (the sample itself), 2 (side by side) and 1 (corners).
#[inline]
fn smoothed(own: u16, sides: [u16; 4], corners: [u16; 4]) -> u8 {
    let sum = |four: [u16; 4]| four.into_iter().map(u32::from).sum::<u32>();
    let n = 20 * u32::from(own) + 2 * sum(sides) + sum(corners);
    // 8,160 = 32·255, and dividing twice with truncation is dividing once.
    over_255((n >> 5) as u16)
}

/// Smooths the pixels of `run` in the row whose M, with those above and below, is `mixes`.
fn smooth_run(mixes: [&[u16]; 3], run: std::ops::Range<usize>, width: usize, out: &mut [u8]) {
    let at_edge = |x: usize, out: &mut [u8]| {
        let (left, right) = (3 * reflect(x as isize - 1, width), 3 * reflect(x as isize + 1, width));
        for c in 0..3 {
            let here = 3 * x + c;
            let [a, m, b] = mixes;
            let sides = [a[here], b[here], m[left + c], m[right + c]];
            out[here] = smoothed(m[here], sides, [a[left + c], a[right + c], b[left + c], b[right + c]]);
        }
    };
    if run.start == 0 {
        at_edge(0, out);
    }
    let inner = run.start.max(1)..run.end.min(width.saturating_sub(1));
    if !inner.is_empty() {
        // Slices of one length without any index inside the loop: the compiler works on many samples at once.
        let (start, length) = (3 * inner.start, 3 * inner.len());
        let shifted = |row: usize, by: usize| &mixes[row][start + by - 3..][..length];
        let [a0, a1, a2] = [0, 3, 6].map(|by| shifted(0, by));
        let [m0, m1, m2] = [0, 3, 6].map(|by| shifted(1, by));
        let [b0, b1, b2] = [0, 3, 6].map(|by| shifted(2, by));
        for (i, out) in out[start..start + length].iter_mut().enumerate() {
            *out = smoothed(m1[i], [a1[i], b1[i], m0[i], m2[i]], [a0[i], a2[i], b0[i], b2[i]]);
        }
    }
    if run.end == width && width > 1 {
        at_edge(width - 1, out);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::mask::Mask;
    use crate::render::weight::{Softening, WHOLE};

    /// The same from the definition, a pixel at a time.
    fn plain(weight: &FusionWeight, roi: &RgbImage, background: &RgbImage) -> RgbImage {
        let (width, height) = weight.dimensions();
        let mix = |x: isize, y: isize, c: usize| {
            let (x, y) = (reflect(x, width as usize) as u32, reflect(y, height as usize) as u32);
            let w = u32::from(weight.at(x, y));
            w * u32::from(roi.get_pixel(x, y).0[c]) + (255 - w) * u32::from(background.get_pixel(x, y).0[c])
        };
        RgbImage::from_fn(width, height, |x, y| {
            let w = f64::from(weight.at(x, y)) / 255.0;
            image::Rgb([0, 1, 2].map(|c| {
                let (x, y) = (x as isize, y as isize);
                let own = mix(x, y, c);
                if w <= 0.05 || w >= 0.95 {
                    return (own / 255) as u8;
                }
                let kernel = [1, 2, 1, 2, 4, 2, 1, 2, 1_u32];
                let blurred = (0..9).map(|i| kernel[i as usize] * mix(x + i % 3 - 1, y + i / 3 - 1, c)).sum::<u32>();
                ((16 * own + blurred) / 8160) as u8
            }))
        })
    }

    fn levels(width: u32, height: u32) -> (RgbImage, RgbImage) {
        let roi = RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([(x * 37 + y * 11) as u8, (x * y * 5) as u8, 255 - (x ^ y) as u8])
        });
        let background = RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([(y * 29) as u8, (x * 13 + 7 * y) as u8, (x + y) as u8])
        });
        (roi, background)
    }

    #[test]
    fn divisions_are_exact() {
        for mix in 0..=65_025_u16 {
            assert_eq!(u16::from(over_255(mix)), mix / 255);
        }
        for n in (0..=32 * 65_025_u32).step_by(7) {
            assert_eq!(u32::from(over_255((n >> 5) as u16)), n / 8160);
        }
    }

    #[test]
    fn equals_opencv() {
        let stack = image::load_from_memory(include_bytes!("../../tests/golden/fusion.png")).unwrap().into_rgb8();
        let (width, height) = (stack.width(), stack.height() / 5);
        let tile = |i: u32| image::imageops::crop_imm(&stack, 0, i * height, width, height).to_image();
        let [roi, background, mask, weight, expected] = [0, 1, 2, 3, 4].map(tile);
        let mask = Mask::from_fn(width, height, |x, y| mask.get_pixel(x, y).0[0] == 255);
        let ours = FusionWeight::of(&mask, Softening::default()).unwrap();
        assert_eq!(ours.samples(), weight.as_raw().as_slice());
        let fused = fuse(&ours, &roi, &background).unwrap();
        let differences = fused.as_raw().iter().zip(expected.as_raw()).map(|(a, b)| a.abs_diff(*b));
        let wrong: Vec<u8> = differences.filter(|&difference| difference > 0).collect();
        // Only where a sum that is a whole level falls below it in OpenCV's floating point.
        assert!(wrong.len() <= fused.len() / 1000 && wrong.iter().all(|&d| d == 1), "{} differ", wrong.len());
        // And the picture is no trivial one.
        let smoothed = weight.pixels().filter(|pixel| (13..=242).contains(&pixel.0[0])).count();
        assert!(smoothed > fused.len() / 3 / 5, "{smoothed}");
    }

    #[test]
    fn equals_the_definition_at_any_size() {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (3, 5), (70, 41), (33, 80)] {
            let (roi, background) = levels(width, height);
            for (i, shape) in [0_u32, 1, 2, 3].into_iter().enumerate() {
                let inside = |x: u32, y: u32| match shape {
                    0 => x * 2 < width,
                    1 => y * 3 >= height && x > 0,
                    2 => (x / 7 + y / 5).is_multiple_of(2),
                    _ => (x as i64 - 30).pow(2) + (y as i64 - 20).pow(2) < 150,
                };
                let mask = Mask::from_fn(width, height, inside);
                for softening in [Softening::Hard, Softening::Gaussian { radius: 2 }, Softening::default()] {
                    let weight = FusionWeight::of(&mask, softening).unwrap();
                    let fused = fuse(&weight, &roi, &background).unwrap();
                    let expected = if softening == Softening::Hard {
                        cut(&mask, &roi, &background)
                    } else {
                        plain(&weight, &roi, &background)
                    };
                    assert!(fused == expected, "{width}×{height}, shape {i}, {softening:?}");
                }
            }
        }
    }

    /// Each pixel from one of the two.
    fn cut(mask: &Mask, roi: &RgbImage, background: &RgbImage) -> RgbImage {
        RgbImage::from_fn(mask.width(), mask.height(), |x, y| {
            let inside = mask.pixels()[(y * mask.width() + x) as usize] == 255;
            *if inside { roi } else { background }.get_pixel(x, y)
        })
    }

    #[test]
    fn the_levels_themselves_where_the_weight_is_one_or_nought() {
        let (roi, background) = levels(200, 120);
        let mask = Mask::from_fn(200, 120, |x, y| x > 80 && y > 50);
        let weight = FusionWeight::of(&mask, Softening::default()).unwrap();
        let fused = fuse(&weight, &roi, &background).unwrap();
        let mut counts = [0, 0];
        for (x, y, pixel) in fused.enumerate_pixels() {
            match weight.at(x, y) {
                0 => (assert_eq!(pixel, background.get_pixel(x, y)), counts[0] += 1).1,
                WHOLE => (assert_eq!(pixel, roi.get_pixel(x, y)), counts[1] += 1).1,
                _ => {}
            }
        }
        assert!(counts.iter().all(|&count| count > 3000), "{counts:?}");
        // The same level on both sides is that level.
        assert!(fuse(&weight, &roi, &roi).unwrap().pixels().zip(roi.pixels()).enumerate().all(|(i, (a, b))| {
            let smoothed = (13..=242).contains(&weight.samples()[3 * i]);
            smoothed || a == b
        }));
    }

    #[test]
    fn other_sizes_are_refused() {
        let (roi, background) = levels(8, 8);
        let weight = FusionWeight::of(&Mask::from_fn(8, 9, |x, _| x > 3), Softening::default()).unwrap();
        let text = fuse(&weight, &roi, &background).unwrap_err().to_string();
        assert!(text.contains("8×8") && text.contains("8×9"), "{text}");
    }
}
