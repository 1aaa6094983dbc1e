//! The part of ONNX's protobuf schema that this crate reads and writes, with the field numbers of `onnx.proto`.
//!
//! Fields that are not listed here are dropped on reading (sparse tensors, training info, functions, quantisation
//! annotations): none of them changes what a plain inference graph computes.

use std::path::Path;

use prost::Message;

use super::ExportError;

/// `AttributeProto.type` of a float.
pub const ATTRIBUTE_FLOAT: i32 = 1;
/// `AttributeProto.type` of an integer.
pub const ATTRIBUTE_INT: i32 = 2;
/// `AttributeProto.type` of a byte string.
pub const ATTRIBUTE_STRING: i32 = 3;
/// `AttributeProto.type` of a list of integers.
pub const ATTRIBUTE_INTS: i32 = 7;

/// `ModelProto`: a graph with its operator sets.
#[derive(Clone, PartialEq, Message)]
pub struct Model {
    /// Version of the file format: 9 for operator set 20, 11 for operator set 24.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// The program that wrote the file.
    #[prost(string, tag = "2")]
    pub producer_name: String,
    /// The graph.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    /// Operator sets by domain; the empty domain is ONNX's own.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<Opset>,
    /// Free key-value pairs.
    #[prost(message, repeated, tag = "14")]
    pub metadata: Vec<Entry>,
}

/// `OperatorSetIdProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Opset {
    /// Empty for ONNX's own operators.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// The set's version.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// `StringStringEntryProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Entry {
    /// Key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `GraphProto`: nodes in topological order, constants, inputs and outputs.
#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    /// Operations, each after those it reads from.
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<Node>,
    /// Name of the graph.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Constants by name.
    #[prost(message, repeated, tag = "5")]
    pub initialisers: Vec<Tensor>,
    /// Inputs.
    #[prost(message, repeated, tag = "11")]
    pub inputs: Vec<ValueInfo>,
    /// Outputs.
    #[prost(message, repeated, tag = "12")]
    pub outputs: Vec<ValueInfo>,
}

/// `NodeProto`: one operation.
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    /// Names of the values read; an empty name is an omitted optional input.
    #[prost(string, repeated, tag = "1")]
    pub inputs: Vec<String>,
    /// Names of the values written.
    #[prost(string, repeated, tag = "2")]
    pub outputs: Vec<String>,
    /// Name of the node.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Operator.
    #[prost(string, tag = "4")]
    pub op: String,
    /// Attributes.
    #[prost(message, repeated, tag = "5")]
    pub attributes: Vec<Attribute>,
    /// Domain of the operator; empty for ONNX's own.
    #[prost(string, tag = "7")]
    pub domain: String,
}

/// `AttributeProto`; [`kind`](Self::kind) says which field holds the value.
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Value of a float attribute.
    #[prost(float, optional, tag = "2")]
    pub float: Option<f32>,
    /// Value of an integer attribute.
    #[prost(int64, optional, tag = "3")]
    pub int: Option<i64>,
    /// Value of a string attribute.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub string: Option<Vec<u8>>,
    /// Value of a tensor attribute.
    #[prost(message, optional, tag = "5")]
    pub tensor: Option<Tensor>,
    /// Value of a graph attribute (`If`, `Loop`).
    #[prost(message, optional, tag = "6")]
    pub graph: Option<Graph>,
    /// Value of a list of floats.
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub floats: Vec<f32>,
    /// Value of a list of integers.
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    /// Value of a list of strings.
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub strings: Vec<Vec<u8>>,
    /// Which of the fields above counts (`AttributeProto.AttributeType`).
    #[prost(int32, tag = "20")]
    pub kind: i32,
}

/// `TensorProto`: a constant, row-major.
#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    /// Shape; empty for a scalar.
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    /// Element type, an [`Element`] as number.
    #[prost(int32, tag = "2")]
    pub element: i32,
    /// Float values, if not in `raw`.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// Values of the small integer types, if not in `raw`.
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    /// 64-bit integers, if not in `raw`.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// Name.
    #[prost(string, tag = "8")]
    pub name: String,
    /// Values as little-endian bytes.
    #[prost(bytes = "vec", tag = "9")]
    pub raw: Vec<u8>,
}

/// `ValueInfoProto`: name and type of an input or output.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfo {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Type.
    #[prost(message, optional, tag = "2")]
    pub kind: Option<Type>,
}

/// `TypeProto`; tensors only.
#[derive(Clone, PartialEq, Message)]
pub struct Type {
    /// Element type and shape.
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<TensorType>,
}

/// `TypeProto.Tensor`.
#[derive(Clone, PartialEq, Message)]
pub struct TensorType {
    /// Element type, an [`Element`] as number.
    #[prost(int32, tag = "1")]
    pub element: i32,
    /// Shape, if known.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

/// `TensorShapeProto`.
#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    /// Axes.
    #[prost(message, repeated, tag = "1")]
    pub dims: Vec<Axis>,
}

/// `TensorShapeProto.Dimension`.
#[derive(Clone, PartialEq, Message)]
pub struct Axis {
    /// A number or a name.
    #[prost(oneof = "Extent", tags = "1, 2")]
    pub extent: Option<Extent>,
}

/// Length of an axis.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Extent {
    /// A fixed length.
    #[prost(int64, tag = "1")]
    Fixed(i64),
    /// A length known at run time, by name.
    #[prost(string, tag = "2")]
    Named(String),
}

/// Element types in use, with `TensorProto.DataType`'s numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Element {
    /// 32-bit float.
    F32 = 1,
    /// 8-bit unsigned integer.
    U8 = 2,
    /// 8-bit signed integer.
    I8 = 3,
    /// 32-bit integer.
    I32 = 6,
    /// 64-bit integer.
    I64 = 7,
    /// 16-bit IEEE float.
    F16 = 10,
}

impl Tensor {
    /// A float constant of `shape`, row-major.
    #[must_use]
    pub fn floats(name: &str, shape: &[usize], values: &[f32]) -> Self {
        Self {
            dims: dims(shape),
            element: Element::F32 as i32,
            name: name.to_owned(),
            raw: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ..Self::default()
        }
    }

    /// The same values rounded to 16-bit floats (round to nearest, ties to even).
    #[must_use]
    pub fn halves(name: &str, shape: &[usize], values: &[f32]) -> Self {
        Self {
            dims: dims(shape),
            element: Element::F16 as i32,
            name: name.to_owned(),
            raw: values.iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()).collect(),
            ..Self::default()
        }
    }

    /// A vector of 64-bit integers, as shapes and axes are given.
    #[must_use]
    pub fn ints(name: &str, values: &[i64]) -> Self {
        Self {
            dims: dims(&[values.len()]),
            element: Element::I64 as i32,
            name: name.to_owned(),
            raw: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ..Self::default()
        }
    }

    /// Shape as array lengths.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        self.dims.iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect()
    }

    /// The values of a 32-bit or 16-bit float tensor, wherever they are stored.
    ///
    /// # Errors
    /// [`ExportError::Tensor`] if the element type is another one or the number of values does not fit the shape.
    pub fn to_floats(&self) -> Result<Vec<f32>, ExportError> {
        let wrong = |why: &str| ExportError::Tensor { name: self.name.clone(), why: why.to_owned() };
        let values: Vec<f32> = if self.element == Element::F32 as i32 {
            if self.raw.is_empty() {
                self.float_data.clone()
            } else {
                self.raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
            }
        } else if self.element == Element::F16 as i32 {
            if self.raw.is_empty() {
                let bits = self.int32_data.iter().map(|&v| u16::try_from(v).unwrap_or(0));
                bits.map(|b| half::f16::from_bits(b).to_f32()).collect()
            } else {
                self.raw.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
            }
        } else {
            return Err(wrong("is not a float tensor"));
        };
        if values.len() != self.shape().iter().product::<usize>() {
            return Err(wrong("has a number of values that does not fit its shape"));
        }
        Ok(values)
    }
}

impl Model {
    /// Reads a model file.
    ///
    /// # Errors
    /// [`ExportError::Read`] if the file can't be read, [`ExportError::NotOnnx`] if it holds no ONNX graph.
    pub fn read(path: &Path) -> Result<Self, ExportError> {
        let bytes = std::fs::read(path).map_err(|source| ExportError::Read { path: path.to_owned(), source })?;
        Self::from_bytes(path, &bytes)
    }

    /// A model file's bytes, read; `path` stands in messages.
    ///
    /// # Errors
    /// [`ExportError::NotOnnx`] if they hold no ONNX graph.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, ExportError> {
        let model =
            Self::decode(bytes).map_err(|e| ExportError::NotOnnx { path: path.to_owned(), why: e.to_string() })?;
        if model.graph.is_none() {
            return Err(ExportError::NotOnnx { path: path.to_owned(), why: "no graph inside".to_owned() });
        }
        Ok(model)
    }

    /// The file's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// The graph.
    ///
    /// # Errors
    /// [`ExportError::NoGraph`] if there is none.
    pub fn graph(&self) -> Result<&Graph, ExportError> {
        self.graph.as_ref().ok_or(ExportError::NoGraph)
    }

    /// Version of ONNX's own operator set that the file was written for.
    #[must_use]
    pub fn opset(&self) -> i64 {
        self.opset_import.iter().find(|o| o.domain.is_empty() || o.domain == "ai.onnx").map_or(0, |o| o.version)
    }

    /// Value of a metadata key.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.iter().find(|e| e.key == key).map(|e| e.value.as_str())
    }
}

impl Attribute {
    /// An integer attribute.
    #[must_use]
    pub fn of_int(name: &str, value: i64) -> Self {
        Self { name: name.to_owned(), int: Some(value), kind: ATTRIBUTE_INT, ..Self::default() }
    }

    /// A list of integers.
    #[must_use]
    pub fn of_ints(name: &str, values: &[i64]) -> Self {
        Self { name: name.to_owned(), ints: values.to_vec(), kind: ATTRIBUTE_INTS, ..Self::default() }
    }

    /// A float attribute.
    #[must_use]
    pub fn of_float(name: &str, value: f32) -> Self {
        Self { name: name.to_owned(), float: Some(value), kind: ATTRIBUTE_FLOAT, ..Self::default() }
    }

    /// A text attribute.
    #[must_use]
    pub fn of_text(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            string: Some(value.as_bytes().to_vec()),
            kind: ATTRIBUTE_STRING,
            ..Self::default()
        }
    }
}

impl Node {
    /// An operation of ONNX's own domain with one output, named by it.
    #[must_use]
    pub fn single(op: &str, inputs: &[&str], output: &str, attributes: Vec<Attribute>) -> Self {
        Self {
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            outputs: vec![output.to_owned()],
            name: format!("{output}.{op}"),
            op: op.to_owned(),
            attributes,
            domain: String::new(),
        }
    }

    /// The value of an integer attribute.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        self.attributes.iter().find(|attribute| attribute.name == name)?.int
    }
}

impl ValueInfo {
    /// Name, element type and shape of an input or output.
    #[must_use]
    pub fn tensor(name: &str, element: Element, shape: &[Extent]) -> Self {
        let dims = shape.iter().map(|e| Axis { extent: Some(e.clone()) }).collect();
        let tensor = TensorType { element: element as i32, shape: Some(Shape { dims }) };
        Self { name: name.to_owned(), kind: Some(Type { tensor: Some(tensor) }) }
    }
}

fn dims(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&d| i64::try_from(d).unwrap_or(i64::MAX)).collect()
}
