//! Figures 4 and 6 of the paper, gathered from label rows one by one.

use super::Kind;
use crate::evaluate::report::svg::{Anchor, Scale, Svg};
use crate::label::LabelRow;

/// Cells of the density along each axis.
const CELLS: usize = 40;

/// What the figures need, whatever the number of rows.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Distorted samples by consistency and accuracy, in fortieths.
    density: Vec<u64>,
    /// By region and background level, 1..=5 each.
    levels: [[Cell; 5]; 5],
    /// Whether accuracy is known of any.
    known: bool,
}

/// Samples of one level pair. Composite and consistency are never mixed into one mean.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    samples: u64,
    consistency: f64,
    /// Those of known truth.
    known: u64,
    composite: f64,
}

impl Default for Picture {
    fn default() -> Self {
        Self { density: vec![0; CELLS * CELLS], levels: [[Cell::default(); 5]; 5], known: false }
    }
}

impl Picture {
    /// Adds a row; clean pictures are left out.
    pub fn add(&mut self, row: &LabelRow) {
        if row.level == 0 {
            return;
        }
        if let Some(accuracy) = row.accuracy {
            let cell = |value: f32| ((value.clamp(0.0, 1.0) * CELLS as f32) as usize).min(CELLS - 1);
            self.density[cell(accuracy) * CELLS + cell(row.consistency)] += 1;
            self.known = true;
        }
        let background = row.background_level.unwrap_or(row.level);
        if (1..=5).contains(&row.level) && (1..=5).contains(&background) {
            let cell = &mut self.levels[usize::from(row.level) - 1][usize::from(background) - 1];
            cell.samples += 1;
            cell.consistency += f64::from(row.consistency);
            if let Some(composite) = row.composite {
                cell.known += 1;
                cell.composite += f64::from(composite);
            }
        }
    }

    /// The label that Fig. 6 is of: the composite, of the samples whose truth is known; consistency of all where none is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        if self.known { Kind::Composite } else { Kind::Consistency }
    }

    /// Mean label of a region and background level, 1..=5 each; none without samples.
    #[must_use]
    pub fn mean(&self, roi: u8, background: u8) -> Option<f64> {
        let cell = self.levels[usize::from(roi) - 1][usize::from(background) - 1];
        let (sum, count) = match self.kind() {
            Kind::Composite => (cell.composite, cell.known),
            _ => (cell.consistency, cell.samples),
        };
        (count > 0).then(|| sum / count as f64)
    }

    /// How many distorted samples Fig. 6 is of.
    #[must_use]
    pub fn samples(&self) -> u64 {
        let count = |cell: &Cell| if self.kind() == Kind::Composite { cell.known } else { cell.samples };
        self.levels.iter().flatten().map(count).sum()
    }

    /// Fig. 4: how many samples have which consistency and accuracy; none where accuracy is unknown.
    pub(super) fn density(&self, title: &str) -> Option<String> {
        if !self.known {
            return None;
        }
        let most = self.density.iter().copied().max().unwrap_or(0).max(1);
        let mut svg = Svg::new(440.0, 420.0, title);
        let x = Scale { low: 0.0, high: 1.0, from: 60.0, to: 420.0 };
        let y = Scale { low: 0.0, high: 1.0, from: 366.0, to: 30.0 };
        let (wide, high) = ((x.to - x.from) / CELLS as f64, (y.from - y.to) / CELLS as f64);
        for (at, &count) in self.density.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (row, column) = (at / CELLS, at % CELLS);
            let place = [x.from + wide * column as f64, y.from - high * (row + 1) as f64, wide, high];
            // Most samples lie in few cells: by logarithm the rest shows too.
            let opacity = 0.08 + 0.92 * (1.0 + count as f64).ln() / (1.0 + most as f64).ln();
            let low = |cell: usize| cell as f64 / CELLS as f64;
            let hint = format!("consistency from {:.3}, accuracy from {:.3}: {count} samples", low(column), low(row));
            svg.rect("heat", place, opacity, &hint);
        }
        svg.line("grid", [x.from, y.from, x.to, y.from]);
        svg.line("grid", [x.from, y.from, x.from, y.to]);
        for tick in x.ticks(5) {
            svg.text("tick", x.at(tick), y.from + 16.0, Anchor::Middle, format_args!("{tick:.1}"));
            svg.text("tick", x.from - 8.0, y.at(tick) + 4.0, Anchor::End, format_args!("{tick:.1}"));
        }
        svg.text("note", 240.0, 408.0, Anchor::Middle, "consistency");
        svg.text("note", 8.0, 12.0, Anchor::Start, "accuracy");
        Some(svg.finish())
    }

    /// Fig. 6: the mean label over the level pairs; none without samples.
    pub(super) fn level_pairs(&self, title: &str) -> Option<String> {
        let means: Vec<f64> = (1..=5).flat_map(|roi| (1..=5).filter_map(move |bg| self.mean(roi, bg))).collect();
        let (least, greatest) = means.iter().fold((f64::MAX, f64::MIN), |(l, g), &mean| (l.min(mean), g.max(mean)));
        if means.is_empty() {
            return None;
        }
        let mut svg = Svg::new(440.0, 420.0, title);
        let side = 68.0;
        for roi in 1..=5_u8 {
            let y = 366.0 - side * f64::from(roi);
            svg.text("tick", 52.0, y + side / 2.0 + 4.0, Anchor::End, roi);
            for background in 1..=5_u8 {
                let x = 60.0 + side * f64::from(background - 1);
                if roi == 1 {
                    svg.text("tick", x + side / 2.0, 384.0, Anchor::Middle, background);
                }
                let Some(mean) = self.mean(roi, background) else { continue };
                let opacity = 0.1 + 0.6 * (mean - least) / (greatest - least).max(1e-9);
                let hint =
                    format!("region level {roi}, background level {background}: mean {} {mean:.3}", self.kind().name());
                svg.rect("heat", [x + 1.0, y + 1.0, side - 2.0, side - 2.0], opacity, &hint);
                let class = if opacity > 0.5 { "in-heat strong" } else { "in-heat" };
                svg.text(class, x + side / 2.0, y + side / 2.0 + 5.0, Anchor::Middle, format_args!("{mean:.2}"));
            }
        }
        svg.text("note", 230.0, 408.0, Anchor::Middle, "level of the background");
        svg.text("note", 8.0, 14.0, Anchor::Start, "level of the region of interest");
        Some(svg.finish())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    fn row(level: u8, background: Option<u8>, consistency: f32, accuracy: Option<f32>) -> LabelRow {
        LabelRow {
            sample: "s".into(),
            original: "o".into(),
            distortion: "fog".into(),
            level,
            background_level: background,
            row: 0,
            background_row: None,
            psnr: 20.0,
            class: 0,
            consistency,
            accuracy,
            composite: accuracy.map(|accuracy| (accuracy + consistency) / 2.0),
        }
    }

    #[test]
    fn rows_are_counted_where_they_belong() {
        let mut picture = Picture::default();
        assert!(picture.density("d").is_none() && picture.level_pairs("p").is_none());
        picture.add(&row(0, None, 1.0, Some(1.0)));
        assert!(picture.density("d").is_none(), "the clean picture does not count");
        picture.add(&row(2, None, 1.0, Some(0.5)));
        picture.add(&row(2, None, 0.5, Some(0.5)));
        picture.add(&row(2, Some(5), 0.25, None));
        // The last one's truth is unknown: its consistency is no composite.
        assert_eq!((picture.mean(2, 2), picture.mean(2, 5), picture.mean(1, 1)), (Some(0.625), None, None));
        assert_eq!((picture.kind(), picture.samples()), (Kind::Composite, 2));
        let mut unknown = Picture::default();
        unknown.add(&row(2, Some(5), 0.25, None));
        assert_eq!((unknown.kind(), unknown.mean(2, 5), unknown.samples()), (Kind::Consistency, Some(0.25), 1));
        assert!(picture.density("d").unwrap().contains("1 samples"));
        let pairs = picture.level_pairs("p").unwrap();
        assert!(pairs.contains("0.62") || pairs.contains("0.63"), "{pairs}");
    }
}
