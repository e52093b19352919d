//! What can be wrong with a model file.

use crate::atomic_file::AtomicWriteError;
use std::path::PathBuf;
use std::{error, fmt, io};

/// Why a model could not be written or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ModelFileError {
    /// The file could not be read.
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file could not be written; what was there before still is.
    Write(AtomicWriteError),
    /// The file was read, but it holds no model.
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        error: Box<ModelFileError>,
    },
    /// The bytes end before what the header promises.
    Truncated {
        /// The least number of bytes that the file must have.
        wanted: u64,
        /// Number of bytes that came.
        given: u64,
    },
    /// The bytes are no safetensors file.
    NotSafetensors {
        /// What contradicts the format.
        reason: String,
    },
    /// A safetensors file that some other program wrote.
    Foreign {
        /// The metadata key that is not there.
        missing: &'static str,
    },
    /// Another version of the file format.
    Version {
        /// The version that can be read.
        wanted: u64,
        /// The version of the file.
        given: u64,
    },
    /// The JSON text in the metadata is not what it must be.
    Metadata {
        /// What the text lacks or has too much.
        reason: String,
    },
    /// A tensor is not there.
    MissingTensor {
        /// Its name.
        tensor: String,
    },
    /// A tensor is there that this version of the format does not have.
    UnexpectedTensor {
        /// Its name.
        tensor: String,
    },
    /// A tensor of another type than `F32`.
    DataType {
        /// Its name.
        tensor: String,
        /// Its type.
        given: String,
    },
    /// A tensor with another number of dimensions.
    Rank {
        /// Its name.
        tensor: String,
        /// The number of dimensions that it must have.
        wanted: usize,
        /// Its shape.
        given: Vec<usize>,
    },
    /// A vector or list of the wrong length.
    Length {
        /// Its name: a tensor's name, `class_names` or `feature_names`.
        operand: String,
        /// The length that it must have.
        wanted: usize,
        /// Its length.
        given: usize,
    },
    /// A layer takes another width than the layer before it gives.
    Chain {
        /// The layer, counted from 0.
        layer: usize,
        /// Outputs of the layer before.
        wanted: usize,
        /// Inputs of this layer.
        given: usize,
    },
    /// A model without layers.
    NoLayers,
    /// A layer without inputs or without outputs.
    ZeroWidth {
        /// The layer, counted from 0.
        layer: usize,
    },
    /// Inputs times outputs is not representable in `usize`.
    TooLarge {
        /// The layer, counted from 0.
        layer: usize,
    },
    /// A number is NaN or infinite.
    NonFinite {
        /// The tensor.
        tensor: String,
        /// Position in the row-major tensor.
        index: usize,
        /// The number.
        given: f32,
    },
    /// A name that the program does not know.
    UnknownName {
        /// What is named.
        field: String,
        /// The names that are known.
        wanted: Vec<String>,
        /// The name that came.
        given: String,
    },
}

impl fmt::Display for ModelFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::Write(error) => error.fmt(f),
            Self::InFile { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Truncated { wanted, given } => {
                write!(f, "truncated model file: wanted at least {wanted} bytes, got {given}")
            }
            Self::NotSafetensors { reason } => write!(f, "not a safetensors file: {reason}"),
            Self::Foreign { missing } => {
                write!(f, "a safetensors file, but not one of steadynet: its metadata has no key `{missing}`")
            }
            Self::Version { wanted, given } => write!(f, "model file format: wanted version {wanted}, got {given}"),
            Self::Metadata { reason } => write!(f, "metadata of the model file: {reason}"),
            Self::MissingTensor { tensor } => write!(f, "tensor `{tensor}` is missing"),
            Self::UnexpectedTensor { tensor } => write!(f, "tensor `{tensor}` has no place in a model file"),
            Self::DataType { tensor, given } => write!(f, "tensor `{tensor}`: wanted type F32, got {given}"),
            Self::Rank { tensor, wanted, given } => {
                write!(f, "tensor `{tensor}`: wanted {wanted} dimensions, got shape {given:?}")
            }
            Self::Length { operand, wanted, given } => write!(f, "{operand}: wanted {wanted} elements, got {given}"),
            Self::Chain { layer, wanted, given } => {
                write!(f, "layer {layer}: wanted {wanted} inputs, as many as the layer before has outputs, got {given}")
            }
            Self::NoLayers => write!(f, "the model has no layers"),
            Self::ZeroWidth { layer } => write!(f, "layer {layer}: wanted at least one input and one output, got none"),
            Self::TooLarge { layer } => write!(f, "layer {layer}: inputs times outputs exceeds the address space"),
            Self::NonFinite { tensor, index, given } => {
                write!(f, "tensor `{tensor}`: wanted finite numbers, got {given} at position {index}")
            }
            Self::UnknownName { field, wanted, given } => {
                write!(f, "{field}: wanted one of {}, got `{given}`", wanted.join(", "))
            }
        }
    }
}

impl error::Error for ModelFileError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        // The messages above already contain those of the wrapped errors: hand on what lies below them.
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Write(error) => error.source(),
            Self::InFile { error, .. } => error.source(),
            _ => None,
        }
    }
}
