//! What goes from an evaluation into the model's card: default thresholds and the headline figures.

use std::collections::BTreeMap;

use miqa::engine::card::Threshold;
use serde::Serialize;

use crate::evaluate::{
    ALL_MODELS, Comparison, DISTORTED, Evaluation, Figure, GAIN_AT, MODEL, SEGMENTS, Thresholds, UNKNOWN_CLASS,
    WITH_CLEAN,
};
use crate::export::card::{BY_PART, FILTER};

/// The keys that `export --results` reads.
#[derive(Debug, Serialize)]
pub(super) struct CardPart {
    thresholds: BTreeMap<String, Threshold>,
    falls: BTreeMap<String, Vec<(f32, f32)>>,
    metrics: BTreeMap<String, BTreeMap<String, f64>>,
}

impl CardPart {
    /// A row a head (distorted samples of known class; of unknown class and of segments where there are some), the same with
    /// labels `_without_FAMILY`; `HEAD_by_part`, the SRCC on each distortion, level and pattern alone; a row for the
    /// distortion head and one for the filter curve, which begin with the task's `cls`, `det` or `seg`.
    pub(super) fn of(evaluation: &Evaluation) -> Self {
        let thresholds = evaluation.thresholds.iter().map(|head| (head.head.clone(), threshold(head)));
        let mut metrics: BTreeMap<_, _> = evaluation
            .comparisons
            .iter()
            // Where nothing is labelled there is nothing to say, and another report may say it.
            .filter(|comparison| {
                comparison.samples > 0 && [DISTORTED, UNKNOWN_CLASS, SEGMENTS].contains(&comparison.set.as_str())
            })
            .map(|comparison| {
                let labels =
                    if comparison.labels == ALL_MODELS { String::new() } else { format!(" {}", comparison.labels) };
                let set = match comparison.set.as_str() {
                    DISTORTED => "",
                    SEGMENTS => " of segments",
                    _ => " of unknown class",
                };
                (format!("{}{set}{labels}", comparison.head).replace(' ', "_"), headline(comparison))
            })
            .collect();
        let task = evaluation.heads.first().and_then(|head| head.split('_').next()).unwrap_or_default();
        let whole = [DISTORTED, WITH_CLEAN, UNKNOWN_CLASS, SEGMENTS];
        for part in evaluation.comparisons.iter().filter(|c| c.labels == ALL_MODELS && !whole.contains(&c.set.as_str()))
        {
            let srcc = part.row(MODEL).and_then(|row| row.srcc.value);
            let row: &mut BTreeMap<String, f64> = metrics.entry(format!("{}{BY_PART}", part.head)).or_default();
            row.extend(srcc.map(|srcc| (part.set.replace(' ', "_"), rounded(srcc))));
        }
        let shares = evaluation.filter_curves.iter().filter(|curve| curve.method != "oracle");
        let shares: BTreeMap<String, f64> =
            shares.filter_map(|curve| Some((curve.method.clone(), rounded(curve.share_of_oracle.value?)))).collect();
        if !shares.is_empty() {
            metrics.insert(format!("{task}_{FILTER}_{:.0}", 100.0 * GAIN_AT), shares);
        }
        if let Some(diagnosis) = &evaluation.diagnosis {
            let mut row = BTreeMap::new();
            let mut add = |name: String, value: Option<f64>| {
                row.extend(value.map(|value| (name, rounded(value))));
            };
            add("accuracy_levels_3_to_5".into(), diagnosis.accuracy_plain);
            add("false_alarms_clean".into(), diagnosis.false_alarms_clean);
            for distortion in &diagnosis.rows {
                add(format!("{}_auc", distortion.distortion), distortion.auc);
            }
            metrics.insert(format!("{task}_distortion"), row);
        }
        let falls = evaluation.thresholds.iter().filter(|head| !head.falls.is_empty());
        let falls = falls.map(|head| (head.head.clone(), fallen(head)));
        Self { thresholds: thresholds.collect(), falls: falls.collect(), metrics }
    }
}

/// A head's thresholds as a card states them.
pub(in crate::evaluate) fn threshold(head: &Thresholds) -> Threshold {
    Threshold { close_below: hundredth(head.close_below), open_above: hundredth(head.open_above) }
}

/// A head's falls as a card states them.
pub(in crate::evaluate) fn fallen(head: &Thresholds) -> Vec<(f32, f32)> {
    head.falls.iter().map(|&(share, score)| (share as f32, rounded(score) as f32)).collect()
}

/// The model's four figures, the SRCC of everything beside it, and the size of the sample.
fn headline(comparison: &Comparison) -> BTreeMap<String, f64> {
    let mut row = BTreeMap::from([
        ("samples".to_owned(), comparison.samples as f64),
        ("originals".to_owned(), comparison.originals as f64),
    ]);
    let mut add = |name: String, value: Option<f64>| {
        row.extend(value.map(|value| (name, rounded(value))));
    };
    add("label_ceiling".into(), comparison.ceiling);
    for method in &comparison.rows {
        if method.method == MODEL {
            let value = |figure: Option<Figure>| figure.and_then(|f| f.value);
            add("srcc".into(), method.srcc.value);
            add("srcc_low".into(), method.srcc.interval.map(|i| i.low));
            add("srcc_high".into(), method.srcc.interval.map(|i| i.high));
            add("plcc".into(), value(method.plcc));
            add("krcc".into(), value(method.krcc));
            add("rmse".into(), value(method.rmse));
        } else {
            add(format!("{}_srcc", method.method), method.srcc.value);
        }
    }
    row
}

/// Four decimals: more than the intervals allow.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Two decimals, as an operator would set it.
fn hundredth(value: f64) -> f32 {
    ((value * 100.0).round() / 100.0) as f32
}
