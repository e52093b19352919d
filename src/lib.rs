//! Dense neural networks.
#![forbid(unsafe_code)]

mod aligned;
pub mod atomic_file;
pub mod data;
mod error;
mod evaluate;
mod history;
mod init;
mod loss;
pub mod metrics;
#[cfg(feature = "model-file")]
mod model;
#[cfg(feature = "model-file")]
pub mod model_file;
mod network;
mod optimizer;
mod parallel;
mod pass;
#[cfg(feature = "plot")]
pub mod plot;
mod plot_scale;
pub mod terminal_plot;
mod trainer;
#[cfg(all(feature = "data", feature = "model-file"))]
pub mod verify;
mod workspace;

pub use data::{Dataset, Preprocessing, Targets};
pub use error::Error;
pub use evaluate::Evaluation;
pub use history::{Epoch, History};
pub use init::Init;
pub use loss::Loss;
#[cfg(feature = "model-file")]
pub use model::Model;
pub use network::{Layer, Network, NetworkBuilder};
pub use optimizer::Optimizer;
pub use parallel::Parallelism;
pub use steadynet_kernels as kernels;
pub use steadynet_kernels::{Activation, Isa};
pub use trainer::{BatchSize, Trainer, gradient};
