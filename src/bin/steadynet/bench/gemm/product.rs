//! One product with its operands, which everybody who computes it shares.

use super::operand::Operand;
use super::shape::Shape;
use std::collections::TryReserveError;
use steadynet::kernels::{Mat, ShapeError};

pub struct Product {
    pub shape: Shape,
    /// The elements of A, row-major; if A is transposed, those of the transposed A.
    pub a: Operand,
    /// The elements of B, as those of A.
    pub b: Operand,
}

impl Product {
    pub fn new(shape: Shape) -> Result<Product, TryReserveError> {
        let Shape { m, k, n, .. } = shape;
        Ok(Product { shape, a: Operand::random(m * k, 0)?, b: Operand::random(k * n, 1)? })
    }

    /// A of `m × k` and B of `k × n`.
    pub fn views(&self) -> Result<(Mat<'_>, Mat<'_>), ShapeError> {
        views(self.shape, &self.a, &self.b)
    }
}

/// A of `m × k` and B of `k × n` over elements that are stored as the shape says.
pub fn views<'a>(shape: Shape, a: &'a [f32], b: &'a [f32]) -> Result<(Mat<'a>, Mat<'a>), ShapeError> {
    let Shape { m, k, n, a_transposed, b_transposed } = shape;
    let a = if a_transposed { Mat::new(a, k, m)?.t() } else { Mat::new(a, m, k)? };
    let b = if b_transposed { Mat::new(b, n, k)?.t() } else { Mat::new(b, k, n)? };
    Ok((a, b))
}
