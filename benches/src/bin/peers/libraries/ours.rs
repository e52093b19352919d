//! This project's product, with B as it lies and with B packed ahead.

use super::Opened;
use crate::library::{Call, Kind, Library, Setting};
use steadynet_benches::operand::Operand;
use steadynet_benches::product::Product;
use steadynet_kernels::{Epilogue, Isa, MatMut, PackedMatrix, gemm, gemm_packed, gemm_scratch_len, packed_len};

struct Ours {
    isa: Isa,
    threads: usize,
    packed: bool,
}

pub fn open(setting: Setting) -> Opened {
    Ok(Box::new(Ours { isa: setting.isa, threads: setting.threads, packed: false }))
}

pub fn open_packed(setting: Setting) -> Opened {
    Ok(Box::new(Ours { isa: setting.isa, threads: setting.threads, packed: true }))
}

impl Library for Ours {
    fn name(&self) -> &'static str {
        if self.packed { "steadynet-packed" } else { "steadynet" }
    }

    fn kind(&self) -> Kind {
        Kind::Ours
    }

    fn prepared(&self) -> bool {
        self.packed
    }

    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        let shape = product.shape;
        let (a, b) = product.views().ok()?;
        let mut scratch = vec![0.0; gemm_scratch_len(shape.m, shape.k, shape.n)];
        // Products on several threads belong here.
        let _ = self.threads;
        if self.packed {
            let mut memory = Operand::random(packed_len(shape.k, shape.n), 3).ok()?;
            PackedMatrix::pack(self.isa, b, &mut memory).ok()?;
            return Some(Box::new(move |c| {
                let b = PackedMatrix::from_packed(&memory, shape.k, shape.n).expect("the length that was asked for");
                let c = MatMut::new(c, shape.m, shape.n).expect("the shape of the result");
                gemm_packed(self.isa, a, b, c, Epilogue::Store, &mut scratch).expect("shapes that agree");
            }));
        }
        Some(Box::new(move |c| {
            let c = MatMut::new(c, shape.m, shape.n).expect("the shape of the result");
            gemm(self.isa, a, b, c, Epilogue::Store, &mut scratch).expect("shapes that agree");
        }))
    }
}
