//! Operands copied block by block.

use super::super::blocking::{
    Form, MAX_LANES, MAX_NC, Panels, SUM_ROWS, Tiling, balanced, copying_rows, equal_height, k_block_len, packed_cols,
    panels, rows_collide, rows_that_stay, tile_rows,
};
use super::super::microkernel::{AHEAD, Ask, LINE, Lies, Tile, inner_loop, sum_tile};
use super::super::pack::{Operand, pack_panel, pack_rows};
use super::super::scratch::{GROUP_ROWS, Parts, a_row_len, has_groups, parts};
use super::Loops;
use crate::simd::Simd;
use core::ops::Range;

/// How rows of A come to their tiles.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copied {
    /// As they lie.
    Not,
    /// In columns, those of a tile side by side.
    Columns,
    /// In rows, one after the other.
    Rows,
}

impl<S: Simd> Loops<'_, S> {
    /// Operands copied block by block in the order in which the microkernel reads them.
    ///
    /// # Safety
    /// That of [`run`](Self::run).
    #[inline(always)]
    pub(super) unsafe fn run_packed(&self) {
        let Parts { b: b_len, a: a_len, sums: sums_len } = parts(self.m, self.k, self.n);
        let (packed_b, packed_a, sums) =
            (self.scratch, self.scratch.wrapping_add(b_len), self.scratch.wrapping_add(b_len + a_len));
        let k_block = k_block_len(self.k).max(1);
        let blocks = self.k.div_ceil(k_block).max(1);
        // Columns of B that stay in the second-level cache while rows of A pass; and those that are packed before the next block of k.
        let near_cols = packed_cols(k_block, self.n);
        let groups = self.in_groups(near_cols);
        let max_nc = if groups {
            let equal = self.n.div_ceil(self.n.div_ceil(MAX_NC));
            equal.next_multiple_of(near_cols).min(MAX_NC).min(self.n)
        } else {
            near_cols
        };
        let sums_row_stride = max_nc.next_multiple_of(MAX_LANES);
        // Between blocks of k the sums stay in C where they can, else in a block of scratch.
        let in_c = self.sums_in_c();
        let a_room = if in_c { a_len + sums_len } else { a_len };
        let asks_for_c = in_c && self.asks_for_c();
        let sum_rows = if in_c || blocks == 1 { self.m } else { SUM_ROWS };
        // Rows that collide are copied. Where they come from beyond the second-level cache that takes time, so only if those of a tile then stay in the
        // first-level one; if not, low tiles read them as they lie.
        let stay = if self.a_is_far() { rows_that_stay(k_block) } else { usize::MAX };
        let copies_rows = self.n > 128 && rows_collide(self.a.row_stride) && tile_rows(S::TILE_ROWS, 2) <= stay;
        let copied = match () {
            () if self.a_waits() => Copied::Columns,
            () if self.a.row_stride != 1 && (self.a.col_stride != 1 || copies_rows) => Copied::Rows,
            () => Copied::Not,
        };
        let tallest = if copied == Copied::Rows { stay } else { stay.min(self.tallest()) };
        // (A panel of three vectors, at whichever end of columns that stay near, would lower the tiles of all, if these are higher.)
        let higher = equal_height::<S>(self.m) > tile_rows(S::TILE_ROWS, 3);
        let form = if groups && higher { Form::Pairs } else { Form::Large };
        let tiling = Tiling { rows: self.m, tallest, padded: true, form };
        // 1. Blocks of columns: a packed block of B.
        for jc in (0..self.n).step_by(max_nc) {
            let nc = max_nc.min(self.n - jc);
            let near_parts = || (0..nc).step_by(near_cols).map(|js| (js, near_cols.min(nc - js)));
            let max_rows = near_parts().map(|(_, cols)| self.common_rows(tiling, cols)).min().unwrap_or(1);
            // 2. Blocks of rows whose sums are kept at a time (all of them, unless C cannot hold them).
            for oc in (0..self.m).step_by(sum_rows) {
                let oc_len = sum_rows.min(self.m - oc);
                let tiles = oc_len.div_ceil(max_rows);
                // Tiles of rows, as equal as they come.
                let tile_at = |index: usize| {
                    let (ir, rows) = balanced(oc_len, max_rows, index);
                    (oc + ir, rows)
                };
                // 3. Blocks of k, in ascending order.
                for block in 0..blocks {
                    let pc = block * k_block;
                    let kc = k_block.min(self.k - pc);
                    let (first, last_block) = (block == 0, block + 1 == blocks);
                    let (a_stride, a_tile) = match copied {
                        Copied::Not => (0, a_row_len(kc) * max_rows),
                        Copied::Columns => {
                            let whole = max_rows.next_multiple_of(S::LANES);
                            let stride = if self.low() { max_rows } else { whole };
                            (stride, kc * stride + whole)
                        }
                        Copied::Rows => (a_row_len(kc), a_row_len(kc) * max_rows),
                    };
                    let group = match () {
                        () if groups || self.low() && copied == Copied::Columns => {
                            (a_room / a_tile).clamp(1, tiles.min(GROUP_ROWS / max_rows))
                        }
                        () if copied == Copied::Not => tiles,
                        () => 1,
                    };
                    // 4. Groups of tiles, whose rows of A stay in the second-level cache beside columns of B.
                    for first_tile in (0..tiles).step_by(group) {
                        let in_group = first_tile..tiles.min(first_tile + group);
                        let (group_row, _) = tile_at(first_tile);
                        let (last_row, last_rows) = tile_at(in_group.end - 1);
                        let rows = group_row..last_row + last_rows;
                        let group_a = match copied {
                            Copied::Not => self.a.at(group_row, pc),
                            Copied::Columns => {
                                let tiles = in_group.clone().map(tile_at);
                                // SAFETY: the columns lie inside A, and the scratch has room for those of a group.
                                unsafe { self.copy_columns(pc..pc + kc, tiles, rows, (a_stride, a_tile), packed_a) }
                                Operand { ptr: packed_a, row_stride: 1, col_stride: a_stride }
                            }
                            Copied::Rows => {
                                // SAFETY: the rows lie inside A, and the scratch has room for those of a group.
                                unsafe { pack_rows(self.a.at(group_row, pc), rows.len(), kc, a_stride, packed_a) }
                                Operand { ptr: packed_a, row_stride: a_stride, col_stride: 1 }
                            }
                        };
                        // 5. Columns of B that stay there.
                        for (js, cols) in near_parts() {
                            let first_panels = panels::<S>(tiling, 0, cols);
                            // 6. Tiles. The rows of A of one stay in the first-level cache.
                            for index in in_group.clone() {
                                let (row, rows) = tile_at(index);
                                let a = match copied {
                                    Copied::Columns => group_a.ptr.wrapping_add((index - first_tile) * a_tile),
                                    Copied::Not | Copied::Rows => group_a.at(row - group_row, 0).ptr,
                                };
                                let (to, to_row_stride) = if in_c {
                                    let c = self.c_at(row, jc + js);
                                    (c.ptr.cast_mut(), c.row_stride)
                                } else {
                                    let kept = if blocks > 1 { (row - oc) * sums_row_stride + js } else { 0 };
                                    (sums.wrapping_add(kept), sums_row_stride)
                                };
                                let tile = Tile {
                                    k: kc,
                                    k_block: kc,
                                    a,
                                    a_row_stride: group_a.row_stride,
                                    a_col_stride: group_a.col_stride,
                                    b_lies: Lies::Padded,
                                    c: to,
                                    c_row_stride: to_row_stride,
                                    ask: self.ask_for_a(row + rows, pc),
                                    add: !first,
                                    asks_for_c,
                                    ..Tile::EMPTY
                                };
                                let b = PackedPart {
                                    from: self.b.at(pc, jc + js),
                                    cols,
                                    to: packed_b.wrapping_add(js * kc),
                                    first_panels,
                                    asks_at: (last_block && self.asks_for_operands(kc)).then_some((row, jc + js)),
                                };
                                // SAFETY: the tiles lie inside the block, the block inside the product; the scratch has room for all columns of the block.
                                unsafe { self.past_panels(tile, tiling, rows, index == 0, b) }
                                // The epilogue takes whole rows, the longer the better.
                                if last_block && !self.stores_in_c() {
                                    // SAFETY: the rows lie inside the product, and their sums are complete.
                                    unsafe { self.finish_at(Some((to, to_row_stride)), row, jc + js, rows, cols) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Whether rows of A are taken in groups past many columns of B, which then come from the third-level cache for each group; else all rows go past the columns
    /// that the second-level cache holds. A is read and copied a few times less: on a Zen 3, 4096×512×4096 with A transposed takes 1.6 times as long without groups, 512×4096×4096 1.16 times.
    #[inline(always)]
    fn in_groups(&self, near_cols: usize) -> bool {
        self.low() && has_groups(self.k, self.n) && self.n > near_cols
    }

    /// Copies columns `block` of A, as far as they belong to the `tiles` (first row, number of rows) that are `rows` together: those of a tile `stride` elements apart, those of the next `apart` elements
    /// from there.
    ///
    /// # Safety
    /// They lie inside A, whose columns are contiguous, and at `to` there is room for them in whole vectors.
    #[inline(always)]
    unsafe fn copy_columns(
        &self,
        block: Range<usize>,
        tiles: impl Iterator<Item = (usize, usize)> + Clone,
        rows: Range<usize>,
        (stride, apart): (usize, usize),
        to: *mut f32,
    ) {
        // Each column may lie on a page of its own: all its rows are read while that is at hand, of as few columns at a time as a set of the first-level cache has lines.
        const COLS: usize = 8;
        debug_assert!(self.a.row_stride == 1);
        for p in block.clone().step_by(COLS) {
            let cols = COLS.min(block.end - p);
            for next in p + COLS..p + 2 * COLS {
                for row in rows.clone().step_by(LINE) {
                    self.simd.prefetch(self.a.at(row, next).ptr);
                }
            }
            for (index, (row, rows)) in tiles.clone().enumerate() {
                let width = rows.div_ceil(S::LANES);
                let whole = width * S::LANES;
                let readable = if row + whole <= self.m { whole } else { rows };
                let (from, to) = (self.a.at(row, p).t(), to.wrapping_add(index * apart + (p - block.start) * stride));
                // SAFETY: the caller's promise. (Where columns of a tile are shorter than their vectors, the next begins inside them.)
                unsafe { pack_panel(self.simd, from, cols, readable, width, stride, to) }
            }
        }
    }

    /// Sums `rows` rows of C past the panels of `b`, those of one width together. The `first` copies them: one after the other as it reads them, if it can.
    ///
    /// # Safety
    /// The `tile`, if it were as wide as `b`, lies inside the product, and there is room for the copy; unless this is the first, it has been made.
    #[inline(always)]
    unsafe fn past_panels(&self, mut tile: Tile, tiling: Tiling, rows: usize, first: bool, b: PackedPart) {
        let (to, ask, kc, in_c) = (tile.c, tile.ask, tile.k, self.sums_in_c());
        let mut now = b.first_panels;
        loop {
            let Panels { start, width, times } = now;
            let panel = width * S::LANES;
            let cols = (panel * times).min(b.cols - start);
            let from = b.from.at(0, start);
            let packed = b.to.wrapping_add(start * kc);
            let copies =
                first && from.col_stride == 1 && width == 2 && cols == panel * times && rows >= copying_rows::<S>();
            tile.c = to.wrapping_add(start);
            tile.last = cols - (panel * times - S::LANES);
            tile.c_last = if in_c { tile.last } else { S::LANES };
            if copies {
                tile.times = 1;
                tile.b_stride = from.row_stride;
                for panel_index in 0..times {
                    tile.b = from.at(0, panel_index * panel).ptr;
                    tile.ask = Ask::Vectors { from: from.at(AHEAD, panel_index * panel).ptr, stride: from.row_stride };
                    tile.copy = packed.wrapping_add(panel_index * panel * kc);
                    // SAFETY: the caller's promise.
                    unsafe { sum_tile(self.simd, rows, width, &mut tile) }
                    tile.c = tile.c.wrapping_add(panel);
                }
                (tile.ask, tile.copy) = (ask, core::ptr::null_mut());
            } else {
                if first {
                    for panel_index in 0..times {
                        let from = from.at(0, panel_index * panel);
                        let cols = panel.min(cols - panel_index * panel);
                        let to = packed.wrapping_add(panel_index * panel * kc);
                        // SAFETY: the panel lies inside B, and there is room for columns padded to whole tiles.
                        unsafe { pack_panel(self.simd, from, kc, cols, width, panel, to) }
                    }
                }
                (tile.b, tile.b_stride) = (packed, panel);
                tile.along(panel, panel * kc, times);
                let sum = inner_loop(self.simd, rows, width, &tile);
                let mut panel_start = start;
                tile.for_each(|tile| {
                    if let Some((row, first_col)) = b.asks_at {
                        self.ask_for_operands(row, rows, first_col + panel_start, panel);
                        panel_start += panel;
                    }
                    // SAFETY: the caller's promise.
                    unsafe { sum(tile) }
                });
            }
            let next = start + panel * times;
            if next >= b.cols {
                break;
            }
            now = panels::<S>(tiling, next, b.cols);
        }
    }
}

/// Columns of a block of B and their copy.
#[derive(Clone, Copy)]
struct PackedPart {
    from: Operand,
    cols: usize,
    to: *mut f32,
    first_panels: Panels,
    /// Row and column of C of the first sum, if tiles ask for what the epilogue will read.
    asks_at: Option<(usize, usize)>,
}
