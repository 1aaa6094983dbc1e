use miqa::preprocess::SIDE;

use super::belief::{self, AGREEMENT_WIDTH, BELIEF_WIDTH, Belief};
use super::spec::{FeatureGroup, RegionSpec, Standard, ViewSpec};
use crate::export::ExportError;
use crate::export::graph::{GraphBuilder, OPSET, Storage, Value};
use crate::export::onnx::{Attribute, Element, Extent, Graph, Model, Tensor};

/// Writes the region graph: `image` u8 [N, 288, 288, 3] → `features` f32 [N, Dr] and `confidence` f32 [N], the
/// largest softmax probability of the encoder's own classifier on the first view.
///
/// Without `standard` the features are raw; with it they are standardised and clipped. The encoder's large
/// constants are stored as `storage` says, the standard always as 32-bit floats.
///
/// # Errors
/// [`ExportError`] for a recipe that makes no sense, tensors the encoder does not have, or operators that can't be
/// carried over.
pub fn build(
    spec: &RegionSpec,
    encoder: &Model,
    standard: Option<&Standard>,
    storage: Storage,
) -> Result<Model, ExportError> {
    spec.check()?;
    let mut b = GraphBuilder::new("region", storage);
    let side = Extent::Fixed(i64::from(SIDE));
    let batch = Extent::Named("batch".to_owned());
    let image = b.input("image", Element::U8, &[batch.clone(), side.clone(), side, Extent::Fixed(3)]);
    let pixels = normalise(&mut b, &image, spec);

    let mut parts = Vec::new();
    let mut beliefs: Vec<Belief> = Vec::new();
    for (i, view) in spec.views.iter().enumerate() {
        b.scope(&format!("view/{}", view.name));
        let picture = look(&mut b, &pixels, view);
        let mut wanted: Vec<&str> = view.taps.iter().map(|t| t.tensor.as_str()).collect();
        // The first view's belief is also the confidence output, so it is computed even if it is no feature.
        if i == 0 || view.belief {
            wanted.push(&spec.logits);
        }
        let bind = [(spec.input.as_str(), &picture)];
        let maps = b.merge(encoder, &format!("encoder/{}", view.name), "encoder", Storage::Half, &bind, &wanted)?;
        for (tap, map) in view.taps.iter().zip(&maps) {
            parts.extend(pool(&mut b, map, tap.deviation));
        }
        if let Some(logits) = maps.get(view.taps.len()) {
            let belief = belief::belief(&mut b, logits);
            if view.belief {
                parts.push(belief.features.clone());
                if i > 0 {
                    parts.push(belief::agreement(&mut b, &beliefs[0], &belief));
                }
            }
            beliefs.push(belief);
        }
    }

    b.scope("features");
    let mut features = b.op("Concat", &parts.iter().collect::<Vec<_>>(), vec![Attribute::of_int("axis", 1)]);
    let width: usize = groups(spec, encoder.graph()?)?.iter().map(|g| g.width).sum();
    if let Some(standard) = standard {
        if standard.mean.len() != width || standard.divisor.len() != width {
            let why = format!("the standard has {} features, the recipe describes {width}", standard.mean.len());
            return Err(ExportError::Recipe(why));
        }
        let mean = b.exact("features/mean", &[width], &standard.mean);
        let divisor = b.exact("features/divisor", &[width], &standard.divisor);
        let centred = b.op("Sub", &[&features, &mean], vec![]);
        let scaled = b.op("Div", &[&centred, &divisor], vec![]);
        let (low, high) = (b.scalar(-spec.clip), b.scalar(spec.clip));
        features = b.op("Clip", &[&scaled, &low, &high], vec![]);
    }
    let columns = Extent::Fixed(i64::try_from(width).unwrap_or(i64::MAX));
    b.output(&features, "features", Element::F32, &[batch.clone(), columns]);
    let flat = b.ints(&[-1]);
    let confidence = b.op("Reshape", &[&beliefs[0].confidence, &flat], vec![]);
    b.output(&confidence, "confidence", Element::F32, &[batch]);
    let text = toml::to_string(spec).map_err(|e| ExportError::Recipe(e.to_string()))?;
    Ok(b.finish(OPSET, &[("miqa.region", text)]))
}

/// The stretches of the feature vector in their order.
///
/// # Errors
/// [`ExportError::NoValue`] for a tap whose number of channels can't be found in the encoder's graph.
pub fn groups(spec: &RegionSpec, encoder: &Graph) -> Result<Vec<FeatureGroup>, ExportError> {
    let mut groups = Vec::new();
    for (i, view) in spec.views.iter().enumerate() {
        for tap in &view.taps {
            let width = channels(encoder, &tap.tensor)?;
            for kind in ["mean", "deviation"].iter().take(1 + usize::from(tap.deviation)) {
                let name = format!("{}/{}/{kind}", view.name, tap.tensor);
                groups.push(FeatureGroup { name, width, gain: tap.gain });
            }
        }
        if view.belief {
            let gain = view.belief_gain;
            groups.push(FeatureGroup { name: format!("{}/belief", view.name), width: BELIEF_WIDTH, gain });
            if i > 0 {
                groups.push(FeatureGroup { name: format!("{}/agreement", view.name), width: AGREEMENT_WIDTH, gain });
            }
        }
    }
    Ok(groups)
}

/// Channels of a map: those of the convolution it comes from, through operators that keep them.
fn channels(graph: &Graph, tensor: &str) -> Result<usize, ExportError> {
    let mut name = tensor;
    // A graph has no cycles, so more steps than nodes mean a broken file.
    for _ in 0..=graph.nodes.len() {
        let Some(node) = graph.nodes.iter().find(|n| n.outputs.iter().any(|o| o == name)) else { break };
        if node.op == "Conv" {
            let weight = node.inputs.get(1).and_then(|name| constant(graph, name));
            if let Some(width) = weight.and_then(|w| w.shape().first().copied()) {
                return Ok(width);
            }
            break;
        }
        let Some(input) = node.inputs.first() else { break };
        name = input;
    }
    Err(ExportError::NoValue { name: tensor.to_owned() })
}

/// A constant, perhaps stored as another kind of numbers and cast.
fn constant<'a>(graph: &'a Graph, name: &'a str) -> Option<&'a Tensor> {
    let cast = graph.nodes.iter().find(|node| node.op == "Cast" && node.outputs.iter().any(|output| output == name));
    let name = cast.and_then(|node| node.inputs.first()).map_or(name, String::as_str);
    graph.initialisers.iter().find(|tensor| tensor.name == name)
}

/// u8 NHWC → float NCHW, normalised.
fn normalise(b: &mut GraphBuilder, image: &Value, spec: &RegionSpec) -> Value {
    b.scope("pixels");
    let channels_first = b.op("Transpose", &[image], vec![Attribute::of_ints("perm", &[0, 3, 1, 2])]);
    let float = b.op("Cast", &[&channels_first], vec![Attribute::of_int("to", Element::F32 as i64)]);
    let mean = b.exact("pixels/mean", &[1, 3, 1, 1], &spec.mean);
    let std = b.exact("pixels/std", &[1, 3, 1, 1], &spec.std);
    let centred = b.op("Sub", &[&float, &mean], vec![]);
    b.op("Div", &[&centred, &std], vec![])
}

/// The picture of one view.
fn look(b: &mut GraphBuilder, pixels: &Value, view: &ViewSpec) -> Value {
    let mut picture = pixels.clone();
    if let Some(crop) = view.crop.filter(|&c| c < SIDE) {
        let start = i64::from((SIDE - crop) / 2);
        let end = start + i64::from(crop);
        let (start, end, axes) = (b.ints(&[start, start]), b.ints(&[end, end]), b.ints(&[2, 3]));
        picture = b.op("Slice", &[&picture, &start, &end, &axes], vec![]);
    }
    if view.shrink > 1 {
        let side = i64::from(view.shrink);
        let attributes =
            vec![Attribute::of_ints("kernel_shape", &[side; 2]), Attribute::of_ints("strides", &[side; 2])];
        picture = b.op("AveragePool", &[&picture], attributes);
    }
    if let Some(side) = view.resize {
        let from = view.crop.unwrap_or(SIDE) / view.shrink;
        let factor = side as f32 / from as f32;
        let scales = b.exact(&format!("scales/{from}_{side}"), &[4], &[1.0, 1.0, factor, factor]);
        // The optional region of interest is omitted by an empty name.
        let none = b.nothing();
        let attributes = vec![
            Attribute::of_text("mode", "linear"),
            Attribute::of_text("coordinate_transformation_mode", "half_pixel"),
        ];
        picture = b.op("Resize", &[&picture, &none, &scales], attributes);
    }
    if view.blur {
        let attributes = vec![
            Attribute::of_ints("kernel_shape", &[3, 3]),
            Attribute::of_ints("pads", &[1; 4]),
            Attribute::of_int("count_include_pad", 0),
        ];
        picture = b.op("AveragePool", &[&picture], attributes);
    }
    if view.flip {
        let (start, end, axis, step) = (b.ints(&[-1]), b.ints(&[i64::MIN + 1]), b.ints(&[3]), b.ints(&[-1]));
        picture = b.op("Slice", &[&picture, &start, &end, &axis, &step], vec![]);
    }
    picture
}

/// Mean, and if wanted standard deviation, of a map over height and width: [N, C] each.
fn pool(b: &mut GraphBuilder, map: &Value, deviation: bool) -> Vec<Value> {
    let axes = b.ints(&[2, 3]);
    let kept = b.op("ReduceMean", &[map, &axes], vec![Attribute::of_int("keepdims", 1)]);
    let flatten = |b: &mut GraphBuilder, v: &Value| b.op("Flatten", &[v], vec![Attribute::of_int("axis", 1)]);
    let mut parts = vec![flatten(b, &kept)];
    if deviation {
        let centred = b.op("Sub", &[map, &kept], vec![]);
        let squares = b.op("Mul", &[&centred, &centred], vec![]);
        let variance = b.op("ReduceMean", &[&squares, &axes], vec![Attribute::of_int("keepdims", 1)]);
        let root = b.op("Sqrt", &[&variance], vec![]);
        parts.push(flatten(b, &root));
    }
    parts
}
