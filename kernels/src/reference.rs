//! The scalar definition of every operation: what each other implementation computes to the bit.

mod math;

pub use math::*;
