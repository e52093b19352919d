//! Operands read as they lie.

use super::super::blocking::{balanced, k_block_len, pair_width, tile_rows, tile_width};
use super::super::epilogue::Finish;
use super::super::microkernel::{AHEAD, Ask, Lies, Tile};
use super::Loops;
use crate::caches::second_level_bytes;
use crate::simd::Simd;

impl<S: Simd> Loops<'_, S> {
    /// Operands as they lie: for B in the second-level cache, or too few rows to pay for a copy. Rows of a far B are asked for if `asks`.
    ///
    /// # Safety
    /// That of [`run`](Self::run).
    #[inline(always)]
    pub(super) unsafe fn run_in_place(&self, asks: bool) {
        // An epilogue is faster on whole rows, as long as they are near.
        let later = self.sums_in_c() && !matches!(self.finish, Finish::Store);
        if self.m > tile_rows(S::TILE_ROWS, 2) && self.n >= 256 && self.k <= 128 {
            // Short sums, whose results are most of the traffic: C is written in whole rows.
            // 1. Tiles of rows, as equal as they come.
            let max_rows = self.common_rows(self.n, self.packed);
            for index in 0..self.m.div_ceil(max_rows) {
                let (ir, rows) = balanced(self.m, max_rows, index);
                // 2. Panels of B, as wide as a tile.
                let mut jc = 0;
                while jc < self.n {
                    let width = tile_width::<S>(self.m, self.n - jc, self.packed);
                    // SAFETY: the tile lies inside the product.
                    jc += unsafe { self.tile_in_place(false, ir, rows, jc, width, !later) };
                }
                if later {
                    // SAFETY: the rows lie inside the product, and their sums are complete.
                    unsafe { self.finish_at(None, ir, 0, rows, self.n) }
                }
            }
            return;
        }
        let later = later && self.m.saturating_mul(self.n) <= second_level_bytes() / 4 / size_of::<f32>();
        let mut jc = 0;
        // 1. Panels of B, as wide as a tile; each stays in the first-level cache as far as it fits.
        while jc < self.n {
            let width = if asks {
                pair_width::<S>(self.m, self.n - jc)
            } else {
                tile_width::<S>(self.m, self.n - jc, self.packed)
            };
            let max_rows = tile_rows(S::TILE_ROWS, width);
            let mut cols = 0;
            // 2. Tiles of rows, as equal as they come.
            for index in 0..self.m.div_ceil(max_rows) {
                let (ir, rows) = balanced(self.m, max_rows, index);
                // SAFETY: the tile lies inside the product.
                cols = unsafe { self.tile_in_place(asks && index == 0, ir, rows, jc, width, !later) };
            }
            jc += cols;
        }
        if later {
            // SAFETY: the block is the product, and its sums are complete.
            unsafe { self.finish_at(None, 0, 0, self.m, self.n) }
        }
    }

    /// One tile of operands as they lie, `width` vectors from column `jc` on; gives the number of its columns.
    #[inline(always)]
    unsafe fn tile_in_place(
        &self,
        asks: bool,
        ir: usize,
        rows: usize,
        jc: usize,
        width: usize,
        complete: bool,
    ) -> usize {
        let cols = (width * S::LANES).min(self.n - jc);
        let a = self.a.at(ir, 0);
        let tile = Tile {
            k: self.k,
            k_block: k_block_len(self.k),
            a: a.ptr,
            a_row_stride: a.row_stride,
            a_col_stride: a.col_stride,
            b: self.b.at(0, jc).ptr,
            b_stride: self.b.row_stride,
            b_lies: if self.packed { Lies::Padded } else { Lies::Along },
            ask: if asks { Ask::Vectors(self.b.at(AHEAD, jc).ptr) } else { Ask::Nothing },
            last: cols - (width - 1) * S::LANES,
            ..Tile::EMPTY
        };
        // SAFETY: the caller puts the tile inside the product.
        unsafe { self.tile(tile, ir, jc, rows, cols, width, None, complete) };
        cols
    }
}
