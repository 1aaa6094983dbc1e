use std::path::PathBuf;

/// Why a graph could not be read, built, compared or written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file can't be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file can't be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is no ONNX model.
    #[error("{path} is no ONNX model ({why}); fetch it again", path = path.display())]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        why: String,
    },
    /// A model without a graph.
    #[error("the ONNX model holds no graph; fetch or export it again")]
    NoGraph,
    /// A tensor that is not what its user needs.
    #[error("tensor {name} {why}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A value that the graph does not have.
    #[error("the graph has no value {name}; check the tensor names in the recipe")]
    NoValue {
        /// The name asked for.
        name: String,
    },
    /// An operator whose meaning may differ in the operator set that is written.
    #[error("operator {op} of set {opset} can't be carried over to set {target}: its meaning may have changed")]
    Operator {
        /// The operator.
        op: String,
        /// The set the file was written for.
        opset: i64,
        /// The set that is written.
        target: i64,
    },
    /// A classifier that can't be the patch branch.
    #[error("trunk {file}: {why}")]
    Trunk {
        /// Its file.
        file: String,
        /// What stands against it.
        why: String,
    },
    /// An operation whose values' types are not known, so that a form of the graph can't be written.
    #[error("operation {node}: {op} is not known to the conversion; keep the float model")]
    Unknown {
        /// The operation.
        node: String,
        /// Its operator.
        op: String,
    },
    /// Nothing to fit 8-bit ranges to.
    #[error("there are no pictures to calibrate on; give a work folder with training originals")]
    NoPictures,
    /// A model that is no plain float one.
    #[error("the model is {what} already; convert the float model that it was made from")]
    Converted {
        /// What it is.
        what: &'static str,
    },
    /// Weights that do not fit the model's description.
    #[error("weights: {0}")]
    Weights(String),
    /// A recipe that makes no sense.
    #[error("recipe: {0}")]
    Recipe(String),
    /// ONNX Runtime refused.
    #[error(transparent)]
    Engine(#[from] miqa::engine::EngineError),
    /// ONNX Runtime failed while running.
    #[error("running {what}: {why}")]
    Run {
        /// The graph.
        what: String,
        /// What ONNX Runtime said.
        why: String,
    },
}

impl ExportError {
    pub(crate) fn run(what: &str, why: impl std::fmt::Display) -> Self {
        Self::Run { what: what.to_owned(), why: why.to_string() }
    }
}
