//! Operands copied block by block.

use super::super::blocking::{
    MAX_LANES, SUM_ROWS, balanced, copying_rows, k_block_len, packed_cols, rows_collide, tile_width,
};
use super::super::epilogue::Finish;
use super::super::microkernel::{AHEAD, Ask, Lies, Tile};
use super::super::pack::{Operand, pack_panel, pack_rows};
use super::super::scratch::{Layout, a_row_len, layout};
use super::Loops;
use crate::simd::Simd;

impl<S: Simd> Loops<'_, S> {
    /// Operands copied block by block in the order in which the microkernel reads them.
    ///
    /// # Safety
    /// That of [`run`](Self::run).
    #[inline(always)]
    pub(super) unsafe fn run_packed(&self) {
        let Layout { b: b_len, a: a_len, .. } = layout(self.m, self.k, self.n);
        let (packed_b, packed_a, sums) =
            (self.scratch, self.scratch.wrapping_add(b_len), self.scratch.wrapping_add(b_len + a_len));
        let k_block = k_block_len(self.k).max(1);
        let blocks = self.k.div_ceil(k_block).max(1);
        let max_nc = packed_cols(k_block, self.n);
        // Between blocks of k the sums stay in C where they can, else in a block of scratch.
        let in_c = self.sums_in_c();
        let sum_rows = if in_c || blocks == 1 { self.m } else { SUM_ROWS };
        let pack_a_cols = self.a_waits();
        let pack_a_rows =
            self.a.row_stride != 1 && (self.a.col_stride != 1 || self.n > 128 && rows_collide(self.a.row_stride));
        // 1. Blocks of columns: a packed block of B.
        for jc in (0..self.n).step_by(max_nc) {
            let nc = max_nc.min(self.n - jc);
            // 2. Blocks of rows whose sums are kept at a time (all of them, unless C cannot hold them).
            for oc in (0..self.m).step_by(sum_rows) {
                let oc_end = self.m.min(oc + sum_rows);
                // 3. Blocks of k, in ascending order.
                for block in 0..blocks {
                    let pc = block * k_block;
                    let kc = k_block.min(self.k - pc);
                    let (first, last_block) = (block == 0, block + 1 == blocks);
                    // 4. Tiles of rows, as equal as they come. The rows of A of one tile stay in the first-level cache.
                    let max_rows = self.common_rows(nc, true);
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
                        // 5. Panels of B, one after the other. The first tile copies them: as it reads them, if it can.
                        let mut jr = 0;
                        while jr < nc {
                            let width = tile_width::<S>(self.m, nc - jr, true);
                            let cols = (width * S::LANES).min(nc - jr);
                            let last = cols - (width - 1) * S::LANES;
                            let panel = packed_b.wrapping_add(jr * kc);
                            let b = self.b.at(pc, jc + jr);
                            let copies = index == 0
                                && b.col_stride == 1
                                && width == 2
                                && last == S::LANES
                                && rows >= copying_rows::<S>();
                            if index == 0 && !copies {
                                // SAFETY: the panel lies inside B, and the scratch has `kc ≤ k_block` rows of `nc` columns, padded to whole tiles.
                                unsafe { pack_panel(self.simd, b, kc, cols, width, width * S::LANES, panel) }
                            }
                            let tile = Tile {
                                k: kc,
                                k_block: kc,
                                a: a.ptr,
                                a_row_stride: a.row_stride,
                                a_col_stride: a.col_stride,
                                b: if copies { b.ptr } else { panel },
                                b_stride: if copies { b.row_stride } else { width * S::LANES },
                                b_lies: Lies::Padded,
                                copy: if copies { panel } else { core::ptr::null_mut() },
                                ask: if copies { Ask::Vectors(b.at(AHEAD, 0).ptr) } else { Ask::Nothing },
                                add: !first,
                                last,
                                ..Tile::EMPTY
                            };
                            let kept = (!in_c && blocks > 1).then(|| {
                                let row_stride = max_nc.next_multiple_of(MAX_LANES);
                                (sums.wrapping_add(ir * row_stride + jr), row_stride)
                            });
                            // SAFETY: the tile lies inside the block, the block inside the product.
                            unsafe { self.tile(tile, oc + ir, jc + jr, rows, cols, width, kept, last_block && !in_c) }
                            jr += cols;
                        }
                        // Sums in C go through the epilogue in whole rows, the longer the better.
                        if last_block && in_c && !matches!(self.finish, Finish::Store) {
                            // SAFETY: the block lies inside the product, and its sums are complete.
                            unsafe { self.finish_at(None, oc + ir, jc, rows, nc) }
                        }
                    }
                }
            }
        }
    }
}
