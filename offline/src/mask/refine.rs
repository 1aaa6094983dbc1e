//! Edges of a map drawn to the edges of the picture: a guided filter (He, Sun and Tang, "Guided image filtering",
//! 2010) with the original's luma as the guide.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::upscale::Map;

/// The guided filter's settings.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Refine {
    /// Radius of the windows in pixels.
    pub radius: u16,
    /// Added to the variance of luma (0..1) in a window: below it an edge counts little.
    pub epsilon: f64,
}

impl Refine {
    /// The map, which must have the size of `rgb`, filtered.
    ///
    /// Sums of whole rows and columns in f64, in fixed order: the same everywhere.
    #[must_use]
    pub fn apply(&self, map: &Map, rgb: &RgbImage) -> Map {
        let (width, height) = (map.width, map.height);
        debug_assert_eq!((rgb.width() as usize, rgb.height() as usize), (width, height));
        let mean = |values: &[f64]| window_means(values, width, height, usize::from(self.radius));
        let luma: Vec<f64> = rgb.pixels().map(|pixel| luma(pixel.0)).collect();
        let values: Vec<f64> = map.values.iter().map(|&value| f64::from(value)).collect();
        let product = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a * b).collect() };

        let (mean_luma, mean_value) = (mean(&luma), mean(&values));
        let (mean_square, mean_product) = (mean(&product(&luma, &luma)), mean(&product(&luma, &values)));
        // In each window the map is taken as slope · luma + offset.
        let mut slopes = Vec::with_capacity(values.len());
        let mut offsets = Vec::with_capacity(values.len());
        for i in 0..values.len() {
            let variance = mean_square[i] - mean_luma[i] * mean_luma[i];
            let slope = (mean_product[i] - mean_luma[i] * mean_value[i]) / (variance.max(0.0) + self.epsilon);
            slopes.push(slope);
            offsets.push(mean_value[i] - slope * mean_luma[i]);
        }
        let lines = mean(&slopes).into_iter().zip(mean(&offsets)).zip(luma);
        Map { width, height, values: lines.map(|((slope, offset), luma)| (slope * luma + offset) as f32).collect() }
    }
}

/// Luma 0..=1, BT.601.
fn luma([red, green, blue]: [u8; 3]) -> f64 {
    f64::from(299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue)) / 255_000.0
}

/// The mean of the window around each pixel; windows end at the picture's edge.
fn window_means(values: &[f64], width: usize, height: usize, radius: usize) -> Vec<f64> {
    let mut across = vec![0.0; values.len()];
    let mut sums = vec![0.0; width.max(height) + 1];
    for y in 0..height {
        let row = &values[y * width..][..width];
        (0..width).for_each(|x| sums[x + 1] = sums[x] + row[x]);
        for x in 0..width {
            let (from, to) = (x.saturating_sub(radius), (x + radius + 1).min(width));
            across[y * width + x] = (sums[to] - sums[from]) / (to - from) as f64;
        }
    }
    // Down the columns with running sums a row at a time: columns lie far apart in memory.
    let mut totals = vec![0.0; (height + 1) * width];
    for y in 0..height {
        for x in 0..width {
            totals[(y + 1) * width + x] = totals[y * width + x] + across[y * width + x];
        }
    }
    for y in 0..height {
        let (from, to) = (y.saturating_sub(radius), (y + radius + 1).min(height));
        for x in 0..width {
            across[y * width + x] = (totals[to * width + x] - totals[from * width + x]) / (to - from) as f64;
        }
    }
    across
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_means_are_means() {
        let values: Vec<f64> = (0..35).map(|i| f64::from(i * i % 13)).collect();
        for (at, mean) in window_means(&values, 7, 5, 1).into_iter().enumerate() {
            let (x, y) = (at % 7, at / 7);
            let window: Vec<f64> = (y.saturating_sub(1)..(y + 2).min(5))
                .flat_map(|y| (x.saturating_sub(1)..(x + 2).min(7)).map(move |x| (x, y)))
                .map(|(x, y)| values[y * 7 + x])
                .collect();
            assert!((mean - window.iter().sum::<f64>() / window.len() as f64).abs() < 1e-12, "{x} {y}");
        }
    }

    #[test]
    fn a_blurred_edge_moves_to_the_pictures() {
        // Dark left of column 40, bright right of it; the map's edge is a ramp around column 46.
        let rgb = RgbImage::from_fn(80, 20, |x, _| image::Rgb(if x < 40 { [30; 3] } else { [220; 3] }));
        let ramp = |x: usize| ((x as f32 - 46.0) / 12.0).clamp(-1.0, 1.0);
        let map = Map { width: 80, height: 20, values: (0..1600).map(|i| ramp(i % 80)).collect() };
        let refined = Refine { radius: 12, epsilon: 1e-3 }.apply(&map, &rgb);
        let edge = |map: &Map| (0..80).find(|&x| map.values[10 * 80 + x] > 0.0);
        assert_eq!(edge(&map), Some(47));
        assert!(matches!(edge(&refined), Some(39..=41)), "{:?}", edge(&refined));
    }
}
