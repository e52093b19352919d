//! The crate `rten-gemm`, with B as it lies and with B packed ahead.

use super::Opened;
use crate::library::{Call, Kind, Library, Setting, plain};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_tensor::{Matrix, NdTensorView};
use steadynet_benches::product::Product;
use steadynet_kernels::Mat;

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

fn matrix<'a>(view: Mat<'a>, elements: &'a [f32]) -> Option<Matrix<'a>> {
    let (shape, strides) = ([view.rows(), view.cols()], [view.row_stride(), view.col_stride()]);
    NdTensorView::from_data_with_strides(shape, elements, strides).ok()
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
        let (a, b) = product.views().ok()?;
        let (a, b) = (matrix(a, &product.a)?, matrix(b, &product.b)?);
        let packed = self.packed.then(|| self.executor.prepack_b(b));
        Some(plain(move |c| {
            let b = match &packed {
                Some(packed) => GemmInputB::Packed(packed),
                None => GemmInputB::Unpacked(b),
            };
            self.executor.gemm(c, GemmInputA::Unpacked(a), b, GemmOptions::default()).expect("shapes that agree");
        }))
    }
}
