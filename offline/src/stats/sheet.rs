//! The contact sheet: all variants of one original in one picture, each with its name.

use image::{GenericImage, RgbImage};
use miqa::preprocess::{Filter, resize_rgb};

use super::lettering::{self, HEIGHT, WIDTH, Weight};
use super::tables::in_paper_order;
use super::variants::Variant;
use crate::rank::psnr;
use crate::recipe::{Pair, Pattern};

/// Width in pixels of a tile's place unless asked for otherwise; the longest caption fits.
pub const TILE_WIDTH: u32 = 18 * WIDTH;

const PAPER: [u8; 3] = [252, 252, 250];
const INK: [u8; 3] = [28, 32, 36];
const SOFT: [u8; 3] = [96, 102, 110];
/// Space around the sheet and between the two columns of blocks.
const MARGIN: u32 = 24;
/// Space between tiles.
const GAP: u32 = 8;
/// Width of the frame that tells the pattern.
const FRAME: u32 = 2;

/// A variant, small enough for the sheet.
#[derive(Debug, Clone, PartialEq)]
pub struct Tile {
    distortion: String,
    pair: Pair,
    psnr: Option<f64>,
    picture: RgbImage,
}

/// A picture that can't be made small.
#[derive(Debug, thiserror::Error)]
#[error("can't make a tile of {width}×{height} pixels: {reason}")]
pub struct TileError {
    width: u32,
    height: u32,
    reason: String,
}

impl Tile {
    /// The variant of `original` in a place `width` pixels wide and three quarters of that high.
    ///
    /// # Errors
    /// The picture is empty or far too elongated.
    pub fn of(original: &RgbImage, variant: &Variant, width: u32) -> Result<Self, TileError> {
        Ok(Self {
            distortion: variant.distortion.clone(),
            pair: variant.pair,
            psnr: psnr(original, &variant.picture),
            picture: fit(&variant.picture, width, width * 3 / 4)?,
        })
    }

    fn caption(&self) -> String {
        let levels = match self.pair.pattern() {
            Pattern::Uniform => format!("level {}", self.pair.roi),
            _ => format!("roi {} bg {}", self.pair.roi, self.pair.background),
        };
        match self.psnr {
            Some(psnr) if psnr.is_infinite() => format!("{levels} equal"),
            Some(psnr) => format!("{levels} {psnr:.1} dB"),
            None => levels,
        }
    }
}

/// A picture in the sheet's head: the original, its mask.
#[derive(Debug)]
pub struct Headed<'a> {
    /// What it is.
    pub name: &'a str,
    /// The picture, of any size.
    pub picture: &'a RgbImage,
}

/// The sheet: `heads` on top, then a block a distortion in two columns. A block has a row a level of the region and a column a
/// level of the background, or one row where all variants are uniform.
///
/// # Errors
/// A picture in the head can't be made small.
pub fn contact_sheet(title: &str, heads: &[Headed], tiles: &[Tile], width: u32) -> Result<RgbImage, TileError> {
    let width = width.max(16);
    let levels = tiles.iter().map(|tile| tile.pair.roi.max(tile.pair.background)).max().unwrap_or(1);
    let uniform = tiles.iter().all(|tile| tile.pair.pattern() == Pattern::Uniform);
    let mut names: Vec<&str> = Vec::new();
    for tile in tiles.iter().filter(|tile| tile.pair.roi > 0 && tile.pair.background > 0) {
        if !names.contains(&tile.distortion.as_str()) {
            names.push(&tile.distortion);
        }
    }
    names.sort_by_key(|name| in_paper_order(name));
    // Captions of a row stand on one line, right below the highest tile.
    let height = tiles.iter().map(|tile| tile.picture.height()).max().unwrap_or(1);
    let cell = (width + GAP, height + HEIGHT + GAP + FRAME);
    let rows = if uniform { 1 } else { u32::from(levels) };
    let block = (u32::from(levels) * cell.0, rows * cell.1 + HEIGHT + GAP);
    let head = (2 * width, 2 * width * 3 / 4);
    let headed: Vec<(&str, RgbImage)> =
        heads.iter().map(|h| Ok((h.name, fit(h.picture, head.0, head.1)?))).collect::<Result<_, TileError>>()?;
    let head = (head.0, headed.iter().map(|(_, picture)| picture.height()).max().unwrap_or(0));
    let top = MARGIN + 2 * HEIGHT + GAP + head.1 + HEIGHT + MARGIN;
    let columns = 2.min(names.len().max(1)) as u32;
    // Narrow sheets still have room for the lines of the head.
    let across = (columns * (block.0 + MARGIN)).max(100 * WIDTH) + MARGIN;
    let down = top + (names.len() as u32).div_ceil(columns) * (block.1 + MARGIN);
    let mut sheet = RgbImage::from_pixel(across, down, image::Rgb(PAPER));

    lettering::write(&mut sheet, MARGIN, MARGIN, Weight::Bold, INK, title);
    legend(&mut sheet, uniform);
    for (index, (name, picture)) in (0..).zip(&headed) {
        let (left, upper) = (MARGIN + index * (head.0 + MARGIN), MARGIN + 2 * HEIGHT + GAP);
        place(&mut sheet, picture, left, upper);
        lettering::write(&mut sheet, left, upper + head.1 + 2, Weight::Regular, SOFT, name);
    }
    for (index, name) in (0_u32..).zip(&names) {
        let (left, upper) = (MARGIN + index % columns * (block.0 + MARGIN), top + index / columns * (block.1 + MARGIN));
        lettering::write(&mut sheet, left, upper, Weight::Bold, INK, &name.replace('_', " "));
        for tile in tiles.iter().filter(|tile| tile.distortion == *name && tile.pair.roi.min(tile.pair.background) > 0)
        {
            let (column, row) = (u32::from(tile.pair.background) - 1, u32::from(tile.pair.roi) - 1);
            let (x, y) = (left + column * cell.0, upper + HEIGHT + GAP / 2 + if uniform { 0 } else { row * cell.1 });
            frame(&mut sheet, (x, y), tile.picture.dimensions(), colour(tile.pair.pattern()));
            place(&mut sheet, &tile.picture, x, y);
            lettering::write(&mut sheet, x, y + height + FRAME, Weight::Regular, INK, &tile.caption());
        }
    }
    Ok(sheet)
}

fn legend(sheet: &mut RgbImage, uniform: bool) {
    let top = MARGIN + HEIGHT;
    if uniform {
        return lettering::write(
            sheet,
            MARGIN,
            top,
            Weight::Regular,
            SOFT,
            "whole picture distorted, PSNR against the original",
        );
    }
    let axes = "rows: level of the region, columns: level of the background; ";
    lettering::write(sheet, MARGIN, top, Weight::Regular, SOFT, axes);
    let mut left = MARGIN + axes.len() as u32 * WIDTH;
    for (pattern, text) in [
        (Pattern::Uniform, "uniform  "),
        (Pattern::RoiDominated, "region worse  "),
        (Pattern::BackgroundDominated, "background worse"),
    ] {
        lettering::write(sheet, left, top, Weight::Bold, colour(pattern), text);
        left += text.len() as u32 * WIDTH;
    }
}

fn colour(pattern: Pattern) -> [u8; 3] {
    match pattern {
        Pattern::Uniform => [85, 91, 97],
        Pattern::RoiDominated => [194, 99, 47],
        Pattern::BackgroundDominated => [47, 116, 194],
    }
}

fn frame(sheet: &mut RgbImage, (left, top): (u32, u32), (width, height): (u32, u32), colour: [u8; 3]) {
    for y in top - FRAME..top + height + FRAME {
        for x in left - FRAME..left + width + FRAME {
            sheet.put_pixel(x, y, image::Rgb(colour));
        }
    }
}

fn place(sheet: &mut RgbImage, picture: &RgbImage, left: u32, top: u32) {
    sheet.copy_from(picture, left, top).expect("the sheet was made large enough for its tiles");
}

/// The picture, shrunk or enlarged to fit into `width` × `height`.
fn fit(picture: &RgbImage, width: u32, height: u32) -> Result<RgbImage, TileError> {
    let (w, h) = picture.dimensions();
    let refuse = |reason: String| TileError { width: w, height: h, reason };
    if w == 0 || h == 0 {
        return Err(refuse("it has no pixels".to_owned()));
    }
    let scale = (f64::from(width) / f64::from(w)).min(f64::from(height) / f64::from(h));
    let side = |side: u32, most: u32| ((f64::from(side) * scale).round() as u32).clamp(1, most);
    let (across, down) = (side(w, width), side(h, height));
    let pixels = resize_rgb(picture.as_raw(), (w, h), None, (across, down), Filter::Bilinear);
    let pixels = pixels.map_err(|e| refuse(e.to_string()))?;
    Ok(RgbImage::from_raw(across, down, pixels).expect("the buffer was made for this size"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    fn tiles(patterns: &[Pattern], size: (u32, u32)) -> Vec<Tile> {
        let original = RgbImage::from_pixel(size.0, size.1, image::Rgb([100; 3]));
        let mut tiles = Vec::new();
        for (at, distortion) in ["fog", "snow", "darkness"].into_iter().enumerate() {
            for pair in patterns.iter().flat_map(|pattern| pattern.pairs(5)) {
                // A colour of its own for every variant.
                let mark = image::Rgb([40 * at as u8, 20 * pair.roi, 20 * pair.background]);
                let variant = Variant {
                    distortion: distortion.into(),
                    pair,
                    picture: RgbImage::from_pixel(size.0, size.1, mark).into(),
                };
                tiles.push(Tile::of(&original, &variant, 32).unwrap());
            }
        }
        tiles
    }

    fn has(sheet: &RgbImage, colour: [u8; 3]) -> usize {
        sheet.pixels().filter(|pixel| pixel.0 == colour).count()
    }

    #[test]
    fn every_variant_is_on_the_sheet_whatever_its_shape() {
        for size in [(64, 48), (30, 90), (200, 10)] {
            for patterns in [&Pattern::ALL[..], &[Pattern::Uniform]] {
                let tiles = tiles(patterns, size);
                let head = RgbImage::from_pixel(size.0, size.1, image::Rgb([1, 2, 3]));
                let sheet = contact_sheet("a", &[Headed { name: "original", picture: &head }], &tiles, 32).unwrap();
                for tile in &tiles {
                    let colour = tile.picture.get_pixel(0, 0).0;
                    let expected = (tile.picture.width() * tile.picture.height()) as usize;
                    assert!(has(&sheet, colour) >= expected, "{} {:?}", tile.distortion, tile.pair);
                }
                assert!(has(&sheet, [1, 2, 3]) > 0);
                let framed = has(&sheet, super::colour(Pattern::RoiDominated)) > 0;
                assert_eq!(framed, patterns.len() == 3);
            }
        }
        assert!(contact_sheet("nothing", &[], &[], 32).is_ok());
    }

    #[test]
    fn the_longest_caption_fits_its_place() {
        let tile = |pair, psnr| Tile { distortion: "fog".into(), pair, psnr, picture: RgbImage::new(1, 1) };
        let region = Pair { roi: 5, background: 4 };
        assert_eq!(tile(region, Some(23.44)).caption(), "roi 5 bg 4 23.4 dB");
        assert_eq!(tile(Pair { roi: 3, background: 3 }, Some(f64::INFINITY)).caption(), "level 3 equal");
        assert!(tile(region, Some(-0.04)).caption().len() as u32 * WIDTH <= TILE_WIDTH + WIDTH);
    }
}
