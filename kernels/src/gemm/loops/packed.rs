//! Operands copied block by block.

use super::super::blocking::{
    Form, MAX_LANES, Panels, SUM_ROWS, Tiling, balanced, copying_rows, k_block_len, packed_cols, panels, rows_collide,
    rows_that_stay, tile_rows,
};
use super::super::microkernel::{AHEAD, Ask, Lies, Tile, sum_tile};
use super::super::pack::{Operand, pack_panel, pack_rows};
use super::super::scratch::{Parts, a_row_len, parts};
use super::Loops;
use crate::simd::Simd;

impl<S: Simd> Loops<'_, S> {
    /// Operands copied block by block in the order in which the microkernel reads them.
    ///
    /// # Safety
    /// That of [`run`](Self::run).
    #[inline(always)]
    pub(super) unsafe fn run_packed(&self) {
        let Parts { b: b_len, a: a_len, .. } = parts(self.m, self.k, self.n);
        let (packed_b, packed_a, sums) =
            (self.scratch, self.scratch.wrapping_add(b_len), self.scratch.wrapping_add(b_len + a_len));
        let k_block = k_block_len(self.k).max(1);
        let blocks = self.k.div_ceil(k_block).max(1);
        let max_nc = packed_cols(k_block, self.n);
        let sums_row_stride = max_nc.next_multiple_of(MAX_LANES);
        // Between blocks of k the sums stay in C where they can, else in a block of scratch.
        let in_c = self.sums_in_c();
        let asks_for_c = in_c && self.asks_for_c();
        let sum_rows = if in_c || blocks == 1 { self.m } else { SUM_ROWS };
        let pack_a_cols = self.a_waits();
        // Rows that collide are copied. Where they come from beyond the second-level cache that takes time, so only if those of a tile then stay in the
        // first-level one; if not, low tiles read them as they lie.
        let stay = if self.a_is_far() { rows_that_stay(k_block) } else { usize::MAX };
        let copies_rows = self.n > 128 && rows_collide(self.a.row_stride) && tile_rows(S::TILE_ROWS, 2) <= stay;
        let pack_a_rows = self.a.row_stride != 1 && (self.a.col_stride != 1 || copies_rows);
        let tallest = if pack_a_rows { stay } else { stay.min(self.tallest()) };
        // 1. Blocks of columns: a packed block of B.
        for jc in (0..self.n).step_by(max_nc) {
            let nc = max_nc.min(self.n - jc);
            let tiling = Tiling { rows: self.m, tallest, padded: true, form: Form::Large };
            let first_panels = panels::<S>(tiling, 0, nc);
            let max_rows = self.common_rows(tiling, nc);
            // 2. Blocks of rows whose sums are kept at a time (all of them, unless C cannot hold them).
            for oc in (0..self.m).step_by(sum_rows) {
                let oc_end = self.m.min(oc + sum_rows);
                // 3. Blocks of k, in ascending order.
                for block in 0..blocks {
                    let pc = block * k_block;
                    let kc = k_block.min(self.k - pc);
                    let (first, last_block) = (block == 0, block + 1 == blocks);
                    // 4. Tiles of rows, as equal as they come. The rows of A of one tile stay in the first-level cache.
                    for index in 0..(oc_end - oc).div_ceil(max_rows) {
                        let (ir, rows) = balanced(oc_end - oc, max_rows, index);
                        let a = if pack_a_cols {
                            let width = rows.div_ceil(S::LANES);
                            let col_stride = width * S::LANES;
                            let a = self.a.at(oc + ir, pc).t();
                            // SAFETY: the columns lie inside A, and the scratch has room for those of the tallest tile.
                            unsafe { pack_panel(self.simd, a, kc, rows, width, col_stride, packed_a) };
                            Operand { ptr: packed_a, row_stride: 1, col_stride }
                        } else if pack_a_rows {
                            let row_stride = a_row_len(kc);
                            // SAFETY: the rows lie inside A, and the scratch has room for the tallest tile.
                            unsafe { pack_rows(self.a.at(oc + ir, pc), rows, kc, row_stride, packed_a) };
                            Operand { ptr: packed_a, row_stride, col_stride: 1 }
                        } else {
                            self.a.at(oc + ir, pc)
                        };
                        let ask_for_a = self.ask_for_a(oc + ir + rows, pc);
                        let (to, to_row_stride) = if in_c {
                            let c = self.c_at(oc + ir, jc);
                            (c.ptr.cast_mut(), c.row_stride)
                        } else {
                            (sums.wrapping_add(if blocks > 1 { ir * sums_row_stride } else { 0 }), sums_row_stride)
                        };
                        let mut tile = Tile {
                            k: kc,
                            k_block: kc,
                            a: a.ptr,
                            a_row_stride: a.row_stride,
                            a_col_stride: a.col_stride,
                            b_lies: Lies::Padded,
                            c_row_stride: to_row_stride,
                            ask: ask_for_a,
                            add: !first,
                            asks_for_c,
                            ..Tile::EMPTY
                        };
                        // 5. Panels of B, those of one width together. The first tile copies them: one after the other as it reads them, if it can.
                        let mut now = first_panels;
                        loop {
                            let Panels { start, width, times } = now;
                            let panel = width * S::LANES;
                            let cols = (panel * times).min(nc - start);
                            let b = self.b.at(pc, jc + start);
                            let packed = packed_b.wrapping_add(start * kc);
                            let copies = index == 0
                                && b.col_stride == 1
                                && width == 2
                                && cols == panel * times
                                && rows >= copying_rows::<S>();
                            tile.c = to.wrapping_add(start);
                            tile.last = cols - (panel * times - S::LANES);
                            tile.c_last = if in_c { tile.last } else { S::LANES };
                            if copies {
                                tile.times = 1;
                                tile.b_stride = b.row_stride;
                                for panel_index in 0..times {
                                    tile.b = b.at(0, panel_index * panel).ptr;
                                    tile.ask = Ask::Vectors {
                                        from: b.at(AHEAD, panel_index * panel).ptr,
                                        stride: b.row_stride,
                                    };
                                    tile.copy = packed.wrapping_add(panel_index * panel * kc);
                                    // SAFETY: the tile lies inside the block, the block inside the product; its copy has room in the scratch.
                                    unsafe { sum_tile(self.simd, rows, width, &mut tile) }
                                    tile.c = tile.c.wrapping_add(panel);
                                }
                                (tile.ask, tile.copy) = (ask_for_a, core::ptr::null_mut());
                            } else {
                                if index == 0 {
                                    for panel_index in 0..times {
                                        let from = b.at(0, panel_index * panel);
                                        let cols = panel.min(cols - panel_index * panel);
                                        let to = packed.wrapping_add(panel_index * panel * kc);
                                        // SAFETY: the panel lies inside B, and the scratch has `kc ≤ k_block` rows of `nc` columns, padded to whole tiles.
                                        unsafe { pack_panel(self.simd, from, kc, cols, width, panel, to) }
                                    }
                                }
                                (tile.b, tile.b_stride) = (packed, panel);
                                tile.along(panel, panel * kc, times);
                                // SAFETY: the tiles lie inside the block, the block inside the product.
                                unsafe { sum_tile(self.simd, rows, width, &mut tile) }
                            }
                            let next = start + panel * times;
                            if next >= nc {
                                break;
                            }
                            now = panels::<S>(tiling, next, nc);
                        }
                        // The epilogue takes whole rows, the longer the better.
                        if last_block && !self.stores_in_c() {
                            // SAFETY: the rows lie inside the product, and their sums are complete.
                            unsafe { self.finish_at(Some((to, to_row_stride)), oc + ir, jc, rows, nc) }
                        }
                    }
                }
            }
        }
    }
}
