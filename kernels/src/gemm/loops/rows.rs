//! A B that lies in columns, for short sums of many rows: turned to rows first.

use super::super::blocking::{K_BLOCK, MAX_NC, SMALL_B, tile_rows};
use super::super::pack::{Operand, pack_panel};
use super::Loops;
use super::way::First;
use crate::simd::Simd;

impl<S: Simd> Loops<'_, S> {
    /// Whether so much of a B in columns as is turned at a time is so small that tiles whose sums go to C are best rather wide than tall, as panels packed for tall ones are not. (For low tiles: nothing
    /// else was measured.)
    #[inline(always)]
    pub(super) fn wants_rows(&self) -> bool {
        self.low()
            && self.b.row_stride == 1
            && self.a_is_direct()
            && self.k <= K_BLOCK
            && self.k * self.n.min(MAX_NC) <= SMALL_B
            && self.m > tile_rows(S::TILE_ROWS, 2)
            && self.sums_in_c()
    }

    /// Some columns after the other, read in place when they lie in rows.
    ///
    /// # Safety
    /// That of [`run`](Self::run), and [`wants_rows`](Self::wants_rows).
    #[inline(always)]
    pub(super) unsafe fn run_rows(&self) {
        for jc in (0..self.n).step_by(MAX_NC) {
            let n = MAX_NC.min(self.n - jc);
            let row_stride = n.next_multiple_of(S::LANES);
            // SAFETY: the columns lie inside B, `k` is at most `K_BLOCK`, and `n` at most `MAX_NC`.
            let b = unsafe { self.b_in_rows(jc, n, row_stride) };
            let part = Loops { n, b, col: self.col + jc, packed: true, used: self.used + self.k * row_stride, ..*self };
            // SAFETY: the columns are a part of the product; what is used of the scratch is no more than a packed block.
            unsafe { part.run_in_place(First::Reads) }
        }
    }

    /// Columns of B from `jc` on, turned to rows at the beginning of the scratch.
    ///
    /// # Safety
    /// The columns lie inside B, and the scratch has room for `k` rows, `row_stride` elements apart, of `cols` columns padded to whole vectors.
    #[inline(always)]
    pub(super) unsafe fn b_in_rows(&self, jc: usize, cols: usize, row_stride: usize) -> Operand {
        let b = self.b.at(0, jc);
        // SAFETY: the caller's promise.
        unsafe { pack_panel(self.simd, b, self.k, cols, cols.div_ceil(S::LANES), row_stride, self.scratch) }
        Operand { ptr: self.scratch, row_stride, col_stride: 1 }
    }
}
