//! Where the elements that an epilogue works on lie: along a row of C, or down its columns.

use super::Target;
use crate::gemm::pack::Operand;
use crate::simd::{MOST_LANES, Simd, Twice};

/// A vector of what is in view.
pub(super) type Vector<V> = <<V as View>::Simd as Simd>::F;

/// Where the lanes of a vector lie in C and in the other operands of the epilogue.
pub(super) trait View: Copy {
    type Simd: Simd;

    fn simd(self) -> Self::Simd;
    /// # Safety
    /// The elements in view can be read.
    unsafe fn load(self, from: Operand) -> Vector<Self>;
    /// # Safety
    /// The elements in view can be written.
    unsafe fn store(self, to: Target, value: Vector<Self>);
}

/// `count` elements of a row of C; `UNIT`: side by side in every operand.
#[derive(Clone, Copy)]
pub(super) struct Along<S, const UNIT: bool> {
    pub simd: S,
    pub row: usize,
    pub col: usize,
    pub count: usize,
}

impl<S: Simd, const UNIT: bool> View for Along<S, UNIT> {
    type Simd = S;

    #[inline(always)]
    fn simd(self) -> S {
        self.simd
    }
    #[inline(always)]
    unsafe fn load(self, from: Operand) -> S::F {
        let Operand { ptr, col_stride, .. } = from.at(self.row, self.col);
        // SAFETY: the caller promises the elements in view. A column is as good as a row that begins at its elements.
        unsafe {
            if UNIT || col_stride == 1 {
                load(self.simd, ptr, self.count)
            } else if col_stride == 0 {
                self.simd.splat(*ptr)
            } else {
                gather(self.simd, ptr, col_stride, self.count)
            }
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: Target, value: S::F) {
        let Operand { ptr, col_stride, .. } = to.0.at(self.row, self.col);
        // SAFETY: the caller promises the elements in view.
        unsafe {
            if UNIT || col_stride == 1 {
                store(self.simd, ptr.cast_mut(), value, self.count)
            } else {
                scatter(self.simd, ptr.cast_mut(), col_stride, value, self.count)
            }
        }
    }
}

/// A view of the transposed operands.
#[derive(Clone, Copy)]
pub(super) struct Turned<V>(pub V);

impl<V: View> View for Turned<V> {
    type Simd = V::Simd;

    #[inline(always)]
    fn simd(self) -> V::Simd {
        self.0.simd()
    }
    #[inline(always)]
    unsafe fn load(self, from: Operand) -> Vector<V> {
        // SAFETY: the caller's promise.
        unsafe { self.0.load(from.t()) }
    }
    #[inline(always)]
    unsafe fn store(self, to: Target, value: Vector<V>) {
        // SAFETY: the caller's promise.
        unsafe { self.0.store(Target(to.0.t()), value) }
    }
}

/// Four vectors as one, `count` elements each, side by side in every operand: one below the other in four rows, or so far `apart` in one.
#[derive(Clone, Copy)]
pub(super) struct Four<S> {
    pub simd: S,
    pub row: usize,
    pub col: usize,
    pub count: usize,
    pub apart: Option<usize>,
}

impl<S: Simd> Four<S> {
    /// The vectors that begin at `ptr`.
    /// # Safety
    /// `count` elements of each are readable.
    #[inline(always)]
    pub unsafe fn load_at(self, ptr: *const f32, row_stride: usize) -> Vector<Self> {
        let apart = self.apart.unwrap_or(row_stride);
        let mut vectors = [self.simd.splat(0.0); 4];
        for (q, vector) in vectors.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *vector = unsafe { load(self.simd, ptr.wrapping_add(q * apart), self.count) };
        }
        four(vectors)
    }
}

impl<S: Simd> View for Four<S> {
    type Simd = Twice<Twice<S>>;

    #[inline(always)]
    fn simd(self) -> Self::Simd {
        Twice(Twice(self.simd))
    }
    #[inline(always)]
    unsafe fn load(self, from: Operand) -> Vector<Self> {
        let Operand { ptr, row_stride, .. } = from.at(self.row, self.col);
        // SAFETY: the caller promises the elements in view.
        unsafe { self.load_at(ptr, row_stride) }
    }
    #[inline(always)]
    unsafe fn store(self, to: Target, value: Vector<Self>) {
        let Operand { ptr, row_stride, .. } = to.0.at(self.row, self.col);
        let apart = self.apart.unwrap_or(row_stride);
        let ((a, b), (c, d)) = value;
        for (q, vector) in [a, b, c, d].into_iter().enumerate() {
            // SAFETY: the caller promises the elements in view.
            unsafe { store(self.simd, ptr.wrapping_add(q * apart).cast_mut(), vector, self.count) }
        }
    }
}

/// `cols ≤ 4` columns of C, `rows ≤ LANES` rows, as one vector: a column after the other.
#[derive(Clone, Copy)]
pub(super) struct Down<S> {
    pub simd: S,
    pub row: usize,
    pub col: usize,
    pub rows: usize,
    pub cols: usize,
}

impl<S: Simd> View for Down<S> {
    type Simd = Twice<Twice<S>>;

    #[inline(always)]
    fn simd(self) -> Self::Simd {
        Twice(Twice(self.simd))
    }
    #[inline(always)]
    unsafe fn load(self, from: Operand) -> Vector<Self> {
        let Down { simd, rows, cols, .. } = self;
        let Operand { ptr, row_stride, col_stride } = from.at(self.row, self.col);
        // SAFETY: the caller promises the elements in view.
        unsafe {
            if col_stride == 1 && row_stride != 0 {
                // A whole block is worth instructions of its own.
                return four(if rows == S::LANES && cols == 4 {
                    simd.load_columns(ptr, row_stride, S::LANES, 4)
                } else {
                    simd.load_columns(ptr, row_stride, rows, cols)
                });
            }
            let mut columns = [simd.splat(0.0); 4];
            for (q, column) in columns.iter_mut().enumerate().take(cols) {
                let ptr = ptr.wrapping_add(q * col_stride);
                *column = if row_stride == 0 {
                    simd.splat(*ptr)
                } else if row_stride == 1 {
                    load(simd, ptr, rows)
                } else {
                    gather(simd, ptr, row_stride, rows)
                };
            }
            four(columns)
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: Target, value: Vector<Self>) {
        let Down { simd, rows, cols, .. } = self;
        let Operand { ptr, row_stride, col_stride } = to.0.at(self.row, self.col);
        let ptr = ptr.cast_mut();
        let ((a, b), (c, d)) = value;
        // SAFETY: the caller promises the elements in view.
        unsafe {
            if col_stride == 1 {
                if rows == S::LANES && cols == 4 {
                    simd.store_columns(ptr, row_stride, S::LANES, 4, [a, b, c, d])
                } else {
                    simd.store_columns(ptr, row_stride, rows, cols, [a, b, c, d])
                }
                return;
            }
            for (q, column) in [a, b, c, d].into_iter().enumerate().take(cols) {
                let ptr = ptr.wrapping_add(q * col_stride);
                if row_stride == 1 {
                    store(simd, ptr, column, rows)
                } else {
                    scatter(simd, ptr, row_stride, column, rows)
                }
            }
        }
    }
}

/// Four vectors as one.
#[inline(always)]
pub(super) fn four<F>([a, b, c, d]: [F; 4]) -> ((F, F), (F, F)) {
    ((a, b), (c, d))
}

/// # Safety
/// `count ≤ LANES` elements are readable.
#[inline(always)]
pub(super) unsafe fn load<S: Simd>(simd: S, ptr: *const f32, count: usize) -> S::F {
    // SAFETY: the caller promises `count` readable elements.
    unsafe { if count == S::LANES { simd.load(ptr) } else { simd.load_first(ptr, count) } }
}

/// # Safety
/// `count ≤ LANES` elements are writable.
#[inline(always)]
pub(super) unsafe fn store<S: Simd>(simd: S, ptr: *mut f32, value: S::F, count: usize) {
    // SAFETY: the caller promises `count` writable elements.
    unsafe { if count == S::LANES { simd.store(ptr, value) } else { simd.store_first(ptr, value, count) } }
}

/// # Safety
/// `count ≤ LANES` elements, `stride` apart, are readable.
#[inline(always)]
unsafe fn gather<S: Simd>(simd: S, ptr: *const f32, stride: usize, count: usize) -> S::F {
    let mut lanes = [0.0; MOST_LANES];
    // SAFETY: no vector is longer than `MOST_LANES`; the caller's promise.
    unsafe {
        copy_apart((ptr, stride), (lanes.as_mut_ptr(), 1), count);
        simd.load(lanes.as_ptr())
    }
}

/// # Safety
/// `count ≤ LANES` elements, `stride` apart, are writable.
#[inline(always)]
unsafe fn scatter<S: Simd>(simd: S, ptr: *mut f32, stride: usize, value: S::F, count: usize) {
    let mut lanes = [0.0; MOST_LANES];
    // SAFETY: no vector is longer than `MOST_LANES`; the caller's promise.
    unsafe {
        simd.store(lanes.as_mut_ptr(), value);
        copy_apart((lanes.as_ptr(), 1), (ptr, stride), count);
    }
}

/// Copies elements that lie a stride apart to where they lie another apart. (A function of its own: else each epilogue would have a dozen copies of it.)
///
/// # Safety
/// `count` elements are readable there and writable here.
#[inline(never)]
unsafe fn copy_apart((from, from_stride): (*const f32, usize), (to, to_stride): (*mut f32, usize), count: usize) {
    for l in 0..count {
        // SAFETY: the caller promises element `l < count`.
        unsafe { *to.wrapping_add(l * to_stride) = *from.wrapping_add(l * from_stride) }
    }
}
