//! A part of a picture that counts: rectangle, polygon or mask, in fractions of the picture's width and height.

use std::sync::Arc;

/// Which pixels count. Made by its constructors, which check it.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    shape: Shape,
    /// Left, top, right, bottom.
    bounds: [f64; 4],
}

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Rectangle,
    /// Corners; even-odd rule.
    Polygon(Arc<[[f64; 2]]>),
    Mask(Mask),
}

/// A picture of what counts, laid over the whole frame whatever its own size.
#[derive(Clone, PartialEq)]
pub struct Mask {
    width: u32,
    height: u32,
    counts: Arc<[bool]>,
}

impl Mask {
    /// What is white (mean of the channels 128 or more) counts.
    pub fn from_rgb(image: &image::RgbImage) -> Self {
        let counts = image.pixels().map(|p| p.0.iter().map(|&v| u32::from(v)).sum::<u32>() >= 3 * 128).collect();
        Self { width: image.width(), height: image.height(), counts }
    }

    fn at(&self, x: f64, y: f64) -> bool {
        let place = |v: f64, n: u32| ((v * f64::from(n)) as u32).min(n.saturating_sub(1));
        let (x, y) = (place(x, self.width), place(y, self.height));
        self.counts.get((y * self.width + x) as usize).copied().unwrap_or(false)
    }
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mask({}×{})", self.width, self.height)
    }
}

/// Why an area is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AreaError {
    /// A number outside 0–1.
    #[error("{0} is no fraction of the picture; write 0 (left, top) to 1 (right, bottom)")]
    Fraction(f64),
    /// A rectangle's edges are the wrong way round.
    #[error("{low} {from} is not below {high} {to}; write [left, top, right, bottom]")]
    Edges {
        /// The edge that should be the smaller.
        low: &'static str,
        /// Its value.
        from: f64,
        /// The edge that should be the larger.
        high: &'static str,
        /// Its value.
        to: f64,
    },
    /// Too few or too many corners.
    #[error("{0} corners; a polygon has 3 to 64")]
    Corners(usize),
    /// All corners on one line, or one upon the other.
    #[error("the corners enclose nothing; a polygon needs three that are not on one line")]
    Flat,
    /// A mask without white.
    #[error("the mask is black all over; paint what counts white")]
    Black,
}

impl Area {
    /// The rectangle `[left, top, right, bottom]`.
    ///
    /// # Errors
    /// [`AreaError`] for values outside 0–1 or edges the wrong way round.
    pub fn rectangle(edges: [f64; 4]) -> Result<Self, AreaError> {
        fractions(edges)?;
        let [left, top, right, bottom] = edges;
        for (low, from, high, to) in [("left", left, "right", right), ("top", top, "bottom", bottom)] {
            if from >= to {
                return Err(AreaError::Edges { low, from, high, to });
            }
        }
        Ok(Self { shape: Shape::Rectangle, bounds: edges })
    }

    /// The polygon with these corners `[x, y]`; where it crosses itself the even-odd rule says what is inside.
    ///
    /// # Errors
    /// [`AreaError`] for values outside 0–1, under 3 or over 64 corners, or corners on one line.
    pub fn polygon(corners: Vec<[f64; 2]>) -> Result<Self, AreaError> {
        if !(3..=64).contains(&corners.len()) {
            return Err(AreaError::Corners(corners.len()));
        }
        fractions(corners.iter().flatten().copied())?;
        let [a, ref rest @ ..] = corners[..] else { return Err(AreaError::Corners(0)) };
        let across = |b: &[f64; 2], c: &[f64; 2]| (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
        if rest.iter().enumerate().all(|(i, b)| rest[i + 1..].iter().all(|c| across(b, c).abs() < 1e-9)) {
            return Err(AreaError::Flat);
        }
        let bounds = corners
            .iter()
            .fold([1.0_f64, 1.0, 0.0, 0.0], |[l, t, r, b], [x, y]| [l.min(*x), t.min(*y), r.max(*x), b.max(*y)]);
        Ok(Self { shape: Shape::Polygon(corners.into()), bounds })
    }

    /// What is white in a mask.
    ///
    /// # Errors
    /// [`AreaError::Black`] if nothing is.
    pub fn mask(mask: Mask) -> Result<Self, AreaError> {
        let white = mask.counts.iter().enumerate().filter(|(_, counts)| **counts);
        let cell = |i: usize| (i as u32 % mask.width, i as u32 / mask.width);
        let bounds = white.fold(None, |bounds: Option<[u32; 4]>, (i, _)| {
            let (x, y) = cell(i);
            let [l, t, r, b] = bounds.unwrap_or([x, y, x + 1, y + 1]);
            Some([l.min(x), t.min(y), r.max(x + 1), b.max(y + 1)])
        });
        let [l, t, r, b] = bounds.ok_or(AreaError::Black)?.map(f64::from);
        let (w, h) = (f64::from(mask.width), f64::from(mask.height));
        Ok(Self { bounds: [l / w, t / h, r / w, b / h], shape: Shape::Mask(mask) })
    }

    /// Left, top, right and bottom of the smallest rectangle around it, as fractions.
    pub fn bounds(&self) -> [f64; 4] {
        self.bounds
    }

    /// Whether the point at these fractions counts.
    pub fn contains(&self, x: f64, y: f64) -> bool {
        let [left, top, right, bottom] = self.bounds;
        if !(left..right).contains(&x) || !(top..bottom).contains(&y) {
            return false;
        }
        match &self.shape {
            Shape::Rectangle => true,
            Shape::Mask(mask) => mask.at(x, y),
            Shape::Polygon(corners) => {
                let ends = corners.iter().zip(corners.iter().cycle().skip(1));
                // An odd number of sides to the right of the point.
                let crossed = ends
                    .filter(|(a, b)| (a[1] > y) != (b[1] > y) && x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]));
                crossed.count() % 2 == 1
            }
        }
    }
}

fn fractions(values: impl IntoIterator<Item = f64>) -> Result<(), AreaError> {
    match values.into_iter().find(|v| !(0.0..=1.0).contains(v)) {
        Some(value) => Err(AreaError::Fraction(value)),
        None => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;

    #[test]
    fn shapes_contain_what_they_enclose() {
        let triangle = Area::polygon(vec![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).unwrap();
        assert!(triangle.contains(0.2, 0.2) && triangle.contains(0.49, 0.49));
        assert!(!triangle.contains(0.6, 0.6) && !triangle.contains(1.0, 1.0));
        // A bow tie: the crossing halves are inside, what lies above and below the crossing is not.
        let bow = Area::polygon(vec![[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]).unwrap();
        assert!(bow.contains(0.1, 0.5) && bow.contains(0.9, 0.5));
        assert!(!bow.contains(0.5, 0.1) && !bow.contains(0.5, 0.9));
        let box_ = Area::rectangle([0.25, 0.0, 0.5, 1.0]).unwrap();
        assert!(box_.contains(0.25, 0.0) && !box_.contains(0.5, 0.5) && !box_.contains(0.1, 0.5));
    }

    #[test]
    fn a_mask_is_laid_over_the_whole_picture() {
        let image = image::RgbImage::from_fn(10, 4, |x, y| image::Rgb([if x >= 5 && y >= 2 { 200 } else { 127 }; 3]));
        let area = Area::mask(Mask::from_rgb(&image)).unwrap();
        assert_eq!(area.bounds(), [0.5, 0.5, 1.0, 1.0]);
        assert!(area.contains(0.5, 0.5) && area.contains(0.99, 0.99) && !area.contains(0.49, 0.9));
        let black = Area::mask(Mask::from_rgb(&image::RgbImage::new(3, 3)));
        assert_eq!(black, Err(AreaError::Black));
    }

    #[test]
    fn areas_that_are_none_say_why() {
        let odd = Area::rectangle([0.0, 0.5, 1.0, 0.5]).unwrap_err();
        assert_eq!(odd.to_string(), "top 0.5 is not below bottom 0.5; write [left, top, right, bottom]");
        assert!(matches!(Area::rectangle([0.0, 0.0, f64::NAN, 1.0]), Err(AreaError::Fraction(_))));
        assert_eq!(Area::polygon(vec![[0.1, 0.1]; 3]), Err(AreaError::Flat));
        assert_eq!(Area::polygon(vec![[0.1, 0.1]; 65]), Err(AreaError::Corners(65)));
    }
}
