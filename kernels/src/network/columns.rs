//! Products of one row with a matrix as it lies, without scratch: what a small machine needs of [`gemm`](crate::gemm()), in a few hundred
//! bytes of code, and the same bits.

use crate::gemm::k_block_len;
use crate::simd::Simd;

/// Takes the sums of some columns.
pub(super) trait Sink {
    /// `sums` of the `LANES` columns from `column`.
    fn take<S: Simd>(&mut self, simd: S, column: usize, sums: S::F);
}

/// A row of numbers that lie `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Strided<'a> {
    pub data: &'a [f32],
    pub stride: usize,
}

/// `Σₚ x[p]·w[p, j]`, `p < len`, for each of the `columns` of the row-major `w`, vector by vector to `sink`. Callers check the lengths:
/// if an operand is too short nothing is done.
#[inline(always)]
pub(super) fn row_times<S: Simd>(simd: S, len: usize, x: Strided<'_>, w: &[f32], columns: usize, sink: &mut impl Sink) {
    let enough = |data: &[f32], rows: usize, stride: usize, row: usize| {
        rows == 0 || (rows - 1).checked_mul(stride).and_then(|n| n.checked_add(row)).is_some_and(|n| n <= data.len())
    };
    if !enough(x.data, len, x.stride, 1) || !enough(w, len, columns, columns) {
        debug_assert!(false, "an operand is too short");
        return;
    }
    let mut j = 0;
    // Eight vectors side by side hide each other's latency.
    while columns - j >= 8 * S::LANES {
        // SAFETY: both operands have the elements of `len` steps, and columns j .. j + 8·LANES exist.
        let sums = unsafe { sums::<S, 8>(simd, len, x, w, columns, j) };
        for (v, sums) in sums.into_iter().enumerate() {
            sink.take(simd, j + v * S::LANES, sums);
        }
        j += 8 * S::LANES;
    }
    while columns - j >= S::LANES {
        // SAFETY: as above, for columns j .. j + LANES.
        let [sums] = unsafe { sums::<S, 1>(simd, len, x, w, columns, j) };
        sink.take(simd, j, sums);
        j += S::LANES;
    }
    while S::LANES > 1 && j < columns {
        // SAFETY: as above, for column j.
        let [sum] = unsafe { sums::<S::Single, 1>(simd.single(), len, x, w, columns, j) };
        sink.take(simd.single(), j, sum);
        j += 1;
    }
}

/// `Σₚ x[p]·y[p]` for two rows of one length.
#[inline(always)]
pub(super) fn dot<S: Simd>(simd: S, x: &[f32], y: &[f32]) -> f32 {
    let single = simd.single();
    let x = Strided { data: x, stride: 1 };
    // SAFETY: both have the elements of as many steps as the shorter one.
    let [sum] = unsafe { sums::<S::Single, 1>(single, x.data.len().min(y.len()), x, y, 1, 0) };
    sum
}

/// The sums of `N` vectors of columns from `j`: block by block of `len`, as [the contract](crate#products) says.
///
/// # Safety
/// `len` elements of `x` and rows of `w` exist, and columns `j .. j + N·LANES`.
#[inline(always)]
unsafe fn sums<S: Simd, const N: usize>(
    simd: S,
    len: usize,
    x: Strided<'_>,
    w: &[f32],
    w_stride: usize,
    j: usize,
) -> [S::F; N] {
    let block = k_block_len(len);
    let mut total = [simd.splat(0.0); N];
    let mut start = 0;
    while start < len {
        let steps = block.min(len - start);
        let (from, with) = (start * x.stride, start * w_stride + j);
        let zeros = [simd.splat(0.0); N];
        // SAFETY: steps start .. start + steps are among the `len` that the caller promises.
        let sums =
            unsafe { simd.chains(steps, x.data.as_ptr().add(from), x.stride, w.as_ptr().add(with), w_stride, zeros) };
        for (total, sum) in total.iter_mut().zip(sums) {
            *total = if start == 0 { sum } else { simd.add(*total, sum) };
        }
        start += steps;
    }
    total
}
