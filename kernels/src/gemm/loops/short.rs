//! Sums of a few terms.

use super::super::blocking::{MAX_NC, PAGE, SUMS, pages_apart, rows_collide};
use super::super::scratch::{Parts, parts};
use super::super::short::Short;
use super::Loops;
use crate::caches::second_level_bytes;
use crate::simd::Simd;

impl<S: Simd> Loops<'_, S> {
    /// Whether C is on its way to memory, and pieces of its rows on pages of their own. (For low tiles: with vectors as long as a line it was not measured.)
    #[inline(always)]
    fn pieces_are_slow(&self) -> bool {
        self.low() && self.c_is_vast() && self.c_as_seen().row_stride >= PAGE / 2
    }

    /// Panels of B in registers, as many rows of A as have their sums near for the epilogue.
    ///
    /// # Safety
    /// That of [`run`](Self::run), and [`is_short`](super::is_short); one of the strides of B is 1.
    #[inline(always)]
    pub(super) unsafe fn run_short(&self) {
        let (in_c, stores) = (self.sums_in_c(), self.stores_in_c());
        let Parts { b: b_len, a: a_len, sums: sums_len } = parts(self.m, self.k, self.n);
        let sums = self.scratch.wrapping_add(b_len);
        let mut max_cols = if in_c { self.n } else { self.n.min(MAX_NC) };
        let max_rows = match self.c_as_seen().row_stride {
            // Rows of C that fall into few sets of the first-level cache are written together, some at a time.
            stride if in_c && pages_apart(stride) => 8,
            stride if in_c && rows_collide(stride) => 32,
            _ if stores && self.pieces_are_slow() => 8,
            _ if stores => self.m,
            _ if in_c => (second_level_bytes() / 8 / size_of::<f32>() / self.n).max(1),
            _ => (SUMS.min(a_len + sums_len) / max_cols.next_multiple_of(S::LANES)).max(1),
        };
        // Where B lies in columns, they are turned.
        let turns = self.b.col_stride != 1;
        if turns {
            max_cols = max_cols.min(MAX_NC);
        }
        let stride = max_cols.next_multiple_of(S::LANES);
        // 1. Blocks of columns.
        for jc in (0..self.n).step_by(max_cols) {
            let nc = max_cols.min(self.n - jc);
            let b = if turns {
                // SAFETY: the columns lie inside B, and the scratch has `k` rows of them, padded to whole vectors.
                unsafe { self.b_in_rows(jc, nc, stride) }
            } else {
                self.b.at(0, jc)
            };
            // 2. Blocks of rows.
            for ic in (0..self.m).step_by(max_rows) {
                let rows = max_rows.min(self.m - ic);
                let (to, to_row_stride) = if in_c {
                    let c = self.c_at(ic, jc);
                    (c.ptr.cast_mut(), c.row_stride)
                } else {
                    (sums, stride)
                };
                let a = self.a.at(ic, 0);
                let short = Short { rows, k: self.k, a, b, cols: nc, c: to, c_row_stride: to_row_stride };
                // SAFETY: the block lies inside the product, its sums in C or in the scratch, which has room for a row at least.
                unsafe { short.run(self.simd) }
                if !stores {
                    // SAFETY: the block lies inside the product, and its sums are complete.
                    unsafe { self.finish_at(Some((to, to_row_stride)), ic, jc, rows, nc) }
                }
            }
        }
    }
}
