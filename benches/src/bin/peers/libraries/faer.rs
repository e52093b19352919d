//! The crate `faer`.

use super::Opened;
use crate::library::{Call, Kind, Library, Setting, plain};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use steadynet_benches::product::Product;
use steadynet_benches::shape::Shape;

struct Faer {
    par: Par,
}

pub fn open(setting: Setting) -> Opened {
    Ok(Box::new(Faer { par: if setting.threads == 1 { Par::Seq } else { Par::rayon(setting.threads) } }))
}

impl Library for Faer {
    fn name(&self) -> &'static str {
        "faer"
    }

    fn kind(&self) -> Kind {
        Kind::Rust
    }

    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        let Shape { m, k, n, a_transposed, b_transposed } = product.shape;
        let view = |data: &'a [f32], rows, cols, transposed| {
            if transposed {
                MatRef::from_column_major_slice(data, rows, cols)
            } else {
                MatRef::from_row_major_slice(data, rows, cols)
            }
        };
        let a = view(&product.a, m, k, a_transposed);
        let b = view(&product.b, k, n, b_transposed);
        Some(plain(move |c| {
            matmul(MatMut::from_row_major_slice_mut(c, m, n), Accum::Replace, a, b, 1.0, self.par);
        }))
    }
}
