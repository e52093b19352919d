//! A B that lies in columns, for one tile of rows: turned on the way to the registers.

use super::super::across::{across_width, sum_across};
use super::super::blocking::{k_block_len, pages_apart};
use super::super::microkernel::{Lies, Tile, sum_tile};
use super::super::pack::pack_rows;
use super::super::scratch::{Layout, a_row_len, layout};
use super::Loops;
use crate::simd::Simd;

impl<S: Simd> Loops<'_, S> {
    /// Whether a B whose columns lie apart is read once only, and nothing is to be gained by copying its vectors.
    #[inline(always)]
    pub(super) fn turns(&self) -> bool {
        self.b.row_stride == 1
            && (self.a.row_stride == 1 || self.a.col_stride == 1)
            && self.m <= S::TURNED_ROWS[0]
            && (!self.copies_columns() || self.copied_columns_len() <= self.columns_room())
    }

    /// Whether columns of B lie a multiple of a page apart, and are more for a vector than a set of the first-level cache has lines (8 to 12): they drive each
    /// other out before they are used up.
    #[inline(always)]
    fn columns_collide(&self) -> bool {
        S::LANES > 12 && pages_apart(self.b.col_stride)
    }

    /// Vectors of a tile of so few rows that turning is nearly all of the work; 0: there are more rows, or they lie across.
    #[inline(always)]
    fn across(&self) -> usize {
        if self.a.col_stride == 1 { across_width::<S>(self.m) } else { 0 }
    }

    /// Whether columns that collide are copied to where they do not. (Tiles of few rows read whole lines of them instead, each once.)
    #[inline(always)]
    fn copies_columns(&self) -> bool {
        self.columns_collide() && self.across() == 0
    }

    /// Elements of scratch for the columns of a panel in a block of `k`.
    #[inline(always)]
    fn copied_columns_len(&self) -> usize {
        2 * S::LANES * a_row_len(k_block_len(self.k))
    }

    /// Elements of scratch before the sums that C cannot hold.
    #[inline(always)]
    fn columns_room(&self) -> usize {
        let Layout { b, a, .. } = layout(self.m, self.k, self.n);
        b + a
    }

    /// Operands as they lie, or columns [copied](Self::copies_columns) one after the other.
    ///
    /// # Safety
    /// That of [`run`](Self::run), and [`turns`](Self::turns).
    #[inline(always)]
    pub(super) unsafe fn run_turning(&self) {
        let copies = self.copies_columns();
        // The tile takes all blocks of k, or one whose columns were copied.
        let k_block = k_block_len(self.k).max(1);
        let at_once = if copies { k_block } else { self.k.max(1) };
        let row_len = a_row_len(k_block);
        let sums = self.scratch.wrapping_add(self.columns_room());
        // (What a masked store wrote cannot be read again before it has reached the cache.)
        let in_c = self.stores_in_c();
        let across = self.across();
        let mut jc = 0;
        // 1. Panels of B: two vectors if there are registers for them.
        while jc < self.n {
            let width = if across > 0 {
                let vectors = (self.n - jc).div_ceil(S::LANES);
                vectors.div_ceil(vectors.div_ceil(across))
            } else {
                1 + usize::from(self.n - jc > S::LANES && self.m <= S::TURNED_ROWS[1])
            };
            let cols = (width * S::LANES).min(self.n - jc);
            let last = cols - (width - 1) * S::LANES;
            let (to, to_row_stride, c_last) = if in_c {
                let c = self.c_at(0, jc);
                (c.ptr.cast_mut(), c.row_stride, last)
            } else {
                (sums, width * S::LANES, S::LANES)
            };
            // 2. Blocks of k, in ascending order.
            for pc in (0..self.k.max(1)).step_by(at_once) {
                let k = at_once.min(self.k - pc);
                let (a, b) = (self.a.at(0, pc), self.b.at(pc, jc));
                if copies {
                    // SAFETY: the columns lie inside B, and the scratch has room for them.
                    unsafe { pack_rows(b.t(), cols, k, row_len, self.scratch) }
                }
                let mut tile = Tile {
                    k,
                    k_block,
                    a: a.ptr,
                    a_row_stride: a.row_stride,
                    a_col_stride: a.col_stride,
                    b: if copies { self.scratch } else { b.ptr },
                    b_stride: if copies { row_len } else { b.col_stride },
                    b_lies: Lies::Across,
                    whole_lines: self.columns_collide(),
                    c: to,
                    c_row_stride: to_row_stride,
                    add: pc > 0,
                    last,
                    c_last,
                    ..Tile::EMPTY
                };
                // SAFETY: the tile lies inside the product, its sums in C or in the scratch, which has room for those of the tallest tile.
                unsafe {
                    if across > 0 {
                        sum_across(self.simd, self.m, width, &tile)
                    } else {
                        sum_tile(self.simd, self.m, width, &mut tile)
                    }
                }
            }
            if !in_c {
                // SAFETY: the block lies inside the product, and its sums are complete.
                unsafe { self.finish_at(Some((to, to_row_stride)), 0, jc, self.m, cols) }
            }
            jc += cols;
        }
    }
}
