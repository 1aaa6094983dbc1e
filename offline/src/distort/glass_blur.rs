//! Glass blur: blurred, pixels shuffled over short distances, blurred again, as through frosted glass.

use image::RgbImage;

use super::gaussian::blur;
use super::parameter::{ParameterSpec, checked};
use super::{DistortError, Distortion};
use crate::render::RandomField;

/// σ of both blurs in pixels; the farthest shuffle and the number of shuffles, both cut to integers; 0 for the authors'
/// shuffle (all pixels at once), 1 for that of ImageNet-C (one swap after another).
const PARAMETERS: [ParameterSpec; 4] = [
    ParameterSpec::real("sigma", 0.01, 20.0),
    ParameterSpec::real("max_delta", 0.0, 100.0),
    ParameterSpec::real("iterations", 0.0, 100.0),
    ParameterSpec::whole("sequential", 0.0, 1.0),
];

/// Frosted glass.
pub(super) struct GlassBlur;

impl Distortion for GlassBlur {
    fn name(&self) -> &'static str {
        "glass_blur"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &PARAMETERS
    }

    fn apply(&self, rgb: &RgbImage, parameters: &[f64], random: &RandomField) -> Result<RgbImage, DistortError> {
        let [sigma, max_delta, iterations, sequential] = checked(self, parameters)?;
        let reach = max_delta as usize;
        let mut shuffled = blur(rgb, sigma);
        if reach > 0 {
            for iteration in 0..iterations as u64 {
                let offsets = Offsets::new(random, iteration, rgb, reach);
                if sequential == 0.0 {
                    shuffled = gather(&shuffled, &offsets);
                } else {
                    swap(&mut shuffled, &offsets);
                }
            }
        }
        Ok(blur(&shuffled, sigma))
    }
}

/// The offsets of one shuffle: independent, uniform in −reach..reach, a word a pixel.
struct Offsets<'a> {
    random: &'a RandomField,
    /// Block of the shuffle's first word.
    start: u64,
    reach: usize,
}

impl<'a> Offsets<'a> {
    fn new(random: &'a RandomField, iteration: u64, rgb: &RgbImage, reach: usize) -> Self {
        let blocks = (u64::from(rgb.width()) * u64::from(rgb.height())).div_ceil(4);
        Self { random, start: iteration * blocks, reach }
    }

    /// Offsets (dx, dy), both plus `reach`, of places 4·`block` to 4·`block` + 3.
    #[inline]
    fn four(&self, block: usize) -> [(usize, usize); 4] {
        let span = 2 * self.reach;
        let share = |half: u32| (half as usize * span) >> 16;
        self.random.words(self.start + block as u64).map(|word| (share(word >> 16), share(word & 0xffff)))
    }
}

/// Every pixel takes the value at its offset; offsets that leave the picture end at its edge.
fn gather(rgb: &RgbImage, offsets: &Offsets<'_>) -> RgbImage {
    let (width, height, reach) = (rgb.width() as usize, rgb.height() as usize, offsets.reach);
    let pixels = rgb.as_raw().as_chunks::<3>().0;
    let mut gathered = RgbImage::new(rgb.width(), rgb.height());
    let (mut x, mut y) = (0, 0);
    for (block, four) in gathered.as_chunks_mut::<3>().0.chunks_mut(4).enumerate() {
        for (out, (dx, dy)) in four.iter_mut().zip(offsets.four(block)) {
            let column = (x + dx).saturating_sub(reach).min(width - 1);
            let row = (y + dy).saturating_sub(reach).min(height - 1);
            *out = pixels[row * width + column];
            x += 1;
            if x == width {
                (x, y) = (0, y + 1);
            }
        }
    }
    gathered
}

/// From the lower right corner on, every pixel at least `reach` inside changes places with the one at its offset.
fn swap(rgb: &mut RgbImage, offsets: &Offsets<'_>) {
    let (width, height, reach) = (rgb.width() as usize, rgb.height() as usize, offsets.reach);
    let pixels = rgb.as_chunks_mut::<3>().0;
    let mut drawn = (0..).flat_map(|block| offsets.four(block));
    for y in (reach + 1..=height.saturating_sub(reach)).rev() {
        for x in (reach + 1..=width.saturating_sub(reach)).rev() {
            let (dx, dy) = drawn.next().expect("blocks never end");
            pixels.swap(y * width + x, (y + dy - reach) * width + x + dx - reach);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::super::golden::{golden, picture, scene};
    use super::*;
    use crate::rank::psnr;
    use crate::recipe::Recipe;
    use crate::source::PixelHash;

    fn field(row: usize) -> RandomField {
        RandomField::of(&PixelHash::of(&scene()), "glass_blur", row, 0)
    }

    #[test]
    fn rows_without_shuffles_equal_scikit_image() {
        let (scene, tiles) = (scene(), picture(include_bytes!("../../tests/golden/glass_blur.png")));
        let rows = Recipe::miqd().rows(&GlassBlur).iter().filter(|row| row[2] < 1.0);
        let mut compared = 0;
        for (row, tile) in rows.zip(tiles.as_raw().chunks_exact(scene.as_raw().len())) {
            let ours = GlassBlur.apply(&scene, row, &field(0)).unwrap();
            let far = ours.as_raw().iter().zip(tile).filter(|(a, b)| a.abs_diff(**b) > 1).count();
            let other = ours.as_raw().iter().zip(tile).filter(|(a, b)| a != b).count();
            assert!(far == 0 && other <= tile.len() / 1000, "{row:?}: {other} differ, {far} by more than a level");
            compared += 1;
        }
        assert_eq!((compared, tiles.height()), (8, 8 * scene.height()));
    }

    #[test]
    fn statistics_of_shuffled_rows_are_those_of_the_reference() {
        let scene = scene();
        for reference in golden().glass {
            let draws: Vec<RgbImage> =
                (0..20).map(|draw| GlassBlur.apply(&scene, &reference.row, &field(draw)).unwrap()).collect();
            let mean = |of: &dyn Fn(&RgbImage) -> f64| draws.iter().map(of).sum::<f64>() / draws.len() as f64;
            let found = [
                mean(&|d| super::super::golden::moments(d)[0]),
                mean(&|d| super::super::golden::moments(d)[1]),
                mean(&|d| super::super::golden::moments(d)[2]),
                mean(&|d| psnr(&scene, d).unwrap()),
            ];
            let expected = [reference.mean, reference.variance, reference.autocorrelation, reference.psnr];
            // Mean in levels, variance as a share, autocorrelation of neighbours, decibels.
            let tolerance = [0.3, 0.02 * reference.variance, 0.01, 0.25];
            for i in 0..4 {
                assert!(
                    (found[i] - expected[i]).abs() < tolerance[i],
                    "{:?}: {found:?}, the reference {expected:?}",
                    reference.row
                );
            }
        }
    }

    #[test]
    fn offsets_are_uniform_and_stay_in_reach() {
        let rgb = RgbImage::from_fn(200, 100, |x, y| image::Rgb([x as u8, y as u8, 0]));
        for reach in [1, 3] {
            let random = field(1);
            let gathered = gather(&rgb, &Offsets::new(&random, 0, &rgb, reach));
            let mut counts = vec![0; 4 * reach * reach];
            for (x, y, pixel) in gathered.enumerate_pixels().filter(|(x, y, _)| *x > 3 && *x < 196 && *y > 3 && *y < 96)
            {
                let dx = (u32::from(pixel[0]) + reach as u32 - x) as usize;
                let dy = (u32::from(pixel[1]) + reach as u32 - y) as usize;
                assert!(dx < 2 * reach && dy < 2 * reach);
                counts[dy * 2 * reach + dx] += 1;
            }
            let expected = (192 * 92) as f64 / counts.len() as f64;
            let deviation = counts.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum::<f64>();
            // χ² with cells − 1 degrees of freedom, six deviations above its mean.
            let freedom = counts.len() as f64 - 1.0;
            assert!(deviation < freedom + 6.0 * (2.0 * freedom).sqrt(), "reach {reach}: {counts:?}");
        }
    }

    #[test]
    fn swaps_lose_no_pixel() {
        let mut rgb = RgbImage::from_fn(60, 40, |x, y| image::Rgb([x as u8, y as u8, 0]));
        let before = rgb.clone();
        let random = field(2);
        swap(&mut rgb, &Offsets::new(&random, 0, &before, 2));
        assert_ne!(rgb, before);
        let sorted = |rgb: &RgbImage| {
            let mut pixels: Vec<_> = rgb.pixels().copied().map(|p| p.0).collect();
            pixels.sort_unstable();
            pixels
        };
        assert_eq!(sorted(&rgb), sorted(&before));
    }
}
