#![expect(clippy::unwrap_used, reason = "tests")]

use miqa::engine::{Device, Runtime};
use ort::value::TensorRef;

use super::*;
use crate::export::graph::{GraphBuilder, OPSET, Storage};
use crate::export::onnx::{Attribute, Element, Extent, Graph, Model, Node, Tensor, ValueInfo};
use crate::export::region::tests::pictures;
use crate::export::session::{IMAGE_BYTES, ImageSession};
use crate::export::spec::ModelSpec;
use crate::export::tiny;
use crate::export::weights::Weights;
use crate::label::zoo::{Channels, Layout};
use crate::render::random::philox;

/// Side of the test network's pictures.
pub(crate) const SIDE: usize = 32;

/// Values that look random, of a standard deviation of about `scale`.
fn noise(key: u32, count: usize, scale: f32) -> Vec<f32> {
    let uniform = |i: u32| philox([i, 0, 0, 0], [key, 3])[0] as f32 / 4_294_967_296.0 - 0.5;
    (0..count as u32).map(|i| uniform(i) * 3.4 * scale).collect()
}

/// A graph of every operator that a trunk can have, as files have them: weights as 16-bit floats behind a `Cast`, sizes that round
/// up, padding below and right alone, one bias for two convolutions, a `Constant`, an `Identity`.
pub(crate) fn every_operator(layout: Layout) -> (Model, TrunkSpec) {
    let (mut nodes, mut initialisers) = (Vec::<Node>::new(), Vec::<Tensor>::new());
    let ints = Attribute::of_ints;
    let mut floats = |name: &str, shape: &[usize], values: &[f32]| {
        initialisers.push(Tensor::floats(name, shape, values));
    };
    for (key, (name, shape)) in [
        ("w1", [8, 3, 3, 3]),
        ("w2", [4, 8, 1, 1]),
        ("w3", [8, 4, 1, 1]),
        ("w4", [8, 4, 3, 3]),
        ("w5", [16, 1, 3, 3]),
        ("w6", [16, 16, 1, 1]),
        ("w7", [16, 8, 3, 3]),
    ]
    .into_iter()
    .enumerate()
    {
        let fan = shape[1..].iter().product::<usize>();
        floats(name, &shape, &noise(key as u32, shape.iter().product(), 1.5 / (fan as f32).sqrt()));
    }
    for (key, (name, count)) in [("b2", 4), ("b34", 8), ("b5", 16), ("b6", 16)].into_iter().enumerate() {
        floats(name, &[count], &noise(20 + key as u32, count, 0.3));
    }
    for (key, (name, count)) in [("one", 8), ("two", 16)].into_iter().enumerate() {
        let positive = |key: u32| noise(key, count, 0.2).iter().map(|v| 1.0 + v).collect::<Vec<f32>>();
        let key = 40 + 10 * key as u32;
        floats(&format!("{name}.scale"), &[count], &positive(key));
        floats(&format!("{name}.shift"), &[count], &noise(key + 1, count, 0.3));
        floats(&format!("{name}.mean"), &[count], &noise(key + 2, count, 0.3));
        floats(&format!("{name}.variance"), &[count], &positive(key + 3));
    }
    floats("zero", &[], &[0.0]);
    floats("six", &[1], &[6.0]);
    floats("divisor", &[1, 16, 1, 1], &noise(60, 16, 0.1).iter().map(|v| 1.5 + v).collect::<Vec<f32>>());
    floats("offset", &[3], &[0.1, -0.2, 0.3]);
    floats("factor", &[], &[1.25]);
    let half = initialisers.iter().position(|tensor| tensor.name == "w4").unwrap();
    let values = initialisers[half].to_floats().unwrap();
    initialisers[half] = Tensor::halves("w4.half", &[8, 4, 3, 3], &values);
    initialisers.push(Tensor::ints("frame", &[0, 0, 1, 1, 0, 0, 1, 1]));

    let mut add = |op: &str, inputs: &[&str], output: &str, attributes: Vec<Attribute>| {
        nodes.push(tiny::node(op, inputs, output, attributes));
    };
    let picture = match layout {
        Layout::Nchw => "input",
        Layout::Nhwc => {
            add("Sub", &["input", "offset"], "centred", vec![]);
            add("Mul", &["factor", "centred"], "scaled", vec![]);
            add("Transpose", &["scaled"], "first", vec![ints("perm", &[0, 3, 1, 2])]);
            "first"
        }
    };
    let same = |strides: i64| vec![Attribute::of_text("auto_pad", "SAME_UPPER"), ints("strides", &[strides; 2])];
    let normalised = |name: &str| ["scale", "shift", "mean", "variance"].map(|part| format!("{name}.{part}"));
    let (one, two) = (normalised("one"), normalised("two"));
    add("Pad", &[picture, "frame"], "framed", vec![]);
    add("Conv", &["framed", "w1"], "c1", vec![ints("strides", &[2, 2])]);
    add("BatchNormalization", &["c1", &one[0], &one[1], &one[2], &one[3]], "n1", vec![]);
    add("Clip", &["n1", "zero", "six"], "r1", vec![]);
    let windows = |side: i64, strides: i64| vec![ints("kernel_shape", &[side; 2]), ints("strides", &[strides; 2])];
    let up = vec![Attribute::of_int("ceil_mode", 1)];
    add("MaxPool", &["r1"], "p1", [windows(3, 2), up].concat());
    add("Conv", &["p1", "w2", "b2"], "c2", vec![]);
    add("Relu", &["c2"], "r2", vec![]);
    add("Identity", &["r2"], "same", vec![]);
    add("Conv", &["same", "w3", "b34"], "c3", vec![]);
    add("Cast", &["w4.half"], "w4", vec![Attribute::of_int("to", 1)]);
    add("Conv", &["r2", "w4", "b34"], "c4", vec![ints("pads", &[1; 4])]);
    add("Concat", &["c3", "c4"], "joined", vec![Attribute::of_int("axis", 1)]);
    add("Conv", &["joined", "w5", "b5"], "c5", [same(2), vec![Attribute::of_int("group", 16)]].concat());
    add(
        "BatchNormalization",
        &["c5", &two[0], &two[1], &two[2], &two[3]],
        "n5",
        vec![Attribute::of_float("epsilon", 0.01)],
    );
    add("HardSwish", &["n5"], "r5", vec![]);
    add("AveragePool", &["r5"], "a1", [windows(3, 1), vec![ints("pads", &[1; 4])]].concat());
    let counted = vec![ints("pads", &[0, 0, 1, 1]), Attribute::of_int("count_include_pad", 1)];
    add("AveragePool", &["a1"], "a2", [windows(2, 1), counted].concat());
    add("MaxPool", &["a2"], "p2", [windows(2, 1), vec![Attribute::of_text("auto_pad", "SAME_LOWER")]].concat());
    add("Add", &["p2", "r5"], "sum", vec![]);
    add("GlobalAveragePool", &["sum"], "squeezed", vec![]);
    add("Conv", &["squeezed", "w6", "b6"], "c6", vec![]);
    add("HardSigmoid", &["c6"], "gate", vec![Attribute::of_float("alpha", 0.5)]);
    add("Mul", &["sum", "gate"], "gated", vec![]);
    add("Sigmoid", &["gated"], "soft", vec![]);
    add("Mul", &["gated", "soft"], "swish", vec![]);
    add("ReduceMean", &["swish"], "mean", vec![ints("axes", &[2, 3])]);
    add("Div", &["swish", "divisor"], "scaled_down", vec![]);
    add("Sub", &["scaled_down", "mean"], "centred_map", vec![]);
    let far = vec![ints("dilations", &[2, 2]), ints("pads", &[2; 4]), Attribute::of_int("group", 2)];
    add("Conv", &["centred_map", "w7", "b7"], "c7", far);
    add("Dropout", &["c7"], "map", vec![]);
    let constant = Tensor::floats("", &[16], &noise(80, 16, 0.3));
    let value = Attribute { name: "value".to_owned(), tensor: Some(constant), kind: 4, ..Attribute::default() };
    nodes.insert(0, tiny::node("Constant", &[], "b7", vec![value]));

    let (batch, side) = (Extent::Named("N".to_owned()), Extent::Fixed(SIDE as i64));
    let shape = match layout {
        Layout::Nchw => [batch, Extent::Fixed(3), side.clone(), side],
        Layout::Nhwc => [batch, side.clone(), side, Extent::Fixed(3)],
    };
    let inputs = vec![ValueInfo::tensor("input", Element::F32, &shape)];
    let outputs = vec![ValueInfo { name: "map".to_owned(), kind: None }];
    let graph = Graph { nodes, initialisers, name: "every".to_owned(), inputs, outputs };
    (tiny::model(graph), source("input", "map", layout))
}

/// A trunk's recipe section, with red and blue exchanged and a normalisation that differs by channel.
pub(crate) fn source(input: &str, tensor: &str, layout: Layout) -> TrunkSpec {
    TrunkSpec {
        file: "every.onnx".to_owned(),
        sha256: String::new(),
        licence: "none".to_owned(),
        input: input.to_owned(),
        layout,
        colour: Channels::Bgr,
        mean: [104.0, 117.0, 123.0],
        std: [58.0, 57.0, 60.0],
        tensor: tensor.to_owned(),
        frozen: 0,
    }
}

/// The averaged map of the file itself on ONNX Runtime, for the centre crops of pictures: [pictures, channels].
pub(crate) fn by_the_file(
    runtime: &Runtime,
    model: &Model,
    source: &TrunkSpec,
    images: &[u8],
    side: usize,
) -> Vec<f32> {
    let mut graph = model.graph.clone().unwrap();
    graph.outputs = vec![ValueInfo { name: source.tensor.clone(), kind: None }];
    let element = graph.inputs[0].kind.as_ref().unwrap().tensor.as_ref().unwrap().element;
    let model = Model { graph: Some(graph), ..model.clone() };
    let mut session = runtime.session_from_bytes("file", &model.to_bytes(), 1).unwrap();
    let start = (288 - side) / 2;
    let mut pooled = Vec::new();
    for picture in images.chunks_exact(IMAGE_BYTES) {
        let pixel = |y: usize, x: usize, c: usize| {
            let place = if source.colour == Channels::Bgr { 2 - c } else { c };
            f32::from(picture[((start + y) * 288 + start + x) * 3 + place]) / source.std[c]
                - source.mean[c] / source.std[c]
        };
        let area = side * side;
        let (shape, values): (_, Vec<f32>) = match source.layout {
            Layout::Nchw => {
                ([1, 3, side, side], (0..3 * area).map(|i| pixel(i % area / side, i % side, i / area)).collect())
            }
            Layout::Nhwc => {
                ([1, side, side, 3], (0..3 * area).map(|i| pixel(i / 3 / side, i / 3 % side, i % 3)).collect())
            }
        };
        let bytes: Vec<u8> = values.iter().map(|&value| value as u8).collect();
        let outputs = if element == Element::U8 as i32 {
            session.run(ort::inputs![TensorRef::from_array_view((shape, bytes.as_slice())).unwrap()])
        } else {
            session.run(ort::inputs![TensorRef::from_array_view((shape, values.as_slice())).unwrap()])
        };
        let outputs = outputs.unwrap();
        let (shape, map) = outputs[0].try_extract_tensor::<f32>().unwrap();
        let each = (shape[2] * shape[3]) as usize;
        let mean = |channel: &[f32]| channel.iter().map(|&v| f64::from(v)).sum::<f64>() / each as f64;
        pooled.extend(map.chunks_exact(each).map(|channel| mean(channel) as f32));
    }
    pooled
}

/// The averaged map of the written graph on ONNX Runtime.
fn by_the_trunk(runtime: &Runtime, trunk: &Trunk, weights: &Weights, images: &[u8]) -> Vec<f32> {
    let mut b = GraphBuilder::new("trunk", Storage::Float);
    let (batch, side) = (Extent::Named("batch".to_owned()), Extent::Fixed(288));
    let image = b.input("image", Element::U8, &[batch.clone(), side.clone(), side, Extent::Fixed(3)]);
    let pooled = append(&mut b, trunk, &image, weights).unwrap();
    b.output(&pooled, "pooled", Element::F32, &[batch, Extent::Fixed(trunk.channels as i64)]);
    let mut session = ImageSession::open(runtime, "trunk", &b.finish(OPSET, &[]), 1).unwrap();
    session.run(images).unwrap().remove("pooled").unwrap()
}

#[test]
fn every_operator_is_written_as_it_was_read() {
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let images = pictures(2);
    for layout in [Layout::Nchw, Layout::Nhwc] {
        let (model, source) = every_operator(layout);
        let (trunk, weights) = read(&source, &model, SIDE as u32).unwrap();
        trunk.check().unwrap();
        assert_eq!(trunk.channels, 16);
        let names: Vec<&str> = trunk.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        let first = ["trunk.w1", "trunk.one.shift", "trunk.w2", "trunk.b2", "trunk.w3", "trunk.b34", "trunk.w4"];
        assert_eq!(names[..7], first, "a folded shift is the bias that was missing");
        assert_eq!(names[7], "trunk.b34.2", "a bias of two convolutions is trained twice");
        let text = serde_json::to_string(&trunk).unwrap();
        assert_eq!(serde_json::from_str::<Trunk>(&text).unwrap(), trunk);

        let expected = by_the_file(&runtime, &model, &source, &images, SIDE);
        let written = by_the_trunk(&runtime, &trunk, &weights, &images);
        let largest = expected.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
        assert!((0.3..30.0).contains(&largest), "{largest}");
        for (i, (want, have)) in expected.iter().zip(&written).enumerate() {
            assert!((want - have).abs() < 1e-5, "{layout:?}, value {i}: {have} instead of {want}");
        }
        assert_ne!(expected[..16], expected[16..], "the pictures differ");
    }
}

#[test]
fn what_a_trunk_cannot_be_is_one_line_that_names_it() {
    type Spoil = fn(&mut Graph, &mut TrunkSpec);
    let cases: [(&str, Spoil); 11] = [
        ("LSTM (value r2)", |g, _| node_of(g, "r2").op = "LSTM".to_owned()),
        ("domain com.microsoft", |g, _| node_of(g, "c2").domain = "com.microsoft".to_owned()),
        ("no value nowhere", |_, s| s.tensor = "nowhere".to_owned()),
        ("no value input", |_, s| s.input = "picture".to_owned()),
        ("does not stand behind a Conv of its own", |g, _| {
            // The convolution's result is read beside its normalisation.
            let at = g.nodes.iter().position(|node| node.outputs[0] == "p1").unwrap();
            g.nodes[at].inputs[0] = "both".to_owned();
            g.nodes.insert(at, tiny::node("Add", &["r1", "c1"], "both", vec![]));
        }),
        ("does not stand behind a Conv of its own", |g, _| node_of(g, "n5").inputs[0] = "joined".to_owned()),
        ("for 3 channels", |g, _| node_of(g, "c1").inputs[1] = "w2".to_owned()),
        ("engines average differently", |g, _| {
            node_of(g, "p1").op = "AveragePool".to_owned();
        }),
        ("element type 2", |g, _| {
            let node = node_of(g, "same");
            (node.op, node.attributes) = ("Cast".to_owned(), vec![Attribute::of_int("to", 2)]);
        }),
        ("is no map", |g, s| {
            g.nodes.push(tiny::node("Mul", &["map", "factor5"], "five", vec![]));
            g.initialisers.push(Tensor::floats("factor5", &[2, 1, 1, 1], &[1.0, 2.0]));
            s.tensor = "five".to_owned();
        }),
        ("trunk.std", |_, s| s.std[1] = 0.0),
    ];
    for (words, spoil) in cases {
        let (mut model, mut source) = every_operator(Layout::Nchw);
        spoil(model.graph.as_mut().unwrap(), &mut source);
        let message = read(&source, &model, SIDE as u32).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains(words), "{words}: {message}");
        assert!(!message.contains('\n') && (message.contains("every.onnx") || words == "trunk.std"), "{message}");
    }
}

fn node_of<'a>(graph: &'a mut Graph, output: &str) -> &'a mut Node {
    graph.nodes.iter_mut().find(|node| node.outputs[0] == output).unwrap()
}

#[test]
fn a_trunk_has_no_sizes_of_a_transformer_and_the_side_it_was_read_for() {
    let (model, source) = every_operator(Layout::Nchw);
    let (trunk, _) = read(&source, &model, SIDE as u32).unwrap();
    let text = "width = 8\ncrop = 32\noutputs = [\"level\"]\ndistortions = [\"fog\"]\n";
    let spec: ModelSpec = toml::from_str(text).unwrap();
    assert!(spec.check().unwrap_err().to_string().contains("model.heads"), "without a trunk it is a transformer");
    spec.check_sizes(true).unwrap();
    for size in ["depth = 2", "heads = 2", "patch = 8", "expansion = 2"] {
        let spec: ModelSpec = toml::from_str(&format!("{text}{size}\n")).unwrap();
        let message = spec.check_sizes(true).unwrap_err().to_string();
        assert!(message.contains("leave them out"), "{size}: {message}");
    }
    let spec = ModelSpec { trunk: Some(trunk), ..spec };
    spec.check().unwrap();
    let message = ModelSpec { crop: 64, ..spec.clone() }.check().unwrap_err().to_string();
    assert!(message.contains("model.crop"), "{message}");
    let mut broken = spec;
    broken.trunk.as_mut().unwrap().steps.swap(0, 3);
    assert!(broken.check().is_err());
}

#[test]
fn frozen_convolutions_are_counted_from_the_first() {
    let (model, source) = every_operator(Layout::Nchw);
    let (trunk, _) = read(&TrunkSpec { frozen: 2, ..source }, &model, SIDE as u32).unwrap();
    let frozen: Vec<&str> =
        trunk.tensors.iter().map(|tensor| tensor.name.as_str()).filter(|name| trunk.is_frozen(name)).collect();
    assert_eq!(frozen, ["trunk.w1", "trunk.one.shift", "trunk.w2", "trunk.b2"]);
    assert!(!trunk.is_frozen("class.weight"));
}
