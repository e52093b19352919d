//! Dense neural networks.
#![forbid(unsafe_code)]

pub mod atomic_file;
pub mod history;
#[cfg(feature = "model-file")]
pub mod model_file;
