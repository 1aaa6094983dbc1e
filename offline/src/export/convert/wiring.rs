//! Who makes and who reads a value of a graph.

use std::collections::HashMap;

use crate::export::onnx::{Graph, Node, Tensor};

/// Makers, readers and constants of a graph by the name of the value.
pub(super) struct Wiring<'a> {
    graph: &'a Graph,
    makers: HashMap<&'a str, usize>,
    readers: HashMap<&'a str, Vec<usize>>,
    constants: HashMap<&'a str, &'a Tensor>,
}

impl<'a> Wiring<'a> {
    pub(super) fn of(graph: &'a Graph) -> Self {
        let (mut makers, mut readers) = (HashMap::new(), HashMap::<&str, Vec<usize>>::new());
        for (index, node) in graph.nodes.iter().enumerate() {
            makers.extend(node.outputs.iter().map(|output| (output.as_str(), index)));
            for input in node.inputs.iter().filter(|input| !input.is_empty()) {
                readers.entry(input).or_default().push(index);
            }
        }
        let constants = graph.initialisers.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        Self { graph, makers, readers, constants }
    }

    /// Place of the operation that makes a value; none for inputs and constants.
    pub(super) fn maker_at(&self, value: &str) -> Option<usize> {
        self.makers.get(value).copied()
    }

    /// The operation that makes a value.
    pub(super) fn maker(&self, value: &str) -> Option<&'a Node> {
        self.maker_at(value).map(|index| &self.graph.nodes[index])
    }

    /// The operation at a place.
    pub(super) fn node(&self, at: usize) -> &'a Node {
        &self.graph.nodes[at]
    }

    /// Places of the operations that read a value, once an input.
    pub(super) fn readers(&self, value: &str) -> &[usize] {
        self.readers.get(value).map_or(&[], Vec::as_slice)
    }

    /// The one operation that reads a value; none if there are several, or if it is an output of the graph.
    pub(super) fn only_reader(&self, value: &str) -> Option<usize> {
        match self.readers(value) {
            &[index] if !self.graph.outputs.iter().any(|output| output.name == value) => Some(index),
            _ => None,
        }
    }

    /// A constant by name.
    pub(super) fn constant(&self, name: &str) -> Option<&'a Tensor> {
        self.constants.get(name).copied()
    }

    /// The floats of an operation's constant input.
    pub(super) fn floats(&self, node: &Node, input: usize) -> Option<Vec<f32>> {
        self.constant(node.inputs.get(input)?)?.to_floats().ok()
    }
}
