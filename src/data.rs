//! Data sets: features and targets, their preprocessing and the order of their rows; readers of CSV and IDX files and the
//! built-in digits with feature `data`.

mod dataset;
mod error;
mod features;
mod preprocessing;
mod shuffle;

#[cfg(feature = "data")]
pub mod csv;
#[cfg(feature = "data")]
mod digits;
#[cfg(feature = "data")]
pub mod idx;
#[cfg(feature = "data")]
mod stream;

#[cfg(feature = "model-file")]
pub(crate) use dataset::check_finite;
pub use dataset::{Dataset, MAX_CLASSES, Targets};
pub use error::DataError;
pub use preprocessing::Preprocessing;
pub use shuffle::{SHUFFLE_STREAMS, shuffle, shuffled_indices};
