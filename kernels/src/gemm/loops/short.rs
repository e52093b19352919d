//! Sums of a few terms.

use super::super::blocking::{pages_apart, rows_collide};
use super::super::epilogue::Finish;
use super::super::pack::{Operand, pack_panel};
use super::super::scratch::{Layout, layout};
use super::super::short::{Short, short_width};
use super::Loops;
use crate::caches::second_level_bytes;
use crate::simd::Simd;

impl<S: Simd> Loops<'_, S> {
    /// Panels of B in registers, as many rows of A as have their sums near for the epilogue.
    ///
    /// # Safety
    /// That of [`run`](Self::run), and [`is_short`]; one of the strides of B is 1.
    #[inline(always)]
    pub(super) unsafe fn run_short(&self) {
        // Columns whose sums are kept in the scratch, and how many sums.
        const COLS: usize = 512;
        const SUMS: usize = 4096;
        let in_c = self.sums_in_c();
        let stores = in_c && matches!(self.finish, Finish::Store);
        let Layout { b: b_len, a: a_len, sums: sums_len } = layout(self.m, self.k, self.n);
        let sums = self.scratch.wrapping_add(b_len);
        let c = self.c_as_seen();
        let mut max_cols = if in_c { self.n } else { self.n.min(COLS) };
        let max_rows = match c.row_stride {
            // Rows of C that fall into few sets of the first-level cache are written together, some at a time.
            stride if in_c && pages_apart(stride) => 8,
            stride if in_c && rows_collide(stride) => 32,
            _ if stores => self.m,
            _ if in_c => (second_level_bytes() / 8 / size_of::<f32>() / self.n).max(1),
            _ => (SUMS.min(a_len + sums_len) / max_cols.next_multiple_of(S::LANES)).max(1),
        };
        // Columns of B that several blocks of rows meet are turned once.
        let turns = self.b.col_stride != 1 && max_rows < self.m;
        if turns {
            max_cols = max_cols.min(COLS);
        }
        let stride = max_cols.next_multiple_of(S::LANES);
        let panel = short_width::<S>(self.k) * S::LANES;
        // 1. Blocks of columns.
        for jc in (0..self.n).step_by(max_cols) {
            let nc = max_cols.min(self.n - jc);
            let mut b = self.b.at(0, jc);
            if turns {
                // SAFETY: the columns lie inside B, and the scratch has `k` rows of them, padded to whole vectors.
                unsafe { pack_panel(self.simd, b, self.k, nc, nc.div_ceil(S::LANES), stride, self.scratch) }
                b = Operand { ptr: self.scratch, row_stride: stride, col_stride: 1 };
            }
            // 2. Blocks of rows.
            for ic in (0..self.m).step_by(max_rows) {
                let rows = max_rows.min(self.m - ic);
                let (to, to_row_stride) = if in_c {
                    let c = c.at(self.row + ic, self.col + jc);
                    (c.ptr.cast_mut(), c.row_stride)
                } else {
                    (sums, stride)
                };
                // 3. Panels.
                for j in (0..nc).step_by(panel) {
                    let short = Short {
                        rows,
                        k: self.k,
                        a: self.a.at(ic, 0),
                        b: b.at(0, j),
                        cols: panel.min(nc - j),
                        c: to.wrapping_add(j),
                        c_row_stride: to_row_stride,
                    };
                    // SAFETY: the block lies inside the product, its sums in C or in the scratch, which has room for a row at least.
                    unsafe { short.run(self.simd) }
                }
                if !stores {
                    // SAFETY: the block lies inside the product, and its sums are complete.
                    unsafe { self.finish_at(Some((to, to_row_stride)), ic, jc, rows, nc) }
                }
            }
        }
    }
}
