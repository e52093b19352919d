//! One product with its operands, which all libraries share.

use crate::operand::Operand;
use crate::shape::Shape;
use std::collections::TryReserveError;
use steadynet_kernels::{Mat, ShapeError};

pub struct Product {
    pub shape: Shape,
    a: Operand,
    b: Operand,
}

/// An operand as every library wants to hear of it: where it lies, and how far apart its rows and columns are.
#[derive(Clone, Copy)]
pub struct Strided<'a> {
    pub data: &'a [f32],
    pub row_stride: usize,
    pub col_stride: usize,
}

impl Strided<'_> {
    /// Elements from one stored row to the next.
    pub fn leading(&self) -> usize {
        self.row_stride.max(self.col_stride)
    }
}

impl Product {
    pub fn new(shape: Shape) -> Result<Product, TryReserveError> {
        let Shape { m, k, n, .. } = shape;
        Ok(Product { shape, a: Operand::random(m * k, 0)?, b: Operand::random(k * n, 1)? })
    }

    /// A, of `m × k`.
    pub fn a(&self) -> Strided<'_> {
        let Shape { m, k, a_transposed, .. } = self.shape;
        let (row_stride, col_stride) = if a_transposed { (1, m) } else { (k, 1) };
        Strided { data: &self.a, row_stride, col_stride }
    }

    /// B, of `k × n`.
    pub fn b(&self) -> Strided<'_> {
        let Shape { k, n, b_transposed, .. } = self.shape;
        let (row_stride, col_stride) = if b_transposed { (1, k) } else { (n, 1) };
        Strided { data: &self.b, row_stride, col_stride }
    }

    /// Both as views.
    pub fn views(&self) -> Result<(Mat<'_>, Mat<'_>), ShapeError> {
        let Shape { m, k, n, .. } = self.shape;
        let (a, b) = (self.a(), self.b());
        Ok((
            Mat::with_strides(a.data, m, k, a.row_stride, a.col_stride)?,
            Mat::with_strides(b.data, k, n, b.row_stride, b.col_stride)?,
        ))
    }
}
