//! From bytes to a model.

use super::metadata::{KEY, Metadata, SHIFT_SCALE};
use super::validate::{SCALE, SHIFT, bias_name, validate, weight_name};
use super::{Model, ModelFileError, ModelLayer, ShiftScale};
use safetensors::{Dtype, SafeTensors};
use std::collections::{BTreeMap, BTreeSet};

/// The file begins with the length of its header.
const LENGTH_BYTES: usize = size_of::<u64>();

/// Longer headers are refused by safetensors, too.
const MAX_HEADER_BYTES: u64 = 100_000_000;

pub(super) fn decode(bytes: &[u8]) -> Result<Model, ModelFileError> {
    check_extent(bytes)?;
    let (header_len, header) =
        SafeTensors::read_metadata(bytes).map_err(|error| not_safetensors(&error.to_string()))?;
    let text = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
    let metadata = Metadata::from_json(text.ok_or(ModelFileError::Foreign { missing: KEY })?)?;
    let mut tensors = Tensors {
        header: &header,
        data: &bytes[LENGTH_BYTES + header_len..],
        unread: header.offset_keys().into_iter().collect(),
    };

    let mut layers = Vec::new();
    for (i, activation) in metadata.activations.into_iter().enumerate() {
        let ([inputs, outputs], weights) = tensors.take(&weight_name(i))?;
        let ([_], biases) = tensors.take(&bias_name(i))?;
        layers.push(ModelLayer { inputs, outputs, activation, weights, biases });
    }
    let preprocessing = match metadata.preprocessing.as_deref() {
        None => None,
        Some(SHIFT_SCALE) => {
            let ([_], shift) = tensors.take(SHIFT)?;
            let ([_], scale) = tensors.take(SCALE)?;
            Some(ShiftScale { shift, scale })
        }
        Some(given) => {
            let (field, wanted) = ("preprocessing".to_owned(), vec![SHIFT_SCALE.to_owned()]);
            return Err(ModelFileError::UnknownName { field, wanted, given: given.to_owned() });
        }
    };
    if let Some(tensor) = tensors.unread.pop_first() {
        return Err(ModelFileError::UnexpectedTensor { tensor });
    }
    let model = Model {
        layers,
        loss: metadata.loss,
        preprocessing,
        class_names: metadata.class_names,
        feature_names: metadata.feature_names,
        target_name: metadata.target_name,
        training: metadata.training,
    };
    validate(&model)?;
    Ok(model)
}

/// Compares what the header claims with the bytes that are there.
///
/// Safetensors checks this as well, but does not say how many bytes are missing, and adds claimed offsets near 2⁶⁴
/// without looking for overflow, which panics in debug builds.
fn check_extent(bytes: &[u8]) -> Result<(), ModelFileError> {
    let given = bytes.len() as u64;
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(ModelFileError::Truncated { wanted: LENGTH_BYTES as u64, given });
    };
    let header_len = u64::from_le_bytes(*length);
    if header_len > MAX_HEADER_BYTES {
        return Err(not_safetensors(&format!(
            "the first {LENGTH_BYTES} bytes claim a header of {header_len} bytes, more than {MAX_HEADER_BYTES}"
        )));
    }
    // Tells other kinds of file from a model file that was cut off in its header.
    if rest.first().is_some_and(|&byte| byte != b'{') {
        return Err(not_safetensors("the header does not begin with `{`"));
    }
    let before_data = LENGTH_BYTES as u64 + header_len;
    // At most 100 MB: fits every `usize`.
    let Some(header) = rest.get(..header_len as usize) else {
        return Err(ModelFileError::Truncated { wanted: before_data, given });
    };
    let entries: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(header).map_err(|error| not_safetensors(&format!("header: {error}")))?;
    let mut data_len = 0;
    for (name, entry) in entries.iter().filter(|(name, _)| *name != "__metadata__") {
        let end = entry.get("data_offsets").and_then(|offsets| offsets.get(1)?.as_u64());
        data_len = data_len.max(end.ok_or_else(|| not_safetensors(&format!("tensor `{name}` has no `data_offsets`")))?);
    }
    let wanted = before_data.saturating_add(data_len);
    if given < wanted {
        return Err(ModelFileError::Truncated { wanted, given });
    }
    if given > wanted {
        return Err(not_safetensors(&format!("{} bytes follow after the last tensor", given - wanted)));
    }
    Ok(())
}

fn not_safetensors(reason: &str) -> ModelFileError {
    ModelFileError::NotSafetensors { reason: reason.to_owned() }
}

/// The tensors of a file, whose offsets [`SafeTensors::read_metadata`] has compared with shapes, types and the data.
struct Tensors<'a> {
    header: &'a safetensors::tensor::Metadata,
    data: &'a [u8],
    /// Sorted, so that the one that an error names does not depend on a hash map.
    unread: BTreeSet<String>,
}

impl Tensors<'_> {
    /// Shape and values of a tensor that must have `RANK` dimensions.
    fn take<const RANK: usize>(&mut self, name: &str) -> Result<([usize; RANK], Vec<f32>), ModelFileError> {
        let tensor = || name.to_owned();
        let info = self.header.info(name).ok_or_else(|| ModelFileError::MissingTensor { tensor: tensor() })?;
        if info.dtype != Dtype::F32 {
            return Err(ModelFileError::DataType { tensor: tensor(), given: info.dtype.to_string() });
        }
        let shape = <[usize; RANK]>::try_from(info.shape.as_slice()).map_err(|_| ModelFileError::Rank {
            tensor: tensor(),
            wanted: RANK,
            given: info.shape.clone(),
        })?;
        let (start, end) = info.data_offsets;
        let values = self.data[start..end].as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        self.unread.remove(name);
        Ok((shape, values))
    }
}
