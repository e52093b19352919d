//! The scalar definition of every operation: short plain Rust, IEEE-754 binary32, rounded to nearest even. Every other
//! implementation returns the same bits, the sign and payload of a NaN excepted.
//!
//! # Panics
//! The definitions are there to be read and to test against: they check nothing, and panic where a slice is too short.

mod activation;
mod gelu;
mod loss;
mod math;
mod normal;
mod optimizer;
mod product;

pub use activation::*;
pub use gelu::*;
pub use loss::*;
pub use math::*;
pub use normal::*;
pub use optimizer::*;
pub use product::*;
