//! A graph in 16-bit floats.
//!
//! Matrix products and convolutions, and what only passes their values on, compute in 16 bits. In 32 bits stay: the picture
//! until its first product (differences to the mean of large numbers), means, deviations and standardisation of region
//! features (sums of many squares overflow), the beliefs' logarithms and exponentials (their tails are the information),
//! and the last layer of every output (a 16-bit score has steps of 0.0005, which ties what a rank should tell apart).

use std::collections::HashSet;

use super::wiring::Wiring;
use crate::export::ExportError;
use crate::export::graph::HALF_SUFFIX;
use crate::export::onnx::{Attribute, Element, Graph, Model, Node, Tensor};

/// Operators that are worth 16 bits.
const PRODUCTS: &[&str] = &["Attention", "Conv", "Gemm", "MatMul", "MultiHeadAttention"];

/// Operators that pass on what a product made, and lose nothing that matters in 16 bits; normalisations and softmax add up in
/// 32 bits inside their kernels.
const FOLLOWERS: &[&str] = &[
    "Add",
    "Clip",
    "Concat",
    "Dropout",
    "Expand",
    "Flatten",
    "Gelu",
    "GlobalAveragePool",
    "HardSigmoid",
    "HardSwish",
    "LayerNormalization",
    "MaxPool",
    "Mul",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// Other operators whose outputs have the element type of their first input.
const ALIKE: &[&str] = &[
    "AveragePool",
    "BatchNormalization",
    "Div",
    "Erf",
    "Exp",
    "Gather",
    "GatherElements",
    "Identity",
    "Log",
    "LogSoftmax",
    "Max",
    "Min",
    "Neg",
    "Pad",
    "Pow",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceSum",
    "ReduceL2",
    "Resize",
    "Sqrt",
    "Sub",
    "Tanh",
    "Tile",
];

/// Operators with integer or truth values out.
const WHOLE: &[&str] = &["ArgMax", "Equal", "Greater", "Less", "Shape", "Size"];

/// Largest 16-bit float.
const LARGEST: f32 = 65504.0;

/// The form of a [plain](super::plain()) graph that computes in 16-bit floats; inputs and outputs stay as they are.
///
/// # Errors
/// [`ExportError::Unknown`] for an operator whose outputs' types are not known here, [`ExportError::Tensor`] for a weight
/// that a 16-bit float can't hold.
pub fn half(model: &Model) -> Result<Model, ExportError> {
    let graph = model.graph()?;
    let floats = float_values(graph)?;
    let narrow = narrow_nodes(graph, &floats);
    let mut writer = Writer {
        wiring: Wiring::of(graph),
        floats: &floats,
        narrow: &narrow,
        out: Graph::default(),
        there: HashSet::new(),
    };
    for (index, node) in graph.nodes.iter().enumerate() {
        writer.node(node, narrow[index])?;
    }
    let Graph { nodes, mut initialisers, .. } = writer.out;
    // Constants that are no floats, such as shapes, stay.
    initialisers.extend(graph.initialisers.iter().filter(|t| t.element != Element::F32 as i32).cloned());
    Ok(Model { graph: Some(Graph { nodes, initialisers, ..graph.clone() }), ..model.clone() })
}

/// Names of all 32-bit float values of a graph.
fn float_values(graph: &Graph) -> Result<HashSet<&str>, ExportError> {
    let float = Element::F32 as i32;
    let inputs = graph.inputs.iter().filter(|input| {
        input.kind.as_ref().and_then(|kind| kind.tensor.as_ref()).is_some_and(|tensor| tensor.element == float)
    });
    let constants = graph.initialisers.iter().filter(|tensor| tensor.element == float);
    let mut floats: HashSet<&str> =
        inputs.map(|input| input.name.as_str()).chain(constants.map(|tensor| tensor.name.as_str())).collect();
    for node in &graph.nodes {
        let op = node.op.as_str();
        let known = |list: &[&str]| list.contains(&op);
        let first = node.inputs.first().is_some_and(|input| floats.contains(input.as_str()));
        let made = match op {
            "Cast" => node.int("to") == Some(Element::F32 as i64),
            "DequantizeLinear" => true,
            "Where" => node.inputs.get(1).is_some_and(|input| floats.contains(input.as_str())),
            "TopK" => first,
            _ if known(PRODUCTS) || known(FOLLOWERS) || known(ALIKE) => first,
            _ if known(WHOLE) => false,
            _ => return Err(ExportError::Unknown { node: node.name.clone(), op: op.to_owned() }),
        };
        if made {
            // The places of the largest values are integers.
            let count = if op == "TopK" { 1 } else { node.outputs.len() };
            floats.extend(node.outputs.iter().take(count).map(String::as_str));
        }
    }
    Ok(floats)
}

/// For every operation whether it computes in 16 bits.
fn narrow_nodes(graph: &Graph, floats: &HashSet<&str>) -> Vec<bool> {
    let wiring = Wiring::of(graph);
    let product = |node: &Node| PRODUCTS.contains(&node.op.as_str());
    // Whether a product comes after an operation; readers come later in the list.
    let mut before_product = vec![false; graph.nodes.len()];
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        let readers = node.outputs.iter().flat_map(|output| wiring.readers(output));
        before_product[index] =
            readers.into_iter().any(|&reader| product(&graph.nodes[reader]) || before_product[reader]);
    }
    let mut narrow = vec![false; graph.nodes.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        let mut moving =
            node.inputs.iter().filter(|i| floats.contains(i.as_str()) && wiring.constant(i).is_none()).peekable();
        let follows = FOLLOWERS.contains(&node.op.as_str())
            && moving.peek().is_some()
            && moving.all(|input| wiring.maker_at(input).is_some_and(|maker| narrow[maker]));
        narrow[index] = before_product[index] && (product(node) || follows);
    }
    narrow
}

/// Writes the operations anew, with casts where 16 and 32 bits meet.
struct Writer<'a> {
    wiring: Wiring<'a>,
    floats: &'a HashSet<&'a str>,
    narrow: &'a [bool],
    out: Graph,
    /// Constants and casts that are written already.
    there: HashSet<String>,
}

impl Writer<'_> {
    fn node(&mut self, node: &Node, narrow: bool) -> Result<(), ExportError> {
        let inputs = node
            .inputs
            .iter()
            .map(|input| match self.floats.contains(input.as_str()) {
                true => self.input(input, narrow, node.op == "Clip"),
                false => Ok(input.clone()),
            })
            .collect::<Result<_, _>>()?;
        self.out.nodes.push(Node { inputs, ..node.clone() });
        Ok(())
    }

    /// The name under which a float is read in 16 or 32 bits.
    fn input(&mut self, name: &str, narrow: bool, bound: bool) -> Result<String, ExportError> {
        if let Some(tensor) = self.wiring.constant(name) {
            let wanted = if narrow { format!("{name}{HALF_SUFFIX}") } else { name.to_owned() };
            if self.there.insert(wanted.clone()) {
                self.out.initialisers.push(if narrow { narrowed(tensor, &wanted, bound)? } else { tensor.clone() });
            }
            return Ok(wanted);
        }
        let made_narrow = self.wiring.maker_at(name).is_some_and(|maker| self.narrow[maker]);
        if made_narrow == narrow {
            return Ok(name.to_owned());
        }
        let (wanted, to) = if narrow {
            (format!("{name}{HALF_SUFFIX}"), Element::F16)
        } else {
            (format!("{name}.float"), Element::F32)
        };
        if self.there.insert(wanted.clone()) {
            let to = vec![Attribute::of_int("to", to as i64)];
            self.out.nodes.push(Node::single("Cast", &[name], &wanted, to));
        }
        Ok(wanted)
    }
}

/// A constant in 16 bits. A bound that lies beyond them binds nothing, so the largest number takes its place.
fn narrowed(tensor: &Tensor, name: &str, bound: bool) -> Result<Tensor, ExportError> {
    let mut values = tensor.to_floats()?;
    if bound {
        values.iter_mut().for_each(|value| *value = value.clamp(-LARGEST, LARGEST));
    }
    if values.iter().any(|value| value.is_nan() || value.abs() > LARGEST) {
        let why = format!("has values beyond ±{LARGEST}, which 16-bit floats can't hold; keep the float model");
        return Err(ExportError::Tensor { name: tensor.name.clone(), why });
    }
    Ok(Tensor::halves(name, &tensor.shape(), &values))
}
