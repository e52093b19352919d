//! The JSON text beside the tensors.

use super::{FORMAT_VERSION, ModelFileError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The key of the file's metadata that holds the text.
pub(super) const KEY: &str = "steadynet";

/// The value of `preprocessing` for [`super::ShiftScale`].
pub(super) const SHIFT_SCALE: &str = "shift-scale";

/// Fields stand in alphabetical order, because serde writes them in the order of declaration.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metadata {
    pub activations: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_names: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_names: Option<Vec<String>>,
    pub format: u64,
    pub loss: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preprocessing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
    pub training: BTreeMap<String, String>,
}

impl Metadata {
    /// The version is read by itself first: another version may have other fields.
    pub fn from_json(text: &str) -> Result<Self, ModelFileError> {
        #[derive(Deserialize)]
        struct Version {
            format: u64,
        }
        let malformed = |error: serde_json::Error| ModelFileError::Metadata { reason: error.to_string() };
        let version: Version = serde_json::from_str(text).map_err(malformed)?;
        if version.format != FORMAT_VERSION {
            return Err(ModelFileError::Version { wanted: FORMAT_VERSION, given: version.format });
        }
        serde_json::from_str(text).map_err(malformed)
    }
}
