//! How far two sets of pixels overlap, without decoding them.

use super::Runs;

impl Runs {
    /// Pixels that both cover; 0 if they are of pictures of different sizes.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> u64 {
        if self.boxes_intersection(other) == 0 {
            return 0;
        }
        // Only the stretches between the later of the beginnings and the earlier of the ends can meet.
        let (a, b) = (&self.inside[..], &other.inside[..]);
        let from = a[0][0].max(b[0][0]);
        let to = a[a.len() - 1][1].min(b[b.len() - 1][1]);
        let between = |all: &[[u32; 2]]| {
            let first = all.partition_point(|stretch| stretch[1] <= from);
            first..all.partition_point(|stretch| stretch[0] < to).max(first)
        };
        let (a, b) = (&a[between(a)], &b[between(b)]);
        let (mut i, mut j, mut common) = (0, 0, 0);
        while i < a.len() && j < b.len() {
            let ([from, to], [other_from, other_to]) = (a[i], b[j]);
            common += u64::from(to.min(other_to).saturating_sub(from.max(other_from)));
            // The one that ends first meets nothing more.
            i += usize::from(to <= other_to);
            j += usize::from(other_to <= to);
        }
        common
    }

    /// Share of the pixels of one or both that both cover, 0..=1; 0 if neither has any, or they are of pictures of
    /// different sizes.
    #[must_use]
    pub fn iou(&self, other: &Self) -> f64 {
        let common = self.intersection(other);
        if common == 0 { 0.0 } else { common as f64 / (self.area() + other.area() - common) as f64 }
    }

    /// Pixels that the bounding boxes of both cover, which the intersection can't exceed.
    #[must_use]
    pub fn boxes_intersection(&self, other: &Self) -> u64 {
        if (self.width, self.height) != (other.width, other.height) {
            return 0;
        }
        let ([x, y, w, h], [u, v, p, q]) = (self.bounding_box, other.bounding_box);
        let common =
            |a: u32, length: u32, b: u32, other: u32| u64::from((a + length).min(b + other).saturating_sub(a.max(b)));
        common(x, w, u, p) * common(y, h, v, q)
    }
}
