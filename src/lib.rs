//! Dense neural networks.
#![forbid(unsafe_code)]

pub mod atomic_file;
pub mod data;
pub mod history;
pub mod metrics;
#[cfg(feature = "model-file")]
pub mod model_file;
#[cfg(feature = "plot")]
pub mod plot;
mod plot_scale;
pub mod terminal_plot;
