//! B in strips: some of its rows meet all rows of A before the next are read.

use super::super::blocking::{balanced, copying_rows, k_block_len, pair_width, rows_collide, tile_rows};
use super::super::microkernel::{ASKED_COLS, Ask, Lies, Tile, sum_tile};
use super::super::scratch::{Parts, parts};
use super::Loops;
use crate::simd::Simd;

/// Columns of a strip: four cache lines.
const STRIP: usize = ASKED_COLS;
/// Rows of a part of a strip whose panels are copied: 32 KiB of copy with the longest vectors.
const COPIED_ROWS: usize = 256;
/// More low tiles of two vectors than these make copies of panels worth their while, though rows do not collide: they want a row of B every few cycles, which often begins within a line and on a page of its own.
const FEW_TILES_IF_LOW: usize = 8;

impl<S: Simd> Loops<'_, S> {
    /// Whether strips serve a product of several tiles of rows better than B as it lies, or than the copy of whole blocks (which pays for more rows of A, for
    /// many more where B's rows do not collide).
    #[inline(always)]
    pub(super) fn wants_strips(&self) -> bool {
        const MOST_ROWS: usize = 512;
        const MOST_ROWS_IF_COLLIDING: usize = 64;
        const MOST_TILES_IF_LOW: usize = 16;
        // Shorter sums do not pay for the way through the scratch.
        const LEAST_K: usize = 64;
        let wants = if self.far() {
            !self.a_collides()
                && self.m <= if rows_collide(self.b.row_stride) { MOST_ROWS_IF_COLLIDING } else { MOST_ROWS }
                && !(self.low() && self.m > MOST_TILES_IF_LOW * tile_rows(S::TILE_ROWS, 2))
        } else {
            self.waits() && self.k >= LEAST_K
        };
        let Parts { b, .. } = parts(self.m, self.k, self.n);
        wants && self.m > tile_rows(S::TILE_ROWS, 2) && 2 * self.m * STRIP + COPIED_ROWS * 2 * S::LANES <= b
    }

    /// While a part of a strip is multiplied, the next is asked for, line by line: spread over all the time that there is, and in the order in which memory lies.
    /// Chains are left at the end of a part, and taken up again.
    ///
    /// # Safety
    /// That of [`run`](Self::run), and [`wants_strips`](Self::wants_strips).
    #[inline(always)]
    pub(super) unsafe fn run_strips(&self) {
        let k_block = k_block_len(self.k).max(1);
        let copies_panels =
            self.panels_collide() || self.low() && self.m > FEW_TILES_IF_LOW * tile_rows(S::TILE_ROWS, 2);
        let part = if copies_panels { k_block.div_ceil(k_block.div_ceil(COPIED_ROWS)) } else { k_block };
        let (sums, chains) = (self.scratch, self.scratch.wrapping_add(self.m * STRIP));
        let copy = chains.wrapping_add(self.m * STRIP);
        // 1. Strips of B.
        for sc in (0..self.n).step_by(STRIP) {
            let strip = STRIP.min(self.n - sc);
            // 2. Blocks of k, in ascending order.
            for pc in (0..self.k).step_by(k_block) {
                let end = self.k.min(pc + k_block);
                // 3. Parts of the strip.
                for p in (pc..end).step_by(part) {
                    let k = part.min(end - p);
                    let (begins, ends) = (p == pc, p + k == end);
                    let (next, next_rows) = if p + k < self.k {
                        (self.b.at(p + k, sc), part.min(self.k - p - k))
                    } else {
                        (self.b.at(0, sc + STRIP), part)
                    };
                    let mut asked = 0;
                    // 4. Panels, as wide as a tile.
                    let mut jc = 0;
                    while jc < strip {
                        let width = pair_width::<S>(self.m, strip - jc);
                        let cols = (width * S::LANES).min(strip - jc);
                        let last = cols - (width - 1) * S::LANES;
                        let copies = copies_panels && width == 2 && last == S::LANES;
                        let max_rows = tile_rows(S::TILE_ROWS, width);
                        let b = self.b.at(p, sc + jc);
                        // 5. Tiles of rows, as equal as they come.
                        for index in 0..self.m.div_ceil(max_rows) {
                            let (ir, rows) = balanced(self.m, max_rows, index);
                            debug_assert!(!copies || rows >= copying_rows::<S>());
                            let a = self.a.at(ir, p);
                            let chains = chains.wrapping_add(jc * self.m + ir * width * S::LANES);
                            let copied = copies && index > 0;
                            let mut tile = Tile {
                                k,
                                k_block: k,
                                a: a.ptr,
                                a_row_stride: a.row_stride,
                                a_col_stride: a.col_stride,
                                b: if copied { copy } else { b.ptr },
                                b_stride: if copied { width * S::LANES } else { b.row_stride },
                                b_lies: if copied { Lies::Padded } else { Lies::Along },
                                copy: if copies && index == 0 { copy } else { core::ptr::null_mut() },
                                ask: if asked < next_rows {
                                    Ask::Lines { from: next.at(asked, 0).ptr, stride: b.row_stride }
                                } else {
                                    Ask::Nothing
                                },
                                c: if ends { sums.wrapping_add(ir * STRIP + jc) } else { chains },
                                c_row_stride: if ends { STRIP } else { width * S::LANES },
                                add: ends && pc > 0,
                                chains: if begins { core::ptr::null() } else { chains },
                                last,
                                c_last: S::LANES,
                                ..Tile::EMPTY
                            };
                            // (It asks for a row with every four that it reads; a narrow or partial one at the end of C for none.)
                            asked += k / 4;
                            // SAFETY: the tile lies inside the product, its sums and its copy in the scratch.
                            unsafe { sum_tile(self.simd, rows, width, &mut tile) }
                        }
                        jc += cols;
                    }
                }
            }
            // SAFETY: the block lies inside the product, and its sums are complete.
            unsafe { self.finish_at(Some((sums, STRIP)), 0, sc, self.m, strip) }
        }
    }
}
