//! The scalar definition of every operation: short plain Rust, IEEE-754 binary32, rounded to nearest even. Every other
//! implementation returns the same bits, the sign and payload of a NaN excepted.

mod loss;
mod math;
mod normal;
mod product;

pub use loss::*;
pub use math::*;
pub use normal::*;
pub use product::*;
