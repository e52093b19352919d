//! This project's product.

use super::Opened;
use crate::library::{Call, Kind, Library, Setting};
use steadynet_benches::product::Product;
use steadynet_kernels::{Epilogue, Isa, MatMut, gemm, gemm_scratch_len};

struct Ours {
    isa: Isa,
    threads: usize,
}

pub fn open(setting: Setting) -> Opened {
    Ok(Box::new(Ours { isa: setting.isa, threads: setting.threads }))
}

impl Library for Ours {
    fn name(&self) -> &'static str {
        "steadynet"
    }

    fn kind(&self) -> Kind {
        Kind::Ours
    }

    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        let shape = product.shape;
        let (a, b) = product.views().ok()?;
        let mut scratch = vec![0.0; gemm_scratch_len(shape.m, shape.k, shape.n)];
        // A product on several threads belongs here.
        let _ = self.threads;
        Some(Box::new(move |c| {
            let c = MatMut::new(c, shape.m, shape.n).expect("the shape of the result");
            gemm(self.isa, a, b, c, Epilogue::Store, &mut scratch).expect("shapes that agree");
        }))
    }
}
