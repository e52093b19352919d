//! Inputs for the bit tests: matrices with gaps, sizes around every border, special values.
#![allow(dead_code, reason = "each test file uses a part")]

use proptest::prelude::*;
use steadynet_kernels::{K_BLOCK, Layout, Mat, MatMut, Update};

/// Every update rule, with its settings and without.
pub const UPDATES: [Update; 10] = [
    Update::Sgd { lr: 0.1, l2: 0.0 },
    Update::Sgd { lr: 0.1, l2: 0.01 },
    Update::Momentum { lr: 0.1, momentum: 0.0, l2: 0.0 },
    Update::Momentum { lr: 0.01, momentum: 0.9, l2: 0.0 },
    Update::Momentum { lr: 0.01, momentum: 0.9, l2: 1e-4 },
    Update::Nesterov { lr: 0.01, momentum: 0.9, l2: 0.0 },
    Update::Nesterov { lr: 0.1, momentum: 0.5, l2: 0.01 },
    Update::Adam { rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, correction: 1000.0, l2: 0.0, shrink: 0.0 },
    Update::Adam { rate: 0.001, beta1: 0.9, beta2: 0.99, epsilon: 1e-6, correction: 1.25, l2: 0.01, shrink: 0.0 },
    Update::Adam { rate: 0.001, beta1: 0.8, beta2: 0.999, epsilon: 1e-8, correction: 3.0, l2: 0.0, shrink: 0.001 },
];

/// So many cases, or `PROPTEST_CASES`, which emulators lower.
pub fn cases(cases: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    if lowered() { config } else { ProptestConfig { cases, ..config } }
}

/// Whether an emulator lowers the number of cases.
pub fn lowered() -> bool {
    std::env::var_os("PROPTEST_CASES").is_some()
}

/// A number for an element, from a seed: mostly ordinary, sometimes special.
pub fn value(seed: u64, index: usize, specials: bool) -> f32 {
    // SplitMix64.
    let mut z = seed.wrapping_add((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    if specials && z.is_multiple_of(29) {
        let list = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-45, -1e-39, f32::MAX, -1e30, 1e-30];
        return list[(z >> 32) as usize % list.len()];
    }
    ((z >> 40) as f32 / (1 << 23) as f32 - 1.0) * 2.0
}

/// A size near a border of the tiles and blocks.
pub fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0usize..20,
        2 => 20usize..70,
        1 => prop::sample::select(vec![127usize, 128, 129, 223, 224, 225, 255, 256, 257]),
    ]
}

/// A length of the sums near a border of the blocks of k.
pub fn depth() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0usize..20,
        2 => 20usize..140,
        1 => prop::sample::select(vec![K_BLOCK - 1, K_BLOCK, K_BLOCK + 1, 784, 2 * K_BLOCK, 2 * K_BLOCK + 1, 1500]),
    ]
}

/// How a matrix lies in memory.
#[derive(Clone, Copy, Debug)]
pub struct Storage {
    pub transposed: bool,
    pub gap: usize,
    /// Elements between neighbours of a row (of a column, if transposed).
    pub step: usize,
}

pub fn storage() -> impl Strategy<Value = Storage> {
    (any::<bool>(), prop_oneof![3 => Just(0usize), 1 => 1usize..9], prop_oneof![6 => Just(1usize), 1 => 2usize..4])
        .prop_map(|(transposed, gap, step)| Storage { transposed, gap, step })
}

pub const ROW_MAJOR: Storage = Storage { transposed: false, gap: 0, step: 1 };

/// A matrix with its memory, NaN in the gaps.
#[derive(Clone, Debug)]
pub struct Owned {
    pub data: Vec<f32>,
    pub rows: usize,
    pub cols: usize,
    pub row_stride: usize,
    pub col_stride: usize,
}

impl Owned {
    pub fn new(rows: usize, cols: usize, storage: Storage, f: impl Fn(usize) -> f32) -> Owned {
        let (outer, inner) = if storage.transposed { (cols, rows) } else { (rows, cols) };
        let stride = inner * storage.step + storage.gap;
        let (row_stride, col_stride) = if storage.transposed { (storage.step, stride) } else { (stride, storage.step) };
        let mut owned = Owned { data: vec![f32::NAN; outer * stride], rows, cols, row_stride, col_stride };
        for i in 0..rows {
            for j in 0..cols {
                owned.data[i * row_stride + j * col_stride] = f(i * cols + j);
            }
        }
        owned
    }

    pub fn random(rows: usize, cols: usize, storage: Storage, seed: u64, specials: bool) -> Owned {
        Owned::new(rows, cols, storage, |index| value(seed, index, specials))
    }

    pub fn layout(&self) -> Layout {
        self.view().layout()
    }

    pub fn view(&self) -> Mat<'_> {
        Mat::with_strides(&self.data, self.rows, self.cols, self.row_stride, self.col_stride).unwrap()
    }

    pub fn view_mut(&mut self) -> MatMut<'_> {
        MatMut::with_strides(&mut self.data, self.rows, self.cols, self.row_stride, self.col_stride).unwrap()
    }
}

/// Whether both are the same bits, or both NaN.
pub fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// Fails, naming the first difference, unless all of the memory (gaps too) is the same.
#[track_caller]
pub fn assert_same(what: &str, ours: &[f32], reference: &[f32]) {
    assert_eq!(ours.len(), reference.len(), "{what}");
    if let Some(at) = (0..ours.len()).find(|&i| !same(ours[i], reference[i])) {
        panic!(
            "{what}: element {at} is {:e} ({:#x}), reference {:e} ({:#x})",
            ours[at],
            ours[at].to_bits(),
            reference[at],
            reference[at].to_bits()
        );
    }
}
