//! Pixels stay bytes: what normalises them moves into the matrix product behind, which then reads the picture's own 8 bits.
//! That is exact and spares a pass over the picture.

use std::collections::HashSet;

use super::quantiser::Quantiser;
use super::wiring::Wiring;
use crate::export::ExportError;
use crate::export::onnx::{Element, Graph, Model, Tensor};

/// Rewrites (bytes − mean) / deviation before a matrix product: the numbers move into its weights and bias, as in the patch
/// embedding. Before a convolution it stays: its border of zeros lies in normalised values. What is computed stays the same
/// but for rounding in the last places.
///
/// # Errors
/// [`ExportError::NoGraph`], [`ExportError::Tensor`] for constants that can't be read.
pub(super) fn on_bytes(model: &Model) -> Result<Model, ExportError> {
    let mut model = model.clone();
    let graph = model.graph.as_mut().ok_or(ExportError::NoGraph)?;
    for found in all(graph) {
        if let Some(product) = found.product(graph) {
            product.absorb(&found, graph)?;
        }
    }
    drop_unread(graph);
    Ok(model)
}

/// Takes away operations whose values nobody reads, last ones first.
fn drop_unread(graph: &mut Graph) {
    let mut read: HashSet<String> = graph.outputs.iter().map(|output| output.name.clone()).collect();
    let mut kept = Vec::new();
    for node in graph.nodes.drain(..).rev() {
        if node.outputs.iter().any(|output| read.contains(output)) {
            read.extend(node.inputs.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    graph.nodes = kept;
}

/// `Cast` of bytes, `Sub` of means, `Div` by deviations.
struct Normalisation {
    /// The bytes.
    bytes: String,
    /// The normalised floats.
    normalised: String,
    mean: Vec<f32>,
    deviation: Vec<f32>,
    /// Whether the constants lie along the last axis.
    last_axis: bool,
}

/// A product of the normalised values with a constant matrix, and the bias after it.
struct Product {
    reshape: Option<usize>,
    at: usize,
    bias_at: usize,
}

fn all(graph: &Graph) -> Vec<Normalisation> {
    let wiring = Wiring::of(graph);
    let find = |at: usize| {
        let divide = &graph.nodes[at];
        let subtract = wiring.maker(divide.inputs.first()?)?;
        let cast = wiring.maker(subtract.inputs.first()?)?;
        let bytes = cast.inputs.first()?;
        if (divide.op.as_str(), subtract.op.as_str(), cast.op.as_str()) != ("Div", "Sub", "Cast")
            || !is_bytes(graph, &wiring, bytes)
        {
            return None;
        }
        let (mean, deviation) = (wiring.floats(subtract, 1)?, wiring.floats(divide, 1)?);
        let vector = |input: &str| wiring.constant(input).is_some_and(|tensor| tensor.dims.len() == 1);
        let last_axis = vector(&subtract.inputs[1]) && vector(&divide.inputs[1]) && mean.len() == deviation.len();
        Some(Normalisation { bytes: bytes.clone(), normalised: divide.outputs[0].clone(), mean, deviation, last_axis })
    };
    (0..graph.nodes.len()).filter_map(find).collect()
}

/// Whether a value holds the picture's bytes, perhaps moved about.
fn is_bytes(graph: &Graph, wiring: &Wiring<'_>, value: &str) -> bool {
    let mut value = value;
    while let Some(maker) = wiring.maker(value) {
        if !["Reshape", "Slice", "Transpose"].contains(&maker.op.as_str()) {
            return false;
        }
        let Some(input) = maker.inputs.first() else { return false };
        value = input;
    }
    let input = graph.inputs.iter().find(|input| input.name == value);
    input.and_then(|i| i.kind.as_ref()?.tensor.as_ref()).is_some_and(|tensor| tensor.element == Element::U8 as i32)
}

impl Normalisation {
    /// The product that alone reads the normalised values, perhaps reshaped.
    fn product(&self, graph: &Graph) -> Option<Product> {
        let wiring = Wiring::of(graph);
        let mut at = wiring.only_reader(&self.normalised).filter(|_| self.last_axis)?;
        let mut reshape = None;
        if graph.nodes[at].op == "Reshape" {
            reshape = Some(at);
            at = wiring.only_reader(&graph.nodes[at].outputs[0])?;
        }
        let product = &graph.nodes[at];
        let rows = wiring.constant(product.inputs.get(1)?).filter(|matrix| matrix.dims.len() == 2)?.shape()[0];
        let bias_at = wiring.only_reader(product.outputs.first()?)?;
        let bias = &graph.nodes[bias_at];
        let fits = product.op == "MatMul" && bias.op == "Add" && rows.is_multiple_of(self.mean.len());
        (fits && bias.inputs.iter().any(|input| wiring.constant(input).is_some())).then_some(Product {
            reshape,
            at,
            bias_at,
        })
    }
}

impl Product {
    /// W′ = W / deviation by channel, b′ = b − Σ mean · W′; the product then reads the bytes.
    fn absorb(&self, of: &Normalisation, graph: &mut Graph) -> Result<(), ExportError> {
        let (name, bias_name, matrix, bias) = {
            let wiring = Wiring::of(graph);
            let name = graph.nodes[self.at].inputs[1].clone();
            let bias_name = graph.nodes[self.bias_at].inputs.iter().find(|input| wiring.constant(input).is_some());
            let (Some(matrix), Some(bias_name)) = (wiring.constant(&name), bias_name.cloned()) else { return Ok(()) };
            let Some(bias) = wiring.constant(&bias_name) else { return Ok(()) };
            (name, bias_name, matrix.clone(), bias.clone())
        };
        let (rows, columns) = (matrix.shape()[0], matrix.shape()[1]);
        let (mut weights, mut sums) = (matrix.to_floats()?, vec![0.0_f64; columns]);
        for row in 0..rows {
            let (mean, deviation) = (of.mean[row % of.mean.len()], of.deviation[row % of.mean.len()]);
            for (weight, sum) in weights[row * columns..][..columns].iter_mut().zip(&mut sums) {
                *weight /= deviation;
                *sum += f64::from(mean) * f64::from(*weight);
            }
        }
        let shifted: Vec<f32> =
            bias.to_floats()?.iter().zip(&sums).map(|(bias, sum)| (f64::from(*bias) - sum) as f32).collect();
        if shifted.len() != columns {
            return Ok(());
        }
        let (new, new_bias) = (format!("{name}.on_bytes"), format!("{bias_name}.on_bytes"));
        graph.initialisers.push(Tensor::floats(&new, &matrix.shape(), &weights));
        graph.initialisers.push(Tensor::floats(&new_bias, &bias.shape(), &shifted));
        let floats = format!("{}.bytes", of.normalised);
        let whole = Quantiser { scale: 1.0, zero: 0 };
        let mut product_input = of.bytes.clone();
        if let Some(reshape) = self.reshape {
            let reshaped = format!("{}.reshaped", of.bytes);
            let node = &mut graph.nodes[reshape];
            node.inputs[0] = std::mem::replace(&mut product_input, reshaped.clone());
            node.outputs[0].clone_from(&reshaped);
            product_input = reshaped;
        }
        let as_floats = whole.dequantise(&mut graph.initialisers, &product_input, &floats);
        for input in &mut graph.nodes[self.bias_at].inputs {
            if *input == bias_name {
                input.clone_from(&new_bias);
            }
        }
        let node = &mut graph.nodes[self.at];
        node.inputs = vec![floats, new];
        graph.nodes.insert(self.at, as_floats);
        Ok(())
    }
}
