//! The crate `matrixmultiply`. Its threads are its own; `environment` tells it their number.

use super::Opened;
use crate::library::{Call, Kind, Library, Setting, plain};
use steadynet_benches::product::Product;
use steadynet_benches::shape::Shape;

struct MatrixMultiply;

pub fn open(_: Setting) -> Opened {
    Ok(Box::new(MatrixMultiply))
}

impl Library for MatrixMultiply {
    fn name(&self) -> &'static str {
        "matrixmultiply"
    }

    fn kind(&self) -> Kind {
        Kind::Rust
    }

    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        let Shape { m, k, n, .. } = product.shape;
        let (a, b) = product.views().ok()?;
        Some(plain(move |c| {
            // SAFETY: the shapes and strides are those of the operands.
            unsafe {
                matrixmultiply::sgemm(
                    m,
                    k,
                    n,
                    1.0,
                    a.as_ptr(),
                    a.row_stride() as isize,
                    a.col_stride() as isize,
                    b.as_ptr(),
                    b.row_stride() as isize,
                    b.col_stride() as isize,
                    0.0,
                    c.as_mut_ptr(),
                    n as isize,
                    1,
                );
            }
        }))
    }
}
