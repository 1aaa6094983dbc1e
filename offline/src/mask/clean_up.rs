//! Specks dropped and holes filled.

use serde::{Deserialize, Serialize};

use super::Mask;
use super::binary::INSIDE;

/// What counts as a speck and as a hole.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CleanUp {
    /// Regions smaller than this share of the picture are dropped.
    pub smallest: f64,
    /// So are regions smaller than this share of the largest region.
    pub of_largest: f64,
    /// Holes up to this share of the picture are filled; what touches the picture's edge is no hole.
    pub holes: f64,
}

/// A connected part of a mask.
struct Region {
    inside: bool,
    area: usize,
    at_edge: bool,
}

impl CleanUp {
    /// The mask without specks and holes. Pixels are connected through their sides.
    #[must_use]
    pub fn apply(&self, mask: &Mask) -> Mask {
        let (labels, regions) = regions(mask);
        let all = mask.pixels().len() as f64;
        let largest = regions.iter().filter(|region| region.inside).map(|region| region.area).max().unwrap_or(0);
        let least = (self.smallest * all).max(self.of_largest * largest as f64);
        let keep: Vec<bool> = regions
            .iter()
            .map(|region| {
                let area = region.area as f64;
                if region.inside { area >= least } else { !region.at_edge && area <= self.holes * all }
            })
            .collect();
        let width = mask.width() as usize;
        Mask::from_fn(mask.width(), mask.height(), |x, y| keep[labels[y as usize * width + x as usize]])
    }
}

/// The region of each pixel, and the regions.
fn regions(mask: &Mask) -> (Vec<usize>, Vec<Region>) {
    const NONE: usize = usize::MAX;
    let (width, height) = (mask.width() as usize, mask.height() as usize);
    let pixels = mask.pixels();
    let mut labels = vec![NONE; pixels.len()];
    let mut regions = Vec::new();
    let mut open = Vec::new();
    for start in 0..pixels.len() {
        if labels[start] != NONE {
            continue;
        }
        let label = regions.len();
        let mut region = Region { inside: pixels[start] == INSIDE, area: 0, at_edge: false };
        labels[start] = label;
        open.push(start);
        while let Some(at) = open.pop() {
            let (x, y) = (at % width, at / width);
            region.area += 1;
            region.at_edge |= x == 0 || y == 0 || x + 1 == width || y + 1 == height;
            let neighbours = [
                (x > 0).then(|| at - 1),
                (x + 1 < width).then_some(at + 1),
                (y > 0).then(|| at - width),
                (y + 1 < height).then_some(at + width),
            ];
            for next in neighbours.into_iter().flatten() {
                if labels[next] == NONE && pixels[next] == pixels[start] {
                    labels[next] = label;
                    open.push(next);
                }
            }
        }
        regions.push(region);
    }
    (labels, regions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specks_go_holes_fill_bays_and_large_holes_stay() {
        let block = |x: u32, y: u32, left: u32, top: u32, side: u32| {
            (left..left + side).contains(&x) && (top..top + side).contains(&y)
        };
        // A block of 20² with a hole of 2² and one of 8²; a speck of 2²; a block of 5² that touches by a corner only.
        let wanted = |x: u32, y: u32| block(x, y, 10, 10, 20) && !block(x, y, 20, 20, 8);
        let mask = Mask::from_fn(50, 40, |x, y| {
            (wanted(x, y) && !block(x, y, 12, 12, 2)) || block(x, y, 40, 2, 2) || block(x, y, 30, 30, 5)
        });
        let clean = |smallest, of_largest, holes| CleanUp { smallest, of_largest, holes }.apply(&mask);
        // 2,000 pixels: 4 are a share of 0.002, 25 of 0.0125, 64 of 0.032.
        assert!(clean(0.0125, 0.0, 0.002) == Mask::from_fn(50, 40, |x, y| wanted(x, y) || block(x, y, 30, 30, 5)));
        assert!(clean(0.0, 0.1, 0.002) == Mask::from_fn(50, 40, wanted));
        assert_eq!(clean(0.0, 0.1, 0.032).area(), 400);
        assert!(clean(0.0, 0.0, 0.0) == mask);
        // The background around the block touches the edge, however small it is.
        let rim = Mask::from_fn(9, 9, |x, y| block(x, y, 0, 0, 9) && x != 4);
        assert!(CleanUp { smallest: 0.0, of_largest: 0.0, holes: 1.0 }.apply(&rim) == rim);
    }
}
