//! All methods against the labels of one head on one set of samples, with intervals by original.

use serde::Serialize;

use super::bootstrap::{Interval, Resamples, interval};
use super::method::{MODEL, Method};
use super::weighted::{self, Pairs, Places};
use super::{Logistic, metrics};

/// Draws of originals.
pub const RESAMPLES: usize = 1000;
/// Their seed.
pub(super) const SEED: u64 = 6;

/// A statistic and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// `None` where it is undefined.
    pub value: Option<f64>,
    /// By resampling originals.
    pub interval: Option<Interval>,
}

/// How one method follows the labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodRow {
    /// Name of the method.
    pub method: String,
    /// Rank correlation, no fit in between.
    pub srcc: Figure,
    /// After the logistic of equation 14, fitted on the same samples as the field does it.
    pub plcc: Option<Figure>,
    /// Kendall's tau-b, no fit in between.
    pub krcc: Option<Figure>,
    /// After the logistic, in units of the label.
    pub rmse: Option<Figure>,
    /// Why there is no PLCC and RMSE.
    pub note: Option<String>,
    /// SRCC of the model less that of this method, paired by original; `None` for the model itself.
    pub model_gain: Option<Figure>,
}

/// All methods on one set of samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Which labels.
    pub labels: String,
    /// Which head.
    pub head: String,
    /// Which samples.
    pub set: String,
    /// Samples with a label.
    pub samples: usize,
    /// Their originals.
    pub originals: usize,
    /// SRCC that the labels reach with themselves (split-half, Spearman-Brown), where it was computed for such a set.
    pub ceiling: Option<f64>,
    /// One row a method.
    pub rows: Vec<MethodRow>,
}

impl Comparison {
    /// The row of a method.
    pub fn row(&self, method: &str) -> Option<&MethodRow> {
        self.rows.iter().find(|row| row.method == method)
    }
}

/// Which figures a comparison has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// SRCC, PLCC, KRCC, RMSE.
    Full,
    /// SRCC only.
    Rank,
}

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Name of the labels.
    pub labels: &'a str,
    /// Name of the head.
    pub head: &'a str,
    /// Name of the set of samples.
    pub set: &'a str,
    /// Which figures.
    pub detail: Detail,
    /// The labels' agreement with themselves, if known.
    pub ceiling: Option<f64>,
}

/// Compares methods on the samples of `rows` that have a label.
///
/// `label` and `original` hold one entry a test sample, `scores` one list a method in their order.
pub fn compare(
    question: Question<'_>,
    methods: &[(&Method, &[f64])],
    label: &[Option<f64>],
    original: &[&str],
    rows: &[usize],
) -> Comparison {
    let labelled: Vec<(usize, f64)> = rows.iter().filter_map(|&row| Some((row, label[row]?))).collect();
    let label: Vec<f64> = labelled.iter().map(|&(_, label)| label).collect();
    let originals: Vec<&str> = labelled.iter().map(|&(row, _)| original[row]).collect();
    let resamples = Resamples::by_original(&originals, RESAMPLES, SEED);
    let labelled_places = Places::of(&label);
    let mut replicates = Vec::with_capacity(methods.len());
    let mut out: Vec<MethodRow> = methods
        .iter()
        .map(|(method, scores)| {
            let score: Vec<f64> = labelled.iter().map(|&(row, _)| scores[row]).collect();
            let places = Places::of(&score).zip(labelled_places.as_ref());
            let places = places.as_ref().map(|(predicted, labelled)| (predicted, *labelled));
            let drawn = resamples.replicates(|weights| places.and_then(|(p, l)| weighted::srcc(p, l, weights)));
            let srcc = Figure { value: metrics::srcc(&score, &label), interval: interval(&drawn) };
            replicates.push(drawn);
            let mut row = MethodRow {
                method: method.name.clone(),
                srcc,
                plcc: None,
                krcc: None,
                rmse: None,
                note: None,
                model_gain: None,
            };
            if question.detail == Detail::Full {
                let pairs = places.map(|(p, l)| Pairs::of(p, l));
                row.krcc = Some(Figure {
                    value: metrics::krcc(&score, &label),
                    interval: interval(&resamples.replicates(|weights| pairs.as_ref()?.krcc(weights))),
                });
                match Logistic::fit(&score, &label) {
                    Ok(logistic) => {
                        let mapped: Vec<f64> = score.iter().map(|&q| logistic.map(q)).collect();
                        row.plcc = Some(Figure {
                            value: metrics::plcc(&mapped, &label),
                            interval: interval(&resamples.replicates(|w| weighted::plcc(&mapped, &label, w))),
                        });
                        row.rmse = Some(Figure {
                            value: metrics::rmse(&mapped, &label),
                            interval: interval(&resamples.replicates(|w| weighted::rmse(&mapped, &label, w))),
                        });
                    }
                    Err(error) => row.note = Some(error.to_string()),
                }
            }
            row
        })
        .collect();
    if let Some(model) = out.iter().position(|row| row.method == MODEL) {
        let best = out[model].srcc.value;
        for (index, row) in out.iter_mut().enumerate().filter(|(index, _)| *index != model) {
            let differences: Vec<f64> = replicates[model].iter().zip(&replicates[index]).map(|(m, o)| m - o).collect();
            let value = best.zip(row.srcc.value).map(|(model, other)| model - other);
            row.model_gain = Some(Figure { value, interval: interval(&differences) });
        }
    }
    Comparison {
        labels: question.labels.into(),
        head: question.head.into(),
        set: question.set.into(),
        samples: label.len(),
        originals: resamples.originals(),
        ceiling: question.ceiling,
        rows: out,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use super::*;

    /// Forty originals of five samples; the model is close to the label, the other a little less, the blind one constant.
    fn comparison(detail: Detail) -> Comparison {
        let n = 200;
        let noise = |i: usize, k: usize| ((i * k) as f64 * 0.737).sin();
        let label: Vec<Option<f64>> = (0..n).map(|i| (i % 50 != 7).then_some(0.5 + 0.4 * noise(i, 1))).collect();
        let near = |weight: f64, k| (0..n).map(|i| 0.5 + 0.4 * noise(i, 1) + weight * noise(i, k)).collect();
        let methods = [
            Method::same(MODEL, "", near(0.1, 13)),
            Method::same("other", "", near(0.4, 29)),
            Method::same("blind", "", vec![0.5; n]),
        ];
        let names: Vec<String> = (0..n).map(|i| format!("{:02}", i / 5)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let scored: Vec<(&Method, &[f64])> = methods.iter().map(|m| (m, m.scores(0))).collect();
        let rows: Vec<usize> = (0..n).collect();
        compare(Question { labels: "all", head: "h", set: "s", detail, ceiling: None }, &scored, &label, &names, &rows)
    }

    #[test]
    fn figures_lie_in_their_intervals_and_gains_are_paired() {
        let comparison = comparison(Detail::Full);
        assert_eq!((comparison.samples, comparison.originals), (196, 40));
        for name in [MODEL, "other"] {
            let row = comparison.row(name).unwrap();
            for figure in [Some(row.srcc), row.plcc, row.krcc, row.rmse] {
                let (value, interval) = (figure.unwrap().value.unwrap(), figure.unwrap().interval.unwrap());
                assert!(interval.low <= value && value <= interval.high, "{name}: {value} {interval:?}");
            }
        }
        let (model, other) = (comparison.row(MODEL).unwrap(), comparison.row("other").unwrap());
        assert_eq!(model.model_gain, None);
        let gain = other.model_gain.unwrap();
        assert!((gain.value.unwrap() - (model.srcc.value.unwrap() - other.srcc.value.unwrap())).abs() < 1e-12);
        assert!(gain.interval.unwrap().low > 0.0, "{gain:?}");
    }

    #[test]
    fn a_blind_method_has_no_figures_and_says_why() {
        let comparison = comparison(Detail::Full);
        let blind = comparison.row("blind").unwrap();
        assert_eq!((blind.srcc.value, blind.srcc.interval, blind.plcc), (None, None, None));
        assert!(blind.note.as_ref().unwrap().contains("vary"));
        assert_eq!(blind.model_gain.unwrap().value, None);
    }

    #[test]
    fn rank_detail_leaves_the_rest_out() {
        let comparison = comparison(Detail::Rank);
        assert!(comparison.rows.iter().all(|row| row.plcc.is_none() && row.krcc.is_none()));
        assert!(comparison.row(MODEL).unwrap().srcc.value.is_some());
    }
}
