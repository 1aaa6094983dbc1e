//! A straight line through days that outliers don't move: Theil–Sen, with Sen's interval.
//!
//! P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968), 1379–1389.

/// Of a standard normal variable nine tenths lie within ± this.
const NINE_TENTHS: f32 = 1.645;

/// How much of the distribution the interval holds.
pub(super) const CONFIDENCE: f32 = 0.9;

/// Fewer days give no interval worth the name.
pub(super) const FEWEST: usize = 7;

/// A line through points (day, value).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trend {
    /// Change a day: the median of all pairs' slopes.
    pub(super) slope: f32,
    /// Nine tenths of what the slope could be lie between these two.
    pub(super) between: (f32, f32),
    /// The line's value on the last day.
    pub(super) level: f32,
    /// How far points usually lie off the line: 1.48 times the median distance.
    pub(super) spread: f32,
    /// From the first to the last day.
    pub(super) span: f32,
}

impl Trend {
    /// The line through points in order of their days; none with too few.
    pub(super) fn through(points: &[(f32, f32)]) -> Option<Self> {
        let (n, last) = (points.len() as f32, points.last()?.0);
        if points.len() < FEWEST {
            return None;
        }
        let pairs = points.iter().enumerate().flat_map(|(i, a)| points[i + 1..].iter().map(move |b| (a, b)));
        let mut slopes: Vec<f32> = pairs.filter(|(a, b)| b.0 > a.0).map(|(a, b)| (b.1 - a.1) / (b.0 - a.0)).collect();
        slopes.sort_by(f32::total_cmp);
        let slope = median_of_sorted(&slopes)?;
        // The number of pairs that rise less those that fall varies like this where there is no trend.
        let c = NINE_TENTHS * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
        let place = |x: f32| slopes[(x.max(0.0) as usize).min(slopes.len() - 1)];
        let pairs = slopes.len() as f32;
        let between = (place(((pairs - c) / 2.0).floor()), place(((pairs + c) / 2.0).ceil()));
        let level = median(points.iter().map(|(day, value)| value + slope * (last - day)))?;
        let off = |(day, value): &(f32, f32)| (value + slope * (last - day) - level).abs();
        let spread = 1.4826 * median(points.iter().map(off))?;
        Some(Self { slope, between, level, spread, span: last - points[0].0 })
    }

    /// Its value so many days after the last one.
    pub(super) fn after(&self, days: f32) -> f32 {
        self.level + self.slope * days
    }

    /// In how many days from the last one it reaches `floor`: at best knowledge, at the earliest, at the latest. None unless
    /// it certainly falls. Negative once it lies below.
    pub(super) fn reaches(&self, floor: f32) -> Option<[f32; 3]> {
        let (steep, flat) = self.between;
        if flat >= 0.0 {
            return None;
        }
        let days = |level: f32, slope: f32| (level - floor) / -slope;
        // While it lies above, the steepest fall comes first; below, it was last.
        let ends = [steep, flat].map(|slope| [-1.0, 1.0].map(|off| days(self.level + off * self.spread, slope)));
        let ends = ends.as_flattened();
        let (low, high) = ends.iter().fold((f32::MAX, f32::MIN), |(l, h), &d| (l.min(d), h.max(d)));
        Some([days(self.level, self.slope), low, high])
    }
}

fn median_of_sorted(values: &[f32]) -> Option<f32> {
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((low + high) / 2.0)
}

/// The middle value; none of none.
pub(super) fn median(values: impl Iterator<Item = f32>) -> Option<f32> {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    median_of_sorted(&values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_move_neither_slope_nor_date() {
        let points: Vec<(f32, f32)> = (0..20)
            .map(|day| {
                (day as f32, if day % 6 == 2 { 0.1 } else { 0.8 - 0.01 * day as f32 + 0.002 * (day % 3) as f32 })
            })
            .collect();
        let trend = Trend::through(&points).expect("enough");
        assert!((trend.slope + 0.01).abs() < 0.001, "{trend:?}");
        assert!(trend.between.0 < -0.01 && trend.between.1 > -0.011 && trend.between.1 < 0.0, "{trend:?}");
        let [by, early, late] = trend.reaches(0.5).expect("it falls");
        assert!((by - 11.0).abs() < 1.5 && early < by && by < late, "{by} {early} {late}");
        assert!((trend.after(5.0) - 0.56).abs() < 0.01);
    }

    #[test]
    fn no_fall_reaches_nothing() {
        let flat: Vec<(f32, f32)> = (0..20).map(|day| (day as f32, 0.7 + 0.01 * ((day * 7) % 5) as f32)).collect();
        let trend = Trend::through(&flat).expect("enough");
        assert_eq!(trend.reaches(0.5), None, "{trend:?}");
        assert_eq!(Trend::through(&flat[..FEWEST - 1]), None);
        assert_eq!(Trend::through(&[]), None);
    }

    /// Nine of ten intervals should hold the true slope.
    #[test]
    fn the_interval_holds_what_it_says() {
        let mut state = 7_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let sum: u32 = state.to_le_bytes().map(u32::from).iter().sum();
            (sum as f32 - 1020.0) / 209.0
        };
        let mut held = 0;
        for _ in 0..500 {
            let points: Vec<_> = (0..14).map(|day| (day as f32, 0.7 - 0.005 * day as f32 + 0.02 * noise())).collect();
            let (low, high) = Trend::through(&points).expect("enough").between;
            held += u32::from(low <= -0.005 && -0.005 <= high);
        }
        assert!((425..=490).contains(&held), "{held} of 500");
    }
}
