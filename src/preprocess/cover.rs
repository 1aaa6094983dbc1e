//! An area of a picture → the square views that cover it, with what lies outside made not to count.

use super::{
    MIN_SIDE, PreprocessError, Rgb288, SIDE,
    area::Area,
    colour::strip,
    resize::{Filter, Region, resize_rgb},
};
use crate::frame::Frame;

/// Most views of one area.
const MOST: f64 = 8.0;

/// A view of which less than this share is inside is left out, if another one holds more: covering three quarters of a
/// view moves its score by more than 0.2 (docs/facts.md).
const LEAST_INSIDE: f64 = 0.25;

/// Pixels of a view.
const PIXELS: usize = (SIDE * SIDE) as usize;

/// The views of one area in pictures of one size. Making them costs some milliseconds, using them little more than any
/// other view: keep them until the picture's size changes.
#[derive(Clone, Debug)]
pub struct Cover {
    size: (u32, u32),
    views: Vec<Square>,
}

/// One square of the picture.
#[derive(Clone)]
struct Square {
    /// Left, top and side in pixels of the picture.
    left: u32,
    top: u32,
    side: u32,
    /// Share of it (0–1) that lies inside the area.
    share: f64,
    /// For every pixel of the 288×288 view the one whose colour it takes, row by row; none if all lie inside.
    taken_from: Option<Box<[u32]>>,
}

impl std::fmt::Debug for Square {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Square({}+{} {}, {:.2} inside)", self.left, self.top, self.side, self.share)
    }
}

impl Square {
    /// The square at `at` with this side, in a picture of `size`.
    fn new(area: &Area, size: (f64, f64), (left, top): (u32, u32), side: f64) -> Self {
        let step = side / f64::from(SIDE);
        let place = |from: u32, i: u32| f64::from(from) + (f64::from(i) + 0.5) * step;
        let middle = |i: u32| (place(left, i % SIDE) / size.0, place(top, i / SIDE) / size.1);
        let inside: Vec<bool> = (0..SIDE * SIDE).map(middle).map(|(x, y)| area.contains(x, y)).collect();
        let share = inside.iter().filter(|i| **i).count() as f64 / PIXELS as f64;
        let taken_from = (0.0 < share && share < 1.0).then(|| continued(&inside));
        Self { left, top, side: side as u32, share, taken_from }
    }

    fn view(&self, rgb: &[u8], from: u32, size: (u32, u32)) -> Result<Rgb288, PreprocessError> {
        let side = f64::from(self.side);
        let region = Region { left: f64::from(self.left - from), top: f64::from(self.top), width: side, height: side };
        let bytes = resize_rgb(rgb, size, Some(region), (SIDE, SIDE), Filter::Bilinear)?;
        let Some(taken_from) = &self.taken_from else {
            return Rgb288::from_bytes(bytes);
        };
        Rgb288::from_bytes(taken_from.iter().flat_map(|&i| pixel(&bytes, i)).collect())
    }
}

impl Cover {
    /// The views that cover `area` in pictures of `width` × `height` pixels.
    ///
    /// They are squares in a row along the longer side of the area's bounds, each as wide as the shorter side, the
    /// outer two flush with the ends; never more than 8 (then they are larger), never of fewer than 32 pixels, never
    /// beyond the picture. Views with under a quarter inside are left out; the one with the most always stays.
    ///
    /// Pixels outside continue the inside: each takes the colour of the nearest pixel inside in its row, and where the
    /// row has none, of the nearest row that has. Of the fills that were tried this one moves the model's score least.
    ///
    /// # Errors
    /// [`PreprocessError::TooSmall`] if a side of the picture is under 32 pixels, [`PreprocessError::EmptyArea`] if no
    /// pixel of any view lies inside.
    pub fn new(area: &Area, width: u32, height: u32) -> Result<Self, PreprocessError> {
        if width.min(height) < MIN_SIDE {
            return Err(PreprocessError::TooSmall { width, height });
        }
        let (w, h) = (f64::from(width), f64::from(height));
        let [left, top, right, bottom] = area.bounds();
        let bounds = [left * w, top * h, right * w, bottom * h];
        let (across, down) = (bounds[2] - bounds[0], bounds[3] - bounds[1]);
        let (longer, shorter) = (across.max(down), across.min(down));
        let largest = w.min(h);
        let side = shorter.max(longer / MOST).max(f64::from(MIN_SIDE)).min(largest).round();
        let count = (longer / side - 0.01).ceil().max(1.0) as u32;
        // Where a square begins on an axis: spread from end to end, or centred.
        let begin = |low: f64, length: f64, whole: f64, index: Option<u32>| {
            let room = match index {
                Some(index) if count > 1 => (length - side) * f64::from(index) / f64::from(count - 1),
                _ => (length - side) / 2.0,
            };
            (low + room).round().clamp(0.0, whole - side) as u32
        };
        let square = |index| {
            let (x, y) = if across >= down { (Some(index), None) } else { (None, Some(index)) };
            let at = (begin(bounds[0], across, w, x), begin(bounds[1], down, h, y));
            Square::new(area, (w, h), at, side)
        };
        let mut views: Vec<Square> = (0..count).map(square).collect();
        let most = views.iter().map(|view| view.share).fold(0.0, f64::max);
        if most == 0.0 {
            return Err(PreprocessError::EmptyArea { width, height });
        }
        views.retain(|view| view.share >= LEAST_INSIDE.min(most));
        Ok(Self { size: (width, height), views })
    }

    /// Width and height of the pictures that it is for.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Left, top and side of every view, in pixels of the picture.
    pub fn squares(&self) -> impl Iterator<Item = [u32; 3]> + '_ {
        self.views.iter().map(|v| [v.left, v.top, v.side])
    }

    /// The model inputs of a decoded frame.
    ///
    /// # Errors
    /// [`PreprocessError::OtherSize`] for a frame of another size, [`PreprocessError::Plane`] for short planes.
    pub fn from_frame(&self, frame: &Frame) -> Result<Vec<Rgb288>, PreprocessError> {
        self.fits(frame.width, frame.height)?;
        let view = |square: &Square| {
            let left = square.left & !1;
            let right = (square.left + square.side).next_multiple_of(2).min(frame.width);
            let rgb = strip(frame, left, right - left)?;
            square.view(&rgb, left, (right - left, frame.height))
        };
        self.views.iter().map(view).collect()
    }

    /// The model inputs of an RGB picture.
    ///
    /// # Errors
    /// [`PreprocessError::OtherSize`] for a picture of another size.
    pub fn from_rgb(&self, image: &image::RgbImage) -> Result<Vec<Rgb288>, PreprocessError> {
        self.fits(image.width(), image.height())?;
        self.views.iter().map(|square| square.view(image.as_raw(), 0, image.dimensions())).collect()
    }

    fn fits(&self, width: u32, height: u32) -> Result<(), PreprocessError> {
        if (width, height) == self.size {
            return Ok(());
        }
        Err(PreprocessError::OtherSize { width, height, want: self.size })
    }
}

/// The pixel that each pixel takes its colour from: itself inside, the nearest one inside in its row, or, in a row
/// without one, what the nearest row with one takes in that column.
fn continued(inside: &[bool]) -> Box<[u32]> {
    let mut from: Vec<u32> = (0..SIDE * SIDE).collect();
    let rows: Vec<&[bool]> = inside.chunks_exact(SIDE as usize).collect();
    let known: Vec<u32> = (0..SIDE).filter(|&y| rows[y as usize].contains(&true)).collect();
    for &y in &known {
        let there: Vec<u32> = (0..SIDE).filter(|&x| rows[y as usize][x as usize]).collect();
        for x in 0..SIDE {
            from[(y * SIDE + x) as usize] = y * SIDE + nearest(&there, x);
        }
    }
    for y in (0..SIDE).filter(|y| !known.contains(y)) {
        let row = nearest(&known, y);
        let (to, source) = ((y * SIDE) as usize, (row * SIDE) as usize);
        from.copy_within(source..source + SIDE as usize, to);
    }
    from.into()
}

/// The one nearest to `to`, of two equally near the first; `to` itself if there is none.
fn nearest(places: &[u32], to: u32) -> u32 {
    places.iter().copied().min_by_key(|place| place.abs_diff(to)).unwrap_or(to)
}

fn pixel(bytes: &[u8], index: u32) -> [u8; 3] {
    let at = 3 * index as usize;
    [bytes[at], bytes[at + 1], bytes[at + 2]]
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;
    use crate::preprocess::{View, from_rgb, to_rgb};

    fn picture(width: u32, height: u32) -> image::RgbImage {
        image::RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([
                (x * 255 / width) as u8,
                (y * 255 / height) as u8,
                if (x / 9 + y / 7) % 2 == 0 { 200 } else { 30 },
            ])
        })
    }

    fn squares(edges: [f64; 4], width: u32, height: u32) -> Vec<[u32; 3]> {
        Cover::new(&Area::rectangle(edges).unwrap(), width, height).unwrap().squares().collect()
    }

    #[test]
    fn squares_cover_the_bounds_within_the_picture() {
        for (edges, size, want) in [
            // The whole of a wide picture: two squares, as tiles:2 takes.
            ([0.0, 0.0, 1.0, 1.0], (1920, 1080), vec![[0, 0, 1080], [840, 0, 1080]]),
            ([0.0, 0.0, 1.0, 1.0], (600, 600), vec![[0, 0, 600]]),
            // A strip: as many as it is longer than high, from end to end.
            (
                [0.0, 0.5, 1.0, 0.8],
                (2000, 1200),
                vec![
                    [0, 600, 360],
                    [328, 600, 360],
                    [656, 600, 360],
                    [984, 600, 360],
                    [1312, 600, 360],
                    [1640, 600, 360],
                ],
            ),
            ([0.4, 0.0, 0.6, 1.0], (2000, 1000), vec![[800, 0, 400], [800, 300, 400], [800, 600, 400]]),
            ([0.5, 0.5, 0.75, 0.9], (1000, 500), vec![[500, 250, 200], [550, 250, 200]]),
            // Tiny: grown to 32 around its middle, and pushed back into the picture.
            ([0.5, 0.5, 0.51, 0.52], (1000, 500), vec![[489, 239, 32]]),
            ([0.0, 0.98, 0.01, 1.0], (1000, 500), vec![[0, 468, 32]]),
        ] {
            assert_eq!(squares(edges, size.0, size.1), want, "{edges:?} in {size:?}");
        }
        // A hair-thin line becomes at most eight squares.
        assert!(squares([0.0, 0.5, 1.0, 0.501], 7680, 4320).len() <= 8);
    }

    #[test]
    fn a_square_that_lies_inside_is_the_plain_crop() {
        let image = picture(576, 576);
        let cover = Cover::new(&Area::rectangle([0.0, 0.0, 1.0, 1.0]).unwrap(), 576, 576).unwrap();
        assert_eq!(cover.from_rgb(&image).unwrap(), [from_rgb(&image, View::Centre).unwrap()]);
    }

    #[test]
    fn what_lies_outside_does_not_count() {
        let area = Area::polygon(vec![[0.1, 0.1], [0.9, 0.2], [0.5, 0.9]]).unwrap();
        let cover = Cover::new(&area, 640, 480).unwrap();
        let image = picture(640, 480);
        let mut other = image.clone();
        let mut changed = 0;
        for (x, y, pixel) in other.enumerate_pixels_mut() {
            let at = |dx: f64, dy: f64| area.contains((f64::from(x) + dx) / 640.0, (f64::from(y) + dy) / 480.0);
            // The resize looks three pixels far, so those beside the edge do count.
            if [-4.0, 0.0, 4.0].iter().all(|&dx| [-4.0, 0.0, 4.0].iter().all(|&dy| !at(dx, dy))) {
                *pixel = image::Rgb([255, 0, 255]);
                changed += 1;
            }
        }
        assert!(changed > 100_000);
        let (a, b) = (cover.from_rgb(&image).unwrap(), cover.from_rgb(&other).unwrap());
        assert_eq!(a, b);
        // Every colour outside is one of the inside's.
        let from = cover.views[0].taken_from.as_ref().unwrap();
        let pixel = |i: u32| super::pixel(a[0].as_bytes(), i);
        assert!(
            (0..).zip(from.iter()).all(|(i, &source)| pixel(i) == pixel(source) && from[source as usize] == source)
        );
    }

    #[test]
    fn the_inside_is_continued_along_rows_then_down_columns() {
        let mut inside = vec![false; PIXELS];
        // A block of 10 × 5 pixels at (100, 50).
        for y in 50..55 {
            inside[y * SIDE as usize + 100..][..10].fill(true);
        }
        let from = continued(&inside);
        let at = |x: u32, y: u32| (from[(y * SIDE + x) as usize] % SIDE, from[(y * SIDE + x) as usize] / SIDE);
        assert_eq!((at(104, 52), at(3, 52), at(287, 54)), ((104, 52), (100, 52), (109, 54)));
        assert_eq!((at(104, 0), at(3, 287), at(287, 49)), ((104, 50), (100, 54), (109, 50)));
    }

    #[test]
    fn a_frame_gives_what_its_picture_gives() {
        let frame = Frame::from_rgb(picture(641, 480));
        for edges in [[0.0, 0.0, 1.0, 1.0], [0.31, 0.2, 0.9, 0.9], [0.9, 0.9, 1.0, 1.0]] {
            let cover = Cover::new(&Area::rectangle(edges).unwrap(), 641, 480).unwrap();
            let rgb = to_rgb(&frame).unwrap();
            assert_eq!(cover.from_frame(&frame).unwrap(), cover.from_rgb(&rgb).unwrap(), "{edges:?}");
        }
    }

    #[test]
    fn empty_views_are_left_out_and_odd_sizes_refused() {
        // Two far corners of a wide picture: the middle view holds nothing.
        let mask =
            image::RgbImage::from_fn(100, 20, |x, _| image::Rgb([if (20..80).contains(&x) { 0 } else { 255 }; 3]));
        let area = Area::mask(crate::preprocess::Mask::from_rgb(&mask)).unwrap();
        let cover = Cover::new(&area, 2000, 400).unwrap();
        assert_eq!(cover.squares().map(|s| s[0]).collect::<Vec<_>>(), [0, 1600]);
        assert!(matches!(cover.from_rgb(&picture(400, 400)), Err(PreprocessError::OtherSize { .. })));
        assert!(matches!(Cover::new(&area, 20, 400), Err(PreprocessError::TooSmall { .. })));
        // So thin that it lies between the middles of all pixels.
        let hair = Area::rectangle([0.5, 0.0, 0.500_000_1, 1.0]).unwrap();
        assert!(matches!(Cover::new(&hair, 1920, 1080), Err(PreprocessError::EmptyArea { .. })));
    }
}
