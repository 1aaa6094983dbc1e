//! A graph with 8-bit operations, written with `QuantizeLinear` and `DequantizeLinear` around them.
//!
//! Activations are unsigned with a zero of their own a value, weights signed a channel, biases 32-bit. An engine joins each
//! such group into one integer operation; one that does not computes the same numbers in floats.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::calibrate::Observed;
use super::eight_bit::{EightBit, output_axis};
use super::quantiser::Quantiser;
use super::steps::{Lie, Pairs, Steps};
use super::wiring::Wiring;
use crate::export::ExportError;
use crate::export::onnx::{Attribute, Element, Graph, Model, Node, Tensor};

/// Operators that only move values about or choose among them, so that their bytes are those of their input.
const MOVERS: &[&str] = &["Flatten", "MaxPool", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"];

/// Writes the operations of `eight` in 8 bits; `quantisers` are those of [`EightBit::values`]. What rounded weights add in the mean
/// of the inputs that were `seen` is taken off biases.
///
/// # Errors
/// [`ExportError::NoValue`] for a value without a quantiser, [`ExportError::Tensor`] for a weight that can't be read.
pub fn quantise(
    model: &Model,
    eight: &EightBit,
    quantisers: &BTreeMap<String, Quantiser>,
    seen: &Observed,
) -> Result<Model, ExportError> {
    let graph = model.graph()?;
    let mut writer = Writer {
        graph,
        wiring: Wiring::of(graph),
        eight,
        quantisers,
        nodes: Vec::new(),
        constants: Vec::new(),
        seen,
        rounded: HashMap::new(),
        least: HashMap::new(),
        weights: HashSet::new(),
    };
    writer.widen()?;
    for index in 0..graph.nodes.len() {
        writer.node(index)?;
    }
    let Writer { nodes, mut constants, .. } = writer;
    constants.extend(graph.initialisers.iter().cloned());
    let read: HashSet<&str> = nodes.iter().flat_map(|node| node.inputs.iter().map(String::as_str)).collect();
    let mut there = HashSet::new();
    constants.retain(|tensor| read.contains(tensor.name.as_str()) && there.insert(tensor.name.clone()));
    Ok(Model { graph: Some(Graph { nodes, initialisers: constants, ..graph.clone() }), ..model.clone() })
}

struct Writer<'a> {
    graph: &'a Graph,
    wiring: Wiring<'a>,
    eight: &'a EightBit,
    quantisers: &'a BTreeMap<String, Quantiser>,
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
    /// Values made by float operations that products read: the name of what went through bytes, by that of the value.
    rounded: HashMap<String, String>,
    seen: &'a Observed,
    /// By weight the narrowest steps that leave its biases within 30 bits, by output channel.
    least: HashMap<String, Vec<f32>>,
    /// Weights that are stored in steps already.
    weights: HashSet<String>,
}

impl Writer<'_> {
    fn node(&mut self, index: usize) -> Result<(), ExportError> {
        let node = &self.graph.nodes[index];
        if self.eight.is_product(index) {
            let product = self.product(node)?;
            if node.op == "Conv" && !self.eight.is_bounded(index) {
                self.through_bytes(product)
            } else {
                self.push(product)
            }
        } else if self.eight.is_join(index) {
            self.through_bytes(node.clone())
        } else if self.eight.bounded(index).is_some() {
            let quantiser = self.quantiser(&node.outputs[0])?;
            if self.saturates(node, quantiser) {
                self.write_bytes(&node.inputs[0], &node.outputs[0], quantiser);
                Ok(())
            } else {
                self.through_bytes(node.clone())
            }
        } else {
            self.push(node.clone())
        }
    }

    fn push(&mut self, node: Node) -> Result<(), ExportError> {
        self.nodes.push(node);
        Ok(())
    }

    /// An operation whose one output goes through bytes; readers keep its name.
    fn through_bytes(&mut self, mut node: Node) -> Result<(), ExportError> {
        let name = node.outputs[0].clone();
        let quantiser = self.quantiser(&name)?;
        let floats = format!("{name}.floats");
        node.outputs[0].clone_from(&floats);
        self.nodes.push(node);
        self.write_bytes(&floats, &name, quantiser);
        Ok(())
    }

    fn write_bytes(&mut self, floats: &str, name: &str, quantiser: Quantiser) {
        let bytes = format!("{name}.bytes");
        self.nodes.push(quantiser.quantise(&mut self.constants, floats, &bytes));
        self.nodes.push(quantiser.dequantise(&mut self.constants, &bytes, name));
    }

    /// Whether bytes end where a bound cuts off, so that the bound has nothing left to do.
    fn saturates(&self, node: &Node, quantiser: Quantiser) -> bool {
        let at = |input: usize| self.wiring.floats(node, input).and_then(|values| values.first().copied());
        let high = if node.op == "Relu" { None } else { at(2) };
        let low = if node.op == "Relu" { Some(0.0) } else { at(1) };
        low == Some(0.0) && quantiser.zero == 0 && high.is_none_or(|high| quantiser.high() <= high * 1.000_01)
    }

    fn quantiser(&self, value: &str) -> Result<Quantiser, ExportError> {
        let mut name = value;
        // Bytes that are only moved about keep their steps.
        while let Some(maker) = self.wiring.maker(name).filter(|maker| MOVERS.contains(&maker.op.as_str())) {
            name = &maker.inputs[0];
        }
        let written = self.wiring.maker_at(name).is_some_and(|at| self.writes_bytes(at));
        let found = if written { self.quantisers.get(name) } else { self.quantisers.get(value) };
        found.copied().ok_or_else(|| ExportError::NoValue { name: value.to_owned() })
    }

    fn writes_bytes(&self, at: usize) -> bool {
        let product = self.eight.is_product(at) && self.graph.nodes[at].op == "Conv" && !self.eight.is_bounded(at);
        product || self.eight.is_join(at) || self.eight.bounded(at).is_some()
    }

    /// The name and steps of a product's input, which goes through bytes here unless it has been.
    fn input(&mut self, value: &str) -> Result<(String, Quantiser), ExportError> {
        let maker = self.wiring.maker_at(value);
        if maker.is_some_and(|at| self.writes_bytes(at)) {
            return Ok((value.to_owned(), self.quantiser(value)?));
        }
        if let Some(quantiser) = self.wiring.maker(value).and_then(|maker| self.own(maker)) {
            return Ok((value.to_owned(), quantiser));
        }
        let quantiser = self.quantiser(value)?;
        if let Some(name) = self.rounded.get(value) {
            return Ok((name.clone(), quantiser));
        }
        let name = format!("{value}.rounded");
        self.write_bytes(value, &name, quantiser);
        self.rounded.insert(value.to_owned(), name.clone());
        Ok((name, quantiser))
    }

    /// The steps of a value that the graph itself makes of bytes.
    fn own(&self, maker: &Node) -> Option<Quantiser> {
        let scale = *self.wiring.floats(maker, 1).filter(|_| maker.op == "DequantizeLinear")?.first()?;
        let zero = *self.wiring.constant(maker.inputs.get(2)?)?.raw.first()?;
        Some(Quantiser { scale, zero })
    }

    /// Settles the narrowest steps of each weight: a bias counts in products of both steps, of each input that a shared weight
    /// meets.
    fn widen(&mut self) -> Result<(), ExportError> {
        for (index, node) in self.graph.nodes.iter().enumerate() {
            if !self.eight.is_product(index) {
                continue;
            }
            let Some(bias) = self.wiring.floats(node, 2) else { continue };
            let maker = self.wiring.maker(&node.inputs[0]);
            let own = maker.and_then(|maker| self.own(maker));
            let scale = own.map_or_else(|| self.quantiser(&node.inputs[0]), Ok)?.scale;
            let least = self.least.entry(node.inputs[1].clone()).or_insert_with(|| vec![0.0; bias.len()]);
            for (least, bias) in least.iter_mut().zip(&bias) {
                *least = least.max(bias.abs() / scale / 2.0_f32.powi(30));
            }
        }
        Ok(())
    }

    fn product(&mut self, node: &Node) -> Result<Node, ExportError> {
        let (input, quantiser) = self.input(&node.inputs[0])?;
        let axis = output_axis(node);
        let missing = || ExportError::NoValue { name: node.inputs[1].clone() };
        let weight = self.wiring.constant(&node.inputs[1]).ok_or_else(missing)?;
        let (values, lie) = (weight.to_floats()?, lie(node, &weight.shape(), axis));
        let least = self.least.get(&weight.name).map_or(&[][..], Vec::as_slice);
        let steps = Steps::of(&values, lie, least);
        let [stored, widths, zeros] = ["", ".widths", ".zeros"].map(|end| format!("{}.steps{end}", weight.name));
        if self.weights.insert(stored.clone()) {
            let bytes = steps.values.iter().map(|value| value.to_ne_bytes()[0]).collect();
            self.constants.push(integers(&stored, &weight.shape(), Element::I8, bytes));
            self.constants.push(Tensor::floats(&widths, &[lie.channels], &steps.scales));
            self.constants.push(integers(&zeros, &[lie.channels], Element::I8, vec![0; lie.channels]));
        }
        let floats = format!("{}.weight", node.outputs[0]);
        let along = vec![Attribute::of_int("axis", axis as i64)];
        self.nodes.push(Node::single("DequantizeLinear", &[&stored, &widths, &zeros], &floats, along));
        let mut inputs = vec![input, floats];
        if let Some(mut bias) = self.wiring.floats(node, 2) {
            let means = self.seen.means(&node.inputs[0]);
            if !means.is_empty() && bias.len() == lie.channels {
                // Grouped convolutions read their group's channels only; matrices and the others read all.
                let read = (values.len() / lie.channels / lie.kernel).max(1);
                let groups = (means.len() / read).max(1);
                let first = |output: usize| output / (lie.channels / groups).max(1) * read;
                let mean =
                    |output: usize, place: usize| means.get(first(output) + place / lie.kernel).copied().unwrap_or(0.0);
                for (bias, shift) in bias.iter_mut().zip(steps.shift(&values, lie, mean)) {
                    *bias -= shift as f32;
                }
            }
            inputs.push(self.bias(&node.outputs[0], &bias, quantiser.scale, &steps.scales));
        }
        Ok(Node { inputs, ..node.clone() })
    }

    /// A bias in whole products of both steps.
    fn bias(&mut self, of: &str, bias: &[f32], scale: f32, scales: &[f32]) -> String {
        let widths: Vec<f32> = scales.iter().map(|width| width * scale).collect();
        let count = |(value, width): (&f32, &f32)| (f64::from(*value) / f64::from(*width)).round_ties_even() as i32;
        let counts = bias.iter().zip(&widths).flat_map(|pair| count(pair).to_le_bytes()).collect();
        let names = [".bias.steps", ".bias.widths", ".bias.zeros", ".bias"].map(|end| format!("{of}{end}"));
        let [stored, width, zeros, floats] = &names;
        self.constants.push(integers(stored, &[bias.len()], Element::I32, counts));
        self.constants.push(Tensor::floats(width, &[bias.len()], &widths));
        self.constants.push(integers(zeros, &[bias.len()], Element::I32, vec![0; 4 * bias.len()]));
        let along = vec![Attribute::of_int("axis", 0)];
        self.nodes.push(Node::single("DequantizeLinear", &[stored, width, zeros], floats, along));
        floats.clone()
    }
}

/// How a product's weight lies in memory.
fn lie(node: &Node, shape: &[usize], axis: usize) -> Lie {
    let kernel: usize = if node.op == "Conv" { shape[2..].iter().product() } else { 1 };
    let pairs = match (node.op.as_str(), shape[1]) {
        ("Conv", 1) => Pairs::None,
        ("Conv", _) if kernel > 1 => Pairs::Any,
        _ => Pairs::Neighbours,
    };
    Lie { channels: shape[axis], inner: shape[axis + 1..].iter().product(), kernel, pairs }
}

fn integers(name: &str, shape: &[usize], element: Element, raw: Vec<u8>) -> Tensor {
    let dims = shape.iter().map(|&length| length as i64).collect();
    Tensor { dims, element: element as i32, name: name.to_owned(), raw, ..Tensor::default() }
}
