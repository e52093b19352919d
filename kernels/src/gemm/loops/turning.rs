//! A B that lies in columns, for few rows: turned on the way to the registers.

use super::super::across::{across_loop, across_rows, across_width, takes_columns};
use super::super::blocking::{MAX_LANES, SUMS, k_block_len, multiplies_at_half_rate, pages_apart, rows_collide, runs};
use super::super::microkernel::{Lies, Tile, inner_loop};
use super::super::pack::pack_rows;
use super::super::scratch::{MOST_TILES, Parts, a_row_len, len, parts};
use super::Loops;
use crate::simd::Simd;

impl<S: Simd> Loops<'_, S> {
    /// Whether a B whose columns lie apart is read so few times that nothing is to be gained by copying its vectors.
    #[inline(always)]
    pub(super) fn turns(&self) -> bool {
        self.b.row_stride == 1
            && self.a_is_direct()
            && self.m <= S::TURNED_ROWS[0].max(self.across_rows() * self.most_tiles())
            && (!self.copies_columns() || self.copied_columns_len() <= self.columns_room())
    }

    /// Whether tiles turn many steps of `k` at a time, each element of A an operand from memory. (Where A lies in columns and multiply-adds have the full rate, tiles of two vectors that load
    /// an element for both take less time.)
    #[inline(always)]
    fn goes_across(&self) -> bool {
        self.a.col_stride == 1 || takes_columns::<S>() && multiplies_at_half_rate::<S>()
    }

    /// The most rows of such a tile; 0: there are none.
    #[inline(always)]
    fn across_rows(&self) -> usize {
        if self.goes_across() { across_rows::<S>(self.columns_collide()).min(self.tallest()) } else { 0 }
    }

    /// Tiles of rows that each turn the columns for themselves, before a copy of the vectors pays: as long as multiply-adds take more time. Where columns collide
    /// the next tile finds nothing of what the one before has read.
    #[inline(always)]
    fn most_tiles(&self) -> usize {
        match () {
            () if self.columns_collide() => 1,
            () if multiplies_at_half_rate::<S>() => MOST_TILES,
            () => 2,
        }
    }

    /// Rows of the tallest tile.
    #[inline(always)]
    fn turned_rows(&self) -> usize {
        let most = self.across_rows();
        if self.m <= S::TURNED_ROWS[0].max(most) { self.m } else { self.m.div_ceil(self.m.div_ceil(most.max(1))) }
    }

    /// Whether those columns of B that are read side by side drive each other out of the first-level cache before they are used up: 32 that are a multiple of half
    /// a page apart share two sets of it, 16 of pages one, and sets have 8 to 12 lines. (Shorter vectors go without.)
    #[inline(always)]
    pub(super) fn columns_collide(&self) -> bool {
        match S::LANES {
            MAX_LANES => rows_collide(self.b.col_stride),
            8 => pages_apart(self.b.col_stride),
            _ => false,
        }
    }

    /// Vectors of a tile whose columns are turned many steps at a time; 0: there is none so tall.
    #[inline(always)]
    fn across(&self) -> usize {
        if self.goes_across() { across_width::<S>(self.turned_rows(), self.columns_collide()) } else { 0 }
    }

    /// Whether columns that collide are copied to where they do not. (Tiles that turn many steps at a time read their lines once or twice instead.)
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
        let Parts { b, a, .. } = parts(self.m, self.k, self.n);
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
        // (What was stored in part cannot be read again before it has reached the cache.)
        let in_c = self.stores_in_c();
        let across = self.across();
        let most_cols = across.max(2) * S::LANES;
        let widest = if across > 0 { across } else { 1 + usize::from(self.m <= S::TURNED_ROWS[1]) };
        let tallest = self.turned_rows();
        // One tile of rows takes the whole panels of a width in one call.
        let along = self.m <= tallest && !copies;
        let room = len(self.m, self.k, self.n) - self.columns_room();
        debug_assert!(in_c || self.m * most_cols.min(self.n.next_multiple_of(S::LANES)) <= room);
        // Panels whose sums are taken through the epilogue together.
        let together = if in_c { self.n } else { (room.min(SUMS) / self.m / most_cols).max(1) * most_cols };
        let sums_row_stride = together.min(self.n.next_multiple_of(S::LANES));
        let (mut jc, mut begun) = (0, 0);
        // 1. Panels of B: as wide as such tiles are, and as each other, as far as that goes.
        while jc < self.n {
            let end = self.n.min(begun + together);
            let vectors = (end - jc).div_ceil(S::LANES);
            let panels = vectors.div_ceil(widest);
            let width = vectors.div_ceil(panels);
            let panel = width * S::LANES;
            let times = if along { (vectors - (width - 1) * panels).min((end - jc) / panel).max(1) } else { 1 };
            // Where the last panel is not whole, it begins before the end of the one before: sums that are made again take less time than columns that there are not.
            if jc + panel > end {
                jc = begun.max(end.saturating_sub(panel));
            }
            let cols = (panel * times).min(end - jc);
            let last = cols - (panel * times - S::LANES);
            let (to, to_row_stride, c_last) = if in_c {
                let c = self.c_at(0, jc);
                (c.ptr.cast_mut(), c.row_stride, last)
            } else {
                (sums.wrapping_add(jc - begun), sums_row_stride, S::LANES)
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
                // 3. Tiles of rows, as equal as they come.
                for run in runs(self.m, tallest) {
                    tile.a = a.at(run.start, 0).ptr;
                    tile.c = to.wrapping_add(run.start * to_row_stride);
                    if along {
                        tile.along(panel, panel.wrapping_mul(b.col_stride), times);
                    } else {
                        tile.down(run.len, run.times);
                    }
                    let sum = if across > 0 { across_loop } else { inner_loop }(self.simd, run.len, width, &tile);
                    // SAFETY: the tiles lie inside the product, their sums in C or in the scratch, which has room for them (asserted above; test
                    // `tiles_that_turn_have_room`).
                    tile.for_each(|tile| unsafe { sum(tile) });
                }
            }
            jc += cols;
            if jc == end && !in_c {
                // SAFETY: the block lies inside the product, and its sums are complete.
                unsafe { self.finish_at(Some((sums, sums_row_stride)), 0, begun, self.m, end - begun) }
                begun = end;
            }
        }
    }
}
