//! Operands that do not fit, and those that may be anything.

use crate::case::{Case, Kind, all};
use crate::common::{ROW_MAJOR, assert_same};
use steadynet_kernels::{
    Activation, Epilogue, GemmPlan, Isa, Layout, Mat, MatMut, PackedMatrix, ShapeError, Update, gemm, gemm_packed,
    gemm_scratch_len,
};

#[test]
fn a_plan_names_what_is_wrong_with_it_and_with_its_operands() {
    let isa = Isa::detect();
    let (a, b, c) = (Layout::row_major(3, 4), Layout::row_major(4, 5), Layout::row_major(3, 5));
    let error = |a, b, c| GemmPlan::new(isa, a, b, c).map(|_| ()).unwrap_err().to_string();
    assert_eq!(error(a.t(), b, c), "a: wanted 3 rows, got 4");
    assert_eq!(error(a, b.t(), c), "b: wanted 4 rows, got 5");
    assert_eq!(error(a, Layout::row_major(4, 6), c), "b: wanted 5 columns, got 6");
    assert_eq!(error(a, b, Layout { row_stride: 4, ..c }), "elements overlap at row stride 4, column stride 1");
    assert_eq!(
        error(Layout { row_stride: usize::MAX, ..a }, b, c),
        "a: rows, columns and strides exceed the address space"
    );
    // So large that no slice holds C, and nothing is computed of it.
    let wide =
        |rows: usize, row_stride: usize| Layout { rows, cols: 1 << (usize::BITS - 4), row_stride, col_stride: 1 };
    GemmPlan::new(isa, Layout::row_major(1, 16), wide(16, 0), wide(1, 0)).unwrap();
    let plan = GemmPlan::new(isa, a, b, c).unwrap();
    let (x, y, mut z) = ([1.0; 12], [1.0; 20], [7.0; 15]);
    let mut scratch = vec![0.0; plan.scratch_len()];
    let mut error = |x: &[f32], y: &[f32], z_len: usize, epilogue: Epilogue<'_>, scratch: &mut [f32]| {
        plan.run(x, y, &mut z[..z_len], epilogue, scratch).unwrap_err().to_string()
    };
    assert_eq!(error(&x[..11], &y, 15, Epilogue::Store, &mut scratch), "a: wanted 12 elements, got 11");
    assert_eq!(error(&x, &y[..19], 15, Epilogue::Store, &mut scratch), "b: wanted 20 elements, got 19");
    assert_eq!(error(&x, &y, 14, Epilogue::Store, &mut scratch), "c: wanted 15 elements, got 14");
    assert!(error(&x, &y, 15, Epilogue::Store, &mut []).starts_with("scratch: wanted "));
    let bias = Epilogue::Bias { bias: &[0.0; 4], activation: Activation::Relu };
    assert_eq!(error(&x, &y, 15, bias, &mut scratch), "bias: wanted 5 elements, got 4");
    assert_eq!(z, [7.0; 15]);
    plan.run(&x, &y, &mut z, Epilogue::Store, &mut scratch).unwrap();
    assert_eq!(z, [4.0; 15]);
    fn threads_may_share<T: Send + Sync>(_: &T) {}
    threads_may_share(&plan);
}

/// A single row or column, and what is empty, may have any stride, even one that no pointer could follow.
#[test]
fn unused_strides_may_be_anything() {
    let tall = Mat::with_strides(&[], 20, 0, usize::MAX, 1).unwrap();
    let wide = Mat::with_strides(&[], 0, 200, 1, usize::MAX).unwrap();
    for isa in all() {
        let mut c = vec![f32::NAN; 20 * 200];
        let mut scratch = vec![f32::NAN; gemm_scratch_len(20, 0, 200)];
        gemm(isa, tall, wide, MatMut::new(&mut c, 20, 200).unwrap(), Epilogue::Store, &mut scratch).unwrap();
        assert_eq!(c, [0.0; 20 * 200]);
    }
    // A plain B, and results for one tile of rows and for several, small and large.
    for (m, n) in [(5, 30), (20, 200), (70, 300)] {
        let tall = Mat::with_strides(&[], m, 0, usize::MAX, 1).unwrap();
        for isa in all() {
            let mut c = vec![f32::NAN; m * n];
            let mut scratch = vec![f32::NAN; gemm_scratch_len(m, 0, n)];
            let (b, view) = (Mat::new(&[], 0, n).unwrap(), MatMut::new(&mut c, m, n).unwrap());
            let plan = GemmPlan::new(isa, tall.layout(), b.layout(), view.layout()).unwrap();
            gemm(isa, tall, b, view, Epilogue::Store, &mut scratch).unwrap();
            assert!(c.iter().all(|&element| element == 0.0));
            c.fill(f32::NAN);
            scratch.resize(plan.scratch_len(), f32::NAN);
            plan.run(&[], &[], &mut c, Epilogue::Store, &mut scratch).unwrap();
            assert!(c.iter().all(|&element| element == 0.0));
        }
    }
    let (a, b) = ([2.0], vec![3.0; 400]);
    let a = Mat::with_strides(&a, 1, 1, usize::MAX, usize::MAX).unwrap();
    let b = Mat::with_strides(&b, 1, 200, usize::MAX, 2).unwrap();
    for isa in all() {
        let mut c = vec![f32::NAN; 200];
        let mut scratch = vec![f32::NAN; gemm_scratch_len(1, 1, 200)];
        let view = MatMut::with_strides(&mut c, 1, 200, usize::MAX, 1).unwrap();
        let plan = GemmPlan::new(isa, a.layout(), b.layout(), view.layout()).unwrap();
        gemm(isa, a, b, view, Epilogue::Store, &mut scratch).unwrap();
        assert_eq!(c, [6.0; 200]);
        c.fill(f32::NAN);
        scratch.resize(plan.scratch_len(), f32::NAN);
        plan.run(&[2.0], &[3.0; 400], &mut c, Epilogue::Store, &mut scratch).unwrap();
        assert_eq!(c, [6.0; 200]);
    }
}

#[test]
fn packed_memory_has_its_length() {
    let b = [0.0; 6];
    let b = Mat::new(&b, 2, 3).unwrap();
    let mut memory = [7.0; 31];
    let wrong = PackedMatrix::pack(Isa::detect(), b, &mut memory).unwrap_err();
    assert_eq!(wrong.to_string(), "memory: wanted 32 elements, got 31");
    assert_eq!(memory, [7.0; 31]);
    assert!(PackedMatrix::from_packed(Isa::detect(), &memory, 2, 3).is_err());
    assert!(PackedMatrix::from_packed(Isa::detect(), &memory, usize::MAX, usize::MAX).is_err());
    let empty = PackedMatrix::from_packed(Isa::detect(), &[], 0, 3).unwrap();
    let mut c = [f32::NAN; 3];
    let a = Mat::new(&[], 1, 0).unwrap();
    let mut scratch = vec![0.0; gemm_scratch_len(1, 0, 3)];
    gemm_packed(Isa::detect(), a, empty, MatMut::new(&mut c, 1, 3).unwrap(), Epilogue::Store, &mut scratch).unwrap();
    assert_eq!(c, [0.0; 3]);
}

#[test]
fn wrong_shapes_are_named_and_c_is_untouched() {
    let case = Case::new(3, 4, 5, Kind::Accumulate, [ROW_MAJOR; 4], 1, false);
    let mut c = case.c.clone();
    let mut scratch = vec![0.0; gemm_scratch_len(3, 4, 5)];
    let isa = Isa::detect();
    let (a, b) = (case.a.view(), case.b.view());
    let mut error = |a, b, epilogue: Epilogue<'_>, scratch: &mut [f32]| {
        gemm(isa, a, b, c.view_mut(), epilogue, scratch).unwrap_err().to_string()
    };
    assert_eq!(error(a.t(), b, Epilogue::Store, &mut scratch), "a: wanted 3 rows, got 4");
    assert_eq!(error(a, b.t(), Epilogue::Store, &mut scratch), "b: wanted 4 rows, got 5");
    assert_eq!(error(a, b.col_range(0, 4).unwrap(), Epilogue::Store, &mut scratch), "b: wanted 5 columns, got 4");
    let activation = Activation::Relu;
    assert_eq!(
        error(a, b, Epilogue::Bias { bias: &[0.0; 4], activation }, &mut scratch),
        "bias: wanted 5 elements, got 4"
    );
    assert_eq!(
        error(a, b, Epilogue::Backward { activation, saved: a }, &mut scratch),
        "saved: wanted 5 columns, got 4"
    );
    let update = Update::Momentum { lr: 0.1, momentum: 0.9, l2: 0.0 };
    assert_eq!(
        error(a, b, Epilogue::Update { update, states: &mut [] }, &mut scratch),
        "states: wanted 1 matrices, got 0"
    );
    assert!(error(a, b, Epilogue::Store, &mut []).starts_with("scratch: wanted "));
    assert!(matches!(
        gemm(isa, a, b, c.view_mut(), Epilogue::Store, &mut []),
        Err(ShapeError::Length { operand: "scratch", given: 0, .. })
    ));
    assert_same("c", &c.data, &case.c.data);
}
