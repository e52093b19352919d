//! A trained network in one file: everything that a prediction needs, and the same bytes for the same training.
//!
//! # File format, version 1
//! A [safetensors](https://github.com/huggingface/safetensors) file. All tensors are `F32`, little-endian, row-major:
//!
//! | tensor | shape | content |
//! |---|---|---|
//! | `layers.{i}.weight` | `[inputs, outputs]` | weights `W` of layer `i`, counted from 0, in `activation(x·W + b)` |
//! | `layers.{i}.bias` | `[outputs]` | biases `b` |
//! | `preprocessing.shift` | `[inputs of layer 0]` | only with preprocessing: `x' = (x − shift) · scale` |
//! | `preprocessing.scale` | `[inputs of layer 0]` | only with preprocessing |
//!
//! The file's `__metadata__` has one key, `steadynet`, whose value is a JSON object with sorted keys:
//!
//! | key | type | meaning |
//! |---|---|---|
//! | `activations` | list of strings | one name a layer; their number is the number of layers |
//! | `class_names` | list of strings, optional | one a unit of the last layer, or two for a last layer of one unit: those of label 0 and 1 |
//! | `feature_names` | list of strings, optional | one an input of layer 0 |
//! | `format` | number | the version, 1 |
//! | `loss` | string | the loss of the training, which decides what the outputs mean |
//! | `preprocessing` | string, optional | `shift-scale`: the two tensors above are there |
//! | `target_name` | string, optional | name of the predicted column |
//! | `training` | object of strings | settings of the training, for people to read |
//!
//! A reader refuses tensors and keys that it does not know: they could change what the file means. In Python:
//!
//! ```python
//! import json
//! from safetensors import safe_open
//! with safe_open("model.safetensors", framework="numpy") as file:
//!     about = json.loads(file.metadata()["steadynet"])
//!     layers = [(file.get_tensor(f"layers.{i}.weight"), file.get_tensor(f"layers.{i}.bias"), activation)
//!               for i, activation in enumerate(about["activations"])]
//! ```
//!
//! # Determinism
//! Equal models give equal bytes: tensors are sorted by name, the JSON by key. The metadata keeps to one key because
//! safetensors writes several in the random order of a hash map. Nothing is stored about time, machine, threads or
//! instruction set.

use crate::atomic_file::write_atomically;
use std::collections::BTreeMap;
use std::path::Path;

mod decode;
mod encode;
mod error;
mod fingerprint;
mod metadata;
mod validate;

pub use error::ModelFileError;
pub use fingerprint::weights_sha256;

/// The version of the file format that is written and read.
pub const FORMAT_VERSION: u64 = 1;

/// What a model file holds, as plain data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// From the features to the outputs, at least one.
    pub layers: Vec<ModelLayer>,
    /// Name of the loss of the training, which decides what the outputs mean.
    pub loss: String,
    /// What is done to the features before layer 0.
    pub preprocessing: Option<ShiftScale>,
    /// One name a unit of the last layer, or two for a last layer of one unit: those of label 0 and 1.
    pub class_names: Option<Vec<String>>,
    /// One name an input of layer 0.
    pub feature_names: Option<Vec<String>>,
    /// Name of the predicted column.
    pub target_name: Option<String>,
    /// Settings of the training, for people to read. Whoever fills it keeps out what may differ between identical
    /// trainings: time, machine, number of threads, instruction set.
    pub training: BTreeMap<String, String>,
}

/// One layer: `activation(x·W + b)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelLayer {
    /// Width of `x`.
    pub inputs: usize,
    /// Width of the result.
    pub outputs: usize,
    /// Name of the activation.
    pub activation: String,
    /// `W`: `(inputs, outputs)`, row-major.
    pub weights: Vec<f32>,
    /// `b`: `outputs` values.
    pub biases: Vec<f32>,
}

/// Preprocessing of every feature by itself: `x' = (x − shift) · scale`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShiftScale {
    /// One value a feature.
    pub shift: Vec<f32>,
    /// One value a feature.
    pub scale: Vec<f32>,
}

impl Model {
    /// The model as the bytes of a model file.
    ///
    /// # Determinism
    /// Equal models give equal bytes (test `equal_models_give_equal_bytes`).
    /// # Errors
    /// [`ModelFileError`] if the parts do not fit together (lengths, chain of the layers, zero widths) or a number is NaN
    /// or infinite: such a file could only predict nonsense, so it is neither written nor read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelFileError> {
        encode::encode(self)
    }

    /// The model in the bytes of a model file.
    ///
    /// Names of activations and of the loss are taken as they are; [`Model::check_names`] compares them with those that
    /// the program knows.
    ///
    /// # Errors
    /// [`ModelFileError`] says what the bytes lack; what [`Model::to_bytes`] refuses is refused here. Sizes that the
    /// header claims are compared with the bytes that are there before anything is allocated. Never panics (test
    /// `any_bytes`).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelFileError> {
        decode::decode(bytes)
    }

    /// Writes the model file, whole or not at all.
    ///
    /// # Errors
    /// Those of [`Model::to_bytes`], and [`ModelFileError::Write`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ModelFileError> {
        let bytes = self.to_bytes()?;
        write_atomically(path, |file| file.write_all(&bytes)).map_err(ModelFileError::Write)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`ModelFileError::Read`], and those of [`Model::from_bytes`] within [`ModelFileError::InFile`], which names the
    /// file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ModelFileError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| ModelFileError::Read { path: path.to_path_buf(), source })?;
        Self::from_bytes(&bytes)
            .map_err(|error| ModelFileError::InFile { path: path.to_path_buf(), error: Box::new(error) })
    }

    /// `Ok` if every activation and the loss have a name that the program knows.
    ///
    /// # Errors
    /// [`ModelFileError::UnknownName`] says which name is not among the known ones.
    pub fn check_names(&self, activations: &[&str], losses: &[&str]) -> Result<(), ModelFileError> {
        let check = |field: String, given: &str, wanted: &[&str]| {
            if wanted.contains(&given) {
                return Ok(());
            }
            let wanted = wanted.iter().map(ToString::to_string).collect();
            Err(ModelFileError::UnknownName { field, wanted, given: given.to_owned() })
        };
        for (i, layer) in self.layers.iter().enumerate() {
            check(format!("activation of layer {i}"), &layer.activation, activations)?;
        }
        check("loss".to_owned(), &self.loss, losses)
    }

    /// [`weights_sha256`] of the weights and biases of layer 0, of layer 1, and so on.
    pub fn weights_sha256(&self) -> String {
        weights_sha256(self.layers.iter().flat_map(|layer| [layer.weights.as_slice(), layer.biases.as_slice()]))
    }
}

#[cfg(test)]
mod tests;
