#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use super::super::golden::{compare, picture};
use super::*;
use crate::recipe::Recipe;
use crate::render::elementary::exp;
use crate::source::PixelHash;

fn rows() -> &'static [Vec<f64>] {
    Recipe::miqd().rows(&DefocusBlur)
}

fn blur(rgb: &RgbImage, row: usize) -> RgbImage {
    DefocusBlur.apply(rgb, &rows()[row], &RandomField::of(&PixelHash([0; 32]), "defocus_blur", row, 0)).unwrap()
}

/// The weights by definition, from (-reach, -reach) on.
fn weights(radius: f64, sigma: f64) -> (isize, Vec<(isize, isize, f64)>) {
    let (reach, taps) = if radius <= 8.0 { (8_isize, 1_isize) } else { (radius as isize, 2) };
    let inside = |i: isize, j: isize| ((i * i + j * j) as f64) <= radius * radius;
    let grid = || (-reach..=reach).flat_map(|i| (-reach..=reach).map(move |j| (i, j)));
    let area = grid().filter(|&(i, j)| inside(i, j)).count() as f64;
    let gaussian: Vec<f64> = (-taps..=taps).map(|t| exp(-((t * t) as f64) / (2.0 * sigma * sigma))).collect();
    let total: f64 = gaussian.iter().sum();
    let mirror = |i: isize| if i.abs() > reach { 2 * reach - i.abs() } else { i.abs() };
    let weight = |i: isize, j: isize| {
        let mut sum = 0.0;
        for (row, a) in gaussian.iter().zip(-taps..) {
            for (column, b) in gaussian.iter().zip(-taps..) {
                if inside(mirror(i + a), mirror(j + b)) {
                    sum += row * column;
                }
            }
        }
        sum / (total * total * area)
    };
    (reach, grid().map(|(i, j)| (i, j, weight(i, j))).collect())
}

#[test]
fn equals_opencv() {
    compare(&DefocusBlur, &picture(include_bytes!("../../../tests/golden/defocus_blur.png")));
}

#[test]
fn kernels_sum_as_the_authors_do() {
    for row in rows() {
        let (radius, sigma) = (row[0], row[1]);
        let expected = match radius as u32 {
            7 => 1.006,
            9 => 1.036,
            12 => 1.022,
            _ => 1.0,
        };
        let found: f64 = weights(radius, sigma).1.iter().map(|weight| weight.2).sum();
        assert!((found - expected).abs() < 6e-4, "radius {radius}: {found}");
    }
}

#[test]
fn flat_areas_stay_flat() {
    for value in [1, 100, 128, 246] {
        let grey = RgbImage::from_pixel(40, 30, image::Rgb([value, 0, 255]));
        for row in 0..9 {
            assert_eq!(blur(&grey, row), grey, "row {row}");
        }
    }
}

#[test]
fn equals_the_plain_double_sum() {
    let (w, h) = (31, 27);
    let rgb =
        RgbImage::from_fn(w, h, |x, y| image::Rgb([(x * y % 256) as u8, (x * 8) as u8, ((x ^ y) * 37 % 256) as u8]));
    let others = [vec![8.0, 0.5], vec![10.0, 0.5], vec![13.7, 10.0], vec![63.9, 1.0], vec![0.0, 0.01]];
    for parameters in rows().iter().chain(&others) {
        let (reach, weights) = weights(parameters[0], parameters[1]);
        let random = RandomField::of(&PixelHash([0; 32]), "defocus_blur", 0, 0);
        let blurred = DefocusBlur.apply(&rgb, parameters, &random).unwrap();
        for (x, y, pixel) in blurred.enumerate_pixels().filter(|(x, y, _)| reach < 20 || x + y == 24) {
            let mut value = [0.0; 3];
            for &(dx, dy, weight) in weights.iter().filter(|weight| weight.2 > 0.0) {
                let x = reflect((x as isize + dx + 64) as usize, 64, w as usize);
                let y = reflect((y as isize + dy + 64) as usize, 64, h as usize);
                for (value, sample) in value.iter_mut().zip(rgb.get_pixel(x as u32, y as u32).0) {
                    *value += weight * f64::from(sample);
                }
            }
            for (value, &found) in value.into_iter().zip(&pixel.0) {
                // Within what 32 bits may do to a sum.
                let near = |shift: f64| super::super::quantise::truncate(value + shift);
                assert!((near(-2e-4)..=near(2e-4)).contains(&found), "{parameters:?} {x},{y}: {value} {found}");
            }
        }
    }
}

#[test]
fn reflection_repeats_no_edge() {
    let indices: Vec<usize> = (0..10).map(|at| reflect(at, 3, 4)).collect();
    assert_eq!(indices, [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
    assert_eq!(reflect(40, 17, 1), 0);
}

#[test]
fn the_instruction_set_changes_no_byte() {
    let rgb = super::super::golden::scene();
    for row in rows() {
        let [radius, sigma] = row[..] else { panic!("{row:?}") };
        let kernel = Kernel::softened_disk(radius, sigma);
        assert!(correlate(&rgb, &kernel, Arch::new()) == correlate(&rgb, &kernel, Arch::Scalar), "{row:?}");
    }
}
