//! Which square of a picture the model looks at, and its resize to 288×288.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    MIN_SIDE, PreprocessError, Rgb288, SIDE,
    colour::strip,
    resize::{Filter, Region, resize_rgb},
};
use crate::frame::Frame;

/// One square view of a picture: as high (or wide) as its shorter side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The centre, as the paper crops (section 6.2).
    Centre,
    /// The `index`-th of `count` squares spread evenly over the longer side, the outer two flush with its ends.
    Tile {
        /// From 0, left (or top) first.
        index: u32,
        /// How many squares there are.
        count: u32,
    },
}

/// How the scores of several views of one picture become the picture's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Combine {
    /// The worst view counts, score by score.
    #[default]
    Minimum,
    /// The mean counts.
    Mean,
}

/// The views that a stream is scored by; text form `centre`, `tiles:N` (the worst tile counts) or `tiles:N:mean`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewSet {
    /// One centre crop.
    Centre,
    /// This many tiles over the longer side (2–8); the worst counts.
    Tiles(u32),
    /// The same; their mean counts.
    TilesMean(u32),
}

impl ViewSet {
    /// The single views.
    pub fn views(self) -> Vec<View> {
        match self {
            Self::Centre => vec![View::Centre],
            Self::Tiles(count) | Self::TilesMean(count) => {
                (0..count).map(|index| View::Tile { index, count }).collect()
            }
        }
    }

    /// How their scores become one.
    pub fn combine(self) -> Combine {
        match self {
            Self::Centre | Self::Tiles(_) => Combine::Minimum,
            Self::TilesMean(_) => Combine::Mean,
        }
    }
}

impl std::str::FromStr for ViewSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "centre" => Ok(Self::Centre),
            Some(("tiles", rest)) => {
                let (n, mean) = rest.strip_suffix(":mean").map_or((rest, false), |n| (n, true));
                match n.parse() {
                    Ok(n @ 2..=8) if mean => Ok(Self::TilesMean(n)),
                    Ok(n @ 2..=8) => Ok(Self::Tiles(n)),
                    _ => Err(format!(
                        "\"{text}\": the number of tiles must be 2 to 8, as in \"tiles:3\" or \"tiles:3:mean\""
                    )),
                }
            }
            _ => Err(format!("\"{text}\" is no view; use \"centre\", \"tiles:N\" or \"tiles:N:mean\"")),
        }
    }
}

impl std::fmt::Display for ViewSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Centre => f.write_str("centre"),
            Self::Tiles(n) => write!(f, "tiles:{n}"),
            Self::TilesMean(n) => write!(f, "tiles:{n}:mean"),
        }
    }
}

impl<'de> Deserialize<'de> for ViewSet {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for ViewSet {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// The model input of one view of an RGB picture.
///
/// # Errors
/// [`PreprocessError::TooSmall`] if a side is under 32 pixels.
pub fn from_rgb(image: &image::RgbImage, view: View) -> Result<Rgb288, PreprocessError> {
    let (width, height) = image.dimensions();
    resize(&Cut::new(width, height, view)?, 0, width, height, image.as_raw())
}

/// The model input of one view of a decoded frame. Only the columns that the view needs are converted to RGB.
///
/// # Errors
/// [`PreprocessError::TooSmall`] if a side is under 32 pixels, [`PreprocessError::Plane`] for short planes.
pub fn from_frame(frame: &Frame, view: View) -> Result<Rgb288, PreprocessError> {
    let cut = Cut::new(frame.width, frame.height, view)?;
    let (x, _, width, _) = cut.source_box();
    let left = (x.floor() as u32) & !1;
    let right = ((x + width).ceil() as u32).next_multiple_of(2).min(frame.width);
    let rgb = strip(frame, left, right - left)?;
    resize(&cut, left, right - left, frame.height, &rgb)
}

/// Where a view lies, in pixels of the picture resized to a shorter side of 288.
struct Cut {
    /// Source pixels a resized pixel covers, by axis.
    scale: (f64, f64),
    /// Size of the whole resized picture.
    whole: (u32, u32),
    /// Left and top of the view in the resized picture.
    at: (u32, u32),
    /// Resized pixels taken beyond the view on the left, top, right and bottom, so that the filter sees the
    /// neighbours that a resize of the whole picture would have seen.
    margin: [u32; 4],
}

impl Cut {
    fn new(width: u32, height: u32, view: View) -> Result<Self, PreprocessError> {
        if width.min(height) < MIN_SIDE {
            return Err(PreprocessError::TooSmall { width, height });
        }
        // The longer side is cut to a whole number of pixels as torchvision's Resize does it.
        let longer = (u64::from(SIDE) * u64::from(width.max(height)) / u64::from(width.min(height))) as u32;
        let whole = if width >= height { (longer, SIDE) } else { (SIDE, longer) };
        let room = longer - SIDE;
        let along = match view {
            View::Centre => room / 2,
            View::Tile { count: 0 | 1, .. } => room / 2,
            View::Tile { index, count } => {
                (u64::from(room) * u64::from(index.min(count - 1)) / u64::from(count - 1)) as u32
            }
        };
        let at = if width >= height { (along, 0) } else { (0, along) };
        let scale = (f64::from(width) / f64::from(whole.0), f64::from(height) / f64::from(whole.1));
        let reach = |scale: f64| if scale >= 1.0 { 2 } else { (1.0 / scale).ceil() as u32 + 1 };
        let (rx, ry) = (reach(scale.0), reach(scale.1));
        let margin = [rx.min(at.0), ry.min(at.1), rx.min(whole.0 - SIDE - at.0), ry.min(whole.1 - SIDE - at.1)];
        Ok(Self { scale, whole, at, margin })
    }

    /// Left, top, width, height in source pixels of what is resized: the view and its margins.
    fn source_box(&self) -> (f64, f64, f64, f64) {
        let [l, t, r, b] = self.margin.map(f64::from);
        let (x, y) = (f64::from(self.at.0) - l, f64::from(self.at.1) - t);
        let side = f64::from(SIDE);
        (x * self.scale.0, y * self.scale.1, (side + l + r) * self.scale.0, (side + t + b) * self.scale.1)
    }
}

/// Resizes a strip of the source that begins at column `left` and cuts the view out.
fn resize(cut: &Cut, left: u32, width: u32, height: u32, rgb: &[u8]) -> Result<Rgb288, PreprocessError> {
    let [ml, mt, mr, mb] = cut.margin;
    let (w, h) = (SIDE + ml + mr, SIDE + mt + mb);
    debug_assert!(w <= cut.whole.0 && h <= cut.whole.1);
    let (x, y, bw, bh) = cut.source_box();
    let x = x - f64::from(left);
    // Rounding must not push the box over the edge.
    let (bw, bh) = (bw.min(f64::from(width) - x), bh.min(f64::from(height) - y));
    let region = Region { left: x, top: y, width: bw, height: bh };
    let out = resize_rgb(rgb, (width, height), Some(region), (w, h), Filter::Bilinear)?;
    let row = 3 * w as usize;
    let bytes: Vec<u8> = out
        .chunks_exact(row)
        .skip(mt as usize)
        .take(SIDE as usize)
        .flat_map(|r| &r[3 * ml as usize..3 * (ml + SIDE) as usize])
        .copied()
        .collect();
    Rgb288::from_bytes(bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;
    use crate::frame::{Colour, Matrix, Plane};

    /// A picture with gradients and edges in both directions.
    fn picture(width: u32, height: u32) -> image::RgbImage {
        image::RgbImage::from_fn(width, height, |x, y| {
            let check = if (x / 7 + y / 5) % 2 == 0 { 60 } else { 0 };
            image::Rgb([
                (x * 255 / width) as u8 / 2 + check,
                (y * 255 / height) as u8 / 2 + check,
                ((x ^ y) & 127) as u8 + check,
            ])
        })
    }

    /// Resizes the whole picture first and crops then: slow and by the letter of section 6.2.
    fn by_the_letter(image: &image::RgbImage, at: impl Fn(u32, u32) -> (u32, u32)) -> Vec<u8> {
        let (w, h) = image.dimensions();
        let longer = SIDE * w.max(h) / w.min(h);
        let (rw, rh) = if w >= h { (longer, SIDE) } else { (SIDE, longer) };
        let out = resize_rgb(image.as_raw(), (w, h), None, (rw, rh), Filter::Bilinear).unwrap();
        let (x, y) = at(rw, rh);
        let out = image::RgbImage::from_raw(rw, rh, out).unwrap();
        image::imageops::crop_imm(&out, x, y, SIDE, SIDE).to_image().into_raw()
    }

    fn largest_difference(a: &[u8], b: &[u8]) -> u8 {
        a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    }

    #[test]
    fn a_view_equals_the_same_crop_of_the_whole_resized_picture() {
        for (w, h) in [(500, 375), (375, 500), (1920, 1080), (288, 288), (640, 289), (100, 64), (33, 900), (301, 300)] {
            let image = picture(w, h);
            let centre = by_the_letter(&image, |rw, rh| ((rw - SIDE) / 2, (rh - SIDE) / 2));
            let got = from_rgb(&image, View::Centre).unwrap();
            assert!(largest_difference(got.as_bytes(), &centre) <= 1, "{w}×{h} centre");
            let last = by_the_letter(&image, |rw, rh| (rw - SIDE, rh - SIDE));
            let got = from_rgb(&image, View::Tile { index: 1, count: 2 }).unwrap();
            assert!(largest_difference(got.as_bytes(), &last) <= 1, "{w}×{h} last tile");
        }
    }

    #[test]
    fn a_strip_of_a_yuv_frame_gives_what_the_whole_frame_gives() {
        for (w, h) in [(768, 432), (431, 767), (641, 361)] {
            let (cw, ch) = ((w as usize).div_ceil(2).next_multiple_of(8), (h as usize).div_ceil(2));
            let stride = (w as usize).next_multiple_of(16);
            let y = (0..stride * h as usize).map(|i| 16 + ((i % stride) * 7 + i / stride * 3) as u8 % 219).collect();
            let u = (0..cw * ch).map(|i| 40 + (i % 170) as u8).collect();
            let v = (0..cw * ch).map(|i| 60 + (i % 133) as u8).collect();
            let frame = Frame {
                pixels: crate::frame::Pixels::I420 {
                    y: Plane::owned(y, stride),
                    u: Plane::owned(u, cw),
                    v: Plane::owned(v, cw),
                },
                colour: Colour { matrix: Matrix::Bt709, full_range: false },
                ..Frame::from_rgb(picture(w, h))
            };
            let whole = super::super::to_rgb(&frame).unwrap();
            for view in [View::Centre, View::Tile { index: 0, count: 2 }, View::Tile { index: 2, count: 3 }] {
                let (a, b) = (from_frame(&frame, view).unwrap(), from_rgb(&whole, view).unwrap());
                assert!(largest_difference(a.as_bytes(), b.as_bytes()) <= 1, "{w}×{h} {view:?}");
            }
        }
    }

    #[test]
    fn matrix_and_range_of_the_frame_are_used() {
        // One pure BT.709 limited red: Y 63, U 102, V 240 (ITU-R BT.709, rounded).
        let plane = |value, n: usize| Plane::owned(vec![value; n * n], n);
        let frame = |colour| Frame {
            pixels: crate::frame::Pixels::I420 { y: plane(63, 64), u: plane(102, 32), v: plane(240, 32) },
            colour,
            ..Frame::from_rgb(picture(64, 64))
        };
        let red = |matrix| {
            from_frame(&frame(Colour { matrix, full_range: false }), View::Centre).unwrap().as_bytes()[..3].to_vec()
        };
        assert!(largest_difference(&red(Matrix::Bt709), &[255, 0, 0]) <= 2);
        assert!(largest_difference(&red(Matrix::Bt601), &[255, 0, 0]) >= 10);
    }

    #[test]
    fn small_pictures_and_short_planes_are_refused() {
        assert!(matches!(from_rgb(&picture(1, 1), View::Centre), Err(PreprocessError::TooSmall { .. })));
        let short = Frame { height: 100, ..Frame::from_rgb(picture(64, 64)) };
        assert!(matches!(from_frame(&short, View::Centre), Err(PreprocessError::Plane { plane: "RGB", .. })));
    }

    #[test]
    fn view_sets_read_and_write_as_text() {
        assert_eq!("centre".parse(), Ok(ViewSet::Centre));
        assert_eq!("tiles:2".parse(), Ok(ViewSet::Tiles(2)));
        assert_eq!(ViewSet::Tiles(3).to_string(), "tiles:3");
        assert_eq!("tiles:3:mean".parse(), Ok(ViewSet::TilesMean(3)));
        assert_eq!(ViewSet::TilesMean(3).to_string(), "tiles:3:mean");
        assert_eq!((ViewSet::Tiles(3).combine(), ViewSet::TilesMean(3).combine()), (Combine::Minimum, Combine::Mean));
        assert_eq!(ViewSet::TilesMean(3).views(), ViewSet::Tiles(3).views());
        for bad in ["tiles:1", "tiles:99", "tiles", "left", "tiles:1:mean", "tiles:3:median", "tiles:mean"] {
            assert!(bad.parse::<ViewSet>().is_err(), "{bad}");
        }
    }
}
