//! The crate `gemm`.

use super::Opened;
use crate::library::{Call, Kind, Library, Setting, plain};
use steadynet_benches::product::Product;
use steadynet_benches::shape::Shape;

struct Gemm {
    parallelism: gemm::Parallelism,
}

pub fn open(setting: Setting) -> Opened {
    let parallelism =
        if setting.threads == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(setting.threads) };
    Ok(Box::new(Gemm { parallelism }))
}

impl Library for Gemm {
    fn name(&self) -> &'static str {
        "gemm"
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
                gemm::gemm(
                    m,
                    n,
                    k,
                    c.as_mut_ptr(),
                    1,
                    n as isize,
                    false,
                    a.as_ptr(),
                    a.col_stride() as isize,
                    a.row_stride() as isize,
                    b.as_ptr(),
                    b.col_stride() as isize,
                    b.row_stride() as isize,
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    self.parallelism,
                );
            }
        }))
    }
}
