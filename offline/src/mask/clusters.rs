//! k-means over descriptors, and how many clusters there are.
//!
//! The first centres are drawn by k-means++ (Arthur and Vassilvitskii 2007) from a keyed field; sums run in one fixed
//! order. So equal descriptors give equal clusters, whatever the machine or the number of threads.

use crate::render::RandomField;

/// Points of equal width, one behind the other.
#[derive(Debug, Clone, Copy)]
pub struct Points<'a> {
    values: &'a [f32],
    width: usize,
}

/// Clusters of points.
#[derive(Debug, Clone)]
pub struct Clusters {
    /// One centre behind the other.
    centres: Vec<f32>,
    width: usize,
    /// The cluster of each point, 0..[`Clusters::count`].
    pub labels: Vec<usize>,
    /// Sum of the squared distances of all points to their centres.
    pub spread: f64,
}

impl<'a> Points<'a> {
    /// Points of `width` values each; a rest is ignored.
    #[must_use]
    pub fn new(values: &'a [f32], width: usize) -> Self {
        debug_assert!(width > 0);
        Self { values, width }
    }

    fn iter(self) -> std::slice::ChunksExact<'a, f32> {
        self.values.chunks_exact(self.width)
    }

    fn at(self, i: usize) -> &'a [f32] {
        &self.values[i * self.width..][..self.width]
    }

    fn len(self) -> usize {
        self.values.len() / self.width
    }
}

impl Clusters {
    /// Number of clusters.
    #[must_use]
    pub fn count(&self) -> usize {
        self.centres.len() / self.width
    }

    /// Squared distances of a point to all centres.
    pub fn distances(&self, point: &[f32]) -> impl Iterator<Item = f32> {
        self.centres.chunks_exact(self.width).map(move |centre| squared_distance(point, centre))
    }
}

/// Clusters of as many as make sense: one more as long as that brings the spread below `elbow` (0..1) of what it was,
/// up to `most`. `field(k)` draws the first centres of k clusters.
///
/// # Panics
/// Never for at least one point.
#[must_use]
pub fn elbow(points: Points, elbow: f64, most: usize, rounds: usize, field: impl Fn(usize) -> RandomField) -> Clusters {
    let mut best = clusters(points, 1, rounds, &field(1));
    for count in 2..=most.min(points.len()) {
        let next = clusters(points, count, rounds, &field(count));
        // Points that all lie on their centres can't come closer.
        if next.spread > elbow * best.spread || best.spread <= f64::EPSILON * points.len() as f64 {
            break;
        }
        best = next;
    }
    best
}

/// `count` clusters after at most `rounds` rounds of Lloyd's algorithm.
#[must_use]
pub fn clusters(points: Points, count: usize, rounds: usize, field: &RandomField) -> Clusters {
    let mut found =
        Clusters { centres: first_centres(points, count, field), width: points.width, labels: Vec::new(), spread: 0.0 };
    for round in 0..=rounds {
        let mut spread = 0.0;
        let mut labels = Vec::with_capacity(points.len());
        for point in points.iter() {
            let (mut label, mut least) = (0, f32::INFINITY);
            for (i, distance) in found.distances(point).enumerate() {
                if distance < least {
                    (label, least) = (i, distance);
                }
            }
            labels.push(label);
            spread += f64::from(least);
        }
        let settled = labels == found.labels;
        (found.labels, found.spread) = (labels, spread);
        // The labels stay those of the centres.
        if settled || round == rounds {
            break;
        }
        move_centres(points, &mut found);
    }
    found
}

/// Each centre to the mean of its points; one without points stays.
fn move_centres(points: Points, clusters: &mut Clusters) {
    let width = points.width;
    let mut sums = vec![0.0_f64; clusters.centres.len()];
    let mut counts = vec![0_u32; clusters.count()];
    for (point, &label) in points.iter().zip(&clusters.labels) {
        counts[label] += 1;
        sums[label * width..][..width].iter_mut().zip(point).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    for (label, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (centre, sum) = (&mut clusters.centres[label * width..][..width], &sums[label * width..][..width]);
        centre.iter_mut().zip(sum).for_each(|(value, sum)| *value = (sum / f64::from(count)) as f32);
    }
}

/// The first centre anywhere, each further one with a chance proportional to the squared distance to those there are.
fn first_centres(points: Points, count: usize, field: &RandomField) -> Vec<f32> {
    let draw = |i: usize| field.uniform(i as u64)[0];
    let mut centres = points.at((draw(0) * points.len() as f64) as usize).to_vec();
    let mut distances = vec![f32::INFINITY; points.len()];
    for i in 1..count {
        let newest = &centres[(i - 1) * points.width..];
        let mut total = 0.0;
        for (point, distance) in points.iter().zip(&mut distances) {
            *distance = distance.min(squared_distance(point, newest));
            total += f64::from(*distance);
        }
        let mut rest = draw(i) * total;
        let chosen = distances.iter().position(|&distance| {
            rest -= f64::from(distance);
            rest < 0.0
        });
        let chosen = points.at(chosen.unwrap_or(0)).to_vec();
        centres.extend(chosen);
    }
    centres
}

/// Sixteen sums side by side, so that the compiler can work on several at once without changing their order.
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0_f32; LANES];
    let (a, b) = (&a[..a.len().min(b.len())], &b[..a.len().min(b.len())]);
    let (blocks_a, blocks_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = blocks_a.remainder().iter().zip(blocks_b.remainder());
    let rest: f32 = rest.map(|(a, b)| (a - b) * (a - b)).sum();
    for (a, b) in blocks_a.zip(blocks_b) {
        for i in 0..LANES {
            let difference = a[i] - b[i];
            sums[i] += difference * difference;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::PixelHash;

    fn field(k: usize) -> RandomField {
        RandomField::of(&PixelHash([3; 32]), "clusters", k, 0)
    }

    /// Three clouds of twenty points in 17 dimensions.
    fn clouds() -> Vec<f32> {
        let noise = RandomField::of(&PixelHash([4; 32]), "noise", 0, 0);
        let value = |i: usize, j: usize| {
            let offset = if j % 3 == i % 3 { 4.0 } else { 0.0 };
            offset + 0.2 * noise.normal((i * 17 + j) as u64)[0] as f32
        };
        (0..60).flat_map(|i| (0..17).map(move |j| value(i, j))).collect()
    }

    #[test]
    fn three_clouds_are_three_clusters() {
        let values = clouds();
        let found = elbow(Points::new(&values, 17), 0.9, 10, 50, field);
        assert_eq!(found.count(), 3);
        for (i, label) in found.labels.iter().enumerate() {
            assert_eq!(*label, found.labels[i % 3], "{i}");
        }
        // 60 points, 17 dimensions, variance 0.04, less what the means take up.
        assert!((found.spread - 57.0 * 17.0 * 0.04).abs() < 8.0, "{}", found.spread);
        // The nearest centre is that of the label.
        for (point, &label) in values.chunks_exact(17).zip(&found.labels) {
            let distances: Vec<f32> = found.distances(point).collect();
            assert!(distances.iter().enumerate().all(|(i, &d)| i == label || d > distances[label]));
        }
    }

    #[test]
    fn equal_points_are_one_cluster_and_few_points_no_trouble() {
        assert_eq!(elbow(Points::new(&[1.5; 40], 4), 0.975, 8, 20, field).count(), 1);
        assert!(elbow(Points::new(&[0.0, 0.0, 5.0, 5.0], 2), 0.975, 8, 20, field).count() <= 2);
        let again = [elbow, elbow].map(|f| f(Points::new(&clouds(), 17), 0.99, 12, 9, field).labels);
        assert_eq!(again[0], again[1]);
    }
}
