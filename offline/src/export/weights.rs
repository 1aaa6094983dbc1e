//! Trained tensors by name: from and to safetensors, and back out of an exported ONNX file.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::ExportError;
use super::graph::{HALF_ABOVE_BYTES, HALF_SUFFIX, Storage};
use super::onnx::Model;
use super::spec::{ModelSpec, Role};

/// A float tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Shape.
    pub shape: Vec<usize>,
    /// Values.
    pub values: Vec<f32>,
}

impl Array {
    /// The transpose of a matrix.
    fn transposed(&self) -> Self {
        let (rows, columns) = (self.shape[0], self.shape[1]);
        let mut values = vec![0.0; self.values.len()];
        for r in 0..rows {
            for c in 0..columns {
                values[c * rows + r] = self.values[r * columns + c];
            }
        }
        Self { shape: vec![columns, rows], values }
    }
}

/// The trained tensors of a model, linear weights as [out, in].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights(BTreeMap<String, Array>);

impl Weights {
    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: &str, array: Array) {
        self.0.insert(name.to_owned(), array);
    }

    /// A tensor by name.
    ///
    /// # Errors
    /// [`ExportError::Weights`] if it is not there.
    pub fn get(&self, name: &str) -> Result<&Array, ExportError> {
        self.0.get(name).ok_or_else(|| ExportError::Weights(format!("tensor {name} is missing")))
    }

    /// A linear layer's weight as [in, out], as ONNX's `MatMul` wants it.
    ///
    /// # Errors
    /// [`ExportError::Weights`] if it is not there or no matrix.
    pub fn transposed(&self, name: &str) -> Result<Array, ExportError> {
        let array = self.get(name)?;
        if array.shape.len() != 2 {
            return Err(ExportError::Weights(format!("tensor {name} is no matrix")));
        }
        Ok(array.transposed())
    }

    /// Checks that exactly the tensors of `spec` are there, each with its shape and finite values.
    ///
    /// # Errors
    /// [`ExportError::Weights`] naming the first that is not.
    pub fn check(&self, spec: &ModelSpec) -> Result<(), ExportError> {
        let parameters = spec.parameters();
        for p in &parameters {
            let array = self.get(&p.name)?;
            if array.shape != p.shape {
                let why = format!("tensor {} has shape {:?} instead of {:?}", p.name, array.shape, p.shape);
                return Err(ExportError::Weights(why));
            }
            if array.values.iter().any(|v| !v.is_finite()) {
                return Err(ExportError::Weights(format!("tensor {} holds values that are no numbers", p.name)));
            }
        }
        if self.0.len() == parameters.len() {
            Ok(())
        } else {
            Err(ExportError::Weights(format!("{} tensors instead of {}", self.0.len(), parameters.len())))
        }
    }

    /// Reads a safetensors file of 32-bit floats.
    ///
    /// # Errors
    /// [`ExportError::Read`] or [`ExportError::Weights`].
    pub fn read(path: &Path) -> Result<Self, ExportError> {
        let bytes = std::fs::read(path).map_err(|source| ExportError::Read { path: path.to_owned(), source })?;
        Self::from_bytes(path, &bytes)
    }

    /// The bytes of a safetensors file of 32-bit floats; `path` stands in messages.
    ///
    /// # Errors
    /// [`ExportError::Weights`].
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, ExportError> {
        let wrong = |why: String| ExportError::Weights(format!("{}: {why}", path.display()));
        let file = SafeTensors::deserialize(bytes).map_err(|e| wrong(e.to_string()))?;
        let mut weights = Self::default();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                return Err(wrong(format!("tensor {name} is not 32-bit float")));
            }
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            weights.insert(&name, Array { shape: view.shape().to_vec(), values });
        }
        Ok(weights)
    }

    /// The safetensors form.
    ///
    /// # Errors
    /// [`ExportError::Weights`] if a shape does not fit its values.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, ExportError> {
        let wrong = |e: safetensors::SafeTensorError| ExportError::Weights(e.to_string());
        let bytes: Vec<(&String, &Array, Vec<u8>)> =
            self.0.iter().map(|(name, a)| (name, a, a.values.iter().flat_map(|v| v.to_le_bytes()).collect())).collect();
        let mut views = Vec::with_capacity(bytes.len());
        for (name, array, data) in &bytes {
            views.push((name, TensorView::new(Dtype::F32, array.shape.clone(), data).map_err(wrong)?));
        }
        safetensors::serialize(views, None).map_err(wrong)
    }

    /// Reads the tensors back out of an exported model, which names them as `spec` does.
    ///
    /// # Errors
    /// [`ExportError::Weights`] or [`ExportError::Tensor`] if one is missing or unreadable.
    pub fn from_onnx(model: &Model, spec: &ModelSpec) -> Result<Self, ExportError> {
        let graph = model.graph()?;
        let stored: BTreeMap<&str, _> = graph.initialisers.iter().map(|t| (t.name.as_str(), t)).collect();
        let mut weights = Self::default();
        for p in spec.parameters() {
            let half = format!("{}{HALF_SUFFIX}", p.name);
            let tensor = stored.get(p.name.as_str()).or_else(|| stored.get(half.as_str()));
            let tensor = tensor.ok_or_else(|| ExportError::Weights(format!("tensor {} is missing", p.name)))?;
            let mut array = Array { shape: tensor.shape(), values: tensor.to_floats()? };
            if p.role == Role::Linear && array.shape.len() == 2 {
                array = array.transposed();
            }
            weights.insert(&p.name, array);
        }
        weights.check(spec)?;
        Ok(weights)
    }

    /// The values as a file written with `storage` holds them.
    #[must_use]
    pub fn as_stored(&self, storage: Storage) -> Self {
        let mut copy = self.clone();
        for array in copy.0.values_mut() {
            if storage == Storage::Half && size_of_val(array.values.as_slice()) > HALF_ABOVE_BYTES {
                for value in &mut array.values {
                    *value = half::f16::from_f32(*value).to_f32();
                }
            }
        }
        copy
    }
}
