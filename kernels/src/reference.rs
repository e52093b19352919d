//! The scalar definition of every operation: what each other implementation computes to the bit.

mod math;
mod normal;

pub use math::*;
pub use normal::*;
