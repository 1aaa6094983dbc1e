//! Letters on a picture, from a small atlas (`make_letters.py` drew it): no font is needed where the program runs.

use std::sync::LazyLock;

use image::{GrayImage, RgbImage};

/// Width of a character in pixels.
pub(super) const WIDTH: u32 = 8;
/// Height of a line in pixels.
pub(super) const HEIGHT: u32 = 16;

/// Coverage of the characters 32 to 126 side by side, regular above bold.
static LETTERS: LazyLock<GrayImage> = LazyLock::new(|| {
    let atlas = image::load_from_memory(include_bytes!("letters.png")).expect("the built-in atlas is a PNG");
    atlas.into_luma8()
});

/// How letters look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// Writes a line whose upper left corner is (`left`, `top`); what lies beyond the picture is cut off. Characters outside
/// ASCII become `?`.
pub(super) fn write(picture: &mut RgbImage, left: u32, top: u32, weight: Weight, ink: [u8; 3], text: &str) {
    let line = if weight == Weight::Bold { HEIGHT } else { 0 };
    for (column, character) in (0_u32..).zip(text.chars()) {
        let code = if (' '..='~').contains(&character) { u32::from(character) } else { u32::from('?') };
        for (dx, dy) in (0..HEIGHT).flat_map(|dy| (0..WIDTH).map(move |dx| (dx, dy))) {
            let (x, y) = (left + column * WIDTH + dx, top + dy);
            if x >= picture.width() || y >= picture.height() {
                continue;
            }
            let coverage = u32::from(LETTERS.get_pixel((code - 32) * WIDTH + dx, line + dy).0[0]);
            for (channel, ink) in picture.get_pixel_mut(x, y).0.iter_mut().zip(ink) {
                *channel = ((u32::from(*channel) * (255 - coverage) + u32::from(ink) * coverage + 127) / 255) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_differs_and_edges_cut() {
        let drawn = |text: &str, weight| {
            let mut picture = RgbImage::from_pixel(WIDTH, HEIGHT, image::Rgb([255; 3]));
            write(&mut picture, 0, 0, weight, [0; 3], text);
            picture.into_raw()
        };
        let all: Vec<String> = (' '..='~').map(String::from).collect();
        for weight in [Weight::Regular, Weight::Bold] {
            let mut pictures: Vec<_> = all.iter().map(|letter| drawn(letter, weight)).collect();
            pictures.sort();
            pictures.dedup();
            assert_eq!(pictures.len(), all.len());
        }
        assert_eq!(drawn("é", Weight::Bold), drawn("?", Weight::Bold));
        assert_eq!(drawn("ab", Weight::Regular), drawn("a", Weight::Regular));
        assert!(drawn(" ", Weight::Regular).iter().all(|&value| value == 255));
    }
}
