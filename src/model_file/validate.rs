//! What must hold for every model that is written or read.

use super::{Model, ModelFileError};

/// Name of the tensor of a layer's weights.
pub(super) fn weight_name(layer: usize) -> String {
    format!("layers.{layer}.weight")
}

/// Name of the tensor of a layer's biases.
pub(super) fn bias_name(layer: usize) -> String {
    format!("layers.{layer}.bias")
}

/// Name of the tensor of [`super::ShiftScale::shift`].
pub(super) const SHIFT: &str = "preprocessing.shift";

/// Name of the tensor of [`super::ShiftScale::scale`].
pub(super) const SCALE: &str = "preprocessing.scale";

/// `Ok` if the parts of the model fit together and all numbers are finite.
pub(super) fn validate(model: &Model) -> Result<(), ModelFileError> {
    let (Some(first), Some(last)) = (model.layers.first(), model.layers.last()) else {
        return Err(ModelFileError::NoLayers);
    };
    let mut width = first.inputs;
    for (i, layer) in model.layers.iter().enumerate() {
        if layer.inputs == 0 || layer.outputs == 0 {
            return Err(ModelFileError::ZeroWidth { layer: i });
        }
        if layer.inputs != width {
            return Err(ModelFileError::Chain { layer: i, wanted: width, given: layer.inputs });
        }
        let elements = layer.inputs.checked_mul(layer.outputs).ok_or(ModelFileError::TooLarge { layer: i })?;
        check_tensor(&weight_name(i), elements, &layer.weights)?;
        check_tensor(&bias_name(i), layer.outputs, &layer.biases)?;
        width = layer.outputs;
    }
    if let Some(preprocessing) = &model.preprocessing {
        check_tensor(SHIFT, first.inputs, &preprocessing.shift)?;
        check_tensor(SCALE, first.inputs, &preprocessing.scale)?;
    }
    if let Some(names) = &model.feature_names {
        check_length("feature_names", first.inputs, names.len())?;
    }
    if let Some(names) = &model.class_names {
        // One output is a probability of label 1 against label 0.
        check_length("class_names", last.outputs.max(2), names.len())?;
    }
    Ok(())
}

fn check_tensor(tensor: &str, wanted: usize, values: &[f32]) -> Result<(), ModelFileError> {
    check_length(tensor, wanted, values.len())?;
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(ModelFileError::NonFinite { tensor: tensor.to_owned(), index, given: values[index] }),
        None => Ok(()),
    }
}

fn check_length(operand: &str, wanted: usize, given: usize) -> Result<(), ModelFileError> {
    if given == wanted {
        return Ok(());
    }
    Err(ModelFileError::Length { operand: operand.to_owned(), wanted, given })
}
