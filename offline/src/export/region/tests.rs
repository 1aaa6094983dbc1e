#![expect(clippy::unwrap_used, reason = "tests")]

use miqa::engine::{Device, Runtime};

use super::*;
use crate::export::graph::{GraphBuilder, Storage};
use crate::export::onnx::{Attribute, Element, Extent, Model};
use crate::export::session::{IMAGE_BYTES, ImageSession};
use crate::render::random::philox;

const CLASSES: usize = 9;

/// Values that look random, in -0.5..0.5.
fn noise(key: u32, count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| philox([i, 0, 0, 0], [key, 1])[0] as f32 / 4_294_967_296.0 - 0.5).collect()
}

/// Pictures with structure at several scales, one behind the other.
pub(crate) fn pictures(count: usize) -> Vec<u8> {
    let grain = noise(99, count * IMAGE_BYTES);
    let wave = |i: usize| {
        let (picture, at) = (i / IMAGE_BYTES, i % IMAGE_BYTES);
        let (y, x, c) = (at / 3 / 288, at / 3 % 288, at % 3);
        127.0 + 90.0 * ((x as f32 / 17.0 + picture as f32).sin() * (y as f32 / 31.0 + c as f32).cos())
    };
    grain.iter().enumerate().map(|(i, g)| (wave(i) + 60.0 * g) as u8).collect()
}

/// Two strided convolutions and a classifier, as an operator-set 13 file that says it takes 224×224.
pub(crate) fn tiny_encoder() -> (Encoders, RegionSpec) {
    let mut b = GraphBuilder::new("tiny", Storage::Float);
    let side = Extent::Fixed(224);
    let input = b.input("input", Element::F32, &[Extent::Named("N".to_owned()), Extent::Fixed(3), side.clone(), side]);
    let conv = |b: &mut GraphBuilder, x, key: u32, out: usize, inputs: usize| {
        let weight = b.exact(&format!("w{key}"), &[out, inputs, 3, 3], &noise(key, out * inputs * 9));
        let bias = b.exact(&format!("b{key}"), &[out], &noise(key + 10, out));
        let attributes = vec![
            Attribute::of_text("auto_pad", "SAME_UPPER"),
            Attribute::of_ints("kernel_shape", &[3, 3]),
            Attribute::of_ints("strides", &[2, 2]),
        ];
        let x = b.op("Conv", &[x, &weight, &bias], attributes);
        let (low, high) = (b.scalar(0.0), b.scalar(6.0));
        b.op("Clip", &[&x, &low, &high], vec![])
    };
    let first = conv(&mut b, &input, 1, 4, 3);
    let second = conv(&mut b, &first, 2, 6, 4);
    let pooled = b.op("GlobalAveragePool", &[&second], vec![]);
    let flat = b.op("Flatten", &[&pooled], vec![Attribute::of_int("axis", 1)]);
    let weight = b.exact("fc_w", &[CLASSES, 6], &noise(3, CLASSES * 6).iter().map(|w| w * 8.0).collect::<Vec<_>>());
    let bias = b.exact("fc_b", &[CLASSES], &noise(4, CLASSES));
    let logits = b.op("Gemm", &[&flat, &weight, &bias], vec![Attribute::of_int("transB", 1)]);
    b.output(&logits, "logits", Element::F32, &[Extent::Named("N".to_owned()), Extent::Fixed(CLASSES as i64)]);

    let view = |name: &str| ViewSpec {
        name: name.to_owned(),
        crop: None,
        shrink: 1,
        resize: None,
        blur: false,
        flip: false,
        belief: true,
        belief_gain: 2.0,
        taps: vec![],
    };
    let tap = |tensor: &str, deviation| TapSpec { tensor: tensor.to_owned(), deviation, gain: 0.5 };
    let spec = RegionSpec {
        encoder: "tiny.onnx".to_owned(),
        sha256: String::new(),
        licence: "none".to_owned(),
        input: "input".to_owned(),
        logits: "logits".to_owned(),
        mean: [120.0, 127.0, 130.0],
        std: [128.0, 64.0, 100.0],
        clip: 8.0,
        views: vec![
            ViewSpec { taps: vec![tap(first.name(), true), tap(second.name(), false)], ..view("whole") },
            ViewSpec { crop: Some(256), shrink: 2, blur: true, flip: true, ..view("other") },
        ],
        detectors: vec![],
    };
    (Encoders { classifier: b.finish(13, &[]), detectors: vec![] }, spec)
}

/// A map [C, H, W].
struct Map {
    channels: usize,
    side: usize,
    values: Vec<f64>,
}

impl Map {
    fn at(&self, c: usize, y: usize, x: usize) -> f64 {
        self.values[(c * self.side + y) * self.side + x]
    }

    fn make(channels: usize, side: usize, value: impl Fn(usize, usize, usize) -> f64) -> Self {
        let index = |i: usize| value(i / side / side, i / side % side, i % side);
        Self { channels, side, values: (0..channels * side * side).map(index).collect() }
    }

    fn conv(&self, key: u32, out: usize) -> Self {
        let (weight, bias) = (noise(key, out * self.channels * 9), noise(key + 10, out));
        Self::make(out, self.side.div_ceil(2), |c, y, x| {
            let mut sum = f64::from(bias[c]);
            for (i, w) in weight[c * self.channels * 9..][..self.channels * 9].iter().enumerate() {
                let (from, v, u) = (i / 9, 2 * y + i % 9 / 3, 2 * x + i % 3);
                if v < self.side && u < self.side {
                    sum += f64::from(*w) * self.at(from, v, u);
                }
            }
            sum.clamp(0.0, 6.0)
        })
    }

    fn mean(&self) -> Vec<f64> {
        self.values.chunks(self.side * self.side).map(|c| c.iter().sum::<f64>() / c.len() as f64).collect()
    }

    fn deviation(&self) -> Vec<f64> {
        let channels = self.values.chunks(self.side * self.side).zip(self.mean());
        channels.map(|(c, m)| (c.iter().map(|v| (v - m).powi(2)).sum::<f64>() / c.len() as f64).sqrt()).collect()
    }
}

/// Softmax of the tiny encoder's logits.
fn classify(map: &Map) -> Vec<f64> {
    let (pooled, weight, bias) = (map.mean(), noise(3, CLASSES * 6), noise(4, CLASSES));
    let logits: Vec<f64> = (0..CLASSES)
        .map(|k| f64::from(bias[k]) + (0..6).map(|i| f64::from(weight[k * 6 + i] * 8.0) * pooled[i]).sum::<f64>())
        .collect();
    let sum: f64 = logits.iter().map(|l| l.exp()).sum();
    logits.iter().map(|l| l.exp() / sum).collect()
}

/// Raw features of one picture, computed directly.
fn expected(picture: &[u8], spec: &RegionSpec) -> Vec<f64> {
    let pixels = Map::make(3, 288, |c, y, x| {
        (f64::from(picture[(y * 288 + x) * 3 + c]) - f64::from(spec.mean[c])) / f64::from(spec.std[c])
    });
    let half = Map::make(3, 128, |c, y, x| {
        let block = [(0, 0), (0, 1), (1, 0), (1, 1)];
        block.iter().map(|(v, u)| pixels.at(c, 16 + 2 * y + v, 16 + 2 * x + u)).sum::<f64>() / 4.0
    });
    let blurred = Map::make(3, 128, |c, y, x| {
        let (rows, columns) = (y.saturating_sub(1)..=(y + 1).min(127), x.saturating_sub(1)..=(x + 1).min(127));
        let near: Vec<f64> =
            rows.flat_map(|v| columns.clone().map(move |u| (v, u))).map(|(v, u)| half.at(c, v, u)).collect();
        near.iter().sum::<f64>() / near.len() as f64
    });
    let flipped = Map::make(3, 128, |c, y, x| blurred.at(c, y, 127 - x));
    let first = pixels.conv(1, 4);
    let second = first.conv(2, 6);
    let p = classify(&second);
    let q = classify(&flipped.conv(1, 4).conv(2, 6));

    let mut features = first.mean();
    features.extend(first.deviation());
    features.extend(second.mean());
    for (belief, other) in [(&p, None), (&q, Some(&p))] {
        let mut sorted = belief.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        features.extend([
            sorted[0].ln(),
            sorted[0].ln() - sorted[1].ln(),
            -belief.iter().map(|v| v * v.ln()).sum::<f64>(),
            sorted[..5].iter().sum(),
            sorted[0],
        ]);
        if let Some(p) = other {
            let both = || p.iter().zip(belief);
            let leader = (0..CLASSES).max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap();
            features.extend([
                both().map(|(p, q)| (p * q).sqrt()).sum::<f64>(),
                belief[leader],
                both().map(|(p, q)| p * (p.ln() - q.ln())).sum(),
            ]);
        }
    }
    features
}

#[test]
fn features_are_those_computed_directly() {
    let (encoders, spec) = tiny_encoder();
    let raw = build(&spec, &encoders, None, Storage::Float).unwrap();
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let images = pictures(2);
    let outputs = ImageSession::open(&runtime, "region", &raw, 1).unwrap().run(&images).unwrap();
    let groups = groups(&spec, &encoders).unwrap();
    let width: usize = groups.iter().map(|g| g.width).sum();
    assert_eq!(width, 4 + 4 + 6 + 5 + 5 + 3);
    assert_eq!(outputs["features"].len(), 2 * width);
    for (i, picture) in images.chunks(IMAGE_BYTES).enumerate() {
        let features = expected(picture, &spec);
        for (k, (want, have)) in features.iter().zip(&outputs["features"][i * width..]).enumerate() {
            assert!((want - f64::from(*have)).abs() < 2e-4, "picture {i}, feature {k}: {have} instead of {want}");
        }
    }

    let rows: Vec<&[f32]> = outputs["features"].chunks(width).collect();
    let standard = Standard::fit(rows.iter().copied(), &groups).unwrap();
    let fitted = build(&spec, &encoders, Some(&standard), Storage::Float).unwrap();
    let in_graph = ImageSession::open(&runtime, "region", &fitted, 1).unwrap().run(&images).unwrap();
    for (i, row) in rows.iter().enumerate() {
        let mut row = row.to_vec();
        standard.apply(&mut row, spec.clip);
        assert_eq!(row, in_graph["features"][i * width..][..width], "cached and served features are the same");
        // Two rows lie one deviation left and right of their mean, times the gain.
        let gains = groups.iter().flat_map(|g| std::iter::repeat_n(g.gain, g.width));
        for (k, (value, gain)) in row.iter().zip(gains).enumerate() {
            assert!((value.abs() - gain).abs() < 0.05 || value.abs() < 1e-3, "feature {k}: {value}, gain {gain}");
        }
    }
}

#[test]
fn what_the_encoder_lacks_is_named() {
    let (encoders, spec) = tiny_encoder();
    let mut wrong_tap = spec.clone();
    wrong_tap.views[0].taps[0].tensor = "no_such_map".to_owned();
    let mut wrong_input = spec.clone();
    wrong_input.input = "image".to_owned();
    let mut wrong_operator = encoders.clone();
    wrong_operator.classifier.graph.as_mut().unwrap().nodes[0].op = "LSTM".to_owned();
    for (encoders, spec, word) in
        [(&encoders, &wrong_tap, "no_such_map"), (&encoders, &wrong_input, "input"), (&wrong_operator, &spec, "LSTM")]
    {
        let message = build(spec, encoders, None, Storage::Float).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
}

const PLACES: usize = 72;
const OBJECT_CLASSES: usize = 3;

/// A detector without convolutions: a picture's blocks of 36×32 pixels are its places, and a matrix makes their numbers of what
/// is bright in them.
fn tiny_detector() -> (Model, DetectorSpec) {
    let mut b = GraphBuilder::new("tiny", Storage::Float);
    let side = Extent::Fixed(288);
    let input = b.input("pictures", Element::F32, &[Extent::Fixed(1), Extent::Fixed(3), side.clone(), side]);
    let kernel = vec![Attribute::of_ints("kernel_shape", &[36, 32]), Attribute::of_ints("strides", &[36, 32])];
    let above = b.op("Relu", &[&input], vec![]);
    let blocks = b.op("AveragePool", &[&above], kernel);
    let shape = b.ints(&[1, 3, -1]);
    let columns = b.op("Reshape", &[&blocks, &shape], vec![]);
    let rows = b.op("Transpose", &[&columns], vec![Attribute::of_ints("perm", &[0, 2, 1])]);
    let weight = b.exact("w", &[3, 5 + OBJECT_CLASSES], &noise(21, 3 * (5 + OBJECT_CLASSES)));
    let numbers = b.op("MatMul", &[&rows, &weight], vec![]);
    let rows = b.op("Sigmoid", &[&numbers], vec![]);
    b.output(&rows, "rows", Element::F32, &[Extent::Fixed(1), Extent::Fixed(PLACES as i64), Extent::Fixed(8)]);
    let (_, region) = tiny_encoder();
    let view = ViewSpec { belief_gain: 1.5, taps: vec![], ..region.views[0].clone() };
    let spec = DetectorSpec {
        name: "boxes".to_owned(),
        encoder: "boxes.onnx".to_owned(),
        sha256: String::new(),
        licence: "none".to_owned(),
        input: "pictures".to_owned(),
        colour: Colour::Bgr,
        rows: rows.name().to_owned(),
        objectness: true,
        mean: [100.0, 120.0, 140.0],
        std: [10.0, 20.0, 15.0],
        views: vec![view.clone(), ViewSpec { name: "blurred".to_owned(), blur: true, ..view }],
    };
    (any_batch(b.finish(11, &[])), spec)
}

/// Probability of every class in every place of a picture.
fn places(picture: &[u8], spec: &DetectorSpec, blur: bool) -> Vec<[f64; OBJECT_CLASSES]> {
    let pixel = |c: usize, y: usize, x: usize| {
        let value = f64::from(picture[(y * 288 + x) * 3 + 2 - c]);
        (value - f64::from(spec.mean[c])) / f64::from(spec.std[c])
    };
    let seen = |c: usize, y: usize, x: usize| {
        if !blur {
            return pixel(c, y, x);
        }
        let (rows, columns) = (y.saturating_sub(1)..=(y + 1).min(287), x.saturating_sub(1)..=(x + 1).min(287));
        let near: Vec<f64> = rows.flat_map(|v| columns.clone().map(move |u| pixel(c, v, u))).collect();
        near.iter().sum::<f64>() / near.len() as f64
    };
    let weight = noise(21, 3 * (5 + OBJECT_CLASSES));
    let of_place = |place: usize| {
        let (top, left) = (place / 9 * 36, place % 9 * 32);
        let mean = |c| {
            let sum: f64 =
                (top..top + 36).map(|y| (left..left + 32).map(|x| seen(c, y, x).max(0.0)).sum::<f64>()).sum();
            sum / (36.0 * 32.0)
        };
        let means = [mean(0), mean(1), mean(2)];
        let number = |k: usize| {
            let sum: f64 = (0..3).map(|c| means[c] * f64::from(weight[c * (5 + OBJECT_CLASSES) + k])).sum();
            1.0 / (1.0 + (-sum).exp())
        };
        std::array::from_fn(|class| number(4) * number(5 + class))
    };
    (0..PLACES).map(of_place).collect()
}

#[test]
fn what_detectors_find_is_what_is_computed_directly() {
    let (mut encoders, mut spec) = tiny_encoder();
    let classifier: usize = groups(&spec, &encoders).unwrap().iter().map(|g| g.width).sum();
    let (detector, described) = tiny_detector();
    encoders.detectors = vec![detector];
    spec.detectors = vec![described.clone()];
    let text = toml::to_string(&spec).unwrap();
    assert_eq!(toml::from_str::<RegionSpec>(&text).unwrap(), spec, "as a recipe has it");
    let of_all = groups(&spec, &encoders).unwrap();
    let names: Vec<(&str, usize)> = of_all.iter().rev().take(3).map(|g| (g.name.as_str(), g.width)).collect();
    assert_eq!(names, [("boxes/blurred/agreement", 2), ("boxes/blurred/findings", 11), ("boxes/whole/findings", 11)]);
    let graph = build(&spec, &encoders, None, Storage::Float).unwrap();
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let images = pictures(2);
    let outputs = ImageSession::open(&runtime, "region", &graph, 1).unwrap().run(&images).unwrap();
    let width = classifier + 11 + 11 + 2;
    assert_eq!(outputs["features"].len(), 2 * width);
    for (picture, have) in images.chunks(IMAGE_BYTES).zip(outputs["features"].chunks(width)) {
        let (plain, blurred) = (places(picture, &described, false), places(picture, &described, true));
        let best = |of: &[f64; OBJECT_CLASSES]| of.iter().copied().fold(0.0, f64::max);
        let mut want = Vec::new();
        for view in [&plain, &blurred] {
            let mut sorted: Vec<f64> = view.iter().map(best).collect();
            sorted.sort_by(|a, b| b.total_cmp(a));
            want.extend([1, 2, 4, 8, 16, 32, 64].map(|rank| (sorted[rank - 1] + 1e-3).ln()));
            want.extend([1, 4, 16].map(|rank| sorted[rank - 1]));
            let leaders = &sorted[..64];
            want.push(leaders.iter().map(|p| p * p).sum::<f64>() / leaders.iter().map(|p| p + 1e-3).sum::<f64>());
        }
        let pairs: Vec<(f64, f64)> = plain
            .iter()
            .zip(&blurred)
            .map(|(a, b)| {
                let class = (0..OBJECT_CLASSES).max_by(|&i, &j| a[i].total_cmp(&a[j])).unwrap();
                (a[class], b[class])
            })
            .collect();
        let sum = |of: fn(f64, f64) -> f64| pairs.iter().map(|&(p, q)| p * of(p, q)).sum::<f64>() + 1e-3;
        want.extend([sum(|_, q| q) / sum(|p, _| p), sum(f64::min) / sum(f64::max)]);
        assert!(want[0] - want[6] > 0.05 && (want[22] - 1.0).abs() > 1e-3, "the features tell something: {want:?}");
        for (k, (want, have)) in want.iter().zip(&have[classifier..]).enumerate() {
            assert!((want - f64::from(*have)).abs() < 2e-4, "feature {k}: {have} instead of {want}");
        }
    }
}

#[test]
fn views_of_a_detector_must_be_comparable() {
    let (_, mut spec) = tiny_encoder();
    let (_, detector) = tiny_detector();
    spec.detectors = vec![detector];
    spec.check().unwrap();
    let wrong = |change: fn(&mut DetectorSpec), word: &str| {
        let mut spec = spec.clone();
        change(&mut spec.detectors[0]);
        let message = spec.check().unwrap_err().to_string();
        assert!(message.contains("region.detector boxes") && message.contains(word), "{message}");
    };
    wrong(|d| d.views[1].shrink = 2, "side");
    wrong(|d| d.views[1].flip = true, "flipped");
    wrong(|d| d.views[0].belief = false, "belief = true");
    wrong(|d| d.views.iter_mut().for_each(|view| view.belief = false), "no feature");
    wrong(|d| d.views.clear(), "at least one view");
    spec.detectors.push(spec.detectors[0].clone());
    assert!(spec.check().unwrap_err().to_string().contains("twice"));
}
