//! Dense neural networks on hand-tuned SIMD kernels: **the same bits on every machine, thread count and batch size**, at the speed
//! of the hardware.
//!
//! ```
//! use steadynet::{Activation, BatchSize, Dataset, Loss, Network, Optimizer, Trainer};
//!
//! // The exclusive or, learned from its four rows.
//! let features = vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
//! let data = Dataset::classification(features, 2, vec![0, 1, 1, 0], 2)?;
//! let mut network = Network::builder(2).hidden(8, Activation::Tanh).output(2, Loss::CrossEntropy).seed(1).build()?;
//! let trainer = Trainer::new().optimizer(Optimizer::momentum(0.1, 0.9)).batch_size(BatchSize::Full).epochs(200);
//! let history = trainer.fit(&mut network, &data)?;
//! assert!(history.epochs.last().unwrap().loss < 0.05);
//! let probabilities = network.predict(&[1.0, 0.0])?;
//! assert!(probabilities[1] > 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Network`]: layers and flat parameters; predicts. [`Trainer`]: fits a network to a [`Dataset`]. [`Optimizer`], [`Loss`], [`Init`]: its parts.
//! - [`data`], [`metrics`]: what goes in and how well it comes out. [`Model`]: a network with its preprocessing and names, as a file.
//! - [`kernels`]: the SIMD layer below, a `no_std` crate of its own, whose [contract](kernels#the-contract) everything here inherits:
//!   initialisation, shuffling, passes, steps and file bytes depend on data, settings and seed alone.
//!
//! # Features
//! | feature | brings | dependencies |
//! |---|---|---|
//! | `rayon` (default) | passes on several threads, [`Parallelism::Rayon`] | rayon |
//! | `data` | CSV and IDX readers, the built-in digits | csv, flate2 |
//! | `model-file` | [`Model`], [`model_file`] | safetensors, serde, serde_json, sha2 |
//! | `plot` | training curves and rooflines as SVG | plotters |
//! | `cli` | the command `steadynet`; all of the above | clap, indicatif, libloading |
#![forbid(unsafe_code)]

mod aligned;
pub mod atomic_file;
mod batch;
pub mod data;
mod error;
mod evaluate;
#[cfg(feature = "model-file")]
pub mod export;
mod forward;
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
mod predictor;
mod product;
mod step;
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
pub use optimizer::{Optimizer, Setting, Steps};
pub use parallel::Parallelism;
pub use predictor::{Predictor, Session};
pub use product::{Factor, Gemm};
pub use steadynet_kernels as kernels;
pub use steadynet_kernels::{Activation, Isa};
pub use step::{StepTargets, Stepper};
pub use trainer::{BatchSize, Trainer, gradient};
