//! SIMD kernels for dense neural networks.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

pub mod elementwise;
pub mod fma;
mod isa;
mod math;
mod matrix;
pub mod random;
pub mod reference;
mod simd;

pub use isa::{Isa, IsaError};
pub use matrix::{Mat, MatMut, ShapeError};
