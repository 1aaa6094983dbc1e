//! Everything that an evaluation finds out, as one value: what the report files show.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::baselines::baselines;
use super::bootstrap::Resamples;
use super::compare::{Comparison, Detail, Figure, Question, RESAMPLES, SEED, compare};
use super::diagnosis::{Diagnosis, diagnose};
use super::filter_curve::share_of_oracle;
use super::grid::{PairCell, grid};
use super::method::{MODEL, Method};
use super::pool::Pool;
use super::reliability::{Reliability, reliability};
use super::segments::{Segment, segments};
use super::threshold::{Thresholds, of_head};
use super::{EvaluateError, FilterCurve, HEADS, Measurement, Measuring, Samples, filter_curve};
use crate::label::LabelRow;

/// Name of the headline set: the distorted samples of known class.
pub const DISTORTED: &str = "distorted";
/// Name of the set of distorted samples without a known class (scenes), which have a label of consistency only.
pub const UNKNOWN_CLASS: &str = "distorted, no known class";
/// Name of the set of a video's segments, four seconds under one variant each.
pub const SEGMENTS: &str = "segments";
/// Name of the headline set with the clean samples among them.
pub const WITH_CLEAN: &str = "distorted and clean";

/// A method's name and what it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodAbout {
    /// Short name in tables.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
}

/// A filter curve and what it drops by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NamedCurve {
    /// Name of the method, or `oracle`.
    pub method: String,
    /// Mean downstream accuracy of what is left.
    pub curve: FilterCurve,
    /// Of what the oracle gains where [`GAIN_AT`](super::GAIN_AT) are dropped, how much this gains.
    pub share_of_oracle: Figure,
}

/// Mean label and mean score of one distortion at one level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// The head.
    pub head: String,
    /// Name of the distortion, `none` for clean.
    pub distortion: String,
    /// Level, 0 for clean.
    pub level: u8,
    /// Mean label.
    pub label: f64,
    /// Mean score of the model.
    pub score: f64,
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Name and version of the model.
    pub model: String,
    /// SHA-256 of the model file.
    pub sha256: String,
    /// The task's heads, the headline first.
    pub heads: Vec<String>,
    /// Test originals.
    pub originals: usize,
    /// Test samples, clean ones included.
    pub samples: usize,
    /// The methods compared, in the order of tables.
    pub methods: Vec<MethodAbout>,
    /// Baselines that could not be made, and what they lack.
    pub missing: Vec<String>,
    /// By labels, head and set: distorted, with clean, each distortion, each level.
    pub comparisons: Vec<Comparison>,
    /// Default thresholds by head.
    pub thresholds: Vec<Thresholds>,
    /// The distortion head.
    pub diagnosis: Option<Diagnosis>,
    /// By head, distortion and level.
    pub cells: Vec<Cell>,
    /// By head and pair of levels; empty without region patterns.
    pub pairs: Vec<PairCell>,
    /// By head, whether the model's scores are what they say.
    pub reliability: Vec<Reliability>,
    /// Downstream accuracy after dropping the worst-scored.
    pub filter_curves: Vec<NamedCurve>,
}

/// An evaluation and the scores it rests on.
#[derive(Debug)]
pub struct Evaluated {
    /// What was found.
    pub evaluation: Evaluation,
    /// Every method's scores for the test samples.
    pub methods: Vec<Method>,
}

impl Evaluation {
    /// The comparison of some labels, head and set.
    pub fn comparison(&self, labels: &str, head: &str, set: &str) -> Option<&Comparison> {
        self.comparisons.iter().find(|c| (c.labels.as_str(), c.head.as_str(), c.set.as_str()) == (labels, head, set))
    }
}

/// Compares the model's measurements on the test samples with every baseline and the models beside.
///
/// # Errors
/// A baseline's tables can't be read or do not fit.
pub fn evaluate(
    work: &Path,
    features: &Path,
    measuring: &Measuring<'_>,
    samples: &Samples,
    measured: &[Measurement],
) -> Result<Evaluated, EvaluateError> {
    let Measuring { card, beside, metrics, .. } = *measuring;
    let of_task = |at: usize| [0, 1, 2].map(|head| measured.iter().map(|m| m.heads[at][head]).collect());
    let about = format!("{} {} (no reference)", card.name, card.version);
    let mut methods = vec![Method::by_head(MODEL, &about, of_task(0))];
    for (at, task) in measuring.tasks(samples.task).iter().enumerate().skip(1) {
        let about = format!("the same model's heads for {task}");
        methods.push(Method::by_head(&format!("{MODEL}_{task}"), &about, of_task(at)));
    }
    for (at, card) in beside.iter().enumerate() {
        let scores = [0, 1, 2].map(|head| measured.iter().map(|m| m.beside[at][head]).collect());
        let about = format!("model {} {} (no reference): {}", card.name, card.version, card.description.trim());
        methods.push(Method::by_head(&card.name, &about, scores));
    }
    let (others, missing) = baselines(work, features, samples, card, measured, metrics)?;
    methods.extend(others);
    let probabilities: Vec<Vec<f64>> = measured.iter().map(|m| m.distortions.clone()).collect();
    let diagnosis = diagnose(&card.output.distortions, &samples.test, &probabilities);
    let evaluation = judge(work, samples, &methods);
    let model = format!("{} {}", card.name, card.version);
    let evaluation = Evaluation { model, sha256: card.file.sha256.clone(), missing, diagnosis, ..evaluation };
    Ok(Evaluated { evaluation, methods })
}

/// The evaluations of a pool as one. What models said of distortions, reports do not keep by sample.
///
/// # Errors
/// A judged sample has no label.
pub fn evaluate_pool(work: &Path, samples: &Samples, pool: &Pool) -> Result<Evaluated, EvaluateError> {
    let methods = pool.methods(samples)?;
    let model = format!("{}, {} runs, each on its own test originals", pool.model, pool.sha256.len());
    let evaluation = Evaluation { model, sha256: pool.sha256.join(" "), ..judge(work, samples, &methods) };
    Ok(Evaluated { evaluation, methods })
}

/// All that follows from labels and scores.
fn judge(work: &Path, samples: &Samples, methods: &[Method]) -> Evaluation {
    let head_thresholds = |(head, name): (usize, &'static str)| head_thresholds(samples, methods.first()?, head, name);
    Evaluation {
        model: String::new(),
        sha256: String::new(),
        originals: samples.originals.len(),
        samples: samples.test.len(),
        methods: methods.iter().map(|m| MethodAbout { name: m.name.clone(), about: m.about.clone() }).collect(),
        missing: Vec::new(),
        comparisons: comparisons(samples, methods, &label_summary(work)),
        heads: samples.heads().map(str::to_owned).into(),
        thresholds: samples.heads().into_iter().enumerate().filter_map(head_thresholds).collect(),
        diagnosis: None,
        cells: methods.first().map(|model| cells(samples, model)).unwrap_or_default(),
        pairs: methods.first().map(|model| pairs(samples, model)).unwrap_or_default(),
        reliability: methods.first().map(|model| reliabilities(samples, model)).unwrap_or_default(),
        filter_curves: filter_curves(samples, methods),
    }
}

/// `labels.json` as `mmos` wrote it; null where there is none.
fn label_summary(work: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(work.join("labels.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Place of accuracy among a task's heads.
const ACCURACY: usize = 2;

/// Where `labels.json` keeps the ceiling of each of a task's heads, on distorted samples of known class.
const CEILINGS: [&str; HEADS] = ["composite", "consistency_of_known_class", "accuracy"];

fn comparisons(samples: &Samples, methods: &[Method], summary: &serde_json::Value) -> Vec<Comparison> {
    let original: Vec<&str> = samples.test.iter().map(|row| row.original.as_str()).collect();
    let where_ = |keep: &dyn Fn(usize) -> bool| (0..samples.test.len()).filter(|&row| keep(row)).collect::<Vec<_>>();
    let known = |row: usize| samples.test[row].accuracy.is_some();
    let distorted = where_(&|row| known(row) && samples.test[row].level > 0);
    let unknown = where_(&|row| !known(row) && samples.test[row].level > 0);
    let mut parts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for &row in &distorted {
        let sample = &samples.test[row];
        parts.entry(sample.distortion.clone()).or_default().push(row);
        let part = match sample.uniform_level() {
            Some(level) => format!("level {level}"),
            None => sample.pattern().name().to_owned(),
        };
        parts.entry(part).or_default().push(row);
    }
    let segments = segments(&samples.test);
    let mut out = Vec::new();
    for (index, set) in samples.label_sets.iter().enumerate() {
        for (head, name) in samples.heads().into_iter().enumerate() {
            let label: Vec<Option<f64>> = set.labels.iter().map(|labels| labels[head]).collect();
            let scored: Vec<(&Method, &[f64])> = methods.iter().map(|method| (method, method.scores(head))).collect();
            let ceiling = summary[&set.table]["ceiling"][CEILINGS[head]]["corrected"].as_f64();
            let mut add = |name_of_set: &str, detail, rows: &[usize]| {
                let ceiling = ceiling.filter(|_| name_of_set == DISTORTED);
                let question = Question { labels: &set.name, head: name, set: name_of_set, detail, ceiling };
                out.push(compare(question, &scored, &label, &original, rows));
            };
            add(DISTORTED, Detail::Full, &distorted);
            add(WITH_CLEAN, Detail::Full, &where_(&known));
            if unknown.iter().any(|&row| label[row].is_some()) {
                add(UNKNOWN_CLASS, Detail::Full, &unknown);
            }
            // Parts only for the labels of all models: they are for finding weak spots, not for the leak.
            if index == 0 {
                for (part, rows) in &parts {
                    add(part, Detail::Rank, rows);
                }
                if !segments.is_empty() {
                    let question =
                        Question { labels: &set.name, head: name, set: SEGMENTS, detail: Detail::Full, ceiling: None };
                    out.push(compare_segments(question, &segments, &scored, &label));
                }
            }
        }
    }
    out
}

/// The comparison of means over segments; they are drawn by their place in the video.
fn compare_segments(
    question: Question<'_>,
    segments: &[Segment],
    scored: &[(&Method, &[f64])],
    label: &[Option<f64>],
) -> Comparison {
    let label: Vec<Option<f64>> = segments.iter().map(|segment| segment.mean(|row| label[row])).collect();
    let means = |scores: &[f64]| -> Vec<f64> {
        segments.iter().map(|segment| segment.mean(|row| Some(scores[row])).unwrap_or(f64::NAN)).collect()
    };
    let scores: Vec<Vec<f64>> = scored.iter().map(|(_, scores)| means(scores)).collect();
    let scored: Vec<(&Method, &[f64])> =
        scored.iter().zip(&scores).map(|((method, _), scores)| (*method, scores.as_slice())).collect();
    let places: Vec<&str> = segments.iter().map(|segment| segment.name.as_str()).collect();
    compare(question, &scored, &label, &places, &(0..segments.len()).collect::<Vec<_>>())
}

/// [`of_head`] with the labels of all models.
fn head_thresholds(samples: &Samples, model: &Method, head: usize, name: &str) -> Option<Thresholds> {
    let labels = &samples.label_sets.first()?.labels;
    let levels: Vec<Option<u8>> = samples.test.iter().map(LabelRow::uniform_level).collect();
    of_head(name, head, model.scores(head), labels, &levels)
}

fn cells(samples: &Samples, model: &Method) -> Vec<Cell> {
    let mut sums: BTreeMap<(usize, &str, u8), (f64, f64, f64)> = BTreeMap::new();
    for (row, sample) in samples.test.iter().enumerate() {
        let Some(level) = sample.uniform_level() else { continue };
        for (head, label) in super::samples::labels_of(sample).into_iter().enumerate() {
            if let Some(label) = label {
                let sum = sums.entry((head, &sample.distortion, level)).or_default();
                *sum = (sum.0 + label, sum.1 + model.scores(head)[row], sum.2 + 1.0);
            }
        }
    }
    sums.into_iter()
        .map(|((head, distortion, level), (label, score, count))| Cell {
            head: samples.heads()[head].into(),
            distortion: distortion.into(),
            level,
            label: label / count,
            score: score / count,
        })
        .collect()
}

fn pairs(samples: &Samples, model: &Method) -> Vec<PairCell> {
    if samples.test.iter().all(|row| row.background_level.is_none()) {
        return Vec::new();
    }
    let pair = |row: &LabelRow| (row.level > 0).then(|| (row.level, row.background_level.unwrap_or(row.level)));
    let pair: Vec<Option<(u8, u8)>> = samples.test.iter().map(pair).collect();
    let labels = samples.label_sets.first().map(|set| set.labels.as_slice()).unwrap_or_default();
    let of_head = |(head, name): (usize, &'static str)| {
        let label: Vec<Option<f64>> = labels.iter().map(|labels| labels[head]).collect();
        grid(name, model.scores(head), &label, &pair)
    };
    samples.heads().into_iter().enumerate().flat_map(of_head).collect()
}

fn reliabilities(samples: &Samples, model: &Method) -> Vec<Reliability> {
    let labels = samples.label_sets.first().map(|set| set.labels.as_slice()).unwrap_or_default();
    let of_head = |(head, name): (usize, &'static str)| {
        let known = labels.iter().zip(model.scores(head)).filter_map(|(labels, &score)| Some((score, labels[head]?)));
        let (score, label): (Vec<f64>, Vec<f64>) = known.unzip();
        reliability(name, &score, &label)
    };
    samples.heads().into_iter().enumerate().filter_map(of_head).collect()
}

/// Curves of downstream accuracy for the model and the plainest baselines, and for the accuracy itself (`oracle`).
fn filter_curves(samples: &Samples, methods: &[Method]) -> Vec<NamedCurve> {
    let known: Vec<(usize, f64)> =
        samples.test.iter().enumerate().filter_map(|(row, s)| Some((row, f64::from(s.accuracy?)))).collect();
    let accuracy: Vec<f64> = known.iter().map(|&(_, accuracy)| accuracy).collect();
    let originals: Vec<&str> = known.iter().map(|&(row, _)| samples.test[row].original.as_str()).collect();
    let resamples = Resamples::by_original(&originals, RESAMPLES, SEED);
    let curve = |method: &str, score: &[f64]| NamedCurve {
        method: method.into(),
        curve: filter_curve(score, &accuracy),
        share_of_oracle: share_of_oracle(score, &accuracy, &resamples),
    };
    let mut curves = vec![curve("oracle", &accuracy)];
    for name in [MODEL, "confidence", "ridge", "ssim", "psnr"] {
        if let Some(method) = methods.iter().find(|method| method.name == name) {
            let score: Vec<f64> = known.iter().map(|&(row, _)| method.scores(ACCURACY)[row]).collect();
            curves.push(curve(name, &score));
        }
    }
    curves
}
