//! This project's product: with B as it lies, packed before, and planned for its shape.

use super::Opened;
use crate::library::{Call, Kind, Library, Setting, plain};
use steadynet::{Factor, Gemm, Parallelism};
use steadynet_benches::operand::Operand;
use steadynet_benches::product::Product;
use steadynet_kernels::{
    Epilogue, GemmPlan, Layout, MatMut, PackedMatrix, SMALL_SCRATCH, gemm, gemm_packed, gemm_scratch_len, packed_len,
};

struct Ours {
    setting: Setting,
    made: Made,
}

/// What is made ahead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Nothing,
    Packed,
    /// For the calling thread alone, however many there are.
    Plan,
}

pub fn open(setting: Setting) -> Opened {
    Ok(Box::new(Ours { setting, made: Made::Nothing }))
}

pub fn open_packed(setting: Setting) -> Opened {
    Ok(Box::new(Ours { setting, made: Made::Packed }))
}

pub fn open_planned(setting: Setting) -> Opened {
    Ok(Box::new(Ours { setting, made: Made::Plan }))
}

impl Library for Ours {
    fn name(&self) -> &'static str {
        match self.made {
            Made::Nothing => "steadynet",
            Made::Packed => "steadynet-packed",
            Made::Plan => "steadynet-plan",
        }
    }

    fn kind(&self) -> Kind {
        Kind::Ours
    }

    fn prepared(&self) -> bool {
        self.made != Made::Nothing
    }

    fn prepare<'a>(&'a self, operands: &'a Product) -> Option<Call<'a>> {
        let shape = operands.shape;
        let (a, b) = operands.views().ok()?;
        let isa = self.setting.isa;
        if self.made == Made::Plan {
            let c = Layout::row_major(shape.m, shape.n);
            let plan = GemmPlan::new(isa, a.layout(), b.layout(), c).ok()?;
            let mut scratch = Operand::random(plan.scratch_len(), 0).ok()?;
            return Some(plain(move |c| {
                plan.run(&operands.a, &operands.b, c, Epilogue::Store, &mut scratch).expect("lengths that agree");
            }));
        }
        let packed = self.made == Made::Packed;
        let mut memory = Operand::random(if packed { packed_len(shape.k, shape.n) } else { 0 }, 0).ok()?;
        if packed {
            PackedMatrix::pack(isa, b, &mut memory).ok()?;
        }
        if self.setting.threads == 1 {
            // The kernel itself, as the others' single-threaded functions are called.
            let len = gemm_scratch_len(shape.m, shape.k, shape.n).max(SMALL_SCRATCH);
            let mut scratch = Operand::random(len, 0).ok()?;
            return Some(Box::new(move |c, schedule| {
                let packed = (!memory.is_empty())
                    .then(|| PackedMatrix::from_packed(isa, &memory, shape.k, shape.n).expect("the packed length"));
                schedule(&mut || {
                    let c = MatMut::new(c, shape.m, shape.n).expect("the shape of the result");
                    match packed {
                        None => gemm(isa, a, b, c, Epilogue::Store, &mut scratch),
                        Some(b) => gemm_packed(isa, a, b, c, Epilogue::Store, &mut scratch),
                    }
                    .expect("shapes that agree");
                });
            }));
        }
        let parallelism = Parallelism::Rayon;
        let mut product = Gemm::new(isa, parallelism);
        Some(Box::new(move |c, schedule| {
            let b = if memory.is_empty() {
                Factor::Plain(b)
            } else {
                Factor::Packed(PackedMatrix::from_packed(isa, &memory, shape.k, shape.n).expect("the packed length"))
            };
            parallelism.hot(|| {
                schedule(&mut || {
                    let c = MatMut::new(c, shape.m, shape.n).expect("the shape of the result");
                    product.run(a, b, c, Epilogue::Store).expect("shapes that agree");
                });
            });
        }))
    }
}
