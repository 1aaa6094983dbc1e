use miqa::preprocess::SIDE;

use super::steps::{Operand, Step, Trunk};
use crate::export::ExportError;
use crate::export::graph::{GraphBuilder, Value};
use crate::export::onnx::{Attribute, Element};
use crate::export::weights::Weights;
use crate::label::zoo::{Channels, Layout};

/// Writes a trunk behind `image`, u8 [N, 288, 288, 3]: its centre crop, normalised, through the steps with these
/// weights, averaged over height and width: [N, C].
///
/// # Errors
/// [`ExportError::Weights`] for a tensor that is missing.
pub(in crate::export) fn append(
    b: &mut GraphBuilder,
    trunk: &Trunk,
    image: &Value,
    weights: &Weights,
) -> Result<Value, ExportError> {
    b.scope("trunk");
    let mut values = vec![normalise(b, trunk, image)];
    for (at, step) in trunk.steps.iter().enumerate() {
        let value = write(b, step, at, &values, weights)?;
        values.push(value);
    }
    let axes = b.ints(&[2, 3]);
    let map = &values[trunk.steps.len()];
    Ok(b.op("ReduceMean", &[map, &axes], vec![Attribute::of_int("keepdims", 0)]))
}

fn normalise(b: &mut GraphBuilder, trunk: &Trunk, image: &Value) -> Value {
    let source = &trunk.source;
    let start = i64::from((SIDE - trunk.side) / 2);
    let end = start + i64::from(trunk.side);
    let (start, end, axes) = (b.ints(&[start; 2]), b.ints(&[end; 2]), b.ints(&[1, 2]));
    let mut picture = b.op("Slice", &[image, &start, &end, &axes], vec![]);
    if source.colour == Channels::Bgr {
        let order = b.ints(&[2, 1, 0]);
        picture = b.op("Gather", &[&picture, &order], vec![Attribute::of_int("axis", 3)]);
    }
    let float = b.op("Cast", &[&picture], vec![Attribute::of_int("to", Element::F32 as i64)]);
    let mean = b.exact("trunk/mean", &[3], &source.mean);
    let std = b.exact("trunk/std", &[3], &source.std);
    let centred = b.op("Sub", &[&float, &mean], vec![]);
    let scaled = b.op("Div", &[&centred, &std], vec![]);
    match source.layout {
        Layout::Nhwc => scaled,
        Layout::Nchw => b.op("Transpose", &[&scaled], vec![Attribute::of_ints("perm", &[0, 3, 1, 2])]),
    }
}

fn write(
    b: &mut GraphBuilder,
    step: &Step,
    at: usize,
    values: &[Value],
    weights: &Weights,
) -> Result<Value, ExportError> {
    let windows = |kernel: &[i64; 2], strides: &[i64; 2], pads: &[i64; 4]| {
        vec![
            Attribute::of_ints("kernel_shape", kernel),
            Attribute::of_ints("strides", strides),
            Attribute::of_ints("pads", pads),
        ]
    };
    let arithmetic = |b: &mut GraphBuilder, op: &str, left: &Operand, right: &Operand| {
        let [left, right] = [("left", left), ("right", right)].map(|(side, operand)| match operand {
            Operand::Value(value) => values[*value].clone(),
            Operand::Constant { shape, values } => b.exact(&format!("trunk/constant_{at}/{side}"), shape, values),
        });
        b.op(op, &[&left, &right], vec![])
    };
    Ok(match step {
        Step::Conv { input, weight, bias, strides, pads, dilations, groups } => {
            let kernel = weights.get(weight)?;
            let size = kernel.shape[2..].iter().map(|&side| i64::try_from(side).unwrap_or(i64::MAX));
            let mut attributes = vec![
                Attribute::of_ints("kernel_shape", &size.collect::<Vec<_>>()),
                Attribute::of_ints("strides", strides),
                Attribute::of_ints("pads", pads),
            ];
            attributes.extend([Attribute::of_ints("dilations", dilations), Attribute::of_int("group", *groups)]);
            let kernel = b.weight(weight, &kernel.shape, &kernel.values);
            let mut inputs = vec![values[*input].clone(), kernel];
            if let Some(name) = bias {
                let bias = weights.get(name)?;
                inputs.push(b.weight(name, &bias.shape, &bias.values));
            }
            b.op("Conv", &inputs.iter().collect::<Vec<_>>(), attributes)
        }
        Step::Relu { input } => b.op("Relu", &[&values[*input]], vec![]),
        Step::Clip { input, min, max } => {
            let [min, max] = [min, max].map(|limit| match limit {
                Some(limit) => b.scalar(*limit),
                None => b.nothing(),
            });
            b.op("Clip", &[&values[*input], &min, &max], vec![])
        }
        Step::Sigmoid { input } => b.op("Sigmoid", &[&values[*input]], vec![]),
        Step::HardSigmoid { input, alpha, beta } => {
            let attributes = vec![Attribute::of_float("alpha", *alpha), Attribute::of_float("beta", *beta)];
            b.op("HardSigmoid", &[&values[*input]], attributes)
        }
        Step::HardSwish { input } => b.op("HardSwish", &[&values[*input]], vec![]),
        Step::Add { left, right } => arithmetic(b, "Add", left, right),
        Step::Sub { left, right } => arithmetic(b, "Sub", left, right),
        Step::Mul { left, right } => arithmetic(b, "Mul", left, right),
        Step::Div { left, right } => arithmetic(b, "Div", left, right),
        Step::Concat { inputs } => {
            let inputs: Vec<&Value> = inputs.iter().map(|&input| &values[input]).collect();
            b.op("Concat", &inputs, vec![Attribute::of_int("axis", 1)])
        }
        Step::MaxPool { input, kernel, strides, pads } => {
            b.op("MaxPool", &[&values[*input]], windows(kernel, strides, pads))
        }
        Step::AveragePool { input, kernel, strides, pads, count_pads } => {
            let mut attributes = windows(kernel, strides, pads);
            attributes.push(Attribute::of_int("count_include_pad", i64::from(*count_pads)));
            b.op("AveragePool", &[&values[*input]], attributes)
        }
        Step::GlobalAveragePool { input } => b.op("GlobalAveragePool", &[&values[*input]], vec![]),
        Step::Pad { input, pads: [top, left, bottom, right] } => {
            let pads = b.ints(&[0, 0, *top, *left, 0, 0, *bottom, *right]);
            b.op("Pad", &[&values[*input], &pads], vec![])
        }
        Step::Transpose { input, order } => {
            b.op("Transpose", &[&values[*input]], vec![Attribute::of_ints("perm", order)])
        }
    })
}
