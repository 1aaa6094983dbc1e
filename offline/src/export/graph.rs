//! Writing ONNX graphs: constants, operations, and whole graphs merged in under a prefix.

use std::collections::{HashMap, HashSet};

use super::ExportError;
use super::onnx::{Attribute, Element, Entry, Extent, Graph, Model, Node, Opset, Tensor, ValueInfo};

/// The operator set that is written unless an operator needs a later one.
pub const OPSET: i64 = 20;

/// Float constants up to this size stay 32-bit when weights are stored as 16-bit floats.
pub const HALF_ABOVE_BYTES: usize = 1024;

/// Added to the name of a constant that is stored as 16-bit floats; the `Cast` behind it has the plain name.
pub const HALF_SUFFIX: &str = ".half";

/// A value of the graph, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(String);

impl Value {
    /// The value's name in the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// How weights are stored; computing is 32-bit either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// As 32-bit floats.
    Float,
    /// As 16-bit floats with a `Cast` behind each above [`HALF_ABOVE_BYTES`]; the engine folds it when it loads.
    Half,
}

/// A graph under construction. Nodes are kept in the order of their making, which is topological.
#[derive(Debug)]
pub struct GraphBuilder {
    graph: Graph,
    constants: HashSet<String>,
    used: HashMap<String, usize>,
    scope: String,
    storage: Storage,
    domains: HashSet<String>,
}

impl GraphBuilder {
    /// An empty graph.
    #[must_use]
    pub fn new(name: &str, storage: Storage) -> Self {
        Self {
            graph: Graph { name: name.to_owned(), ..Graph::default() },
            constants: HashSet::new(),
            used: HashMap::new(),
            scope: String::new(),
            storage,
            domains: HashSet::new(),
        }
    }

    /// Names of values made from now on start with `scope/`.
    pub fn scope(&mut self, scope: &str) {
        scope.clone_into(&mut self.scope);
    }

    /// Declares an input.
    pub fn input(&mut self, name: &str, element: Element, shape: &[Extent]) -> Value {
        self.graph.inputs.push(ValueInfo::tensor(name, element, shape));
        Value(name.to_owned())
    }

    /// Declares `value` an output called `name`.
    pub fn output(&mut self, value: &Value, name: &str, element: Element, shape: &[Extent]) {
        self.graph.nodes.push(Node {
            inputs: vec![value.0.clone()],
            outputs: vec![name.to_owned()],
            name: format!("output/{name}"),
            op: "Identity".to_owned(),
            ..Node::default()
        });
        self.graph.outputs.push(ValueInfo::tensor(name, element, shape));
    }

    /// A trained constant under its own name, stored as the builder was told to.
    pub fn weight(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Value {
        if !self.constants.insert(name.to_owned()) {
            return Value(name.to_owned());
        }
        if self.storage == Storage::Half && size_of_val(values) > HALF_ABOVE_BYTES {
            let stored = format!("{name}{HALF_SUFFIX}");
            self.graph.initialisers.push(Tensor::halves(&stored, shape, values));
            self.push_cast(&stored, name);
        } else {
            self.graph.initialisers.push(Tensor::floats(name, shape, values));
        }
        Value(name.to_owned())
    }

    /// A float constant that must keep its 32 bits, under its own name.
    pub fn exact(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Value {
        if self.constants.insert(name.to_owned()) {
            self.graph.initialisers.push(Tensor::floats(name, shape, values));
        }
        Value(name.to_owned())
    }

    /// A float scalar.
    pub fn scalar(&mut self, value: f32) -> Value {
        self.exact(&format!("float/{value}"), &[], &[value])
    }

    /// A vector of integers: a shape, axes, starts, ends.
    pub fn ints(&mut self, values: &[i64]) -> Value {
        let text: Vec<String> = values.iter().map(i64::to_string).collect();
        let name = format!("ints/{}", text.join("_"));
        if self.constants.insert(name.clone()) {
            self.graph.initialisers.push(Tensor::ints(&name, values));
        }
        Value(name)
    }

    /// The omitted optional input.
    #[must_use]
    pub fn nothing(&self) -> Value {
        Value(String::new())
    }

    /// An operation with one output.
    pub fn op(&mut self, op: &str, inputs: &[&Value], attributes: Vec<Attribute>) -> Value {
        self.node("", op, inputs, attributes, 1).remove(0)
    }

    /// An operation with `outputs` outputs, from the operator domain `domain` (empty: ONNX's own).
    pub fn node(
        &mut self,
        domain: &str,
        op: &str,
        inputs: &[&Value],
        attributes: Vec<Attribute>,
        outputs: usize,
    ) -> Vec<Value> {
        let base = if self.scope.is_empty() { op.to_owned() } else { format!("{}/{op}", self.scope) };
        let count = self.used.entry(base.clone()).or_default();
        *count += 1;
        let name = format!("{base}_{count}");
        let values: Vec<Value> = match outputs {
            1 => vec![Value(name.clone())],
            n => (0..n).map(|i| Value(format!("{name}.{i}"))).collect(),
        };
        if !domain.is_empty() {
            self.domains.insert(domain.to_owned());
        }
        self.graph.nodes.push(Node {
            inputs: inputs.iter().map(|v| v.0.clone()).collect(),
            outputs: values.iter().map(|v| v.0.clone()).collect(),
            name,
            op: op.to_owned(),
            attributes,
            domain: domain.to_owned(),
        });
        values
    }

    /// Copies that part of another model's graph which computes `wanted`, and returns those values.
    ///
    /// Operations get `prefix/` before their names, constants `weights/`: merging the same graph twice under two
    /// prefixes and one `weights` shares the constants. `bind` replaces the graph's inputs; their declared shape is
    /// not checked, so a fully convolutional graph takes other sizes. With [`Storage::Half`] its large float
    /// constants are stored as this builder's [`Storage`] says, with [`Storage::Float`] as they are.
    ///
    /// # Errors
    /// [`ExportError::NoValue`] for a wanted value or an input that nothing provides; [`ExportError::Operator`] for
    /// an operator that is not known to mean the same in set [`OPSET`].
    pub fn merge(
        &mut self,
        model: &Model,
        prefix: &str,
        weights: &str,
        storage: Storage,
        bind: &[(&str, &Value)],
        wanted: &[&str],
    ) -> Result<Vec<Value>, ExportError> {
        let graph = model.graph()?;
        let producers: HashMap<&str, usize> =
            graph.nodes.iter().enumerate().flat_map(|(i, n)| n.outputs.iter().map(move |o| (o.as_str(), i))).collect();
        let initialisers: HashMap<&str, &Tensor> = graph.initialisers.iter().map(|t| (t.name.as_str(), t)).collect();
        let bound: HashMap<&str, &Value> = bind.iter().copied().collect();

        let mut needed = HashSet::new();
        let mut constants = Vec::new();
        let mut seen = HashSet::new();
        let mut open: Vec<&str> = wanted.to_vec();
        while let Some(name) = open.pop() {
            if name.is_empty() || bound.contains_key(name) || !seen.insert(name) {
                continue;
            }
            if let Some(&i) = producers.get(name) {
                if needed.insert(i) {
                    open.extend(graph.nodes[i].inputs.iter().map(String::as_str));
                }
            } else if let Some(tensor) = initialisers.get(name) {
                constants.push(*tensor);
            } else {
                return Err(ExportError::NoValue { name: name.to_owned() });
            }
        }

        constants.sort_by(|a, b| a.name.cmp(&b.name));
        for tensor in constants {
            let name = format!("{weights}/{}", tensor.name);
            if tensor.element == Element::F32 as i32 && storage == Storage::Half {
                self.weight(&name, &tensor.shape(), &tensor.to_floats()?);
            } else if self.constants.insert(name.clone()) {
                self.graph.initialisers.push(Tensor { name, ..tensor.clone() });
            }
        }
        let rename = |name: &str| -> String {
            if name.is_empty() {
                String::new()
            } else if let Some(value) = bound.get(name) {
                value.0.clone()
            } else if initialisers.contains_key(name) && !producers.contains_key(name) {
                format!("{weights}/{name}")
            } else {
                format!("{prefix}/{name}")
            }
        };
        let opset = model.opset();
        for (i, node) in graph.nodes.iter().enumerate() {
            if !needed.contains(&i) {
                continue;
            }
            if opset != OPSET && !same_since(&node.op, opset) {
                return Err(ExportError::Operator { op: node.op.clone(), opset, target: OPSET });
            }
            self.graph.nodes.push(Node {
                inputs: node.inputs.iter().map(|n| rename(n)).collect(),
                outputs: node.outputs.iter().map(|n| rename(n)).collect(),
                name: format!("{prefix}/{}", if node.name.is_empty() { &node.outputs[0] } else { &node.name }),
                ..node.clone()
            });
        }
        Ok(wanted.iter().map(|n| Value(rename(n))).collect())
    }

    /// The finished model. `opset` is at least [`OPSET`]; `metadata` are key-value pairs kept in the file.
    #[must_use]
    pub fn finish(self, opset: i64, metadata: &[(&str, String)]) -> Model {
        let mut opsets = vec![Opset { domain: String::new(), version: opset }];
        opsets.extend(self.domains.into_iter().map(|domain| Opset { domain, version: 1 }));
        Model {
            ir_version: if opset > 20 { 11 } else { 9 },
            producer_name: "miqa-offline".to_owned(),
            graph: Some(self.graph),
            opset_import: opsets,
            metadata: metadata.iter().map(|(k, v)| Entry { key: (*k).to_owned(), value: v.clone() }).collect(),
        }
    }

    fn push_cast(&mut self, from: &str, to: &str) {
        self.graph.nodes.push(Node {
            inputs: vec![from.to_owned()],
            outputs: vec![to.to_owned()],
            name: format!("{to}.cast"),
            op: "Cast".to_owned(),
            attributes: vec![Attribute::of_int("to", Element::F32 as i64)],
            ..Node::default()
        });
    }
}

/// Operators of convolutional classifiers whose inputs, attributes and meaning did not change between the given
/// set and [`OPSET`] (ONNX's operator change log; later versions only added element types).
fn same_since(op: &str, opset: i64) -> bool {
    const SINCE: &[(&str, i64)] = &[
        ("Add", 7),
        ("AveragePool", 10),
        ("BatchNormalization", 15),
        ("Cast", 9),
        ("Clip", 11),
        ("Concat", 4),
        ("Conv", 1),
        ("Div", 7),
        ("Flatten", 1),
        ("Gemm", 11),
        ("GlobalAveragePool", 1),
        ("HardSigmoid", 6),
        ("HardSwish", 14),
        ("Identity", 1),
        ("MatMul", 1),
        ("MaxPool", 10),
        ("Mul", 7),
        ("Relu", 6),
        ("Reshape", 5),
        ("Resize", 11),
        ("Sigmoid", 6),
        ("Slice", 10),
        ("Softmax", 13),
        ("Sub", 7),
        ("Transpose", 1),
    ];
    SINCE.iter().any(|&(name, since)| name == op && opset >= since && opset <= OPSET)
}
