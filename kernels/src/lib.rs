//! SIMD kernels for dense neural networks.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

mod activation;
pub mod elementwise;
pub mod fma;
mod gemm;
mod isa;
mod lanes;
mod loss;
mod math;
mod matrix;
mod optimizer;
pub mod random;
pub mod reference;
pub mod roofline;
mod simd;

pub use activation::{Activation, activate, activation_backward};
pub use gemm::{Epilogue, K_BLOCK, gemm, gemm_scratch_len, k_block_len};
pub use isa::{Isa, IsaError};
pub use lanes::REDUCTION_LANES;
pub use loss::{log_sum_exp, sigmoid_cross_entropy, softmax, softmax_cross_entropy, squared_error};
pub use matrix::{Mat, MatMut, ShapeError};
pub use optimizer::{MAX_STATES, Update, update};
