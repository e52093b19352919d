//! One product with random operands, and what it should be.

use crate::common::{Owned, Storage, UPDATES, assert_same, value};
use steadynet_kernels::{
    Activation, Epilogue, GemmPlan, Isa, PackedMatrix, Update, gemm, gemm_packed, gemm_scratch_len, packed_len,
    reference,
};

/// An epilogue without its operands.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Store,
    Bias(Activation),
    Backward(Activation),
    Accumulate,
    Update(Update),
}

pub fn kinds() -> Vec<Kind> {
    let mut kinds = vec![Kind::Store, Kind::Accumulate];
    kinds.extend(UPDATES.map(Kind::Update));
    for &activation in Activation::ALL {
        kinds.extend([Kind::Bias(activation), Kind::Backward(activation)]);
    }
    kinds
}

/// Operands of one product.
pub struct Case {
    pub a: Owned,
    pub b: Owned,
    pub c: Owned,
    bias: Vec<f32>,
    saved: Owned,
    states: Vec<Owned>,
    kind: Kind,
}

impl Case {
    pub fn new(m: usize, k: usize, n: usize, kind: Kind, layouts: [Storage; 4], seed: u64, specials: bool) -> Case {
        let states = if let Kind::Update(update) = kind { update.states() } else { 0 };
        // Where C is only written it begins as NaN, to prove that it is not read.
        let reads_c = matches!(kind, Kind::Accumulate | Kind::Update(_));
        let c = if reads_c {
            Owned::random(m, n, layouts[2], seed ^ 3, specials)
        } else {
            Owned::new(m, n, layouts[2], |_| f32::NAN)
        };
        Case {
            a: Owned::random(m, k, layouts[0], seed ^ 1, specials),
            b: Owned::random(k, n, layouts[1], seed ^ 2, specials),
            c,
            bias: (0..n).map(|j| value(seed ^ 4, j, specials)).collect(),
            saved: Owned::random(m, n, layouts[3], seed ^ 5, specials),
            states: (0..states).map(|s| Owned::random(m, n, layouts[3], seed ^ (6 + s as u64), specials)).collect(),
            kind,
        }
    }

    /// Runs `product` on copies of what it changes, and gives these back.
    fn run(&self, product: impl FnOnce(&mut Owned, Epilogue<'_>)) -> Vec<Owned> {
        let (mut c, mut states) = (self.c.clone(), self.states.clone());
        let mut views: Vec<_> = states.iter_mut().map(Owned::view_mut).collect();
        let epilogue = match self.kind {
            Kind::Store => Epilogue::Store,
            Kind::Bias(activation) => Epilogue::Bias { bias: &self.bias, activation },
            Kind::Backward(activation) => Epilogue::Backward { activation, saved: self.saved.view() },
            Kind::Accumulate => Epilogue::Accumulate { alpha: -0.3 },
            Kind::Update(update) => Epilogue::Update { update, states: &mut views },
        };
        product(&mut c, epilogue);
        let mut changed = vec![c];
        changed.extend(states);
        changed
    }

    pub fn reference(&self) -> Vec<Owned> {
        self.run(|c, epilogue| reference::gemm(self.a.view(), self.b.view(), &mut c.view_mut(), epilogue))
    }

    pub fn check(&self, isas: &[Isa]) {
        let (m, k, n) = (self.a.rows, self.a.cols, self.b.cols);
        let expected = self.reference();
        for &isa in isas {
            let mut scratch = vec![f32::NAN; gemm_scratch_len(m, k, n)];
            let ours = self.run(|c, epilogue| {
                gemm(isa, self.a.view(), self.b.view(), c.view_mut(), epilogue, &mut scratch).unwrap();
            });
            // And with B packed before.
            let mut memory = vec![f32::NAN; packed_len(k, n)];
            let packed_b = PackedMatrix::pack(isa, self.b.view(), &mut memory).unwrap();
            scratch.fill(f32::NAN);
            let packed = self.run(|c, epilogue| {
                gemm_packed(isa, self.a.view(), packed_b, c.view_mut(), epilogue, &mut scratch).unwrap();
            });
            // And planned.
            let plan = GemmPlan::new(isa, self.a.layout(), self.b.layout(), self.c.layout()).unwrap();
            let mut scratch = vec![f32::NAN; plan.scratch_len()];
            let planned = self.run(|c, epilogue| {
                plan.run(&self.a.data, &self.b.data, &mut c.data, epilogue, &mut scratch).unwrap();
            });
            for (results, how) in [(ours, "plain"), (packed, "B packed"), (planned, "planned")] {
                self.assert_results(&format!("{isa}, {how}"), &results, &expected);
            }
        }
    }

    /// Every instruction set with a B that was packed for each.
    pub fn check_packed(&self, isas: &[Isa]) {
        let (m, k, n) = (self.a.rows, self.a.cols, self.b.cols);
        let expected = self.reference();
        let mut memory = vec![f32::NAN; packed_len(k, n)];
        let mut scratch = vec![f32::NAN; gemm_scratch_len(m, k, n)];
        for &packed_for in isas {
            let b = PackedMatrix::pack(packed_for, self.b.view(), &mut memory).unwrap();
            for &isa in isas {
                scratch.fill(f32::NAN);
                let results = self.run(|c, epilogue| {
                    gemm_packed(isa, self.a.view(), b, c.view_mut(), epilogue, &mut scratch).unwrap();
                });
                self.assert_results(&format!("{isa}, B packed for {packed_for}"), &results, &expected);
            }
        }
    }

    fn assert_results(&self, how: &str, results: &[Owned], expected: &[Owned]) {
        let (m, k, n) = (self.a.rows, self.a.cols, self.b.cols);
        for (ours, expected) in results.iter().zip(expected) {
            assert_same(&format!("{m}×{k}×{n} {:?}, {how}", self.kind), &ours.data, &expected.data);
        }
    }
}

pub fn all() -> Vec<Isa> {
    Isa::available().collect()
}
