//! From a model to bytes.

use super::metadata::{KEY, Metadata, SHIFT_SCALE};
use super::validate::{SCALE, SHIFT, bias_name, validate, weight_name};
use super::{FORMAT_VERSION, Model, ModelFileError};
use safetensors::{Dtype, View};
use std::borrow::Cow;

/// A tensor on its way into the file.
struct Tensor<'a> {
    shape: Vec<usize>,
    values: &'a [f32],
}

impl View for Tensor<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Little-endian on every machine.
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn data_len(&self) -> usize {
        size_of_val(self.values)
    }
}

pub(super) fn encode(model: &Model) -> Result<Vec<u8>, ModelFileError> {
    validate(model)?;
    let mut tensors = Vec::with_capacity(2 * model.layers.len() + 2);
    for (i, layer) in model.layers.iter().enumerate() {
        tensors.push((weight_name(i), Tensor { shape: vec![layer.inputs, layer.outputs], values: &layer.weights }));
        tensors.push((bias_name(i), Tensor { shape: vec![layer.outputs], values: &layer.biases }));
    }
    if let Some(preprocessing) = &model.preprocessing {
        for (name, values) in [(SHIFT, &preprocessing.shift), (SCALE, &preprocessing.scale)] {
            tensors.push((name.to_owned(), Tensor { shape: vec![values.len()], values }));
        }
    }
    let metadata = Metadata {
        activations: model.layers.iter().map(|layer| layer.activation.clone()).collect(),
        class_names: model.class_names.clone(),
        feature_names: model.feature_names.clone(),
        format: FORMAT_VERSION,
        loss: model.loss.clone(),
        preprocessing: model.preprocessing.is_some().then(|| SHIFT_SCALE.to_owned()),
        target_name: model.target_name.clone(),
        training: model.training.clone(),
    };
    let refused = |reason: String| ModelFileError::Metadata { reason };
    let text = serde_json::to_string(&metadata).map_err(|error| refused(error.to_string()))?;
    // Only one key, ever: see the module's documentation.
    let header = Some([(KEY.to_owned(), text)].into_iter().collect());
    // What is left to refuse is a header beyond the 100 MB that safetensors allows.
    safetensors::serialize(tensors, header).map_err(|error| refused(error.to_string()))
}
