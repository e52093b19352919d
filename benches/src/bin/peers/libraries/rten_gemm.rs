//! The crate `rten-gemm`, with B as it lies and with B packed ahead.

use super::Opened;
use crate::library::{Call, Kind, Library, Setting};
use crate::product::{Product, Strided};
use crate::shape::Shape;
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_tensor::{Matrix, NdTensorView};

struct Rten {
    executor: GemmExecutor,
    packed: bool,
}

pub fn open(_: Setting) -> Opened {
    Ok(Box::new(Rten { executor: GemmExecutor::new(), packed: false }))
}

pub fn open_packed(_: Setting) -> Opened {
    Ok(Box::new(Rten { executor: GemmExecutor::new(), packed: true }))
}

fn matrix(operand: Strided<'_>, rows: usize, cols: usize) -> Option<Matrix<'_>> {
    let strides = [operand.row_stride, operand.col_stride];
    NdTensorView::from_data_with_strides([rows, cols], operand.data, strides).ok()
}

impl Library for Rten {
    fn name(&self) -> &'static str {
        if self.packed { "rten-gemm-packed" } else { "rten-gemm" }
    }

    fn kind(&self) -> Kind {
        Kind::Rust
    }

    fn prepared(&self) -> bool {
        self.packed
    }

    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        let Shape { m, k, n, .. } = product.shape;
        let a = matrix(product.a(), m, k)?;
        let b = matrix(product.b(), k, n)?;
        let packed = self.packed.then(|| self.executor.prepack_b(b));
        Some(Box::new(move |c| {
            let b = match &packed {
                Some(packed) => GemmInputB::Packed(packed),
                None => GemmInputB::Unpacked(b),
            };
            self.executor.gemm(c, GemmInputA::Unpacked(a), b, GemmOptions::default()).expect("shapes that agree");
        }))
    }
}
