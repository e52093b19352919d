//! Products: the same bits as the reference on every instruction set, for every shape, stride, transpose, split and epilogue.

mod case;
#[path = "../common/mod.rs"]
mod common;
mod operands;
mod shapes;

use case::{Case, Kind, all, kinds};
use common::{Owned, ROW_MAJOR, assert_same, cases, depth, size, storage};
use proptest::prelude::*;
use steadynet_kernels::{Epilogue, Isa, K_BLOCK, Mat, MatMut, gemm, gemm_scratch_len, k_block_len, reference};

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn gemm_bits(
        (m, k, n) in (size(), depth(), size()),
        kind in prop::sample::select(kinds()),
        layouts in [storage(), storage(), storage(), storage()],
        seed: u64,
        specials: bool,
    ) {
        Case::new(m, k, n, kind, layouts, seed, specials).check(&all());
    }

    /// A part of the rows, or of the columns, gets the bits that it has in the whole.
    #[test]
    fn any_split_gives_the_same_bits((m, k, n) in (1usize..60, depth(), 1usize..60), cut in 0.0f64..1.0, seed: u64) {
        let whole = Case::new(m, k, n, Kind::Store, [ROW_MAJOR; 4], seed, false);
        let expected = whole.reference();
        let mut scratch = vec![f32::NAN; gemm_scratch_len(m, k, n)];
        let (row, col) = ((m as f64 * cut) as usize, (n as f64 * cut) as usize);
        for isa in all() {
            let mut c = whole.c.clone();
            let (a, b) = (whole.a.view(), whole.b.view());
            let (top, bottom) = c.view_mut().split_at_row(row).unwrap();
            gemm(isa, a.row_range(0, row).unwrap(), b, top, Epilogue::Store, &mut scratch).unwrap();
            gemm(isa, a.row_range(row, m - row).unwrap(), b, bottom, Epilogue::Store, &mut scratch).unwrap();
            assert_same("rows", &c.data, &expected[0].data);
            c.data.fill(f32::NAN);
            let (left, right) = c.view_mut().split_at_col(col).unwrap();
            gemm(isa, a, b.col_range(0, col).unwrap(), left, Epilogue::Store, &mut scratch).unwrap();
            gemm(isa, a, b.col_range(col, n - col).unwrap(), right, Epilogue::Store, &mut scratch).unwrap();
            assert_same("columns", &c.data, &expected[0].data);
        }
    }

    /// `|ĉ − c| ≤ γ_t Σ|a·b|`, against sums in f64.
    #[test]
    fn gemm_error_bound((m, k, n) in (1usize..20, depth(), 1usize..20), seed: u64) {
        let case = Case::new(m, k, n, Kind::Store, [ROW_MAJOR; 4], seed, false);
        let mut c = case.c.clone();
        let mut scratch = vec![0.0; gemm_scratch_len(m, k, n)];
        gemm(Isa::detect(), case.a.view(), case.b.view(), c.view_mut(), Epilogue::Store, &mut scratch).unwrap();
        let terms = (k.min(K_BLOCK) + k.div_ceil(K_BLOCK)).saturating_sub(1) as f64;
        let u = f64::from(f32::EPSILON) / 2.0;
        let gamma = terms * u / (1.0 - terms * u);
        for i in 0..m {
            for j in 0..n {
                let term = |p: usize| f64::from(case.a.data[i * k + p]) * f64::from(case.b.data[p * n + j]);
                let (exact, magnitude) = (0..k).fold((0.0, 0.0), |(s, t), p| (s + term(p), t + term(p).abs()));
                let error = (f64::from(c.data[i * n + j]) - exact).abs();
                prop_assert!(error <= gamma * magnitude + 1e-12 * magnitude, "{error:e} > {gamma:e}·{magnitude:e}");
            }
        }
    }
}

/// Column sums are the product with a row of ones, which takes the memory of one.
#[test]
fn column_sums() {
    for (rows, cols) in [(1, 1), (64, 10), (700, 33), (64, 200), (700, 300)] {
        let x = Owned::random(rows, cols, ROW_MAJOR, 3, false);
        let expected: Vec<f32> = (0..cols).map(|j| reference::column_sum(x.view(), j)).collect();
        let ones = Mat::with_strides(&[1.0], 1, rows, 1, 0).unwrap();
        for isa in all() {
            let mut sums = vec![f32::NAN; cols];
            let mut scratch = vec![f32::NAN; gemm_scratch_len(1, rows, cols)];
            gemm(isa, ones, x.view(), MatMut::new(&mut sums, 1, cols).unwrap(), Epilogue::Store, &mut scratch).unwrap();
            assert_same("column sums", &sums, &expected);
        }
    }
}

#[test]
fn blocks_are_part_of_the_definition() {
    // 1 + 2⁻²⁴ + 2⁻²⁴: one chain loses both halves of a unit, two blocks keep their sum.
    let k = K_BLOCK + 1;
    let mut a = vec![0.0; k];
    a[0] = 1.0;
    a[k_block_len(k)] = f32::EPSILON / 2.0;
    a[k - 1] = f32::EPSILON / 2.0;
    assert_eq!(reference::dot(k, |p| a[p], |_| 1.0), 1.0 + f32::EPSILON);
}
