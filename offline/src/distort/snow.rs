//! Snow: flakes of thresholded noise, blurred along their fall, over a picture that is paled towards white.
//!
//! ImageNet-C's generator: the layer of flakes is added twice, once turned by 180°, so that they fall in two ways.

use image::RgbImage;

use super::line_blur::{Line, one_sided_gaussian};
use super::parameter::{ParameterSpec, checked};
use super::quantise::SNAP;
use super::{DistortError, Distortion};
use crate::render::RandomField;

/// In the order of [`Fall`], which says what they are.
const PARAMETERS: [ParameterSpec; 7] = [
    ParameterSpec::real("loc", 0.0, 1.0),
    ParameterSpec::real("scale", 0.0, 1.0),
    ParameterSpec::real("zoom", 1.0, 64.0),
    ParameterSpec::real("threshold", 0.0, 1.0),
    ParameterSpec::real("radius", 0.0, 200.0),
    ParameterSpec::real("sigma", 0.01, 200.0),
    ParameterSpec::real("keep", 0.0, 1.0),
];

/// Falling snow.
pub(super) struct Snow;

impl Distortion for Snow {
    fn name(&self) -> &'static str {
        "snow"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &PARAMETERS
    }

    fn apply(&self, rgb: &RgbImage, parameters: &[f64], random: &RandomField) -> Result<RgbImage, DistortError> {
        Ok(snow(rgb, &Fall::from(checked(self, parameters)?), random))
    }
}

/// How much snow, and how it falls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fall {
    /// Mean of the noise; 1 is white.
    loc: f64,
    /// Deviation of the noise.
    scale: f64,
    /// Size of a flake in pixels, 1 or more.
    zoom: f64,
    /// Noise under this is no flake.
    threshold: f64,
    /// Half the length of a streak in pixels, 0 or more.
    radius: f64,
    /// Deviation of a streak in pixels.
    sigma: f64,
    /// Share of the picture that isn't paled, 0..=1.
    keep: f64,
}

impl From<[f64; 7]> for Fall {
    fn from([loc, scale, zoom, threshold, radius, sigma, keep]: [f64; 7]) -> Self {
        Self { loc, scale, zoom, threshold, radius, sigma, keep }
    }
}

/// `rgb` in snow that falls at an angle drawn uniformly from −135° to −45°.
pub(super) fn snow(rgb: &RgbImage, fall: &Fall, random: &RandomField) -> RgbImage {
    snow_at(rgb, fall, angle(random), random)
}

/// The angle of the fall in degrees; −90 is straight down.
fn angle(random: &RandomField) -> f64 {
    let [draw, ..] = random.uniform(0);
    90.0 * draw - 135.0
}

fn snow_at(rgb: &RgbImage, fall: &Fall, angle: f64, random: &RandomField) -> RgbImage {
    let grid = Grid::new(rgb, fall.zoom);
    let mut noise = vec![0.0; grid.noise.0 * grid.noise.1];
    for (block, values) in (1..).zip(noise.chunks_mut(4)) {
        values.iter_mut().zip(random.normal(block)).for_each(|(value, normal)| *value = normal as f32);
    }
    settle(rgb, &flakes(&grid, &noise, fall, angle), fall.keep)
}

/// Sizes (width, height) on the way from noise to flakes.
struct Grid {
    /// Of the noise: as much of the picture as fills it once zoomed.
    noise: (usize, usize),
    /// Of the zoomed noise, which is up to a flake larger than the picture.
    zoomed: (usize, usize),
    picture: (usize, usize),
}

impl Grid {
    fn new(rgb: &RgbImage, zoom: f64) -> Self {
        let picture = (rgb.width() as usize, rgb.height() as usize);
        let noise = |length: usize| (length as f64 / zoom).ceil() as usize;
        let noise = (noise(picture.0), noise(picture.1));
        let zoomed = |length: usize, least: usize| ((length as f64 * zoom).round_ties_even() as usize).max(least);
        Self { noise, zoomed: (zoomed(noise.0, picture.0), zoomed(noise.1, picture.1)), picture }
    }
}

/// The layer of flakes, a level a pixel, from standard normal `noise`.
fn flakes(grid: &Grid, noise: &[f32], fall: &Fall, angle: f64) -> Vec<u8> {
    // The authors normalise over 0..2r + 1 but sum whole taps only: a fractional 2r loses its last weight.
    let length = 2.0 * fall.radius + 1.0;
    let mut weights = one_sided_gaussian(length.ceil() as usize, fall.sigma);
    weights.truncate(length as usize);
    let mut zoom = Zoom::new(grid, noise);
    let (loc, scale, threshold) = (255.0 * fall.loc as f32, 255.0 * fall.scale as f32, 255.0 * fall.threshold as f32);
    Line::new(&weights, angle).blur::<1>(grid.zoomed, grid.picture, 0.5, |y, row| {
        zoom.row(y, row);
        for value in row {
            let level = loc + scale * *value;
            *value = if level < threshold { 0.0 } else { level.clamp(0.0, 255.0) };
        }
    })
}

/// Linear enlargement whose outermost points are those of the noise, one row after another.
struct Zoom<'a> {
    noise: &'a [f32],
    /// Width of the noise.
    width: usize,
    /// A column of the noise and the weight of the next one, for every zoomed column.
    columns: Vec<(usize, f32)>,
    /// The same for rows.
    rows: Vec<(usize, f32)>,
    /// Rows of the noise enlarged in width, each with its number.
    wide: [(usize, Vec<f32>); 2],
}

impl<'a> Zoom<'a> {
    fn new(grid: &Grid, noise: &'a [f32]) -> Self {
        let places = |from: usize, to: usize| -> Vec<(usize, f32)> {
            let step = if to > 1 { (from - 1) as f64 / (to - 1) as f64 } else { 0.0 };
            let place = |at: usize| {
                let position = (at as f64 * step).min((from - 1) as f64);
                // The last point is the end of the last interval: there is none behind it.
                let before = (position as usize).min(from.saturating_sub(2));
                (before, (position - before as f64) as f32)
            };
            (0..to).map(place).collect()
        };
        let wide = || (usize::MAX, vec![0.0; grid.zoomed.0]);
        Self {
            noise,
            width: grid.noise.0,
            columns: places(grid.noise.0, grid.zoomed.0),
            rows: places(grid.noise.1, grid.zoomed.1),
            wide: [wide(), wide()],
        }
    }

    fn row(&mut self, y: usize, out: &mut [f32]) {
        let (above, share) = self.rows[y];
        self.widen(above);
        // Noise of a single row has no row below, and no use for one: its share is 0.
        let below = if share > 0.0 { above + 1 } else { above };
        self.widen(below);
        let (above, below) = (&self.wide[above % 2].1, &self.wide[below % 2].1);
        for ((out, &above), &below) in out.iter_mut().zip(above).zip(below) {
            *out = above + share * (below - above);
        }
    }

    /// Puts row `y` of the noise, enlarged, into the slot of its parity.
    fn widen(&mut self, y: usize) {
        let (held, wide) = &mut self.wide[y % 2];
        if *held == y {
            return;
        }
        *held = y;
        let noise = &self.noise[y * self.width..][..self.width];
        let last = self.width - 1;
        for (out, &(before, share)) in wide.iter_mut().zip(&self.columns) {
            let (before, after) = (noise[before], noise[(before + 1).min(last)]);
            *out = before + share * (after - before);
        }
    }
}

/// keep·v + (1 − keep)·max(v, 1.5·grey + ½) plus the layer and the layer turned by 180°, clipped and truncated.
fn settle(rgb: &RgbImage, layer: &[u8], keep: f64) -> RgbImage {
    // Levels in 16 bits of fraction. Paling is max(v, keep·v + (1 − keep)·(1.5·grey + ½)), as 1 − keep isn't negative.
    let fixed = |level: f64| (level * 65_536.0).round() as i32;
    let table = |slope: f64| -> [i32; 256] { std::array::from_fn(|level| fixed(slope * level as f64)) };
    let pale = 1.5 * (1.0 - keep);
    let (red, green, blue) = (table(0.299 * pale), table(0.587 * pale), table(0.114 * pale));
    let kept = table(keep);
    let base = fixed(127.5 * (1.0 - keep) + SNAP);
    let snap = fixed(SNAP);
    let mut snowy = rgb.clone();
    for ((pixel, &flake), &turned) in snowy.chunks_exact_mut(3).zip(layer).zip(layer.iter().rev()) {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(usize::from);
        let white = base + red[r] + green[g] + blue[b];
        let flake = (i32::from(flake) + i32::from(turned)) << 16;
        for sample in pixel {
            let paled = ((i32::from(*sample) << 16) + snap).max(kept[usize::from(*sample)] + white);
            *sample = ((paled + flake) >> 16).min(255) as u8;
        }
    }
    snowy
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use serde::Deserialize;

    use super::super::golden::{agree, picture, scene};
    use super::*;
    use crate::recipe::Recipe;
    use crate::source::PixelHash;

    /// What the maker wrote into snow.json.
    #[derive(Deserialize)]
    struct Reference {
        parameters: Vec<[f64; 7]>,
        height: u32,
        width: u32,
        grey: u8,
        seeds: u32,
        lags: Vec<(usize, isize)>,
        rows: Vec<Statistics>,
    }

    #[derive(Deserialize)]
    struct Statistics {
        mean: f64,
        /// Deviation of the mean of one picture.
        spread_of_means: f64,
        variance: f64,
        autocorrelation: Vec<f64>,
        psnr: f64,
        /// Deviations of the figures of one picture, as that of its mean.
        spread_of_variance: f64,
        spread_of_products: Vec<f64>,
        spread_of_psnr: f64,
    }

    fn reference() -> Reference {
        serde_json::from_str(include_str!("../../tests/golden/snow.json")).unwrap()
    }

    fn field(row: usize, seed: u64) -> RandomField {
        RandomField::of(&PixelHash([5; 32]), "snow", row, seed)
    }

    fn rows() -> Vec<[f64; 7]> {
        Recipe::miqd().rows(&Snow).iter().map(|row| checked(&Snow, row).unwrap()).collect()
    }

    #[test]
    fn rows_are_evenly_spaced() {
        for (ours, theirs) in rows().iter().flatten().zip(reference().parameters.iter().flatten()) {
            assert!((ours - theirs).abs() < 1e-9, "{ours} {theirs}");
        }
    }

    #[test]
    fn equals_scipy_and_opencv_for_the_same_noise() {
        let scene = scene();
        let tiles = picture(include_bytes!("../../tests/golden/snow.png"));
        let tiles: Vec<&[u8]> = tiles.as_raw().chunks_exact(scene.as_raw().len()).collect();
        assert_eq!(tiles.len(), rows().len());
        for (row, (parameters, tile)) in rows().into_iter().zip(tiles).enumerate() {
            let fall = Fall::from(parameters);
            let grid = Grid::new(&scene, fall.zoom);
            // The maker's noise and angle.
            let weyl = |i: usize| (((i * i) as f64 * 0.618_033_988_749_894_9 % 1.0 - 0.5) * 5.9) as f32;
            let noise: Vec<f32> = (1..=grid.noise.0 * grid.noise.1).map(weyl).collect();
            let layer = flakes(&grid, &noise, &fall, -133.7 + 7.9 * row as f64);
            agree(&format!("snow row {row}"), &settle(&scene, &layer, fall.keep), tile);
        }
    }

    /// Means over `SEEDS` falls on grey, against the maker's over more: within what their scatter allows.
    #[test]
    fn statistics_are_those_of_numpy() {
        const SEEDS: u64 = 50;
        let reference = reference();
        let flat = RgbImage::from_pixel(reference.width, reference.height, image::Rgb([reference.grey; 3]));
        let (width, height) = (reference.width as usize, reference.height as usize);
        for (row, (parameters, theirs)) in rows().into_iter().zip(&reference.rows).enumerate() {
            let (mut sum, mut squares, mut psnr) = (0.0, 0.0, 0.0);
            let mut products = vec![0.0; reference.lags.len()];
            for seed in 0..SEEDS {
                let angle = -135.0 + 90.0 * (seed as f64 + 0.5) / SEEDS as f64;
                let snowy = snow_at(&flat, &Fall::from(parameters), angle, &field(row, seed));
                let levels: Vec<f64> = snowy.pixels().map(|pixel| f64::from(pixel.0[0]) - theirs.mean).collect();
                let error = snowy.iter().map(|&v| f64::from(v.abs_diff(reference.grey)).powi(2)).sum::<f64>();
                psnr += 10.0 * (255.0_f64.powi(2) * snowy.len() as f64 / error).log10() / SEEDS as f64;
                sum += levels.iter().sum::<f64>() / levels.len() as f64 / SEEDS as f64;
                squares += levels.iter().map(|v| v * v).sum::<f64>() / levels.len() as f64 / SEEDS as f64;
                for (product, &(down, right)) in products.iter_mut().zip(&reference.lags) {
                    let columns = right.min(0).unsigned_abs()..width - right.max(0).unsigned_abs();
                    let places = (0..height - down).flat_map(|y| columns.clone().map(move |x| y * width + x));
                    let step = (down * width) as isize + right;
                    let count = ((height - down) * columns.len()) as f64;
                    *product += places.map(|at| levels[at] * levels[at.strict_add_signed(step)]).sum::<f64>()
                        / (count * SEEDS as f64);
                }
            }
            // Four deviations of the difference between both sides' means.
            let chance = |spread: f64| 4.0 * spread * (1.0 / SEEDS as f64 + 1.0 / f64::from(reference.seeds)).sqrt();
            assert!(sum.abs() < chance(theirs.spread_of_means), "mean of row {row}: off by {sum}");
            let limit = chance(theirs.spread_of_variance);
            assert!((squares - theirs.variance).abs() < limit, "row {row}: {squares} {} ± {limit}", theirs.variance);
            let limit = chance(theirs.spread_of_psnr).min(0.5);
            assert!((psnr - theirs.psnr).abs() < limit, "row {row}: {psnr} dB, {} ± {limit} dB", theirs.psnr);
            let lags = theirs.autocorrelation.iter().zip(&theirs.spread_of_products).zip(&reference.lags);
            for (product, ((theirs_lag, &spread), lag)) in products.iter().zip(lags) {
                // The autocorrelation has four digits.
                let (expected, limit) = (theirs_lag * theirs.variance, chance(spread) + 1e-4 * theirs.variance);
                assert!((product - expected).abs() < limit, "row {row} at {lag:?}: {product} {expected} ± {limit}");
            }
        }
    }

    #[test]
    fn the_key_decides() {
        let fall = Fall::from(rows()[6]);
        let once = snow(&scene(), &fall, &field(6, 0));
        assert_eq!(once, snow(&scene(), &fall, &field(6, 0)));
        assert_ne!(once, snow(&scene(), &fall, &field(6, 1)));
    }

    #[test]
    fn angles_fill_their_range() {
        let angles: Vec<f64> = (0..1000).map(|seed| angle(&field(0, seed))).collect();
        assert!(angles.iter().all(|angle| (-135.0..=-45.0).contains(angle)));
        // Deviation of the mean: 90/√12/√1000 = 0.82.
        assert!((angles.iter().sum::<f64>() / 1000.0 + 90.0).abs() < 4.1);
        assert!(angles.iter().filter(|&&angle| (angle + 90.0).abs() > 22.5).count().abs_diff(500) < 80);
    }

    #[test]
    fn white_stays_white_and_nothing_darkens() {
        let scene = scene();
        for (row, parameters) in rows().into_iter().enumerate() {
            let snowy = snow(&scene, &Fall::from(parameters), &field(row, 3));
            assert!(snowy.iter().zip(scene.iter()).all(|(after, before)| after >= before), "row {row}");
            let white = RgbImage::from_pixel(9, 9, image::Rgb([255; 3]));
            assert_eq!(snow(&white, &Fall::from(parameters), &field(row, 3)), white);
        }
    }
}
