//! Stretches of a video under one degradation: what a gate judges is not a frame but some seconds of them.

use std::collections::BTreeMap;

use crate::label::LabelRow;
use crate::source::whole_of;

/// Length of a segment in milliseconds.
const SEGMENT_MS: u64 = 4000;

/// Frames of a segment under one variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// The video and the place of the segment in it: what is drawn together.
    pub(super) name: String,
    /// Positions of its samples.
    pub(super) rows: Vec<usize>,
}

impl Segment {
    /// Mean of some values over its samples; `None` if one has none.
    pub(super) fn mean(&self, value: impl Fn(usize) -> Option<f64>) -> Option<f64> {
        let sum: Option<f64> = self.rows.iter().map(|&row| value(row)).sum();
        Some(sum? / self.rows.len() as f64)
    }
}

/// The segments of the distorted samples that are frames of a video, named `video~<milliseconds>ms-<view>` as `scenes` does;
/// four seconds of one view under one variant each.
pub(super) fn segments(samples: &[LabelRow]) -> Vec<Segment> {
    let mut of: BTreeMap<(String, &str, u8, Option<u8>), Vec<usize>> = BTreeMap::new();
    for (row, sample) in samples.iter().enumerate().filter(|(_, sample)| sample.level > 0) {
        if let Some(name) = segment_of(&sample.original) {
            of.entry((name, &sample.distortion, sample.level, sample.background_level)).or_default().push(row);
        }
    }
    of.into_iter().map(|((name, ..), rows)| Segment { name, rows }).collect()
}

/// The segment that a frame lies in.
fn segment_of(original: &str) -> Option<String> {
    let whole = whole_of(original)?;
    let (time, view) = original[whole.len() + 1..].split_once("ms-")?;
    let segment = time.parse::<u64>().ok()? / SEGMENT_MS;
    Some(format!("{whole}~{segment}-{view}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use super::*;
    use crate::evaluate::samples::fixture;
    use crate::label::read_labels;

    #[test]
    fn frames_of_four_seconds_under_one_variant_are_a_segment() {
        let folder = tempfile::tempdir().unwrap();
        fixture::work(folder.path(), 1);
        let template = read_labels(&folder.path().join("labels.parquet")).unwrap();
        let row = |original: &str, distortion: &str, level| LabelRow {
            original: original.into(),
            distortion: distortion.into(),
            level,
            ..template[0].clone()
        };
        let rows = [
            row("a~3900ms-0", "fog", 1),
            row("a~4000ms-0", "fog", 1),
            row("a~7999ms-0", "fog", 1),
            row("a~4000ms-1", "fog", 1),
            row("a~4000ms-0", "fog", 2),
            row("a~4000ms-0", "none", 0),
            row("000139~cut", "fog", 1),
            row("plain", "fog", 1),
        ];
        let found = segments(&rows);
        let found: Vec<(&str, &[usize])> = found.iter().map(|s| (s.name.as_str(), s.rows.as_slice())).collect();
        assert_eq!(found, [("a~0-0", &[0][..]), ("a~1-0", &[1, 2]), ("a~1-0", &[4]), ("a~1-1", &[3])]);
        let segment = Segment { name: String::new(), rows: vec![1, 2] };
        assert_eq!(segment.mean(|row| Some(row as f64)), Some(1.5));
        assert_eq!(segment.mean(|row| (row == 1).then_some(1.0)), None);
    }
}
