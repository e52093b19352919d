//! SIMD kernels for dense neural networks that give the same bits on every machine.
//!
//! `no_std`, without an allocator, threads or atomics of its own: the caller lends every buffer. Products, activations, losses and
//! optimiser steps on AVX-512, AVX2 + FMA, NEON or plain Rust, chosen by an [`Isa`] that changes the speed and never the result.
//!
//! ```
//! use steadynet_kernels::{Activation, Epilogue, Isa, Mat, MatMut, gemm, gemm_scratch_len};
//!
//! // One row through a layer of two units: relu(x·W + b).
//! let (x, w, b) = ([1.0, 2.0], [0.5, -1.0, 0.25, 1.0], [0.1, 0.2]);
//! let mut y = [0.0; 2];
//! let mut scratch = [0.0; gemm_scratch_len(1, 2, 2)];
//! gemm(
//!     Isa::detect(),
//!     Mat::new(&x, 1, 2)?,
//!     Mat::new(&w, 2, 2)?,
//!     MatMut::new(&mut y, 1, 2)?,
//!     Epilogue::Bias { bias: &b, activation: Activation::Relu },
//!     &mut scratch,
//! )?;
//! assert_eq!(y, [1.1, 1.2]);
//! # Ok::<(), steadynet_kernels::ShapeError>(())
//! ```
//!
//! # The contract
//! [`mod@reference`] *is* the definition of every operation: short scalar Rust, IEEE-754 binary32, round to nearest even. Every other
//! implementation returns **the same bits** for every input (the sign and payload of a NaN excepted): on every instruction set; for any
//! tile shape, split of the outputs, stride or alignment; and row `i` of a batch gets the bits that it would get alone. The tests compare
//! bits, not with tolerances.
//!
//! ## Products
//! `c[i,j] = Σₚ a[i,p]·b[p,j]` is summed over `p` in blocks of [`k_block_len`]`(k) ≤` [`K_BLOCK`]. In a block: one chain of fused
//! multiply-adds from 0, `p` ascending. The sums of the blocks are added in ascending order; then the epilogue runs, once. Vectors run over
//! rows or columns of `C`, never over `p`, so every tile, instruction set and split gives the same chain. Column sums are products with a
//! row of ones.
//!
//! ## Row reductions
//! Sums and maxima along a row have [`REDUCTION_LANES`] (16) virtual lanes: lane `l` takes elements `l, l + 16, …` in order; then lanes `l` and
//! `l + 8` are combined, then `+ 4`, `+ 2`, `+ 1`. One AVX-512 register, two AVX2, four NEON registers or an array do the same.
//!
//! ## Elementary functions
//! Own polynomials out of `+ − × ÷`, fused multiply-add and integer operations, the same in the same order everywhere. Errors over all
//! 2³² inputs are listed in [`mod@reference`].
//!
//! ## Comparisons
//! Maxima and ReLU are compare-and-select, and NaN propagates. Nothing is flushed to zero.
//!
//! ## Random numbers
//! [`random`] is counter-based: a value is a function of seed, stream and index.
//!
//! ## Fused multiply-add
//! Where the target has no instruction, [`fma`](mod@fma) emulates it exactly, and slowly.
//!
//! # Features
//! `std` (default): detection of the instruction set at run time on x86-64. Without it the compiler's target features decide.
//!
//! # Unsafe code
//! Lives in `matrix` (views with strides), `simd/*` (loads, stores, intrinsics), `isa` (tokens), `caches` (`cpuid`), `lanes`, `fetch`,
//! `gemm/*` and `network/columns`; every block names what it rests on.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

mod activation;
mod caches;
pub mod elementwise;
pub mod fetch;
pub mod fma;
mod gemm;
mod isa;
mod lanes;
mod layout;
mod loss;
mod math;
mod matrix;
pub mod network;
mod optimizer;
pub mod random;
pub mod reference;
pub mod roofline;
mod simd;
mod softmax;
pub mod verify;

pub use activation::{Activation, Saved, activate, activation_backward, activation_forward};
pub use gemm::{
    Epilogue, GemmPlan, K_BLOCK, PackedMatrix, SMALL_SCRATCH, gemm, gemm_packed, gemm_scratch_len, k_block_len,
    packed_len,
};
pub use isa::{Isa, IsaError};
pub use lanes::REDUCTION_LANES;
pub use layout::Layout;
pub use loss::{sigmoid_cross_entropy, squared_error};
pub use matrix::{Mat, MatMut, ShapeError};
pub use network::{Dense, Network};
pub use optimizer::{MAX_STATES, Update, update};
pub use softmax::{log_softmax, log_sum_exp, softmax, softmax_cross_entropy};
