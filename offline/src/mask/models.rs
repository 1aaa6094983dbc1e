//! The models that make masks and their settings, as data: `zoo/masks.toml`, or a file of the user's.

use std::fs;
use std::path::{Path, PathBuf};

use miqa::engine::Runtime;
use ort::session::Session;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::MaskError;
use super::clean_up::CleanUp;
use super::refine::Refine;
use crate::export::onnx::{Model, ValueInfo};
use crate::label::zoo::{Element, Input, load_file};

/// The list that comes with the program.
const BUILT_IN: &str = include_str!("../../zoo/masks.toml");

/// Version of what is done to a picture before a model sees it, and to the model's output until it is a mask. Masks of
/// another version are made again: raise it with every change that can change a mask.
const PROCESSING: u32 = 3;

/// Models that make masks.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MaskModels {
    /// For `--masks saliency`.
    pub saliency: Option<SaliencyModel>,
    /// For `--masks cosegment`.
    pub co_segmentation: Option<DescriptorModel>,
}

/// A model that marks what is salient.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SaliencyModel {
    /// For people.
    pub name: String,
    /// Path below one of the model folders.
    pub file: String,
    /// SHA-256 of the file in hexadecimal digits.
    pub sha256: Option<String>,
    /// Where the weights come from.
    pub source: String,
    /// Licence of the weights.
    pub licence: String,
    /// Tensor with the map: [1, 1, h, w] or [1, h, w], higher is more salient.
    pub output: String,
    /// Share of the map's own range above which a pixel is inside, 0..1.
    pub threshold: f32,
    /// What the model takes.
    pub input: Input,
    /// What happens to specks and holes; none: nothing.
    pub clean_up: Option<CleanUp>,
    /// Whether edges follow those of the original; none: they don't.
    pub refine: Option<Refine>,
}

/// A vision transformer whose patches describe what they show, and how masks follow from that.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DescriptorModel {
    /// For people.
    pub name: String,
    /// Path below one of the model folders.
    pub file: String,
    /// SHA-256 of the file in hexadecimal digits.
    pub sha256: Option<String>,
    /// Where the weights come from.
    pub source: String,
    /// Licence of the weights.
    pub licence: String,
    /// Tensor with the descriptors: [1, prefix + rows·columns, width].
    pub descriptors: String,
    /// Tokens before the patches.
    pub prefix: usize,
    /// Side of a patch in pixels of the input.
    pub patch: u32,
    /// Rings of neighbours whose descriptors are added to each patch's, 0 or 1.
    pub context: u8,
    /// Who says what is salient.
    pub vote: Vote,
    /// Mean over the map's own range above which a cluster is salient in a picture, 0..1.
    pub salient: f32,
    /// Share of the pictures with a cluster that must find it salient, 0..=1.
    pub votes: f32,
    /// The number of clusters grows while their spread is below this share of the one before, 0..1.
    pub elbow: f64,
    /// Most clusters.
    pub clusters: usize,
    /// Most rounds of k-means.
    pub rounds: usize,
    /// Most pictures clustered at once.
    pub group: usize,
    /// Seed of the first centres.
    pub seed: u64,
    /// What the model takes.
    pub input: Input,
    /// What happens to specks and holes; none: nothing.
    pub clean_up: Option<CleanUp>,
    /// Whether edges follow those of the original; none: they don't.
    pub refine: Option<Refine>,
}

/// Which tensor says what is salient.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// What the tensor is.
    pub kind: VoteKind,
    /// Its name.
    pub output: String,
}

/// What a voting tensor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VoteKind {
    /// A saliency map: [1, 1, h, w] or [1, h, w].
    Map,
    /// Attention weights [1, heads, tokens, tokens]; the first token's, over all heads, vote.
    Attention,
}

impl MaskModels {
    /// The list in `path`, or the one that comes with the program.
    ///
    /// # Errors
    /// [`MaskError::Models`] for a file that can't be read, unknown keys or values out of range.
    pub fn read(path: Option<&Path>) -> Result<Self, MaskError> {
        let name = path.map_or_else(|| "built in".to_owned(), |path| path.display().to_string());
        let refuse = |reason: String| MaskError::Models { name: name.clone(), reason };
        let text = match path {
            Some(path) => fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?,
            None => BUILT_IN.to_owned(),
        };
        let models: Self = toml::from_str(&text).map_err(|e| refuse(e.to_string()))?;
        models.check().map_err(refuse)?;
        Ok(models)
    }

    fn check(&self) -> Result<(), String> {
        let open = |value: f64| value > 0.0 && value < 1.0;
        if let Some(model) = &self.saliency {
            check_input("saliency", &model.input)?;
            if !open(f64::from(model.threshold)) {
                return Err("saliency: threshold must be between 0 and 1".to_owned());
            }
        }
        if let Some(model) = &self.co_segmentation {
            check_input("co_segmentation", &model.input)?;
            let wrong = [
                (!(1..=model.input.size).contains(&model.patch), "patch must be 1 to the input's size"),
                (model.patch > 0 && model.input.size % model.patch != 0, "the input's size must be whole patches"),
                (model.context > 1, "context must be 0 or 1"),
                (!open(f64::from(model.salient)), "salient must be between 0 and 1"),
                (!(0.0..=1.0).contains(&model.votes), "votes must be 0 to 1"),
                (!open(model.elbow), "elbow must be between 0 and 1"),
                (!(2..=64).contains(&model.clusters), "clusters must be 2 to 64"),
                (!(1..=1000).contains(&model.rounds), "rounds must be 1 to 1000"),
                (!(1..=1000).contains(&model.group), "group must be 1 to 1000"),
            ];
            if let Some((_, what)) = wrong.iter().find(|(wrong, _)| *wrong) {
                return Err(format!("co_segmentation: {what}"));
            }
        }
        Ok(())
    }

    /// The saliency model.
    ///
    /// # Errors
    /// [`MaskError::Models`] if the list has none.
    pub fn saliency(&self) -> Result<&SaliencyModel, MaskError> {
        self.saliency.as_ref().ok_or_else(|| lacks("[saliency]"))
    }

    /// The descriptor model.
    ///
    /// # Errors
    /// [`MaskError::Models`] if the list has none.
    pub fn co_segmentation(&self) -> Result<&DescriptorModel, MaskError> {
        self.co_segmentation.as_ref().ok_or_else(|| lacks("[co_segmentation]"))
    }
}

fn lacks(section: &str) -> MaskError {
    MaskError::Models { name: "in use".to_owned(), reason: format!("has no section {section}") }
}

fn check_input(section: &str, input: &Input) -> Result<(), String> {
    let wrong = [
        (!(1..=4096).contains(&input.size), "input size must be 1 to 4096 pixels"),
        (input.crop.is_some(), "input crop is not possible: a mask covers the whole picture"),
        (input.element != Element::F32, "input element must be \"f32\""),
        (input.std.iter().any(|std| !std.is_normal()), "input std must not be 0"),
    ];
    wrong.iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, what)| Err(format!("{section}: {what}")))
}

/// A short fingerprint of everything in a model's entry, and of how pictures and outputs are processed; a file without a
/// hash there counts by its name.
pub(super) fn fingerprint(entry: &impl Serialize) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("processing {PROCESSING}\n"));
    hash.update(serde_json::to_vec(entry).expect("plain values always serialise"));
    super::short_hex(&hash.finalize())
}

/// A session on the model file whose outputs are the tensors of these names, also such as lie inside the graph.
///
/// # Errors
/// The file is missing or not the one meant, has no such tensor, or ONNX Runtime refuses it.
pub(super) fn open_with_outputs(
    runtime: &Runtime,
    (name, file, sha256): (&str, &str, Option<&str>),
    folders: &[PathBuf],
    outputs: &[&str],
) -> Result<Session, MaskError> {
    let (path, bytes) = load_file(name, file, sha256, folders)?;
    let mut model = Model::from_bytes(&path, &bytes)?;
    drop(bytes);
    if let Some(graph) = &mut model.graph {
        let mut wanted = Vec::new();
        for &output in outputs {
            let listed = graph.outputs.iter().find(|value| value.name == output);
            let inside = graph.nodes.iter().any(|node| node.outputs.iter().any(|value| value == output));
            wanted.push(match (listed, inside) {
                (Some(value), _) => value.clone(),
                // Without a type ONNX Runtime infers it.
                (None, true) => ValueInfo { name: output.to_owned(), kind: None },
                (None, false) => {
                    let reason = format!("{} has no tensor `{output}`", path.display());
                    return Err(MaskError::Run { model: name.to_owned(), reason });
                }
            });
        }
        graph.outputs = wanted;
    }
    Ok(runtime.session_from_bytes(&path.display().to_string(), &model.to_bytes(), 1)?)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::fit::{Geometry, normalise};
    use crate::mask::clusters::{Points, elbow};
    use crate::mask::saliency::above;
    use crate::mask::upscale::Map;
    use crate::render::RandomField;
    use crate::source::PixelHash;

    #[test]
    fn the_built_in_list_is_sound_and_nonsense_is_refused_by_name() {
        let models = MaskModels::read(None).unwrap();
        assert!(models.saliency().is_ok() && models.co_segmentation().is_ok());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.toml");
        for (from, to, part) in [
            ("threshold = 0.4", "threshold = 1.4", "threshold"),
            ("patch = 14", "patch = 15", "whole patches"),
            ("elbow = 0.95", "elbow = 1.0", "elbow"),
            ("clusters = 15", "clusters = 1", "clusters"),
            ("kind = \"map\"", "kind = \"guess\"", "guess"),
            ("size = 224", "size = 224\ncrop = 0.875", "crop"),
            ("element = \"f32\"", "element = \"u8\"", "element"),
            ("group = 50", "groups = 50", "groups"),
        ] {
            assert!(BUILT_IN.contains(from), "{from}");
            fs::write(&path, BUILT_IN.replacen(from, to, 1)).unwrap();
            let text = MaskModels::read(Some(&path)).unwrap_err().to_string();
            assert!(text.contains(part) && text.contains("own.toml"), "{text}");
        }
        fs::write(&path, "").unwrap();
        let text = MaskModels::read(Some(&path)).unwrap().saliency().unwrap_err().to_string();
        assert!(text.contains("[saliency]"), "{text}");
    }

    /// Masks of an earlier run are kept by the fingerprint. Should this hash change, raise `PROCESSING`.
    #[test]
    fn a_version_of_processing_is_one_tensor_and_one_mask_for_one_picture() {
        let scene = crate::distort::golden::scene();
        let models = MaskModels::read(None).unwrap();
        let (saliency, shared) = (models.saliency().unwrap(), models.co_segmentation().unwrap());
        let mut hash = Sha256::new();
        for input in [&saliency.input, &shared.input] {
            let mut tensor = Vec::new();
            normalise(input, &Geometry::of(input).fit(&scene).unwrap(), &mut tensor);
            tensor.iter().for_each(|value| hash.update(value.to_le_bytes()));
        }
        // A hill, a speck and a hole, as a model may give them.
        let value = |at: usize| {
            let (x, y) = ((at % 16) as f32 - 6.0, (at / 16) as f32 - 8.0);
            1.0 / (1.0 + x * x + 0.5 * y * y) + if at == 15 { 0.8 } else { 0.0 }
                - if at == 8 * 16 + 6 { 0.9 } else { 0.0 }
        };
        let map = Map { width: 16, height: 16, values: (0..256).map(value).collect() };
        let map = map.stretched().resized(scene.width() as usize, scene.height() as usize);
        let refined = shared.refine.as_ref().unwrap().apply(&map, &scene);
        for (map, clean_up) in [(&map, &saliency.clean_up), (&refined, &shared.clean_up)] {
            let mask = clean_up.as_ref().unwrap().apply(&above(map, 0.2));
            assert!(mask.area() > 0);
            hash.update(mask.pixels());
        }
        // Two kinds of patches in four pictures.
        let points: Vec<f32> = (0..200_u8).flat_map(|i| [f32::from(i % 2), f32::from(i % 7) / 20.0, 0.5]).collect();
        let field = |count: usize| RandomField::of(&PixelHash([4; 32]), "co-segmentation", count, shared.seed);
        let clusters = elbow(Points::new(&points, 3), shared.elbow, shared.clusters, shared.rounds, field);
        clusters.labels.iter().for_each(|&label| hash.update([label as u8]));
        let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            (PROCESSING, found.as_str()),
            (3, "7c59ecc32da69934cb39c6228750765fa9a790efd0a856f6b11a7efbbb733c4a")
        );
    }

    #[test]
    fn settings_are_part_of_the_fingerprint() {
        let mut model = MaskModels::read(None).unwrap().saliency.unwrap();
        let before = fingerprint(&model);
        model.threshold = 0.5;
        assert_ne!(fingerprint(&model), before);
    }
}
