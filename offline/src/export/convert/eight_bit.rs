//! Which operations of a graph compute in 8 bits.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::calibrate::Observed;
use super::wiring::Wiring;
use crate::export::onnx::{Graph, Node};

/// A product with less than this share of a picture's multiplications stays in floats: it costs next to nothing, and what it
/// makes of a few numbers is sensitive.
const SHARE: f64 = 5e-4;

/// A convolution that reads no more channels than this stays in floats: it is a picture's first, which 8-bit kernels compute
/// more slowly than float ones, and a picture that was resized has no 8 bits of its own any more.
const FEW_CHANNELS: i64 = 4;

/// The operations that compute in 8 bits, by their place in the graph.
///
/// These are products with constant weights: convolutions, `MatMul` and `Gemm`. Convolutions also write 8 bits, and so does what
/// joins values that are 8-bit: sums and products of two, concatenations, and the sigmoid of x · sigmoid(x); other products write
/// floats. The last layer of every output stays in floats, as does all that is
/// no product: normalisations, softmax, beliefs, means and deviations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EightBit {
    products: BTreeSet<usize>,
    joins: BTreeSet<usize>,
    /// Bounds (`Clip`, `Relu`) behind a convolution, with it.
    bounds: Vec<(usize, usize)>,
}

impl EightBit {
    /// All operations that could be.
    #[must_use]
    pub fn of(graph: &Graph) -> Self {
        let wiring = Wiring::of(graph);
        let product = |node: &Node| ["Conv", "Gemm", "MatMul"].contains(&node.op.as_str());
        let mut before_product = vec![false; graph.nodes.len()];
        for (index, node) in graph.nodes.iter().enumerate().rev() {
            let mut readers = node.outputs.iter().flat_map(|output| wiring.readers(output));
            before_product[index] = readers.any(|&reader| product(&graph.nodes[reader]) || before_product[reader]);
        }
        let suits = |index: &usize| before_product[*index] && constant_weight(&graph.nodes[*index], &wiring);
        let products = (0..graph.nodes.len()).filter(suits).collect();
        Self { products, ..Self::default() }.with_joins(graph, &wiring)
    }

    /// Those whose products are worth it.
    #[must_use]
    pub fn worth(&self, graph: &Graph, seen: &Observed) -> Self {
        let wiring = Wiring::of(graph);
        let cost = |index: &usize| multiplications(&graph.nodes[*index], &wiring, seen);
        // Products outside the list are small, or of two moving values; that they miss in the sum makes the rule a little stricter.
        let all: f64 = self.products.iter().map(cost).sum();
        let products = self.products.iter().copied().filter(|index| cost(index) >= SHARE * all).collect();
        Self { products, ..Self::default() }.with_joins(graph, &wiring)
    }

    /// How many products there are.
    #[must_use]
    pub fn products(&self) -> usize {
        self.products.len()
    }

    /// Whether an operation is a product in 8 bits.
    #[must_use]
    pub fn is_product(&self, index: usize) -> bool {
        self.products.contains(&index)
    }

    /// Whether an operation joins values in 8 bits.
    #[must_use]
    pub fn is_join(&self, index: usize) -> bool {
        self.joins.contains(&index)
    }

    /// The convolution whose values an operation bounds.
    #[must_use]
    pub fn bounded(&self, index: usize) -> Option<usize> {
        self.bounds.iter().find(|(bound, _)| *bound == index).map(|(_, conv)| *conv)
    }

    /// Whether the values of a convolution are bounded by the next operation.
    #[must_use]
    pub fn is_bounded(&self, conv: usize) -> bool {
        self.bounds.iter().any(|(_, bounded)| *bounded == conv)
    }

    /// The values that are to be looked at on pictures: what products read, and what is written in 8 bits.
    #[must_use]
    pub fn values(&self, graph: &Graph) -> Vec<String> {
        let read = self.products.iter().map(|&index| &graph.nodes[index].inputs[0]);
        let written = self.written(graph);
        let names: BTreeSet<&String> = read.chain(written).collect();
        let inputs: HashSet<&str> = graph.inputs.iter().map(|input| input.name.as_str()).collect();
        names.into_iter().filter(|name| !inputs.contains(name.as_str())).cloned().collect()
    }

    /// For each value that a convolution or `Gemm` reads the number of its channels, by which its means are taken.
    #[must_use]
    pub fn channels(&self, graph: &Graph) -> BTreeMap<String, usize> {
        let wiring = Wiring::of(graph);
        let of = |&index: &usize| {
            let node = &graph.nodes[index];
            let channels = match node.op.as_str() {
                "Conv" => usize::try_from(channels_read(node, &wiring)).ok()?,
                "Gemm" => wiring.constant(&node.inputs[1])?.shape()[1 - output_axis(node)],
                _ => return None,
            };
            Some((node.inputs[0].clone(), channels))
        };
        self.products.iter().filter_map(of).collect()
    }

    /// The values that are written in 8 bits.
    fn written<'a>(&'a self, graph: &'a Graph) -> impl Iterator<Item = &'a String> {
        let convs = self.products.iter().copied().filter(|&i| graph.nodes[i].op == "Conv" && !self.is_bounded(i));
        let bounds = self.bounds.iter().map(|(bound, _)| *bound);
        convs.chain(bounds).chain(self.joins.iter().copied()).map(|index| &graph.nodes[index].outputs[0])
    }

    fn with_joins(mut self, graph: &Graph, wiring: &Wiring<'_>) -> Self {
        self.bounds = self.products.iter().filter_map(|&conv| Some((bound_of(graph, wiring, conv)?, conv))).collect();
        let mut written: HashSet<String> = self.written(graph).cloned().collect();
        for (index, node) in graph.nodes.iter().enumerate() {
            let of_bytes = node.inputs.iter().all(|input| written.contains(input));
            let joins = match node.op.as_str() {
                "Add" | "Mul" | "Concat" => true,
                // Other sigmoids are gates or probabilities, which 8 bits would round to nothing.
                "Sigmoid" => weighs_itself(graph, wiring, node),
                _ => false,
            };
            if joins && of_bytes {
                self.joins.insert(index);
                written.extend(node.outputs.iter().cloned());
            }
        }
        self
    }
}

/// The `Clip` or `Relu` that alone reads a convolution.
fn bound_of(graph: &Graph, wiring: &Wiring<'_>, conv: usize) -> Option<usize> {
    let node = &graph.nodes[conv];
    let reader = wiring.only_reader(node.outputs.first().filter(|_| node.op == "Conv")?)?;
    let constant = |input: &String| input.is_empty() || wiring.constant(input).is_some();
    match graph.nodes[reader].op.as_str() {
        "Relu" => Some(reader),
        "Clip" if graph.nodes[reader].inputs[1..].iter().all(constant) => Some(reader),
        _ => None,
    }
}

/// Whether a sigmoid's only reader multiplies it by what it was made of.
fn weighs_itself(graph: &Graph, wiring: &Wiring<'_>, sigmoid: &Node) -> bool {
    let reader = sigmoid.outputs.first().and_then(|output| wiring.only_reader(output)).map(|at| &graph.nodes[at]);
    reader.is_some_and(|reader| reader.op == "Mul" && reader.inputs.contains(&sigmoid.inputs[0]))
}

/// Whether an operation is a product with a constant float weight, and a constant bias if any, in a form that 8-bit kernels have.
fn constant_weight(node: &Node, wiring: &Wiring<'_>) -> bool {
    let dims =
        node.inputs.get(1).and_then(|weight| wiring.floats(node, 1).and(wiring.constant(weight))).map(|t| t.dims.len());
    let moving = node.inputs.first().is_some_and(|input| wiring.constant(input).is_none());
    let bias = node
        .inputs
        .get(2)
        .is_none_or(|bias| bias.is_empty() || wiring.constant(bias).is_some_and(|t| t.dims.len() == 1));
    let one = |name: &str| node.attributes.iter().find(|a| a.name == name).is_none_or(|a| a.float == Some(1.0));
    let form = match node.op.as_str() {
        "Conv" => dims == Some(4) && channels_read(node, wiring) > FEW_CHANNELS,
        "MatMul" => dims == Some(2),
        "Gemm" => dims == Some(2) && one("alpha") && one("beta") && node.int("transA").unwrap_or(0) == 0,
        _ => false,
    };
    form && moving && bias
}

/// Channels that a convolution reads.
pub(super) fn channels_read(node: &Node, wiring: &Wiring<'_>) -> i64 {
    let each =
        node.inputs.get(1).and_then(|weight| wiring.constant(weight)).and_then(|tensor| tensor.dims.get(1).copied());
    each.unwrap_or(0) * node.int("group").unwrap_or(1)
}

/// Axis of a product's weight along which its outputs lie.
pub(super) fn output_axis(node: &Node) -> usize {
    match node.op.as_str() {
        "Conv" => 0,
        "Gemm" if node.int("transB") == Some(1) => 0,
        _ => 1,
    }
}

/// Multiplications of a product for one picture.
fn multiplications(node: &Node, wiring: &Wiring<'_>, seen: &Observed) -> f64 {
    let Some(weight) = wiring.constant(&node.inputs[1]) else { return 0.0 };
    let shape = weight.shape();
    let outputs = shape[output_axis(node)] as f64;
    let each = match node.op.as_str() {
        // A convolution's output, or what bounds it, has as many values.
        "Conv" => shape.iter().product::<usize>() as f64 / outputs,
        _ => outputs,
    };
    let of = match node.op.as_str() {
        "Conv" => {
            let bounded = wiring.only_reader(&node.outputs[0]).map(|reader| &wiring.node(reader).outputs[0]);
            seen.elements(&node.outputs[0]).or_else(|| seen.elements(bounded?))
        }
        _ => seen.elements(&node.inputs[0]),
    };
    of.unwrap_or(0) as f64 * each
}
