//! A stored model as the graph of 32-bit floats that it computes.

use std::collections::HashMap;

use crate::export::ExportError;
use crate::export::onnx::{Element, Model, Tensor};

/// Operators that only quantised graphs have.
const QUANTISED: [&str; 5] =
    ["QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "MatMulInteger"];

/// The same graph with constants that are stored as 16-bit floats, and those that are written as operations, as plain
/// 32-bit constants.
///
/// # Errors
/// [`ExportError::Converted`] for a graph that computes in 16-bit floats or 8-bit integers, [`ExportError::Tensor`] for a
/// constant that can't be read.
pub fn plain(model: &Model) -> Result<Model, ExportError> {
    let mut model = model.clone();
    let graph = model.graph.as_mut().ok_or(ExportError::NoGraph)?;
    if graph.nodes.iter().any(|node| QUANTISED.contains(&node.op.as_str())) {
        return Err(ExportError::Converted { what: "an int8 one" });
    }
    let stored: HashMap<&str, &Tensor> = graph
        .initialisers
        .iter()
        .filter(|tensor| tensor.element == Element::F16 as i32)
        .map(|tensor| (tensor.name.as_str(), tensor))
        .collect();
    let (mut nodes, mut constants) = (Vec::new(), Vec::new());
    for node in &graph.nodes {
        let to = node.int("to");
        let input = node.inputs.first().map_or("", String::as_str);
        if node.op == "Cast" && to == Some(Element::F32 as i64) && stored.contains_key(input) {
            let half = stored[input];
            constants.push(Tensor::floats(&node.outputs[0], &half.shape(), &half.to_floats()?));
        } else if let ("Constant", Some(value)) =
            (node.op.as_str(), node.attributes.iter().find_map(|a| a.tensor.clone()))
        {
            constants.push(Tensor { name: node.outputs[0].clone(), ..value });
        } else if node.inputs.iter().any(|input| stored.contains_key(input.as_str())) || to == Some(Element::F16 as i64)
        {
            return Err(ExportError::Converted { what: "an fp16 one" });
        } else {
            nodes.push(node.clone());
        }
    }
    graph.initialisers.retain(|tensor| tensor.element != Element::F16 as i32);
    graph.initialisers.extend(constants);
    graph.nodes = nodes;
    Ok(model)
}
