//! The crate `nano-gemm`, made for small products: a plan for each shape.

use super::Opened;
use crate::library::{Call, Kind, Library, Setting, plain};
use nano_gemm::Plan;
use steadynet_benches::product::Product;
use steadynet_benches::shape::Shape;

struct NanoGemm;

pub fn open(_: Setting) -> Opened {
    Ok(Box::new(NanoGemm))
}

impl Library for NanoGemm {
    fn name(&self) -> &'static str {
        "nano-gemm"
    }

    fn kind(&self) -> Kind {
        Kind::Rust
    }

    fn prepared(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        // It prefers column-major: Cᵀ = Bᵀ·Aᵀ.
        let Shape { m, k, n, b_transposed, .. } = product.shape;
        let (a, b) = product.views().ok()?;
        let plan = if b_transposed { Plan::new_f32(n, m, k) } else { Plan::new_colmajor_lhs_and_dst_f32(n, m, k) };
        Some(plain(move |c| {
            // SAFETY: the plan is for this shape, the strides are those of the operands.
            unsafe {
                plan.execute_unchecked(
                    n,
                    m,
                    k,
                    c.as_mut_ptr(),
                    1,
                    n as isize,
                    b.as_ptr(),
                    b.col_stride() as isize,
                    b.row_stride() as isize,
                    a.as_ptr(),
                    a.col_stride() as isize,
                    a.row_stride() as isize,
                    0.0,
                    1.0,
                    false,
                    false,
                );
            }
        }))
    }
}
