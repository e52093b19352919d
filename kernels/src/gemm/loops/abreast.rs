//! Few rows of A past all panels of a packed B, several at a time.

use super::super::abreast::{PANEL_VECTORS, choose_abreast, panels_abreast};
use super::super::blocking::{MAX_LANES, STREAM_SUMS, balanced, k_block_len};
use super::super::microkernel::{Lies, Tile};
use super::Loops;
use crate::simd::Simd;

impl<S: Simd> Loops<'_, S> {
    /// # Safety
    /// That of [`run`](Self::run); B is [in pairs](Self), and A has rows for which there are [panels](panels_abreast).
    #[inline(always)]
    pub(super) unsafe fn run_abreast(&self) {
        // Rows, and vectors, of any tile.
        const MOST: usize = 3 * PANEL_VECTORS * panels_abreast(1);
        const { assert!(MOST * MAX_LANES <= STREAM_SUMS && panels_abreast(4) == 0) };
        let panel = PANEL_VECTORS * S::LANES;
        let in_c = self.sums_in_c();
        let (panels, most) = (self.n.div_ceil(panel), panels_abreast(self.m));
        // Panels that are read side by side, as many of them each time as the others.
        for index in 0..panels.div_ceil(most) {
            let (first, together) = balanced(panels, most, index);
            let start = first * panel;
            let cols = (together * panel).min(self.n - start);
            let width = cols.div_ceil(S::LANES);
            let last = cols - (width - 1) * S::LANES;
            let (c, c_row_stride, c_last) = if in_c {
                let c = self.c_at(0, start);
                (c.ptr.cast_mut(), c.row_stride, last)
            } else {
                (self.scratch, width * S::LANES, S::LANES)
            };
            let tile = Tile {
                k: self.k,
                k_block: k_block_len(self.k).max(1),
                a: self.a.ptr,
                a_row_stride: self.a.row_stride,
                a_col_stride: self.a.col_stride,
                b: self.b.ptr.wrapping_add(start * self.k),
                b_stride: panel * self.k,
                b_lies: Lies::Padded,
                c,
                c_row_stride,
                last,
                c_last,
                ..Tile::EMPTY
            };
            let sum = choose_abreast(self.simd, self.m, width, &tile);
            // SAFETY: the tile lies inside the product, its sums in C or in the scratch, which has room for them (asserted above).
            unsafe { sum(&tile) }
            if !in_c {
                // SAFETY: the columns lie inside the product, and their sums are complete.
                unsafe { self.finish_at(Some((self.scratch.cast_const(), c_row_stride)), 0, start, self.m, cols) }
            }
        }
        if in_c && !self.stores_in_c() {
            // SAFETY: the block is the product, and its sums are complete.
            unsafe { self.finish_at(None, 0, 0, self.m, self.n) }
        }
    }
}
