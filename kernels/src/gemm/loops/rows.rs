//! A B that lies in columns, for short sums of many rows: turned to rows first.

use super::super::blocking::{Form, K_BLOCK, MAX_NC};
use super::super::pack::{Operand, pack_panel};
use super::Loops;
use super::way::First;
use crate::simd::Simd;

/// Three quarters of the smaller first-level cache.
const FIRST_LEVEL_PART: usize = 3 << 13;

impl<S: Simd> Loops<'_, S> {
    /// Whether so much of a B in columns as is turned at a time is so small that tiles whose sums go to C are best rather wide than tall, as panels packed for tall ones are not. (For low tiles: nothing
    /// else was measured.)
    #[inline(always)]
    pub(super) fn wants_rows(&self) -> bool {
        let part = Loops { n: self.n.min(MAX_NC), ..*self };
        self.low()
            && self.b.row_stride == 1
            && self.a_is_direct()
            && self.k <= K_BLOCK
            && part.b_bytes() <= FIRST_LEVEL_PART
            && part.tiling().form != Form::Large
    }

    /// Some columns after the other, read in place when they lie in rows.
    ///
    /// # Safety
    /// That of [`run`](Self::run), and [`wants_rows`](Self::wants_rows).
    #[inline(always)]
    pub(super) unsafe fn run_rows(&self) {
        for jc in (0..self.n).step_by(MAX_NC) {
            let n = MAX_NC.min(self.n - jc);
            let (width, b) = (n.div_ceil(S::LANES), self.b.at(0, jc));
            let row_stride = width * S::LANES;
            // SAFETY: the columns lie inside B, and the scratch has `k ≤ K_BLOCK` rows of up to `MAX_NC` columns, padded to whole vectors.
            unsafe { pack_panel(self.simd, b, self.k, n, width, row_stride, self.scratch) }
            let b = Operand { ptr: self.scratch, row_stride, col_stride: 1 };
            let part = Loops { n, b, col: self.col + jc, packed: true, used: self.used + self.k * row_stride, ..*self };
            // SAFETY: the columns are a part of the product; what is used of the scratch is no more than a packed block.
            unsafe { part.run_in_place(First::Reads) }
        }
    }
}
