//! What a picture looks like in 64 bits: near-duplicates differ in few of them.

use std::sync::LazyLock;

use image::RgbImage;

use crate::render::elementary::sine_cosine;

/// Signs of the 64 lowest frequencies of a picture, against their median (pHash: Zauner 2010, section 3.2.1).
///
/// The luma is brought to 32×32 means of areas and transformed by a DCT; the frequencies are 1 to 8 both ways. The bits
/// of a copy that was scaled, compressed, brightened or lightly cut stay nearly all the same; mirrored and rotated
/// copies are not recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerceptualHash(pub u64);

/// Rows and columns of the small picture, and of the frequencies kept.
const SIDE: usize = 32;
const FREQUENCIES: usize = 8;

/// cos((2·place + 1)·frequency·π / 64) for the frequencies 1 to 8.
static COSINES: LazyLock<[[f64; SIDE]; FREQUENCIES]> = LazyLock::new(|| {
    std::array::from_fn(|row| {
        std::array::from_fn(|place| {
            let quarters = ((2 * place + 1) * (row + 1)) as f64;
            sine_cosine(quarters * 90.0 / SIDE as f64).1
        })
    })
});

impl PerceptualHash {
    /// The hash of a picture; the same on every machine.
    #[must_use]
    pub fn of(picture: &RgbImage) -> Self {
        let small = shrunk(picture);
        let cosines = &*COSINES;
        let along: Vec<[f64; FREQUENCIES]> = small
            .iter()
            .map(|row| std::array::from_fn(|u| row.iter().zip(&cosines[u]).map(|(v, c)| v * c).sum()))
            .collect();
        let mut figures = [0.0; FREQUENCIES * FREQUENCIES];
        for (at, figure) in figures.iter_mut().enumerate() {
            let (v, u) = (at / FREQUENCIES, at % FREQUENCIES);
            *figure = along.iter().zip(&cosines[v]).map(|(row, cosine)| row[u] * cosine).sum();
        }
        let mut sorted = figures;
        sorted.sort_unstable_by(f64::total_cmp);
        let median = (sorted[31] + sorted[32]) / 2.0;
        Self(figures.iter().fold(0, |bits, &figure| (bits << 1) | u64::from(figure > median)))
    }

    /// In how many of the 64 bits two hashes differ. Pictures that have nothing to do with each other differ in about 32.
    #[must_use]
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

/// Mean luma of 32×32 equal areas, exact but for the last division: a pixel on a border counts by the share inside.
fn shrunk(picture: &RgbImage) -> [[f64; SIDE]; SIDE] {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut sums = [[0_u64; SIDE]; SIDE];
    let mut across = [0_u64; SIDE];
    // In units of a 32nd of a pixel, an area covers as many units as the picture has pixels.
    let overlaps = |at: usize, length: usize| {
        let (first, last) = (at * SIDE / length, ((at + 1) * SIDE - 1) / length);
        (first..=last).map(move |cell| {
            let (start, end) = ((at * SIDE).max(cell * length), ((at + 1) * SIDE).min((cell + 1) * length));
            (cell, (end - start) as u64)
        })
    };
    for y in 0..height {
        across.fill(0);
        for x in 0..width {
            let [r, g, b] = picture.get_pixel(x as u32, y as u32).0.map(u64::from);
            let luma = 299 * r + 587 * g + 114 * b;
            for (cell, share) in overlaps(x, width) {
                across[cell] += luma * share;
            }
        }
        for (row, share) in overlaps(y, height) {
            sums[row].iter_mut().zip(&across).for_each(|(sum, value)| *sum += value * share);
        }
    }
    let area = (width * height) as f64 * 1000.0;
    sums.map(|row| row.map(|sum| sum as f64 / area))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use std::path::Path;

    use image::imageops;

    use super::*;
    use crate::source::decode;

    fn pictures() -> Vec<RgbImage> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/pictures");
        let picture = |id: &str| decode(&folder.join(format!("{id}.jpg"))).unwrap();
        ["000000168974", "000000208901", "000000229358", "000000343937"].map(picture).into()
    }

    #[test]
    fn means_of_areas_are_exact() {
        let flat = RgbImage::from_pixel(45, 71, image::Rgb([90, 90, 90]));
        assert!(shrunk(&flat).iter().flatten().all(|&mean| mean == 90.0));
        let small = shrunk(&RgbImage::from_fn(2, 3, |x, y| image::Rgb([60 * x as u8 + 30 * y as u8; 3])));
        assert_eq!([small[0][0], small[0][31], small[31][0], small[16][15]], [0.0, 60.0, 60.0, 30.0]);
        // The eleventh row lies two thirds in the first third of the height, one third in the second.
        assert!((small[10][0] - 10.0).abs() < 1e-12, "{}", small[10][0]);
    }

    #[test]
    fn copies_stay_near_and_other_pictures_are_far() {
        let pictures = pictures();
        let hash = PerceptualHash::of;
        for (at, picture) in pictures.iter().enumerate() {
            let (width, height) = picture.dimensions();
            let mut jpeg = Vec::new();
            image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 30).encode_image(picture).unwrap();
            let copies = [
                ("half the size", imageops::resize(picture, width / 2, height / 2, imageops::FilterType::Triangle)),
                ("JPEG", image::load_from_memory(&jpeg).unwrap().into_rgb8()),
                (
                    "brighter",
                    RgbImage::from_fn(width, height, |x, y| {
                        image::Rgb(picture.get_pixel(x, y).0.map(|value| (value / 8 * 7) + 30))
                    }),
                ),
                ("cut", imageops::crop_imm(picture, 2, 2, width - 4, height - 3).to_image()),
            ];
            for (kind, copy) in &copies {
                let distance = hash(picture).distance(hash(copy));
                assert!(distance <= 6, "picture {at}, {kind}: {distance} bits");
            }
            for other in &pictures[at + 1..] {
                assert!(hash(picture).distance(hash(other)) >= 16);
            }
        }
    }
}
