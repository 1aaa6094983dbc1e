use miqa::preprocess::SIDE;

use super::belief::{self, AGREEMENT_WIDTH, BELIEF_WIDTH, Belief};
use super::findings::{self, FINDINGS_AGREEMENT_WIDTH, FINDINGS_WIDTH, Findings};
use super::spec::{Colour, DetectorSpec, FeatureGroup, RegionSpec, Standard, TapSpec, ViewSpec};
use crate::export::ExportError;
use crate::export::graph::{GraphBuilder, OPSET, Storage, Value};
use crate::export::onnx::{Attribute, Element, Extent, Graph, Model, Tensor};

/// The frozen models of a recipe.
#[derive(Clone, Debug)]
pub struct Encoders {
    /// The classifier.
    pub classifier: Model,
    /// The detectors, in the recipe's order.
    pub detectors: Vec<Model>,
}

/// Writes the region graph: `image` u8 [N, 288, 288, 3] → `features` f32 [N, Dr].
///
/// Without `standard` the features are raw; with it they are standardised and clipped. The encoder's large
/// constants are stored as `storage` says, the standard always as 32-bit floats.
///
/// # Errors
/// [`ExportError`] for a recipe that makes no sense, tensors an encoder does not have, or operators that can't be
/// carried over.
pub fn build(
    spec: &RegionSpec,
    encoders: &Encoders,
    standard: Option<&Standard>,
    storage: Storage,
) -> Result<Model, ExportError> {
    spec.check()?;
    let mut b = GraphBuilder::new("region", storage);
    let side = Extent::Fixed(i64::from(SIDE));
    let batch = Extent::Named("batch".to_owned());
    let image = b.input("image", Element::U8, &[batch.clone(), side.clone(), side, Extent::Fixed(3)]);
    let mut parts = Vec::new();
    classify(&mut b, &image, spec, &encoders.classifier, &mut parts)?;
    for (detector, model) in spec.detectors.iter().zip(&encoders.detectors) {
        detect(&mut b, &image, detector, model, &mut parts)?;
    }

    b.scope("features");
    let mut features = b.op("Concat", &parts.iter().collect::<Vec<_>>(), vec![Attribute::of_int("axis", 1)]);
    let width: usize = groups(spec, encoders)?.iter().map(|g| g.width).sum();
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
    b.output(&features, "features", Element::F32, &[batch, columns]);
    let text = toml::to_string(spec).map_err(|e| ExportError::Recipe(e.to_string()))?;
    Ok(b.finish(OPSET, &[("miqa.region", text)]))
}

/// The classifier's part of the features.
fn classify(
    b: &mut GraphBuilder,
    image: &Value,
    spec: &RegionSpec,
    encoder: &Model,
    parts: &mut Vec<Value>,
) -> Result<(), ExportError> {
    b.scope("pixels");
    let pixels = normalise(b, image, "pixels", &spec.mean, &spec.std);
    let mut first: Option<Belief> = None;
    for view in &spec.views {
        b.scope(&format!("view/{}", view.name));
        let picture = look(b, &pixels, view);
        let mut wanted: Vec<&str> = view.taps.iter().map(|t| t.tensor.as_str()).collect();
        if view.belief {
            wanted.push(&spec.logits);
        }
        let bind = [(spec.input.as_str(), &picture)];
        let maps = b.merge(encoder, &format!("encoder/{}", view.name), "encoder", Storage::Half, &bind, &wanted)?;
        parts.extend(pooled(b, &view.taps, &maps));
        let Some(logits) = maps.get(view.taps.len()) else { continue };
        let belief = belief::belief(b, logits);
        parts.push(belief.features.clone());
        match &first {
            Some(first) => parts.push(belief::agreement(b, first, &belief)),
            None => first = Some(belief),
        }
    }
    Ok(())
}

/// A detector's part of the features.
fn detect(
    b: &mut GraphBuilder,
    image: &Value,
    spec: &DetectorSpec,
    model: &Model,
    parts: &mut Vec<Value>,
) -> Result<(), ExportError> {
    let root = format!("detector/{}", spec.name);
    b.scope(&root);
    let image = match spec.colour {
        Colour::Rgb => image.clone(),
        Colour::Bgr => {
            let order = b.ints(&[2, 1, 0]);
            b.op("Gather", &[image, &order], vec![Attribute::of_int("axis", 3)])
        }
    };
    let pixels = normalise(b, &image, &root, &spec.mean, &spec.std);
    let mut first: Option<Findings> = None;
    for view in &spec.views {
        b.scope(&format!("{root}/{}", view.name));
        let picture = look(b, &pixels, view);
        let mut wanted: Vec<&str> = view.taps.iter().map(|t| t.tensor.as_str()).collect();
        if view.belief {
            wanted.push(&spec.rows);
        }
        let maps = b.merge(
            model,
            &format!("{root}/encoder/{}", view.name),
            &format!("{root}/encoder"),
            Storage::Half,
            &[(spec.input.as_str(), &picture)],
            &wanted,
        )?;
        parts.extend(pooled(b, &view.taps, &maps));
        let Some(rows) = maps.get(view.taps.len()) else { continue };
        let findings = findings::findings(b, rows, spec.objectness);
        parts.push(findings.features.clone());
        match &first {
            Some(first) => parts.push(findings::agreement(b, first, &findings)),
            None => first = Some(findings),
        }
    }
    Ok(())
}

/// The stretches of the feature vector in their order.
///
/// # Errors
/// [`ExportError::NoValue`] for a tap whose number of channels can't be found in its encoder's graph.
pub fn groups(spec: &RegionSpec, encoders: &Encoders) -> Result<Vec<FeatureGroup>, ExportError> {
    let mut groups = Vec::new();
    let widths = (BELIEF_WIDTH, AGREEMENT_WIDTH);
    stretches(&mut groups, "", &spec.views, encoders.classifier.graph()?, "belief", widths)?;
    for (detector, model) in spec.detectors.iter().zip(&encoders.detectors) {
        let widths = (FINDINGS_WIDTH, FINDINGS_AGREEMENT_WIDTH);
        let prefix = format!("{}/", detector.name);
        stretches(&mut groups, &prefix, &detector.views, model.graph()?, "findings", widths)?;
    }
    Ok(groups)
}

/// The stretches of one model's views; `widths` are those of what it says of a view and of how far that follows the first.
fn stretches(
    groups: &mut Vec<FeatureGroup>,
    prefix: &str,
    views: &[ViewSpec],
    graph: &Graph,
    says: &str,
    widths: (usize, usize),
) -> Result<(), ExportError> {
    for (i, view) in views.iter().enumerate() {
        let at = format!("{prefix}{}", view.name);
        for tap in &view.taps {
            let width = channels(graph, &tap.tensor)?;
            for kind in ["mean", "deviation"].iter().take(1 + usize::from(tap.deviation)) {
                groups.push(FeatureGroup { name: format!("{at}/{}/{kind}", tap.tensor), width, gain: tap.gain });
            }
        }
        if view.belief {
            let gain = view.belief_gain;
            groups.push(FeatureGroup { name: format!("{at}/{says}"), width: widths.0, gain });
            if i > 0 {
                groups.push(FeatureGroup { name: format!("{at}/agreement"), width: widths.1, gain });
            }
        }
    }
    Ok(())
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

/// u8 NHWC → float NCHW, normalised; the constants are called after `name`.
fn normalise(b: &mut GraphBuilder, image: &Value, name: &str, mean: &[f32; 3], std: &[f32; 3]) -> Value {
    let channels_first = b.op("Transpose", &[image], vec![Attribute::of_ints("perm", &[0, 3, 1, 2])]);
    let float = b.op("Cast", &[&channels_first], vec![Attribute::of_int("to", Element::F32 as i64)]);
    let mut pixels = float;
    // What changes nothing would still cost a pass over the picture.
    for (op, what, values, nothing) in [("Sub", "mean", mean, 0.0), ("Div", "std", std, 1.0)] {
        if values.iter().any(|&value| value != nothing) {
            let constant = b.exact(&format!("{name}/{what}"), &[1, 3, 1, 1], values);
            pixels = b.op(op, &[&pixels, &constant], vec![]);
        }
    }
    pixels
}

/// What is pooled of a view's maps.
fn pooled(b: &mut GraphBuilder, taps: &[TapSpec], maps: &[Value]) -> Vec<Value> {
    taps.iter().zip(maps).flat_map(|(tap, map)| pool(b, map, tap.deviation)).collect()
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
