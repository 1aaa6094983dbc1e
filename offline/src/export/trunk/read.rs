use std::collections::{HashMap, HashSet};

use super::PREFIX;
use super::constants::{Attributes, Constants};
use super::spec::TrunkSpec;
use super::steps::{Operand, Step, TensorShape, Trunk};
use super::window::Window;
use crate::export::ExportError;
use crate::export::onnx::{Element, Graph, Model, Node};
use crate::export::weights::{Array, Weights};
use crate::label::zoo::Layout;

/// The operators that can be read, for messages.
const KNOWN: &str = "Add, AveragePool, BatchNormalization, Cast, Clip, Concat, Constant, Conv, Div, Dropout, \
                     GlobalAveragePool, HardSigmoid, HardSwish, Identity, MaxPool, Mul, Pad, ReduceMean, Relu, Sigmoid, Sub, \
                     Transpose";

/// Reads the part of a classifier that computes [`TrunkSpec::tensor`] from pictures of `side`×`side` pixels, and the weights
/// of its convolutions, by the names of [`Trunk::tensors`].
///
/// A kernel or bias that the file uses several times is trained once for each use.
///
/// # Errors
/// [`ExportError::Trunk`] naming the file and the operator that is not known or has no meaning here, [`ExportError::Tensor`]
/// for constants that can't be read.
pub fn read(source: &TrunkSpec, model: &Model, side: u32) -> Result<(Trunk, Weights), ExportError> {
    source.check()?;
    let graph = model.graph()?;
    let picture = match source.layout {
        Layout::Nchw => vec![3, side as usize, side as usize],
        Layout::Nhwc => vec![side as usize, side as usize, 3],
    };
    let nodes = needed(graph, source)?;
    let mut reader = Reader {
        constants: Constants::of(graph),
        values: HashMap::from([(source.input.as_str(), 0)]),
        shapes: vec![picture],
        steps: Vec::new(),
        tensors: Vec::new(),
        weights: Weights::default(),
    };
    for node in &nodes {
        let output = node.outputs.first().map_or("", String::as_str);
        let value = if node.op == "BatchNormalization" && ours(node) {
            reader.fold(node, sole_convolution(node, &nodes, source))
        } else {
            reader.node(node, output)
        };
        let value = value.map_err(|why| source.wrong(format!("operator {} (value {output}) {why}", node.op)))?;
        if let Some(value) = value {
            reader.values.insert(output, value);
        }
    }
    let Some((&[channels, ..], 3)) = reader.shapes.last().map(|shape| (shape.as_slice(), shape.len())) else {
        return Err(source.wrong(format!("trunk.tensor {} is no map [N, C, H, W]", source.tensor)));
    };
    if reader.tensors.is_empty() {
        return Err(source.wrong(format!("no convolution computes trunk.tensor {}", source.tensor)));
    }
    let trunk = Trunk { source: source.clone(), side, steps: reader.steps, tensors: reader.tensors, channels };
    Ok((trunk, reader.weights))
}

/// The nodes that compute the map, in the file's order.
fn needed<'a>(graph: &'a Graph, source: &TrunkSpec) -> Result<Vec<&'a Node>, ExportError> {
    let outputs = graph.nodes.iter().enumerate().flat_map(|(at, node)| node.outputs.iter().map(move |name| (name, at)));
    let producers: HashMap<&str, usize> = outputs.map(|(name, at)| (name.as_str(), at)).collect();
    let constants: HashSet<&str> = graph.initialisers.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut chosen = vec![false; graph.nodes.len()];
    let mut open = vec![source.tensor.as_str()];
    while let Some(name) = open.pop() {
        if name.is_empty() || name == source.input {
            continue;
        }
        match producers.get(name) {
            Some(&at) if chosen[at] => {}
            Some(&at) => {
                chosen[at] = true;
                open.extend(graph.nodes[at].inputs.iter().map(String::as_str));
            }
            None if constants.contains(name) => {}
            None => return Err(source.wrong(format!("there is no value {name}; check trunk.tensor and trunk.input"))),
        }
    }
    Ok(graph.nodes.iter().zip(chosen).filter_map(|(node, chosen)| chosen.then_some(node)).collect())
}

/// Whether a node is of ONNX's own operators.
fn ours(node: &Node) -> bool {
    node.domain.is_empty() || node.domain == "ai.onnx"
}

/// Whether what a node reads comes straight from a convolution, and nobody else reads it.
fn sole_convolution(node: &Node, nodes: &[&Node], source: &TrunkSpec) -> bool {
    let Some(name) = node.inputs.first() else { return false };
    let made = nodes.iter().any(|other| other.op == "Conv" && other.outputs.first() == Some(name));
    let uses = nodes.iter().flat_map(|other| &other.inputs).filter(|input| *input == name).count();
    made && uses == 1 && *name != source.tensor
}

/// A graph on its way into steps.
pub(super) struct Reader<'a> {
    pub(super) constants: Constants<'a>,
    /// Numbers of the file's values.
    pub(super) values: HashMap<&'a str, usize>,
    /// Shapes of the values without the batch.
    shapes: Vec<Vec<usize>>,
    pub(super) steps: Vec<Step>,
    tensors: Vec<TensorShape>,
    pub(super) weights: Weights,
}

impl<'a> Reader<'a> {
    /// Reads a node; gives its value's number, or none if it makes a constant.
    fn node(&mut self, node: &'a Node, output: &'a str) -> Result<Option<usize>, String> {
        if !ours(node) {
            return Err(format!("of the domain {} is not known", node.domain));
        }
        let attributes = Attributes(node);
        match node.op.as_str() {
            "Constant" => {
                let tensor = attributes.tensor("value").ok_or("holds no tensor")?;
                self.constants.insert(output, tensor);
                Ok(None)
            }
            "Identity" | "Dropout" | "Cast" => self.rename(node, output),
            "Conv" => self.convolution(node, &attributes).map(Some),
            "MaxPool" | "AveragePool" => self.pool(node, &attributes).map(Some),
            "GlobalAveragePool" => self.global(node).map(Some),
            "ReduceMean" => {
                let axes = attributes.ints("axes").map(<[i64]>::to_vec);
                let axes = axes.or_else(|| self.constants.ints(node.inputs.get(1)?));
                match (axes.as_deref(), attributes.int("keepdims", 1)) {
                    (Some([2, 3] | [-2, -1]), 1) => self.global(node).map(Some),
                    _ => Err("is known over height and width only, with keepdims".to_owned()),
                }
            }
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(node).map(Some),
            "Concat" => self.concatenation(node, &attributes).map(Some),
            "Pad" => self.padding(node, &attributes).map(Some),
            "Transpose" => self.transposition(node, &attributes).map(Some),
            "Relu" | "Clip" | "Sigmoid" | "HardSigmoid" | "HardSwish" => {
                let input = self.value(node, 0)?;
                let step = match node.op.as_str() {
                    "Relu" => Step::Relu { input },
                    "Sigmoid" => Step::Sigmoid { input },
                    "HardSwish" => Step::HardSwish { input },
                    "HardSigmoid" => {
                        let of = |name: &str, absent| attributes.float(name).unwrap_or(absent);
                        Step::HardSigmoid { input, alpha: of("alpha", 0.2), beta: of("beta", 0.5) }
                    }
                    _ => {
                        let (min, max) = (self.limit(node, 1, "min")?, self.limit(node, 2, "max")?);
                        Step::Clip { input, min, max }
                    }
                };
                let shape = self.shapes[input].clone();
                Ok(Some(self.push(step, shape)))
            }
            _ => Err(format!("is none that a trunk can train; known are {KNOWN}")),
        }
    }

    fn push(&mut self, step: Step, shape: Vec<usize>) -> usize {
        self.steps.push(step);
        self.shapes.push(shape);
        self.steps.len()
    }

    /// The value that a node reads at a place.
    fn value(&self, node: &Node, place: usize) -> Result<usize, String> {
        let name = node.inputs.get(place).map_or("", String::as_str);
        self.values.get(name).copied().ok_or_else(|| format!("reads {name:?}, which does not come from the picture"))
    }

    /// A value that is a map, with its channels, height and width.
    fn map(&self, node: &Node, place: usize) -> Result<(usize, [usize; 3]), String> {
        let value = self.value(node, place)?;
        let shape = &self.shapes[value];
        let map =
            shape.as_slice().try_into().map_err(|_| format!("reads a value of {} axes, no map", shape.len() + 1))?;
        Ok((value, map))
    }

    /// A float constant that a node reads at a place; none if it reads nothing there.
    pub(super) fn floats(&self, node: &Node, place: usize) -> Result<Option<Array>, String> {
        let Some(name) = node.inputs.get(place).filter(|name| !name.is_empty()) else { return Ok(None) };
        let tensor = self.constants.get(name).ok_or_else(|| format!("reads {name}, which is no constant"))?;
        let values = tensor.to_floats().map_err(|e| format!("reads a constant that can't be: {e}"))?;
        Ok(Some(Array { shape: tensor.shape(), values }))
    }

    /// Takes a tensor into training under the name of the file, or that name with a number if it is taken.
    pub(super) fn train(&mut self, name: &str, array: Array) -> String {
        let mut own = format!("{PREFIX}{name}");
        let mut uses = 1;
        while self.tensors.iter().any(|tensor| tensor.name == own) {
            uses += 1;
            own = format!("{PREFIX}{name}.{uses}");
        }
        self.tensors.push(TensorShape { name: own.clone(), shape: array.shape.clone() });
        self.weights.insert(&own, array);
        own
    }

    /// What only passes its input on.
    fn rename(&mut self, node: &'a Node, output: &'a str) -> Result<Option<usize>, String> {
        let name = node.inputs.first().map_or("", String::as_str);
        if let Some(tensor) = self.constants.get(name) {
            self.constants.insert(output, tensor);
            return Ok(None);
        }
        let to = Attributes(node).int("to", i64::from(Element::F32 as i32));
        if to != i64::from(Element::F32 as i32) {
            return Err(format!("makes element type {to} of a picture's value; only 32-bit floats are trained"));
        }
        self.value(node, 0).map(Some)
    }

    fn limit(&self, node: &Node, place: usize, name: &str) -> Result<Option<f32>, String> {
        match self.floats(node, place)? {
            Some(array) => array.values.first().copied().map(Some).ok_or_else(|| format!("has an empty {name}")),
            None => Ok(Attributes(node).float(name)),
        }
    }

    fn convolution(&mut self, node: &Node, attributes: &Attributes<'_>) -> Result<usize, String> {
        let (input, [channels, height, width]) = self.map(node, 0)?;
        let kernel = self.floats(node, 1)?.ok_or("has no kernel")?;
        let groups = attributes.int("group", 1);
        let &[out, each, down, across] = kernel.shape.as_slice() else {
            return Err(format!("has a kernel of shape {:?}", kernel.shape));
        };
        let fits = usize::try_from(groups).is_ok_and(|g| g > 0 && each * g == channels && out.is_multiple_of(g));
        if !fits {
            return Err(format!("has a kernel {:?} in {groups} groups for {channels} channels", kernel.shape));
        }
        let window = Window::of(attributes, [long(down), long(across)], [height, width])?;
        let bias = self.floats(node, 2)?.filter(|bias| bias.shape == [out]);
        if node.inputs.get(2).is_some_and(|name| !name.is_empty()) && bias.is_none() {
            return Err("has a bias that does not fit its kernel".to_owned());
        }
        let weight = self.train(&node.inputs[1], kernel);
        let bias = bias.map(|bias| self.train(&node.inputs[2], bias));
        let Window { strides, dilations, pads, count, .. } = window;
        let step = Step::Conv { input, weight, bias, strides, pads, dilations, groups };
        Ok(self.push(step, vec![out, count[0], count[1]]))
    }

    fn pool(&mut self, node: &Node, attributes: &Attributes<'_>) -> Result<usize, String> {
        let (input, [channels, height, width]) = self.map(node, 0)?;
        let kernel = attributes.pair("kernel_shape", 1)?;
        let window = Window::of(attributes, kernel, [height, width])?;
        let Window { strides, dilations, pads, beyond, count, .. } = window;
        if dilations != [1, 1] {
            return Err("has dilations".to_owned());
        }
        let step = if node.op == "MaxPool" {
            Step::MaxPool { input, kernel, strides, pads }
        } else {
            if beyond != [0, 0] {
                return Err("rounds its size up, which engines average differently".to_owned());
            }
            Step::AveragePool { input, kernel, strides, pads, count_pads: attributes.int("count_include_pad", 0) != 0 }
        };
        Ok(self.push(step, vec![channels, count[0], count[1]]))
    }

    fn global(&mut self, node: &Node) -> Result<usize, String> {
        let (input, [channels, ..]) = self.map(node, 0)?;
        Ok(self.push(Step::GlobalAveragePool { input }, vec![channels, 1, 1]))
    }

    fn arithmetic(&mut self, node: &Node) -> Result<usize, String> {
        let mut sides = Vec::new();
        for place in 0..2 {
            if let Ok(value) = self.value(node, place) {
                sides.push((Operand::Value(value), self.shapes[value].clone()));
            } else {
                let Array { mut shape, values } = self.floats(node, place)?.ok_or("has one operand")?;
                // A constant's axes count from the last; one of length 1 for the batch says nothing.
                while shape.len() > 3 && shape[0] == 1 {
                    shape.remove(0);
                }
                sides.push((Operand::Constant { shape: shape.clone(), values }, shape));
            }
        }
        let [(left, a), (right, b)] = <[_; 2]>::try_from(sides).map_err(|_| "has one operand")?;
        if let (Operand::Constant { .. }, Operand::Constant { .. }) = (&left, &right) {
            return Err("computes a constant; fold the file's constants first".to_owned());
        }
        let shape = broadcast(&a, &b).ok_or_else(|| format!("joins values of shapes {a:?} and {b:?}"))?;
        let step = match node.op.as_str() {
            "Add" => Step::Add { left, right },
            "Sub" => Step::Sub { left, right },
            "Mul" => Step::Mul { left, right },
            _ => Step::Div { left, right },
        };
        Ok(self.push(step, shape))
    }

    fn concatenation(&mut self, node: &Node, attributes: &Attributes<'_>) -> Result<usize, String> {
        if !matches!(attributes.int("axis", 0), 1 | -3) {
            return Err("joins along another axis than the channels".to_owned());
        }
        let parts = (0..node.inputs.len()).map(|place| self.map(node, place)).collect::<Result<Vec<_>, _>>()?;
        let [_, height, width] = parts.first().ok_or("joins nothing")?.1;
        if parts.iter().any(|(_, [_, h, w])| (*h, *w) != (height, width)) {
            return Err("joins maps of different sizes".to_owned());
        }
        let channels = parts.iter().map(|(_, [channels, ..])| channels).sum();
        let inputs = parts.iter().map(|(value, _)| *value).collect();
        Ok(self.push(Step::Concat { inputs }, vec![channels, height, width]))
    }

    fn padding(&mut self, node: &Node, attributes: &Attributes<'_>) -> Result<usize, String> {
        let (input, [channels, height, width]) = self.map(node, 0)?;
        let given = attributes.ints("pads").map(<[i64]>::to_vec);
        let given = given.or_else(|| self.constants.ints(node.inputs.get(1)?)).ok_or("has no constant pads")?;
        let &[0, 0, top, left, 0, 0, bottom, right] = given.as_slice() else {
            return Err(format!("has pads {given:?}: only height and width are padded"));
        };
        let filled = self.limit(node, 2, "value")?.unwrap_or(0.0);
        if !matches!(attributes.text("mode"), "" | "constant") || filled != 0.0 {
            return Err("fills with something else than zeros".to_owned());
        }
        let grown = |size: usize, more: i64| usize::try_from(long(size) + more).map_err(|_| "cuts its map away");
        let pads = [top, left, bottom, right];
        if pads.iter().any(|&pad| pad < 0) {
            return Err("cuts off pixels by negative pads".to_owned());
        }
        let shape = vec![channels, grown(height, top + bottom)?, grown(width, left + right)?];
        Ok(self.push(Step::Pad { input, pads }, shape))
    }

    fn transposition(&mut self, node: &Node, attributes: &Attributes<'_>) -> Result<usize, String> {
        let (input, shape) = self.map(node, 0)?;
        let order = attributes.ints("perm").unwrap_or(&[3, 2, 1, 0]);
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        let (&[0, a, b, c], [0, 1, 2, 3]) = (order, sorted.as_slice()) else {
            return Err(format!("has the order {order:?}, which moves the batch"));
        };
        let shape = [a, b, c].iter().map(|&axis| shape[usize::try_from(axis - 1).unwrap_or(0)]).collect();
        Ok(self.push(Step::Transpose { input, order: [0, a, b, c] }, shape))
    }
}

/// The shape of a result of two operands, axes counted from the last.
fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let axes = a.len().max(b.len());
    let at = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(axes).map_or(1, |place| shape[place]);
    (0..axes)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, size) | (size, 1) => Some(size),
            _ => None,
        })
        .collect()
}

fn long(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
