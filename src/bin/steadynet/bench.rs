//! `steadynet bench`: how fast the kernels are on this machine.

mod bars;
mod gemm;
mod limit;
mod predict;
mod profile;
mod train;
mod workload;

use crate::failure::Failure;
use clap::{Args, Subcommand};

/// Measure the speed of the kernels on this machine
#[derive(Args)]
pub struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Gemm(gemm::Gemm),
    Train(train::Train),
    Predict(predict::Predict),
}

impl Bench {
    pub fn run(&self) -> Result<(), Failure> {
        match &self.what {
            What::Gemm(gemm) => gemm.run(),
            What::Train(train) => train.run(),
            What::Predict(predict) => predict.run(),
        }
    }
}
