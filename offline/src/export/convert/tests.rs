#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use miqa::engine::{Device, Runtime};
use miqa::preprocess::Rgb288;
use proptest::prelude::*;

use super::normalisation::on_bytes;
use super::*;
use crate::export::graph::{GraphBuilder, HALF_SUFFIX, OPSET, Storage, Value};
use crate::export::model::assemble;
use crate::export::onnx::{Attribute, Element, Extent, Model};
use crate::export::region::tests::{pictures, tiny_encoder};
use crate::export::region::{Standard, build, groups};
use crate::export::session::{IMAGE_BYTES, ImageSession};
use crate::export::spec::tests::tiny;
use crate::export::weights::{Array, Weights};
use crate::export::{Attention, ExportError};
use crate::render::random::philox;

/// A whole small model: region branch, two blocks, heads.
pub(crate) fn small_model(attention: Attention) -> Model {
    let (encoders, region) = tiny_encoder();
    let width: usize = groups(&region, &encoders).unwrap().iter().map(|g| g.width).sum();
    let spec = tiny(32, 2, 2, 32, width);
    let mut weights = Weights::default();
    for (key, p) in spec.parameters().into_iter().enumerate() {
        let count: usize = p.shape.iter().product();
        let (middle, spread) = match p.name.as_str() {
            name if name.ends_with("norm.weight") || name.contains(".norm") => (1.0, 0.2),
            // Scores near the middle of 0..=1, so that the clip hides nothing.
            name if name.contains("heads.cls") && name.ends_with("out.bias") => (0.5, 0.0),
            name if name.contains("heads.cls") && name.ends_with("out.weight") => (0.0, 0.1),
            _ => (0.0, 2.0 / (count as f32 / p.shape[0] as f32).sqrt().max(1.0)),
        };
        let values = noise(key as u32, count).into_iter().map(|value| middle + spread * value).collect();
        weights.insert(&p.name, Array { shape: p.shape, values });
    }
    let standard = Standard { mean: vec![0.1; width], divisor: vec![0.7; width] };
    let region = build(&region, &encoders, Some(&standard), Storage::Half).unwrap();
    assemble(&region, &spec, &weights, attention, Storage::Half).unwrap()
}

/// A network as encoders are: convolutions of all kinds with bounds, a sum, a pool, a swish, a concatenation and a classifier, then a small last layer.
fn conv_net(key: u32) -> Model {
    let mut b = GraphBuilder::new("net", Storage::Float);
    let side = Extent::Fixed(288);
    let batch = Extent::Named("N".to_owned());
    let image = b.input("image", Element::U8, &[batch.clone(), side.clone(), side, Extent::Fixed(3)]);
    let x = b.op("Transpose", &[&image], vec![Attribute::of_ints("perm", &[0, 3, 1, 2])]);
    let x = b.op("Cast", &[&x], vec![Attribute::of_int("to", Element::F32 as i64)]);
    let scale = b.exact("scale", &[], &[1.0 / 128.0]);
    let x = b.op("Mul", &[&x, &scale], vec![]);
    let x = conv(&mut b, &x, key, [12, 3, 3], 4, 1);
    let x = bound(&mut b, &x, Some(6.0));
    let wide = conv(&mut b, &x, key + 1, [12, 1, 3], 2, 12);
    let wide = bound(&mut b, &wide, Some(6.0));
    let narrow = conv(&mut b, &wide, key + 2, [12, 12, 1], 1, 1);
    let deep = conv(&mut b, &narrow, key + 3, [12, 12, 3], 1, 1);
    let deep = bound(&mut b, &deep, None);
    let sum = b.op("Add", &[&deep, &narrow], vec![]);
    let pooled = b.op("MaxPool", &[&sum], vec![Attribute::of_ints("kernel_shape", &[2, 2])]);
    let last = conv(&mut b, &pooled, key + 4, [20, 12, 1], 1, 1);
    let gate = b.op("Sigmoid", &[&last], vec![]);
    let swish = b.op("Mul", &[&last, &gate], vec![]);
    let both = b.op("Concat", &[&swish, &last], vec![Attribute::of_int("axis", 1)]);
    let joined = conv(&mut b, &both, key + 8, [20, 40, 1], 1, 1);
    let mean = b.op("GlobalAveragePool", &[&joined], vec![]);
    let flat = b.op("Flatten", &[&mean], vec![]);
    let weight = b.exact("fc", &[40, 20], &noise(key + 5, 800));
    let bias = b.exact("fc_bias", &[40], &noise(key + 6, 40));
    let logits = b.op("Gemm", &[&flat, &weight, &bias], vec![Attribute::of_int("transB", 1)]);
    let weight = b.exact("out", &[40, 4], &noise(key + 7, 160));
    let out = b.op("MatMul", &[&logits, &weight], vec![]);
    b.output(&out, "scores", Element::F32, &[batch, Extent::Fixed(4)]);
    b.finish(OPSET, &[])
}

fn conv(b: &mut GraphBuilder, x: &Value, key: u32, [out, read, side]: [usize; 3], stride: i64, group: i64) -> Value {
    let count = read * side * side;
    let scaled: Vec<f32> = noise(key, out * count).iter().map(|w| w * 3.0 / (count as f32).sqrt()).collect();
    let weight = b.exact(&format!("w{key}"), &[out, read, side, side], &scaled);
    let bias = b.exact(&format!("b{key}"), &[out], &noise(key + 50, out));
    let attributes = vec![
        Attribute::of_text("auto_pad", "SAME_UPPER"),
        Attribute::of_ints("strides", &[stride; 2]),
        Attribute::of_int("group", group),
    ];
    b.op("Conv", &[x, &weight, &bias], attributes)
}

fn bound(b: &mut GraphBuilder, x: &Value, high: Option<f32>) -> Value {
    match high {
        Some(high) => {
            let (low, high) = (b.scalar(0.0), b.scalar(high));
            b.op("Clip", &[x, &low, &high], vec![])
        }
        None => b.op("Relu", &[x], vec![]),
    }
}

/// Values that look random, in −0.5..0.5.
fn noise(key: u32, count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| philox([i, 7, 0, 0], [key, 3])[0] as f32 / 4_294_967_296.0 - 0.5).collect()
}

fn views(count: usize) -> Vec<Rgb288> {
    pictures(count).chunks(IMAGE_BYTES).map(|bytes| Rgb288::from_bytes(bytes.to_vec()).unwrap()).collect()
}

fn run(runtime: &Runtime, model: &Model, views: &[Rgb288]) -> BTreeMap<String, Vec<f32>> {
    let bytes: Vec<u8> = views.iter().flat_map(|view| view.as_bytes().to_vec()).collect();
    ImageSession::open(runtime, "a graph", model, 1).unwrap().run(&bytes).unwrap()
}

/// Largest difference of all outputs, and the spread of the first's.
fn apart(a: &BTreeMap<String, Vec<f32>>, b: &BTreeMap<String, Vec<f32>>) -> (f32, f32) {
    assert!(a.keys().eq(b.keys()));
    let all = || a.values().flatten().copied();
    let difference = all().zip(b.values().flatten()).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
    (difference, all().fold(f32::MIN, f32::max) - all().fold(f32::MAX, f32::min))
}

fn count(model: &Model, op: &str) -> usize {
    model.graph().unwrap().nodes.iter().filter(|node| node.op == op).count()
}

#[test]
fn the_float_view_and_pixels_as_bytes_compute_the_same() {
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let model = small_model(Attention::Plain);
    let plain = plain(&model).unwrap();
    assert!(plain.graph().unwrap().initialisers.iter().all(|t| t.element != Element::F16 as i32));
    let (before, views) = (count(&plain, "Div"), views(2));
    let expected = run(&runtime, &model, &views);
    assert_eq!(run(&runtime, &plain, &views), expected);
    let bytes = on_bytes(&plain).unwrap();
    assert_eq!((count(&bytes, "Div"), count(&bytes, "DequantizeLinear")), (before - 1, 1));
    let (difference, spread) = apart(&expected, &run(&runtime, &bytes, &views));
    assert!(difference < 1e-4 && spread > 0.05, "{difference}, spread {spread}");
}

#[test]
fn half_floats_are_near_and_outputs_stay_float() {
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let views = views(2);
    for attention in [Attention::Plain, Attention::Fused, Attention::Microsoft] {
        let model = plain(&small_model(attention)).unwrap();
        let half = half(&model).unwrap();
        let (difference, spread) = apart(&run(&runtime, &model, &views), &run(&runtime, &half, &views));
        assert!(difference > 0.0 && difference < 5e-3 && spread > 0.05, "{attention:?}: {difference}, spread {spread}");
        let constants = &half.graph().unwrap().initialisers;
        let stored = |name: &str| constants.iter().any(|t| t.name == name);
        assert!(stored(&format!("blocks.0.ffn.in.weight{HALF_SUFFIX}")));
        // The last layer stays as it was, and with it the score's steps.
        assert!(stored("heads.cls_composite.out.weight") && stored("features/mean") | stored("region/features/mean"));
        assert!(half.to_bytes().len() < model.to_bytes().len() * 6 / 10, "half as many bytes, nearly");
    }
}

#[test]
fn eight_bits_stay_within_a_few_steps_of_the_floats() {
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let all = views(8);
    for key in [100, 200] {
        let model = conv_net(key);
        let fitted = fit(&runtime, &model, &all[..5], 1).unwrap();
        // Not the first convolution and not the last layer; the bounds have become the ends of bytes.
        assert_eq!(fitted.products, 5, "depthwise, three pointwise and 3×3; the classifier is too small");
        let through_bytes = |op: &str| {
            let nodes = &fitted.model.graph().unwrap().nodes;
            nodes.iter().filter(|node| node.op == op && node.outputs[0].ends_with(".floats")).count()
        };
        assert_eq!(["Add", "Sigmoid", "Mul", "Concat"].map(through_bytes), [1; 4]);
        assert_eq!((count(&fitted.model, "Clip"), count(&fitted.model, "Relu")), (1, 0));
        let (difference, spread) = apart(&run(&runtime, &model, &all), &run(&runtime, &fitted.model, &all));
        // Nine operations in a row, each within half of 1/255 of its range and 1/127 of its weights.
        assert!(difference > 0.0 && difference < 0.05 * spread, "{difference}, spread {spread}");
        let best = fitted.tried.iter().map(|(_, apart)| *apart).fold(f64::INFINITY, f64::min);
        assert!(fitted.tried.iter().any(|(rule, apart)| *rule == fitted.rule && *apart == best));
    }
}

#[test]
fn a_whole_model_fits_in_eight_bits() {
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let (model, views) = (small_model(Attention::Plain), views(4));
    let fitted = fit(&runtime, &model, &views[..3], 1).unwrap();
    let (difference, spread) = apart(&run(&runtime, &model, &views), &run(&runtime, &fitted.model, &views));
    assert!(fitted.products >= 5 && difference > 0.0 && difference < 0.2 * spread, "{difference}, spread {spread}");
    // It is small, and it is no model to convert again.
    assert!(matches!(plain(&fitted.model), Err(ExportError::Converted { what: "an int8 one" })));
}

#[test]
fn what_can_not_be_converted_is_named() {
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let model = conv_net(1);
    assert!(matches!(fit(&runtime, &model, &[], 1), Err(ExportError::NoPictures)));
    let again = plain(&half(&model).unwrap()).map(|_| ()).unwrap_err().to_string();
    assert!(again.contains("fp16") && again.contains("float model"), "{again}");
    let mut unknown = model.clone();
    unknown.graph.as_mut().unwrap().nodes[4].op = "LSTM".to_owned();
    let text = half(&unknown).unwrap_err().to_string();
    assert!(text.contains("LSTM") && !text.contains('\n'), "{text}");
    let mut large = model;
    let weights = &mut large.graph.as_mut().unwrap().initialisers;
    let index = weights.iter().position(|tensor| tensor.name == "w101" || tensor.name == "w2").unwrap();
    weights[index].raw[..4].copy_from_slice(&1e6_f32.to_le_bytes());
    let text = half(&large).unwrap_err().to_string();
    assert!(text.contains("w2") && text.contains("65504"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_value_in_range_moves_by_half_a_step(low in -50.0_f32..1.0, width in 0.01_f32..100.0, at in 0.0_f32..1.0) {
        let quantiser = Quantiser::of_range(low, low + width);
        let (low, high) = (low.min(0.0), (low + width).max(0.0));
        let x = low + at * (high - low);
        prop_assert!((quantiser.rounded(x) - x).abs() <= quantiser.scale * 1.01, "{} {}", quantiser.rounded(x), x);
        prop_assert_eq!(quantiser.rounded(0.0), 0.0);
    }

    #[test]
    fn a_histogram_forgets_no_value(values in prop::collection::vec(-1e3_f32..1e3, 1..300), parts in 1_usize..5) {
        let mut seen = Histogram::default();
        values.chunks(values.len().div_ceil(parts)).for_each(|part| seen.add(part));
        let mut sorted = values.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        prop_assert_eq!((seen.count(), seen.low(), seen.high()), (values.len() as u64, sorted[0], sorted[values.len() - 1]));
        // A tenth may go at each end, no more; a bin is at most 1/2048 of the range wide.
        let (low, high) = seen.without_tails(0.1);
        let wide = (seen.high() - seen.low()) / 1000.0 + 1e-6;
        let allowed = (values.len() as f64 * 0.1) as usize;
        prop_assert!(low <= sorted[allowed] && high >= sorted[values.len() - 1 - allowed]);
        prop_assert!(low + wide >= sorted[0] && high - wide <= sorted[values.len() - 1]);
        let fine = Quantiser::of_range(seen.low(), seen.high());
        let best = RangeRule::SquaredError.quantiser(&seen);
        prop_assert!(seen.squared_error(&best) <= seen.squared_error(&fine));
    }
}
