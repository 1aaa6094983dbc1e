//! The shipped graph: region branch and trained part behind one input.

use super::ExportError;
use super::graph::{GraphBuilder, Storage};
use super::onnx::{Element, Extent, Model};
use super::spec::ModelSpec;
use super::transformer::{Attention, append};
use super::weights::Weights;
use miqa::preprocess::SIDE;

/// Metadata key of the [`ModelSpec`], as JSON.
pub const SPEC_KEY: &str = "miqa.model";

/// The value of the exported graph that holds the region features f, [N, Dr].
pub const FEATURES: &str = "region/features";

/// Joins a region graph and trained weights: `image` u8 [N, 288, 288, 3] → one f32 [N] a quality head, clipped to
/// 0..=1, and `distortion` f32 [N, K], a sigmoid a distortion.
///
/// # Errors
/// [`ExportError`] if the weights or the region graph do not fit `spec`.
pub fn assemble(
    region: &Model,
    spec: &ModelSpec,
    weights: &Weights,
    attention: Attention,
    storage: Storage,
) -> Result<Model, ExportError> {
    spec.check()?;
    weights.check(spec)?;
    let mut b = GraphBuilder::new("ra-miqa", storage);
    let batch = Extent::Named("batch".to_owned());
    let side = Extent::Fixed(i64::from(SIDE));
    let image = b.input("image", Element::U8, &[batch.clone(), side.clone(), side, Extent::Fixed(3)]);
    // The region graph's constants keep the form they had when the training features were computed.
    let features = match spec.region_token {
        true => {
            Some(b.merge(region, "region", "region", Storage::Float, &[("image", &image)], &["features"])?.remove(0))
        }
        false => None,
    };
    let heads = append(&mut b, &image, features.as_ref(), spec, weights, attention)?;
    for (name, value) in spec.outputs.iter().zip(&heads.quality) {
        b.output(value, name, Element::F32, std::slice::from_ref(&batch));
    }
    let kinds = Extent::Fixed(i64::try_from(spec.distortions.len()).unwrap_or(i64::MAX));
    b.output(&heads.distortion, "distortion", Element::F32, &[batch, kinds]);
    let text = serde_json::to_string(spec).map_err(|e| ExportError::Recipe(e.to_string()))?;
    let mut metadata = vec![(SPEC_KEY, text)];
    if let Some(region) = region.metadata("miqa.region") {
        metadata.push(("miqa.region", region.to_owned()));
    }
    Ok(b.finish(attention.opset(), &metadata))
}

/// The sizes that an exported model was made with.
///
/// # Errors
/// [`ExportError::Weights`] if the file does not say, [`ExportError`] for sizes that make no sense.
pub fn spec_of(model: &Model) -> Result<ModelSpec, ExportError> {
    let text = model.metadata(SPEC_KEY).ok_or_else(|| {
        ExportError::Weights(format!("the model has no metadata {SPEC_KEY}; it was not written by miqa-offline"))
    })?;
    let spec: ModelSpec =
        serde_json::from_str(text).map_err(|e| ExportError::Weights(format!("metadata {SPEC_KEY}: {e}")))?;
    spec.check()?;
    Ok(spec)
}
