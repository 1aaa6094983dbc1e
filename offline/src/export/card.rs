//! The model card and the golden scores beside an exported model.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use miqa::engine::card::{FORMAT, File, Input, Licence, Output, Threshold, Training};
use miqa::engine::{Card, Model, Runtime};
use miqa::preprocess::{SIDE, View, from_rgb};
use serde::{Deserialize, Serialize};

use super::ExportError;
use super::spec::ModelSpec;
use crate::hex::sha256_hex;
use crate::plan::PlanId;
use crate::source::{Original, TEST, VALIDATION, decode};
use crate::train::dataset::{Prepared, SampleRow};
use crate::train::recipe::Recipe;

/// Ending of the rows of metrics that hold a head's SRCC on each distortion, level and pattern alone.
pub const BY_PART: &str = "_by_part";
/// Middle of the row of metrics that says how much of an oracle's gain dropping the worst-scored share brings.
pub const FILTER: &str = "share_of_oracle_at";

/// What the evaluation adds to a card; other keys of its file are ignored.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Evaluation {
    /// Gate thresholds by head.
    #[serde(default)]
    pub thresholds: BTreeMap<String, Threshold>,
    /// By head: shares of their accuracy that models lose, each with the score under which they have lost it.
    #[serde(default)]
    pub falls: BTreeMap<String, Vec<(f32, f32)>>,
    /// Figures by row name.
    #[serde(default)]
    pub metrics: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Evaluation {
    /// Takes over what another evaluation, of other heads, found.
    pub fn add(&mut self, other: Self) {
        self.thresholds.extend(other.thresholds);
        self.falls.extend(other.falls);
        self.metrics.extend(other.metrics);
    }
}

/// Everything a card is written from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Version of the model.
    pub version: &'a str,
    /// The recipe it was made by.
    pub recipe: &'a Recipe,
    /// Its sizes.
    pub spec: &'a ModelSpec,
    /// The file's bytes.
    pub model: &'a [u8],
    /// The samples of the work folder.
    pub samples: &'a [SampleRow],
    /// The originals of the work folder.
    pub originals: &'a [Original],
    /// What the samples were prepared from: plans, the models whose agreement the labels state, a teacher.
    pub prepared: &'a Prepared,
    /// Thresholds and figures, if it was evaluated.
    pub evaluation: &'a Evaluation,
}

/// The card of a model.
#[must_use]
pub fn card(facts: &Facts<'_>) -> Card {
    let (spec, recipe) = (facts.spec, facts.recipe);
    let mut folds: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for row in facts.samples {
        *folds.entry(&row.fold).or_default().entry(&row.original).or_default() += 1;
    }
    let held_out = format!("{} {TEST}", facts.prepared.held_out);
    let split: Vec<String> =
        std::iter::once(held_out).chain(folds.iter().map(|(fold, o)| format!("{} {fold}", o.len()))).collect();
    let used = |o: &&Original| folds.values().any(|f| f.contains_key(o.id.as_str()));
    let mut licences: BTreeMap<&str, usize> = BTreeMap::new();
    for original in facts.originals.iter().filter(used) {
        *licences.entry(&original.licence).or_default() += 1;
    }
    let pictures: Vec<String> = licences.iter().map(|(licence, n)| format!("{n} pictures: {licence}")).collect();
    let originals: usize = folds.values().map(BTreeMap::len).sum();
    let t = &recipe.train;
    let fused = facts.samples.iter().any(|row| row.background_level.is_some());
    let (kinds, known) = match fused {
        false => ("clean and uniformly degraded", "Knows only uniform degradations of the kinds it names"),
        true => ("clean, uniformly degraded and degraded by region", "Knows only degradations of the kinds it names"),
    };
    let kept = if t.folds.iter().any(|f| f == VALIDATION) {
        "trained on the validation fold too, last weights kept"
    } else {
        "epoch chosen on the validation fold"
    };
    let prepared = facts.prepared;
    let plans = match prepared.plans.as_slice() {
        [] => String::new(),
        plans => format!("; plans {}", plans.iter().map(PlanId::short).collect::<Vec<_>>().join(", ")),
    };
    let labellers: Vec<String> =
        prepared.labellers.iter().map(|(task, names)| format!("{task}: {}", names.join(", "))).collect();
    let labellers = labellers.join("; ");
    let teacher = prepared.taught.as_ref().map_or(String::new(), |taught| {
        format!("; beside them the scores of a teacher ({} heads, SHA-256 {})", taught.heads.len(), taught.sha256)
    });
    let published = recipe.pretrained.as_ref().map(|weights| format!("{}: {}", weights.file, weights.licence));
    let trunk = recipe.trunk.as_ref().map(|trunk| format!("{}: {}", trunk.file, trunk.licence));
    let encoder = format!("{}: {}", recipe.region.encoder, recipe.region.licence);
    let detectors =
        recipe.region.detectors.iter().map(|detector| format!("{}: {}", detector.encoder, detector.licence));
    let trunk = trunk.filter(|trunk| *trunk != encoder);
    Card {
        format: FORMAT,
        name: recipe.name.clone(),
        version: facts.version.to_owned(),
        description: format!(
            "RA-MIQA (arXiv 2508.19850) for one core: predicts how far vision models still get from a picture what they \
             would get from a clean one. {}",
            make(spec, recipe)
        ),
        file: File {
            name: "model.onnx".to_owned(),
            sha256: sha256_hex(facts.model),
            bytes: facts.model.len() as u64,
        },
        input: Input {
            name: "image".to_owned(),
            dtype: "uint8".to_owned(),
            layout: "NHWC".to_owned(),
            colour: "RGB".to_owned(),
            size: SIDE,
        },
        output: Output {
            heads: spec.outputs.clone(),
            distortion: "distortion".to_owned(),
            distortions: spec.distortions.clone(),
        },
        thresholds: facts.evaluation.thresholds.clone(),
        falls: facts.evaluation.falls.clone(),
        training: Training {
            data: format!("{} samples of {originals} originals, {kinds}{plans}", facts.samples.len()),
            labels: format!("agreement and accuracy (MMOS) of {labellers}{teacher}"),
            recipe: format!(
                "{}: up to {} epochs, batch {}, AdamW rate {} decay {}, seed {}; {}; \
                 final layer normalisation before the heads; region features: pooled maps with deviations and the \
                 encoder's own belief in {} views{}",
                recipe.name,
                t.epochs,
                t.batch,
                t.rate,
                t.decay,
                t.seed,
                kept,
                recipe.region.views.len(),
                if recipe.region.detectors.is_empty() { "" } else { ", how sure detectors are of what they find" }
            ),
            split: format!("by original: {}", split.join(", ")),
        },
        metrics: facts.evaluation.metrics.clone(),
        form: None,
        licence: Licence {
            weights: "trained on pictures under the terms below; use is bound to them, so research use only where they say so".to_owned(),
            parts: std::iter::once(encoder).chain(detectors).chain(published).chain(trunk).chain(pictures).collect(),
        },
        limits: weakest(facts).into_iter().chain([
            format!("{known}; others lower the score less surely."),
            "cls_accuracy and cls_composite ask about ImageNet's classes; for other scenes use cls_consistency and a clean level of the camera's own.".to_owned(),
            "Scenes unlike its training pictures can score low though clean, and a large object passing shifts the score: give a camera thresholds of its own.".to_owned(),
            "Seldom names mild distortions and sometimes names one on a clean picture; the metrics row cls_distortion says how often.".to_owned(),
            "Judges the centre 288×288 of a picture whose shorter side was resized to 288.".to_owned(),
        ]).collect(),
        folder: PathBuf::new(),
    }
}

/// The two distortions on which the first head follows its labels least, if that was evaluated.
fn weakest(facts: &Facts<'_>) -> Option<String> {
    let head = facts.spec.outputs.first()?;
    let parts = facts.evaluation.metrics.get(&format!("{head}{BY_PART}"))?;
    let known = |name: &&String| facts.spec.distortions.contains(*name);
    let mut parts: Vec<(&String, f64)> = parts.keys().filter(known).map(|name| (name, parts[name])).collect();
    parts.sort_by(|a, b| a.1.total_cmp(&b.1));
    let named: Vec<String> = parts.iter().take(2).map(|(name, srcc)| format!("{name} (SRCC {srcc:.2})")).collect();
    (!named.is_empty()).then(|| format!("Follows the labels of {head} least on {}.", named.join(" and ")))
}

/// The sentence that says what the model is made of.
fn make(spec: &ModelSpec, recipe: &Recipe) -> String {
    let branch = match &spec.trunk {
        None => format!("Width {}, {} blocks, {} attention heads", spec.width, spec.depth, spec.heads),
        Some(trunk) => format!(
            "Width {}, patch branch {} up to {}, averaged ({} channels)",
            spec.width, trunk.source.file, trunk.source.tensor, trunk.channels
        ),
    };
    match spec.region_token {
        true => {
            let detectors = recipe.region.detectors.iter().map(|detector| detector.encoder.as_str());
            let encoders: Vec<&str> = std::iter::once(recipe.region.encoder.as_str()).chain(detectors).collect();
            format!("{branch}, {} region features from {}.", spec.region, encoders.join(" and "))
        }
        false => format!("{branch}, no region token."),
    }
}

/// Scores of pictures, by which another machine can tell that it runs the same model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// Largest difference that another processor's arithmetic may make.
    pub tolerance: f32,
    /// The pictures.
    pub pictures: Vec<GoldenPicture>,
}

/// Scores of one picture's centre view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenPicture {
    /// The picture, relative to the folder of the golden scores.
    pub file: String,
    /// Score by head.
    pub scores: BTreeMap<String, f32>,
    /// Probability by distortion.
    pub distortions: BTreeMap<String, f32>,
}

/// Scores pictures with the model that lies in `folder` beside its card, as serving does.
///
/// # Errors
/// [`ExportError::Engine`] for a model that does not fit its card, [`ExportError::Run`] for a picture that can't be read.
pub fn golden(runtime: &Runtime, folder: &Path, pictures: &[PathBuf]) -> Result<Golden, ExportError> {
    let card = Card::read(folder).map_err(|e| ExportError::Engine(e.into()))?;
    let mut model = Model::open(runtime, &card, 1)?;
    let mut golden = Golden { tolerance: 1e-3, pictures: Vec::new() };
    for path in pictures {
        let wrong = |why: String| ExportError::run(&path.display().to_string(), why);
        let rgb = decode(path).map_err(|e| wrong(e.to_string()))?;
        let view = from_rgb(&rgb, View::Centre).map_err(|e| wrong(e.to_string()))?;
        let scores = model.score(&[view])?.remove(0);
        golden.pictures.push(GoldenPicture {
            file: relative(path, folder),
            scores: card.output.heads.iter().cloned().zip(scores.heads).collect(),
            distortions: card.output.distortions.iter().cloned().zip(scores.distortions).collect(),
        });
    }
    Ok(golden)
}

/// `path` as seen from `folder`, with `/`.
fn relative(path: &Path, folder: &Path) -> String {
    let whole = |p: &Path| p.canonicalize().unwrap_or_else(|_| p.to_owned());
    let (path, folder) = (whole(path), whole(folder));
    let shared = path.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(shared).map(|_| "..".to_owned());
    let down = path.components().skip(shared).filter_map(|c| match c {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    up.chain(down).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::export::graph::Storage;
    use crate::export::model::assemble;
    use crate::export::region::tests::{pictures, tiny_encoder};
    use crate::export::region::{build, groups};
    use crate::export::transformer::Attention;
    use crate::export::trunk;
    use crate::export::weights::{Array, Weights};
    use crate::label::zoo::Layout;

    #[test]
    fn the_engine_accepts_card_and_model_and_golden_scores_follow_the_picture() {
        let folder = tempfile::tempdir().unwrap();
        let (encoders, region) = tiny_encoder();
        let width = groups(&region, &encoders).unwrap().iter().map(|g| g.width).sum();
        let recipe = Recipe { region, ..Recipe::read(None).unwrap() };
        let spec = ModelSpec { width: 16, depth: 1, heads: 2, patch: 56, region: width, ..recipe.model.clone() };
        let mut weights = Weights::default();
        for p in spec.parameters() {
            let count = p.shape.iter().product();
            let values = (0..count).map(|i: usize| 0.2 * (i as f32 * 0.7).sin() + 0.1).collect();
            weights.insert(&p.name, Array { shape: p.shape, values });
        }
        let graph = build(&recipe.region, &encoders, None, Storage::Half).unwrap();
        let model = assemble(&graph, &spec, &weights, Attention::Plain, Storage::Half).unwrap().to_bytes();
        let threshold = Threshold { close_below: 0.4, open_above: 0.5 };
        let parts = [("darkness", 0.7), ("fog", 0.61), ("gaussian_noise", 0.9), ("level_1", 0.3)];
        let evaluation = Evaluation {
            thresholds: BTreeMap::from([("cls_consistency".to_owned(), threshold)]),
            falls: BTreeMap::from([("cls_consistency".to_owned(), vec![(0.1, 0.8), (0.3, 0.6)])]),
            metrics: BTreeMap::from([
                ("cls_composite".to_owned(), BTreeMap::from([("srcc".to_owned(), 0.5)])),
                ("cls_composite_by_part".to_owned(), parts.map(|(name, srcc)| (name.to_owned(), srcc)).into()),
            ]),
        };
        let prepared = Prepared {
            samples: 0,
            held_out: 7,
            region: width,
            groups: vec![],
            samples_key: String::new(),
            features_key: String::new(),
            taught: None,
            plans: vec![PlanId("f0".repeat(32))],
            labellers: BTreeMap::from([("detection".to_owned(), vec!["a".to_owned(), "b".to_owned()])]),
            crops: 0,
        };
        let facts = Facts {
            version: "0.1.0",
            recipe: &recipe,
            spec: &spec,
            model: &model,
            samples: &[],
            originals: &[],
            prepared: &prepared,
            evaluation: &evaluation,
        };
        let written = card(&facts);
        assert_eq!(
            written.limits[0],
            "Follows the labels of cls_composite least on fog (SRCC 0.61) and darkness (SRCC 0.70)."
        );
        assert!(written.training.labels.ends_with("of detection: a, b"), "{}", written.training.labels);
        assert!(written.training.data.contains("plans f0f0"), "{}", written.training.data);
        assert_eq!(written.training.split, "by original: 7 test");
        std::fs::write(folder.path().join("card.toml"), toml::to_string_pretty(&written).unwrap()).unwrap();
        std::fs::write(folder.path().join("model.onnx"), &model).unwrap();
        let read = Card::read(folder.path()).unwrap();
        assert_eq!(Card { folder: PathBuf::new(), ..read }, written);

        let files: Vec<PathBuf> = pictures(2)
            .chunks(crate::export::session::IMAGE_BYTES)
            .enumerate()
            .map(|(i, bytes)| {
                let path = folder.path().join(format!("pictures/{i}.png"));
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                image::RgbImage::from_raw(SIDE, SIDE, bytes.to_vec()).unwrap().save(&path).unwrap();
                path
            })
            .collect();
        let runtime = Runtime::open(miqa::engine::Device::Cpu).unwrap();
        let golden = golden(&runtime, folder.path(), &files).unwrap();
        assert_eq!(golden.pictures[1].file, "pictures/1.png");
        assert_eq!(golden.pictures[0].scores.len(), spec.outputs.len());
        assert_ne!(golden.pictures[0].distortions, golden.pictures[1].distortions);
    }

    #[test]
    fn the_card_says_what_the_patch_branch_is() {
        let recipe = Recipe::read(None).unwrap();
        let spec = ModelSpec { region: 7, ..recipe.model.clone() };
        let sentence = make(&spec, &recipe);
        assert!(sentence.contains("2 blocks") && sentence.contains("7 region features"), "{sentence}");
        let (file, source) = trunk::tests::every_operator(Layout::Nchw);
        let (trunk, _) = trunk::read(&source, &file, 32).unwrap();
        let sentence = make(&ModelSpec { trunk: Some(trunk), region_token: false, ..spec }, &recipe);
        let parts = ["every.onnx up to map", "16 channels", "no region token"];
        assert!(parts.iter().all(|part| sentence.contains(part)) && !sentence.contains("blocks"), "{sentence}");
    }

    #[test]
    fn paths_are_seen_from_the_folder() {
        for (path, folder, expected) in
            [("/a/b/c.png", "/a/b", "c.png"), ("/a/x/c.png", "/a/b/d", "../../x/c.png"), ("/c.png", "/a", "../c.png")]
        {
            assert_eq!(relative(Path::new(path), Path::new(folder)), expected);
        }
    }
}
