//! A trunk's steps on libtorch: what [`crate::export::trunk`] writes as ONNX operations, with gradients.

use tch::{Kind, Tensor};

use crate::export::trunk::{Operand, Step, Trunk};
use crate::label::zoo::{Channels, Layout};

/// `images` u8 [B, side, side, 3] → the map averaged over height and width, f32 [B, C]. `leaf` gives trained tensors by
/// name. With `bf16` convolutions, and what lies between them, are in bfloat16.
pub(super) fn pooled<'a>(trunk: &Trunk, images: &Tensor, leaf: impl Fn(&str) -> &'a Tensor, bf16: bool) -> Tensor {
    let last_uses = last_uses(trunk);
    let mut values: Vec<Option<Tensor>> = vec![Some(picture(trunk, images))];
    for (at, step) in trunk.steps.iter().enumerate() {
        let value = run(step, &values, &leaf, bf16);
        values.push(Some(value));
        // Without gradients nothing else keeps a map that is used up.
        for (value, &last) in values.iter_mut().zip(&last_uses) {
            if last == at {
                *value = None;
            }
        }
    }
    let map = values.pop().flatten().unwrap_or_else(|| images.shallow_clone());
    map.to_kind(Kind::Float).mean_dim([2, 3].as_slice(), false, Kind::Float)
}

/// The step after which each value but the last is used up.
fn last_uses(trunk: &Trunk) -> Vec<usize> {
    (0..trunk.steps.len())
        .map(|value| trunk.steps.iter().rposition(|step| step.reads().contains(&value)).unwrap_or(value))
        .collect()
}

/// Normalised pixels in the order of axes and channels that the classifier wants.
fn picture(trunk: &Trunk, images: &Tensor) -> Tensor {
    let source = &trunk.source;
    let images = match source.colour {
        Channels::Rgb => images.shallow_clone(),
        Channels::Bgr => images.flip([3]),
    };
    let of = |values: &[f32; 3]| Tensor::from_slice(values).to_device(images.device());
    let pixels = (images.to_kind(Kind::Float) - of(&source.mean)) / of(&source.std);
    match source.layout {
        Layout::Nchw => pixels.permute([0, 3, 1, 2]),
        Layout::Nhwc => pixels,
    }
}

fn run<'a>(step: &Step, values: &[Option<Tensor>], leaf: &impl Fn(&str) -> &'a Tensor, bf16: bool) -> Tensor {
    // Trunk::check proved that every step reads what was made before it, and `last_uses` that it is still there.
    let value = |at: usize| values[at].as_ref().expect("a value lives until its last use");
    let arithmetic = |left: &Operand, right: &Operand| {
        let device = values.iter().flatten().next().map_or(tch::Device::Cpu, Tensor::device);
        [left, right].map(|operand| match operand {
            Operand::Value(at) => value(*at).shallow_clone(),
            Operand::Constant { shape, values } => {
                let shape: Vec<i64> = shape.iter().map(|&side| i64::try_from(side).unwrap_or(i64::MAX)).collect();
                Tensor::from_slice(values).view(shape.as_slice()).to_device(device)
            }
        })
    };
    match step {
        Step::Conv { input, weight, bias, strides, pads, dilations, groups } => {
            let (x, pads) = even(value(*input), pads);
            let (kernel, bias) = (leaf(weight), bias.as_ref().map(|name| leaf(name)));
            if bf16 {
                let half = |t: &Tensor| t.to_kind(Kind::BFloat16);
                half(&x).conv2d(&half(kernel), bias.map(half), strides, pads, dilations, *groups)
            } else {
                x.conv2d(kernel, bias, strides, pads, dilations, *groups)
            }
        }
        Step::Relu { input } => value(*input).relu(),
        Step::Clip { input, min, max } => {
            let x = value(*input);
            match (min.map(f64::from), max.map(f64::from)) {
                (Some(min), Some(max)) => x.clamp(min, max),
                (Some(min), None) => x.clamp_min(min),
                (None, Some(max)) => x.clamp_max(max),
                (None, None) => x.shallow_clone(),
            }
        }
        Step::Sigmoid { input } => value(*input).sigmoid(),
        Step::HardSigmoid { input, alpha, beta } => {
            (value(*input) * f64::from(*alpha) + f64::from(*beta)).clamp(0.0, 1.0)
        }
        Step::HardSwish { input } => value(*input).hardswish(),
        Step::Add { left, right } => {
            let [left, right] = arithmetic(left, right);
            left + right
        }
        Step::Sub { left, right } => {
            let [left, right] = arithmetic(left, right);
            left - right
        }
        Step::Mul { left, right } => {
            let [left, right] = arithmetic(left, right);
            left * right
        }
        Step::Div { left, right } => {
            let [left, right] = arithmetic(left, right);
            left / right
        }
        Step::Concat { inputs } => {
            let inputs: Vec<&Tensor> = inputs.iter().map(|&at| value(at)).collect();
            Tensor::cat(&inputs, 1)
        }
        Step::MaxPool { input, kernel, strides, pads } => {
            let [top, left, bottom, right] = *pads;
            let x = value(*input);
            let x = match pads {
                [0, 0, 0, 0] => x.shallow_clone(),
                _ => x.pad([left, right, top, bottom], "constant", f64::NEG_INFINITY),
            };
            x.max_pool2d(kernel, strides, [0, 0], [1, 1], false)
        }
        Step::AveragePool { input, kernel, strides, pads, count_pads } => {
            let mean = |x: &Tensor| x.avg_pool2d(kernel, strides, [0, 0], false, false, None::<i64>);
            let x = value(*input);
            let sums = mean(&zeros_around(x, pads));
            if *count_pads || *pads == [0; 4] {
                return sums;
            }
            // The share of each window that lies on the map.
            let size = x.size();
            let map = Tensor::ones([1, 1, size[2], size[3]], (x.kind(), x.device()));
            sums / mean(&zeros_around(&map, pads))
        }
        Step::GlobalAveragePool { input } => value(*input).mean_dim([2, 3].as_slice(), true, None::<Kind>),
        Step::Pad { input, pads } => zeros_around(value(*input), pads),
        Step::Transpose { input, order } => value(*input).permute(order),
    }
}

/// The map, and the padding above and left, if it is the same below and right; else the padded map and none.
fn even(x: &Tensor, pads: &[i64; 4]) -> (Tensor, [i64; 2]) {
    let [top, left, bottom, right] = *pads;
    if top == bottom && left == right { (x.shallow_clone(), [top, left]) } else { (zeros_around(x, pads), [0, 0]) }
}

fn zeros_around(x: &Tensor, pads: &[i64; 4]) -> Tensor {
    let [top, left, bottom, right] = *pads;
    match pads {
        [0, 0, 0, 0] => x.shallow_clone(),
        _ => x.constant_pad_nd([left, right, top, bottom]),
    }
}

#[cfg(test)]
mod tests;
