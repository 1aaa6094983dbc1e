//! Peak signal-to-noise ratio: 8 bits, RGB together, peak 255.

use image::RgbImage;

/// Sum of squared differences over all samples; exact, so ordering by it orders by PSNR without rounding.
/// `None` when the sizes differ.
#[must_use]
pub fn squared_error(a: &RgbImage, b: &RgbImage) -> Option<u64> {
    // So many at a time in 32 bits (255² · 33,025 samples would overflow them), the rest in 64.
    const PART: usize = 32_768;
    (a.dimensions() == b.dimensions()).then(|| {
        let parts = a.as_raw().chunks(PART).zip(b.as_raw().chunks(PART));
        // Signed 16-bit differences: vector instructions multiply them and add pairs of products in one step.
        let difference = |(&a, &b): (&u8, &u8)| i16::from(a) - i16::from(b);
        let square = |difference: i16| i32::from(difference) * i32::from(difference);
        parts.map(|(a, b)| a.iter().zip(b).map(difference).map(square).sum::<i32>() as u64).sum()
    })
}

/// PSNR in dB; infinite for identical pictures, `None` when the sizes differ.
#[must_use]
pub fn psnr(a: &RgbImage, b: &RgbImage) -> Option<f64> {
    let samples = a.as_raw().len() as f64;
    squared_error(a, b).map(|error| from_squared_error(error, samples))
}

/// PSNR in dB of a sum of squared differences over so many samples.
pub(super) fn from_squared_error(error: u64, samples: f64) -> f64 {
    if error == 0 { f64::INFINITY } else { 10.0 * (255.0_f64.powi(2) * samples / error as f64).log10() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let grey = |v| RgbImage::from_pixel(300, 20, image::Rgb([v; 3]));
        assert_eq!(psnr(&grey(9), &grey(9)), Some(f64::INFINITY));
        assert_eq!(psnr(&grey(0), &grey(255)), Some(0.0));
        // A difference of 1 everywhere: 20 log10 255.
        assert!((psnr(&grey(100), &grey(101)).unwrap_or(0.0) - 48.130_803_608_679_1).abs() < 1e-12);
        assert_eq!(psnr(&grey(1), &RgbImage::new(20, 300)), None);
        let wide = |v| RgbImage::from_pixel(70_000, 1, image::Rgb([v; 3]));
        assert_eq!(squared_error(&wide(0), &wide(255)), Some(70_000 * 3 * 255 * 255));
    }
}
