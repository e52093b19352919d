//! Copies of operands in the order in which the microkernel reads them.

use crate::matrix::Mat;
use crate::simd::Simd;

/// An operand as the loops see it: a pointer and strides, its shape checked before.
#[derive(Clone, Copy)]
pub(super) struct Operand {
    pub ptr: *const f32,
    pub row_stride: usize,
    pub col_stride: usize,
}

impl Operand {
    #[inline(always)]
    pub fn of(view: &Mat<'_>) -> Operand {
        Operand { ptr: view.as_ptr(), row_stride: view.row_stride(), col_stride: view.col_stride() }
    }

    /// The operand whose first element is `(row, col)` of this one. (Strides of an empty operand may be anything.)
    pub fn at(self, row: usize, col: usize) -> Operand {
        let offset = row.wrapping_mul(self.row_stride).wrapping_add(col.wrapping_mul(self.col_stride));
        Operand { ptr: self.ptr.wrapping_add(offset), ..self }
    }

    pub fn t(self) -> Operand {
        Operand { ptr: self.ptr, row_stride: self.col_stride, col_stride: self.row_stride }
    }
}

/// Copies a `rows × cols` block to `to`, row-major with rows `stride ≥ cols` elements apart.
///
/// # Safety
/// The block is readable; `to` is writable for `rows · stride` elements and lies apart from it.
#[inline(always)]
pub(super) unsafe fn pack_rows(from: Operand, rows: usize, cols: usize, stride: usize, to: *mut f32) {
    // SAFETY: every index is below the extents that the caller promises.
    unsafe {
        if from.col_stride == 1 {
            for i in 0..rows {
                core::ptr::copy_nonoverlapping(from.ptr.add(i * from.row_stride), to.add(i * stride), cols);
            }
        } else {
            // Square patches, so that both the lines read and the lines written stay in the first-level cache.
            const PATCH: usize = 16;
            for i0 in (0..rows).step_by(PATCH) {
                let i1 = (i0 + PATCH).min(rows);
                for j in 0..cols {
                    for i in i0..i1 {
                        *to.add(i * stride + j) = *from.ptr.add(i * from.row_stride + j * from.col_stride);
                    }
                }
            }
        }
    }
}

/// Copies `rows × cols` of B to `to` as rows of `width` vectors, `stride` elements apart; the lanes behind the last column are unspecified. (Rows that lie side by side are written in ascending order, so
/// these may be `stride` elements long and overlap the next.)
///
/// # Safety
/// The block is readable; `to` is writable for `rows` times `width` vectors and lies apart from it; `(width − 1) · LANES < cols`.
#[inline(always)]
pub(super) unsafe fn pack_panel<S: Simd>(
    simd: S,
    from: Operand,
    rows: usize,
    cols: usize,
    width: usize,
    stride: usize,
    to: *mut f32,
) {
    // SAFETY: every index is below the extents that the caller promises.
    unsafe {
        if from.col_stride == 1 {
            // Vector by vector: a row of a panel is too short for a call of `memcpy`.
            let last = cols - (width - 1) * S::LANES;
            for i in 0..rows {
                let (from, to) = (from.ptr.add(i * from.row_stride), to.add(i * stride));
                for v in 0..width - 1 {
                    simd.store(to.add(v * S::LANES), simd.load(from.add(v * S::LANES)));
                }
                let v = (width - 1) * S::LANES;
                simd.store(
                    to.add(v),
                    if last == S::LANES { simd.load(from.add(v)) } else { simd.load_first(from.add(v), last) },
                );
            }
        } else if from.row_stride == 1 && S::LANES > 1 {
            for j in (0..cols).step_by(S::LANES) {
                turn_columns(simd, from.at(0, j), rows, S::LANES.min(cols - j), stride, to.add(j));
            }
        } else {
            pack_rows(from, rows, cols, stride, to);
        }
    }
}

/// Copies up to `LANES` columns, each of `rows` elements side by side, to `to` as `rows` vectors that begin `stride` elements apart.
///
/// # Safety
/// As [`pack_panel`].
#[inline(always)]
unsafe fn turn_columns<S: Simd>(simd: S, from: Operand, rows: usize, cols: usize, stride: usize, to: *mut f32) {
    macro_rules! four_rows {
        ($i:expr, $cols:expr, $rows:expr) => {
            // SAFETY: the caller promises the columns, and `rows` vectors at `to`.
            unsafe {
                let vectors = simd.load_columns(from.ptr.add($i), from.col_stride, $cols, $rows);
                for (q, vector) in vectors.into_iter().enumerate().take($rows) {
                    simd.store(to.add(($i + q) * stride), vector);
                }
            }
        };
    }
    let whole = rows - rows % 4;
    for i in (0..whole).step_by(4) {
        // A whole block is worth instructions of its own.
        if cols == S::LANES {
            four_rows!(i, S::LANES, 4);
        } else {
            four_rows!(i, cols, 4);
        }
    }
    if whole < rows {
        four_rows!(whole, cols, rows - whole);
    }
}
