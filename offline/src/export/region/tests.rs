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
pub(crate) fn tiny_encoder() -> (Model, RegionSpec) {
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
    };
    (b.finish(13, &[]), spec)
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

/// Raw features and confidence of one picture, computed directly.
fn expected(picture: &[u8], spec: &RegionSpec) -> (Vec<f64>, f64) {
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
    (features, p.iter().copied().fold(0.0, f64::max))
}

#[test]
fn features_are_those_computed_directly() {
    let (encoder, spec) = tiny_encoder();
    let raw = build(&spec, &encoder, None, Storage::Float).unwrap();
    let runtime = Runtime::open(Device::Cpu).unwrap();
    let images = pictures(2);
    let outputs = ImageSession::open(&runtime, "region", &raw, 1).unwrap().run(&images).unwrap();
    let groups = groups(&spec, encoder.graph().unwrap()).unwrap();
    let width: usize = groups.iter().map(|g| g.width).sum();
    assert_eq!(width, 4 + 4 + 6 + 5 + 5 + 3);
    assert_eq!(outputs["features"].len(), 2 * width);
    for (i, picture) in images.chunks(IMAGE_BYTES).enumerate() {
        let (features, confidence) = expected(picture, &spec);
        for (k, (want, have)) in features.iter().zip(&outputs["features"][i * width..]).enumerate() {
            assert!((want - f64::from(*have)).abs() < 2e-4, "picture {i}, feature {k}: {have} instead of {want}");
        }
        assert!((confidence - f64::from(outputs["confidence"][i])).abs() < 1e-4);
    }

    let rows: Vec<&[f32]> = outputs["features"].chunks(width).collect();
    let standard = Standard::fit(rows.iter().copied(), &groups).unwrap();
    let fitted = build(&spec, &encoder, Some(&standard), Storage::Float).unwrap();
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
    let (encoder, spec) = tiny_encoder();
    let mut wrong_tap = spec.clone();
    wrong_tap.views[0].taps[0].tensor = "no_such_map".to_owned();
    let mut wrong_input = spec.clone();
    wrong_input.input = "image".to_owned();
    let mut wrong_operator = encoder.clone();
    wrong_operator.graph.as_mut().unwrap().nodes[0].op = "LSTM".to_owned();
    for (encoder, spec, word) in
        [(&encoder, &wrong_tap, "no_such_map"), (&encoder, &wrong_input, "input"), (&wrong_operator, &spec, "LSTM")]
    {
        let message = build(spec, encoder, None, Storage::Float).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
}
