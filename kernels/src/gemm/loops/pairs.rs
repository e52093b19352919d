//! A packed B whose panels are as wide as a tile of two vectors.

use super::super::abreast::PANEL_VECTORS;
use super::super::blocking::{K_BLOCK, Run, k_block_len, rows_collide, runs, tile_rows};
use super::super::microkernel::{Ask, Lies, Tile, sum_tile};
use super::super::pack::{Operand, pack_rows};
use super::super::scratch::{Parts, a_row_len, parts};
use super::Loops;
use crate::caches::{second_level_bytes, third_level_bytes};
use crate::simd::Simd;

impl<S: Simd> Loops<'_, S> {
    /// Nothing of B is copied: each panel is read from end to end, again for each tile of the rows of A that stay in the second-level cache; the first of these asks for the next panel.
    ///
    /// # Safety
    /// That of [`run`](Self::run); B is [in pairs](Self), and C can hold sums.
    #[inline(always)]
    pub(super) unsafe fn run_pairs(&self) {
        // Fewer columns do not pay for a copy of rows that collide.
        const LEAST_COLS: usize = 128;
        debug_assert!(self.sums_in_c());
        let panel = PANEL_VECTORS * S::LANES;
        let k_block = k_block_len(self.k).max(1);
        let tallest = tile_rows(S::TILE_ROWS, PANEL_VECTORS);
        let copies =
            !self.a_is_direct() || self.a.row_stride != 1 && rows_collide(self.a.row_stride) && self.n > LEAST_COLS;
        // Terms that a tile sums at a time: all, in their blocks, unless a panel would take much of the second-level cache. (Rows of A from afar come faster whole.)
        let depth = if self.k <= 2 * K_BLOCK && !copies { self.k.max(1) } else { k_block };
        let Parts { b: b_len, a: a_len, .. } = parts(self.m, self.k, self.n);
        let copy_stride = a_row_len(k_block);
        let near = second_level_bytes() / 8 * 3 / size_of::<f32>() / depth;
        let most = if copies { near.min((b_len + a_len) / copy_stride) } else { near };
        let group = (most - most % tallest).max(tallest);
        let far = (third_level_bytes() / 16 / size_of::<f32>() / depth).max(panel);
        let max_nc = self.n.div_ceil(self.n.div_ceil(far)).next_multiple_of(panel);
        // 1. Columns of B whose blocks stay in the third-level cache.
        for jc in (0..self.n).step_by(max_nc) {
            let end = self.n.min(jc + max_nc);
            // 2. Parts of k, in ascending order.
            for pc in (0..self.k.max(1)).step_by(depth) {
                let k = depth.min(self.k - pc);
                // 3. Groups of rows, those of A in the second-level cache and those of C not far.
                for ic in (0..self.m).step_by(group) {
                    let rows = group.min(self.m - ic);
                    let mut a = self.a.at(ic, pc);
                    if copies {
                        // SAFETY: the rows lie inside A, and the scratch has room for those of a group.
                        unsafe { pack_rows(a, rows, k, copy_stride, self.scratch) }
                        a = Operand { ptr: self.scratch, row_stride: copy_stride, col_stride: 1 };
                    }
                    // 4. Panels.
                    for js in (jc..end).step_by(panel) {
                        let cols = panel.min(end - js);
                        let width = cols.div_ceil(S::LANES);
                        let last = cols - (width - 1) * S::LANES;
                        let b = self.b.ptr.wrapping_add(js * self.k + pc * panel);
                        let mut asks = js + panel < end;
                        // 5. Tiles, as equal as they come.
                        for mut run in runs(rows, tallest) {
                            while run.times > 0 {
                                let c = self.c_at(ic + run.start, js);
                                let a = a.at(run.start, 0);
                                let mut tile = Tile {
                                    k,
                                    k_block,
                                    a: a.ptr,
                                    a_row_stride: a.row_stride,
                                    a_col_stride: a.col_stride,
                                    b,
                                    b_stride: panel,
                                    b_lies: Lies::Padded,
                                    c: c.ptr.cast_mut(),
                                    c_row_stride: c.row_stride,
                                    add: pc > 0,
                                    last,
                                    c_last: last,
                                    ..Tile::EMPTY
                                };
                                let times = if asks {
                                    tile.ask = Ask::Vectors { from: b.wrapping_add(panel * self.k), stride: panel };
                                    1
                                } else {
                                    run.times
                                };
                                asks = false;
                                tile.down(run.len, times);
                                // SAFETY: the tiles lie inside the product, and C can hold sums.
                                unsafe { sum_tile(self.simd, run.len, width, &mut tile) }
                                run = Run { start: run.start + times * run.len, times: run.times - times, ..run };
                            }
                        }
                    }
                    if pc + k >= self.k && !self.stores_in_c() {
                        // SAFETY: the rows lie inside the product, and their sums are complete.
                        unsafe { self.finish_at(None, ic, jc, rows, end - jc) }
                    }
                }
            }
        }
    }
}
