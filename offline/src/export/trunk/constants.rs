use std::collections::HashMap;

use crate::export::onnx::{Element, Graph, Node, Tensor};

/// The constants of a graph by name, through the operators that only rename them or change their type.
pub(super) struct Constants<'a>(HashMap<&'a str, &'a Tensor>);

impl<'a> Constants<'a> {
    /// The graph's initialisers.
    pub(super) fn of(graph: &'a Graph) -> Self {
        Self(graph.initialisers.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect())
    }

    /// Gives a constant another name.
    pub(super) fn insert(&mut self, name: &'a str, tensor: &'a Tensor) {
        self.0.insert(name, tensor);
    }

    /// A constant by name.
    pub(super) fn get(&self, name: &str) -> Option<&'a Tensor> {
        self.0.get(name).copied()
    }

    /// The 64-bit integers of a constant: axes, pads.
    pub(super) fn ints(&self, name: &str) -> Option<Vec<i64>> {
        let tensor = self.get(name).filter(|tensor| tensor.element == Element::I64 as i32)?;
        if tensor.raw.is_empty() {
            return Some(tensor.int64_data.clone());
        }
        let (words, rest) = tensor.raw.as_chunks::<8>();
        rest.is_empty().then(|| words.iter().map(|word| i64::from_le_bytes(*word)).collect())
    }
}

/// A node's attributes by name.
pub(super) struct Attributes<'a>(pub(super) &'a Node);

impl<'a> Attributes<'a> {
    fn get(&self, name: &str) -> Option<&'a crate::export::onnx::Attribute> {
        self.0.attributes.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn int(&self, name: &str, absent: i64) -> i64 {
        self.get(name).and_then(|attribute| attribute.int).unwrap_or(absent)
    }

    pub(super) fn float(&self, name: &str) -> Option<f32> {
        self.get(name).and_then(|attribute| attribute.float)
    }

    pub(super) fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.get(name).map(|attribute| attribute.ints.as_slice())
    }

    pub(super) fn text(&self, name: &str) -> &'a str {
        let bytes = self.get(name).and_then(|attribute| attribute.string.as_deref()).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or("?")
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&'a Tensor> {
        self.get(name).and_then(|attribute| attribute.tensor.as_ref())
    }

    /// Two numbers, down and across; `absent` each if the node does not say.
    pub(super) fn pair(&self, name: &str, absent: i64) -> Result<[i64; 2], String> {
        match self.ints(name) {
            None | Some([]) => Ok([absent; 2]),
            Some(&[down, across]) => Ok([down, across]),
            Some(other) => Err(format!("has {name} {other:?}: only pictures, with two, are known")),
        }
    }
}
