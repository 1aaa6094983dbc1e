//! Values that numpy, OpenCV and Pillow computed (tests/golden/make_distortions.py).

use image::RgbImage;
use serde::Deserialize;

/// What the maker wrote into distortions.json, as far as the tests here read it.
#[derive(Deserialize)]
pub(crate) struct Golden {
    /// Losses of `darkness`.
    pub(super) darkness: Vec<f64>,
    /// Deviations of `gaussian_noise`.
    pub(super) gaussian_noise: Vec<f64>,
    /// Glass blur of the scene, the mean over many draws.
    pub(super) glass: Vec<Glass>,
    /// Plasmas drawn from a Weyl sequence.
    pub(super) plasma: Vec<Plasma>,
    /// The scene at classifiers' sizes.
    pub(crate) fit: Vec<Fit>,
}

#[derive(Deserialize)]
pub(super) struct Glass {
    pub(super) row: Vec<f64>,
    pub(super) mean: f64,
    pub(super) variance: f64,
    /// Of neighbours in a row.
    pub(super) autocorrelation: f64,
    pub(super) psnr: f64,
}

#[derive(Deserialize)]
pub(super) struct Plasma {
    pub(super) side: usize,
    pub(super) decay: f64,
    pub(super) points: Vec<f64>,
}

#[derive(Deserialize)]
pub(crate) struct Fit {
    pub(crate) size: u32,
    pub(crate) crop: Option<f64>,
    pub(crate) interpolation: crate::label::zoo::Interpolation,
    /// RGB8 in hexadecimal digits.
    pub(crate) pixels: String,
}

/// The values.
pub(crate) fn golden() -> Golden {
    serde_json::from_str(include_str!("../../tests/golden/distortions.json")).expect("written by the maker")
}

/// The picture that they were computed from.
pub(crate) fn scene() -> RgbImage {
    picture(include_bytes!("../../tests/golden/scene.png"))
}

/// One of the pictures, decoded.
pub(super) fn picture(png: &[u8]) -> RgbImage {
    image::load_from_memory(png).expect("written by the maker").into_rgb8()
}

/// Compares the rows of recipe `miqd` with as many tiles below each other.
pub(super) fn compare(distortion: &dyn super::Distortion, tiles: &RgbImage) {
    let scene = scene();
    let random = crate::render::RandomField::of(&crate::source::PixelHash::of(&scene), distortion.name(), 0, 0);
    let rows = crate::recipe::Recipe::miqd().rows(distortion);
    assert_eq!(tiles.height() as usize, scene.height() as usize * rows.len());
    for (row, tile) in rows.iter().zip(tiles.as_raw().chunks_exact(scene.as_raw().len())) {
        let ours = distortion.apply(&scene, row, &random).expect("the scene can be distorted");
        agree(&format!("{} {row:?}", distortion.name()), &ours, tile);
    }
}

/// At most a thousandth of the samples may differ, and by one level, where the reference's own rounding decides.
pub(super) fn agree(what: &str, ours: &RgbImage, tile: &[u8]) {
    assert_eq!(ours.as_raw().len(), tile.len(), "{what}");
    let differences = ours.as_raw().iter().zip(tile).map(|(a, b)| a.abs_diff(*b)).filter(|&d| d > 0);
    let (count, largest) = differences.fold((0, 0), |(count, largest), d| (count + 1, d.max(largest)));
    assert!(largest <= 1 && count <= tile.len() / 1000, "{what}: {count} differ, by up to {largest}");
}

/// Mean, variance and autocorrelation (of neighbours in a row) of all samples.
pub(super) fn moments(rgb: &RgbImage) -> [f64; 3] {
    let samples = rgb.as_raw();
    let share = |sum: f64, count: usize| sum / count as f64;
    let mean = share(samples.iter().map(|&v| f64::from(v)).sum(), samples.len());
    let centred: Vec<f64> = samples.iter().map(|&v| f64::from(v) - mean).collect();
    let variance = share(centred.iter().map(|v| v * v).sum(), samples.len());
    let rows = centred.chunks_exact(3 * rgb.width() as usize);
    let products = rows.flat_map(|row| row.iter().zip(&row[3..]).map(|(a, b)| a * b));
    let count = samples.len() - 3 * rgb.height() as usize;
    [mean, variance, share(products.sum(), count) / variance]
}
