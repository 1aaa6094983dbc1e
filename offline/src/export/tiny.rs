//! Graphs of a few operations, for tests.

use super::onnx::{Attribute, Graph, Model, Node, Opset};

/// An operation with one output, named by it.
pub(crate) fn node(op: &str, inputs: &[&str], output: &str, attributes: Vec<Attribute>) -> Node {
    Node {
        op: op.to_owned(),
        name: output.to_owned(),
        inputs: inputs.iter().map(|&name| name.to_owned()).collect(),
        outputs: vec![output.to_owned()],
        attributes,
        ..Node::default()
    }
}

/// A model of a graph.
pub(crate) fn model(graph: Graph) -> Model {
    Model {
        ir_version: 8,
        producer_name: "test".to_owned(),
        graph: Some(graph),
        opset_import: vec![Opset { domain: String::new(), version: 14 }],
        metadata: Vec::new(),
    }
}
