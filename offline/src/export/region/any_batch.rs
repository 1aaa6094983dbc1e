//! Encoders that were written for one picture at a time.

use std::collections::HashSet;

use crate::export::onnx::{Element, Graph, Model, Tensor};

/// Ending of the constants that are put in the place of others.
const ENDING: &str = "/any_batch";

/// Makes a model take any number of pictures: a `Reshape` to a constant shape that begins with 1 takes over what its input
/// begins with instead.
#[must_use]
pub fn any_batch(mut model: Model) -> Model {
    if let Some(graph) = &mut model.graph {
        free(graph);
    }
    model
}

fn free(graph: &mut Graph) {
    let mut known = HashSet::new();
    for node in graph.nodes.iter_mut().filter(|node| node.op == "Reshape") {
        let Some(name) = node.inputs.get_mut(1) else { continue };
        let shape = graph.initialisers.iter().find(|constant| constant.name == *name).and_then(integers);
        let Some([1, rest @ ..]) = shape.as_deref() else { continue };
        let freed = format!("{name}{ENDING}");
        if known.insert(freed.clone()) {
            // A dimension of 0 is that of the input.
            let values: Vec<i64> = std::iter::once(0).chain(rest.iter().copied()).collect();
            graph.initialisers.push(Tensor::ints(&freed, &values));
        }
        *name = freed;
    }
}

/// The values of a constant of whole numbers.
fn integers(tensor: &Tensor) -> Option<Vec<i64>> {
    if tensor.element != Element::I64 as i32 {
        return None;
    }
    if !tensor.int64_data.is_empty() {
        return Some(tensor.int64_data.clone());
    }
    Some(tensor.raw.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::tiny::{model, node};

    #[test]
    fn shapes_of_one_picture_take_the_number_of_their_input() {
        let graph = Graph {
            nodes: vec![
                node("Reshape", &["x", "one"], "a", vec![]),
                node("Reshape", &["a", "one"], "b", vec![]),
                node("Reshape", &["b", "minus"], "c", vec![]),
                node("Reshape", &["c", "made"], "d", vec![]),
                node("Add", &["d", "one"], "e", vec![]),
            ],
            initialisers: vec![
                Tensor {
                    raw: [1_i64, 7].iter().flat_map(|v| v.to_le_bytes()).collect(),
                    ..Tensor::ints("one", &[0; 2])
                },
                Tensor::ints("minus", &[-1, 7]),
            ],
            ..Graph::default()
        };
        let freed = any_batch(model(graph)).graph.expect("the graph that was given");
        let second: Vec<&str> = freed.nodes.iter().map(|node| node.inputs[1].as_str()).collect();
        assert_eq!(second, ["one/any_batch", "one/any_batch", "minus", "made", "one"]);
        assert_eq!(freed.initialisers.len(), 3);
        assert_eq!(integers(&freed.initialisers[2]), Some(vec![0, 7]));
    }
}
