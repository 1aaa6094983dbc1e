//! What the model has to beat: pictures' differences, cell means, the backbone's own confidence, ridge regression.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use miqa::engine::Card;
use ndarray::Array2;

use super::opened;
use super::samples::labels_of;
use super::{EvaluateError, HEADS, LEAST_SIDE, Measurement, Method, Ridge, Samples, method::PSNR_LIMIT};
use crate::export::onnx::Model;
use crate::export::region::LARGEST_AT;
use crate::label::LabelRow;
use crate::label::score::{MODELS_NOTE, ScoreRow, scores_of};
use crate::label::zoo::Task;
use crate::quality::model::OpenedModel;
use crate::table::{self, Rows};
use crate::train::dataset::{Dataset, Layout};

/// The model of the zoo whose largest softmax probability is the confidence baseline.
pub const BACKBONE: &str = "efficientnet_lite0";
/// What stands before the names of the region graph's values in an exported model.
const REGION_SCOPE: &str = "region/";
/// Folds of originals in which the ridge penalty is chosen.
const RIDGE_FOLDS: usize = 5;
/// Weights of confidence and ridge in their mix, both standardised; the best of six tried in an earlier trial.
const MIX: (f64, f64) = (0.7, 0.3);

/// How sure the models of a task are of what they say of each test sample.
struct Sureness {
    /// Of classes the backbone's largest probability, if it was a model of the zoo; of objects the mean score of those found, mean
    /// over the models.
    confidence: Option<Vec<f64>>,
    /// Of objects the largest score, mean over the models.
    surest: Option<Vec<f64>>,
}

impl Sureness {
    /// As `mmos` kept it; `None` if it kept nothing of this task.
    fn of(work: &Path, samples: &Samples) -> Result<Option<Self>, EvaluateError> {
        let path = scores_of(work, samples.task);
        if !path.is_file() {
            return Ok(None);
        }
        let models = table::read_note(&path, MODELS_NOTE)?.unwrap_or_default();
        let backbone = models.split(',').position(|model| model == BACKBONE);
        let mean = |of: &[f32]| (!of.is_empty()).then(|| of.iter().sum::<f32>() / of.len() as f32);
        let confidence = |row: &ScoreRow| match samples.task {
            Task::Classification => backbone.and_then(|at| row.confidence.get(at).copied()),
            _ => mean(&row.confidence),
        };
        let wanted: HashSet<&str> = samples.test.iter().map(|row| row.sample.as_str()).collect();
        let (mut confident, mut surest) = (HashMap::with_capacity(wanted.len()), HashMap::new());
        for row in Rows::<ScoreRow>::of_file(&path)? {
            let row = row?;
            if wanted.contains(row.sample.as_str()) {
                confident.extend(confidence(&row).map(|score| (row.sample.clone(), f64::from(score))));
                surest.extend(mean(&row.surest).map(|score| (row.sample, f64::from(score))));
            }
        }
        let all = |scores: &HashMap<String, f64>| -> Option<Vec<f64>> {
            samples.test.iter().map(|row| scores.get(&row.sample).copied()).collect()
        };
        Ok(Some(Self { confidence: all(&confident), surest: all(&surest) }))
    }
}

/// All baselines that the work folder has what it takes for, and a line for each that it lacks.
///
/// # Errors
/// A table can't be read or does not belong to the samples, or the ridge regression fails.
pub(super) fn baselines(
    work: &Path,
    features: &Path,
    samples: &Samples,
    card: &Card,
    measured: &[Measurement],
    metrics: &[OpenedModel],
) -> Result<(Vec<Method>, Vec<String>), EvaluateError> {
    let (mut methods, mut missing) = (Vec::new(), Vec::new());
    let psnr = samples.test.iter().map(|row| row.psnr.min(PSNR_LIMIT)).collect();
    methods.push(Method::same("psnr", "PSNR against the original (full reference)", psnr));
    let ssim = measured.iter().map(|m| m.likeness.ssim).collect();
    methods.push(Method::same("ssim", "SSIM against the original (full reference)", ssim));
    match measured.iter().map(|m| m.likeness.ms_ssim).collect() {
        Some(scores) => methods.push(Method::same("ms_ssim", "MS-SSIM against the original (full reference)", scores)),
        None => {
            let small = measured.iter().filter(|m| m.likeness.ms_ssim.is_none()).count();
            missing.push(format!("ms_ssim: {small} test samples are under {LEAST_SIDE}×{LEAST_SIDE}"));
        }
    }
    let vsi = measured.iter().map(|m| m.likeness.vsi).collect();
    methods.push(Method::same("vsi", "VSI against the original (full reference)", vsi));
    for (at, metric) in metrics.iter().enumerate() {
        let scores = measured.iter().map(|m| m.metrics[at]).collect();
        methods.push(Method::same(&metric.model.name, &about(metric), scores));
    }
    methods.push(cell_mean(samples));

    let sureness = Sureness::of(work, samples)?;
    let (confidence, surest) = sureness.map_or((None, None), |of| (of.confidence, of.surest));
    match &confidence {
        Some(scores) => {
            let about = match samples.task {
                Task::Classification => format!("largest softmax probability of {BACKBONE}, untrained"),
                task => format!("mean score that the models of {task} themselves give what they find, untrained"),
            };
            methods.push(Method::same("confidence", &about, scores.clone()));
        }
        None if samples.task == Task::Classification => {
            missing.push(format!("confidence: predictions of {BACKBONE} for all test samples"));
        }
        None => missing.push(format!("confidence: {}", scores_of(work, samples.task).display())),
    }
    if let Some(surest) = surest {
        let about = format!("largest score that the models of {} themselves give, their mean, untrained", samples.task);
        methods.push(Method::same("surest", &about, surest));
    }

    if !Layout::of(features).prepared().is_file() {
        missing.push("ridge: region features, which `train` prepares".into());
        return Ok((methods, missing));
    }
    let dataset = Dataset::open(features)?;
    let Some(features) = Features::of(features, samples, card, measured, &dataset)? else {
        missing.push(format!("ridge: model {} has no region features that its graph tells of", card.name));
        return Ok((methods, missing));
    };
    if let Some(scores) = features.largest() {
        let about =
            "largest softmax probability of the region encoder on the model's own 288×288 input, as the model gets it";
        methods.push(Method::same("confidence_288", about, scores));
    }
    let all = features.ridge(samples, |_| true)?;
    if let Some(confidence) = &confidence {
        let (a, b) = (standardised(confidence), all.each_ref().map(|scores| standardised(scores)));
        let mixed = b.map(|ridge| a.iter().zip(ridge).map(|(c, r)| MIX.0 * c + MIX.1 * r).collect());
        methods.push(Method::by_head("confidence_ridge", "confidence and ridge, standardised, 7 : 3", mixed));
    }
    methods.push(Method::by_head("ridge", "tuned ridge regression on all region features of the model", all));
    let pooled = features.ridge(samples, |group| group.ends_with("/mean") || group.ends_with("/deviation"))?;
    methods.push(Method::by_head(
        "ridge_pooled",
        "tuned ridge regression on the pooled maps alone, without beliefs",
        pooled,
    ));
    Ok((methods, missing))
}

/// What a metric given as ONNX is.
fn about(metric: &OpenedModel) -> String {
    let source = &metric.model.source;
    let whence = if source.is_empty() { String::new() } else { format!(", {source}") };
    format!("{} as ONNX{whence}", metric.model.name)
}

/// Mean label of the same distortion and levels over the originals seen in training: all that can be known without
/// looking at the picture.
fn cell_mean(samples: &Samples) -> Method {
    /// Distortion, level and level of the background.
    type Cell<'a> = (&'a str, u8, Option<u8>);
    fn of(row: &LabelRow) -> Cell<'_> {
        (&row.distortion, row.level, row.background_level)
    }
    let mut cells: BTreeMap<Cell, [(f64, f64); 3]> = BTreeMap::new();
    for row in &samples.seen {
        let cell = cells.entry(of(row)).or_default();
        for ((sum, count), label) in cell.iter_mut().zip(labels_of(row)) {
            *sum += label.unwrap_or(0.0);
            *count += f64::from(label.is_some());
        }
    }
    let mean = |row: &LabelRow, head: usize| match cells.get(&of(row)) {
        Some(cell) if cell[head].1 > 0.0 => cell[head].0 / cell[head].1,
        _ => 0.5,
    };
    let scores = [0, 1, 2].map(|head| samples.test.iter().map(|row| mean(row, head)).collect());
    Method::by_head(
        "cell_mean",
        "mean label of the distortion and level in training (knows both, sees no picture)",
        scores,
    )
}

/// Values less their mean, a standard deviation each.
fn standardised(values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt().max(1e-12);
    values.iter().map(|v| (v - mean) / deviation).collect()
}

/// Region features of the samples: of those seen as training prepared them, of test samples as the model itself computed them.
struct Features<'a> {
    dataset: &'a Dataset,
    /// Each seen sample that is prepared, as training may leave some out: its place among those seen, its row there.
    seen: Vec<(usize, usize)>,
    measured: &'a [Measurement],
}

impl<'a> Features<'a> {
    /// `None` if the model's graph does not tell its features.
    fn of(
        work: &Path,
        samples: &Samples,
        card: &Card,
        measured: &'a [Measurement],
        dataset: &'a Dataset,
    ) -> Result<Option<Self>, EvaluateError> {
        let Some(own) = opened::standard(&opened::read(card)?, REGION_SCOPE) else { return Ok(None) };
        if measured.iter().any(|m| m.features.is_empty()) {
            return Ok(None);
        }
        let layout = Layout::of(work);
        if opened::standard(&Model::read(&layout.region())?, "").as_ref() != Some(&own) {
            let reason = format!(
                "does not standardise features as model {} does; prepared for another recipe or other folds",
                card.name
            );
            return Err(EvaluateError::Mismatch { table: layout.region(), reason });
        }
        let mut place: HashMap<&str, usize> = HashMap::with_capacity(dataset.rows.len());
        for (i, row) in dataset.rows.iter().enumerate() {
            place.entry(&row.sample).or_insert(i);
        }
        let find = |row: &LabelRow| place.get(row.sample.as_str()).copied();
        let seen = samples.seen.iter().enumerate().filter_map(|(i, row)| Some((i, find(row)?))).collect();
        Ok(Some(Self { dataset, seen, measured }))
    }

    /// The encoder's largest probability for each test sample, standardised; none if it is no feature.
    fn largest(&self) -> Option<Vec<f64>> {
        let mut first = 0;
        for group in &self.dataset.prepared.groups {
            if group.name.ends_with("/belief") {
                let of = |m: &Measurement| m.features.get(first + LARGEST_AT).copied().map(f64::from);
                return self.measured.iter().map(of).collect();
            }
            first += group.width;
        }
        None
    }

    /// Predictions of one regression a head on the groups of features that `wanted` names.
    fn ridge(&self, samples: &Samples, wanted: impl Fn(&str) -> bool) -> Result<[Vec<f64>; HEADS], EvaluateError> {
        let mut columns = Vec::new();
        let mut first = 0;
        for group in &self.dataset.prepared.groups {
            if wanted(&group.name) {
                columns.extend(first..first + group.width);
            }
            first += group.width;
        }
        let matrix = |rows: &mut dyn ExactSizeIterator<Item = &[f32]>| {
            let count = rows.len();
            let values = rows.flat_map(|features| columns.iter().map(|&column| features[column])).collect();
            Array2::from_shape_vec((count, columns.len()), values).expect("each row gives one value a column")
        };
        let test = matrix(&mut self.measured.iter().map(|m| m.features.as_slice()));
        let mut predictions = [Vec::new(), Vec::new(), Vec::new()];
        for (head, predictions) in predictions.iter_mut().enumerate() {
            let labelled: Vec<(usize, usize, f64)> =
                self.seen.iter().filter_map(|&(i, row)| Some((i, row, labels_of(&samples.seen[i])[head]?))).collect();
            let rows: Vec<usize> = labelled.iter().map(|&(_, row, _)| row).collect();
            let labels: Vec<f64> = labelled.iter().map(|&(_, _, label)| label).collect();
            let mut numbers: HashMap<&str, usize> = HashMap::new();
            let groups: Vec<usize> = labelled
                .iter()
                .map(|&(i, _, _)| {
                    let next = numbers.len();
                    *numbers.entry(samples.seen[i].original.as_str()).or_insert(next)
                })
                .collect();
            let seen = matrix(&mut rows.iter().map(|&row| self.dataset.features(row, false)));
            let fit = Ridge::tuned(&seen.view(), &labels, &groups, RIDGE_FOLDS)?;
            *predictions = fit.predict(&test.view());
        }
        Ok(predictions)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use super::*;
    use crate::evaluate::samples::fixture;
    use crate::evaluate::{Judged, Likeness, check_names, method::OWN_NAMES};
    use crate::quality::model::QualityModel;
    use crate::quality::scorer::tests::write_red_model;

    fn card() -> Card {
        Card::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny")).unwrap()
    }

    #[test]
    fn cell_means_know_the_distortion_and_the_level_of_seen_originals_only() {
        let folder = tempfile::tempdir().unwrap();
        fixture::work(folder.path(), 9);
        let samples = Samples::read(folder.path(), Task::Classification, None, Judged::TestFold).unwrap();
        let method = cell_mean(&samples);
        for (row, &score) in samples.test.iter().zip(method.scores(1)) {
            let cell: Vec<f64> = samples
                .seen
                .iter()
                .filter(|s| (&s.distortion, s.level) == (&row.distortion, row.level))
                .map(|s| f64::from(s.consistency))
                .collect();
            assert!((score - cell.iter().sum::<f64>() / cell.len() as f64).abs() < 1e-9, "{}", row.sample);
        }
    }

    #[test]
    fn metrics_have_rows_and_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        fixture::work(folder.path(), 6);
        let samples = Samples::read(folder.path(), Task::Classification, None, Judged::TestFold).unwrap();
        let open =
            |name: &str, rules: &str| QualityModel::open(&write_red_model(folder.path(), name, 1, rules)).unwrap();
        let metrics = [open("red", "source = \"a paper\""), open("green", "")];
        check_names(&metrics, &[]).unwrap();
        let likeness = Likeness { ssim: 0.5, ms_ssim: Some(0.5), vsi: 0.5 };
        let measured: Vec<Measurement> = (0..samples.test.len())
            .map(|at| {
                let metrics = vec![at as f64, -(at as f64)];
                Measurement {
                    likeness,
                    metrics,
                    heads: vec![[0.5; 3]],
                    beside: vec![],
                    distortions: vec![],
                    features: vec![],
                }
            })
            .collect();
        let (methods, _) = baselines(folder.path(), folder.path(), &samples, &card(), &measured, &metrics).unwrap();
        let red = methods.iter().find(|method| method.name == "red").unwrap();
        assert_eq!((red.about.as_str(), red.scores(2)[7]), ("red as ONNX, a paper", 7.0));
        let green = methods.iter().find(|method| method.name == "green").unwrap();
        assert_eq!((green.about.as_str(), green.scores(0)[7]), ("green as ONNX", -7.0));

        for twice in [["red", "red"], ["red", "vsi"], ["model", "red"]] {
            let error = check_names(&twice.map(|name| open(name, "")), &[]).unwrap_err().to_string();
            assert!(error.contains("another method has this name"), "{error}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        fixture::work(folder.path(), 6);
        let samples = Samples::read(folder.path(), Task::Classification, None, Judged::TestFold).unwrap();
        let measured = |ms_ssim| -> Vec<Measurement> {
            let likeness = Likeness { ssim: 0.5, ms_ssim, vsi: 0.5 };
            let measurement = Measurement {
                likeness,
                metrics: vec![],
                heads: vec![[0.5; 3]],
                beside: vec![],
                distortions: vec![],
                features: vec![],
            };
            vec![measurement; samples.test.len()]
        };
        let (methods, missing) =
            baselines(folder.path(), folder.path(), &samples, &card(), &measured(None), &[]).unwrap();
        let names: Vec<&str> = methods.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["psnr", "ssim", "vsi", "cell_mean"]);
        assert!(names.iter().all(|name| OWN_NAMES.contains(name)));
        assert_eq!(missing.len(), 3, "{missing:?}");
        assert!(missing[0].contains("ms_ssim: 22 "), "{missing:?}");
        let (methods, missing) =
            baselines(folder.path(), folder.path(), &samples, &card(), &measured(Some(0.5)), &[]).unwrap();
        assert_eq!((methods[2].name.as_str(), missing.len()), ("ms_ssim", 2));
        assert!(methods[0].scores(0).iter().all(|v| v.is_finite()), "clean pictures have a finite PSNR");
    }
}
