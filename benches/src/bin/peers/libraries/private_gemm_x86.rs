//! The crate `private-gemm-x86`, which is behind `faer` on x86-64.

use super::Opened;
use crate::library::{Call, Kind, Library, Setting, plain};
use private_gemm_x86::{Accum, DType, DstKind, IType, InstrSet};
use std::ptr;
use steadynet_benches::product::Product;
use steadynet_benches::shape::Shape;

struct PrivateGemm {
    instructions: InstrSet,
    threads: usize,
}

pub fn open(setting: Setting) -> Opened {
    let instructions = match setting.isa.name() {
        "avx512" => InstrSet::Avx512,
        "avx2" => InstrSet::Avx256,
        other => return Err(format!("does not know {other}")),
    };
    Ok(Box::new(PrivateGemm { instructions, threads: setting.threads }))
}

impl Library for PrivateGemm {
    fn name(&self) -> &'static str {
        "private-gemm-x86"
    }

    fn kind(&self) -> Kind {
        Kind::Rust
    }

    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        let Shape { m, k, n, .. } = product.shape;
        let (a, b) = product.views().ok()?;
        Some(plain(move |c| {
            let alpha = 1.0f32;
            // SAFETY: the shapes and strides are those of the operands; the null pointers ask for no indices and no diagonal.
            unsafe {
                private_gemm_x86::gemm(
                    DType::F32,
                    IType::U64,
                    self.instructions,
                    m,
                    n,
                    k,
                    c.as_mut_ptr().cast(),
                    n as isize,
                    1,
                    ptr::null(),
                    ptr::null(),
                    DstKind::Full,
                    Accum::Replace,
                    a.as_ptr().cast(),
                    a.row_stride() as isize,
                    a.col_stride() as isize,
                    false,
                    ptr::null(),
                    0,
                    b.as_ptr().cast(),
                    b.row_stride() as isize,
                    b.col_stride() as isize,
                    false,
                    (&raw const alpha).cast(),
                    self.threads,
                );
            }
        }))
    }
}
