//! Operands read as they lie.

use super::super::blocking::{Run, k_block_len, pair_width, runs, tile_rows};
use super::super::epilogue::Finish;
use super::super::microkernel::{AHEAD, Ask, Lies, Tile, sum_tile};
use super::super::scratch::{Layout, layout};
use super::{First, Loops, Panels};
use crate::caches::second_level_bytes;
use crate::simd::Simd;

/// Where tiles read B.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// As it lies.
    B,
    /// As it lies, asking for rows ahead.
    BAsking,
    /// As it lies, and copied to the beginning of the scratch.
    BCopying,
    /// That copy.
    Copy,
}

/// Most sums that are taken through the epilogue together, if C cannot hold them: 16 KiB of the first-level cache.
const SUMS: usize = 4096;

impl<S: Simd> Loops<'_, S> {
    /// Operands as they lie: for B in the second-level cache, or too few rows to pay for a copy of it.
    ///
    /// # Safety
    /// That of [`run`](Self::run); with [`First::Copies`], the scratch has room for two vectors for each row of B.
    #[inline(always)]
    pub(super) unsafe fn run_in_place(&self, first: First) {
        // An epilogue is faster on whole rows, as long as they are near.
        let in_c = self.sums_in_c();
        let later = in_c && !matches!(self.finish, Finish::Store);
        let common_rows = self.common_rows(self.n, self.packed);
        if first == First::Reads && (self.m <= common_rows || self.row_by_row(in_c)) {
            // 1. Tiles of rows, as equal as they come.
            let panels = self.panels(0, self.n, self.packed);
            for run in runs(self.m, common_rows) {
                for index in 0..run.times {
                    let rows = Run { start: run.start + index * run.len, times: 1, ..run };
                    // 2. Panels of B, as wide as a tile.
                    let mut panels = panels;
                    loop {
                        // SAFETY: the tiles lie inside the product.
                        unsafe { self.tiles_in_place(Source::B, rows, panels, !later) }
                        let next = panels.start + panels.times * panels.width * S::LANES;
                        if next >= self.n {
                            break;
                        }
                        panels = self.panels(next, self.n, self.packed);
                    }
                    if later {
                        // SAFETY: the rows lie inside the product, and their sums are complete.
                        unsafe { self.finish_at(None, rows.start, 0, rows.len, self.n) }
                    }
                }
            }
            return;
        }
        let later = later && self.m.saturating_mul(self.n) <= second_level_bytes() / 4 / size_of::<f32>();
        let (mut jc, mut width, mut rows) = (0, 0, runs(0, 1));
        // 1. Panels of B, as wide as a tile; each stays in the first-level cache as far as it fits.
        while jc < self.n {
            let wanted = match first {
                First::Reads => self.width(self.n - jc, self.packed),
                First::Asks | First::Copies => pair_width::<S>(self.m, self.n - jc),
            };
            if wanted != width {
                width = wanted;
                rows = runs(self.m, tile_rows(S::TILE_ROWS, width));
            }
            let panel = Panels { start: jc, width, times: 1 };
            let whole_pair = width == 2 && self.n - jc >= 2 * S::LANES;
            let (mut now, then) = match first {
                First::Asks => (Source::BAsking, Source::B),
                First::Copies if whole_pair => (Source::BCopying, Source::Copy),
                _ => (Source::B, Source::B),
            };
            // 2. Tiles of rows, as equal as they come.
            for mut run in rows {
                if now != then {
                    // SAFETY: the tile lies inside the product.
                    unsafe { self.tiles_in_place(now, Run { times: 1, ..run }, panel, !later) }
                    run = Run { start: run.start + run.len, times: run.times - 1, ..run };
                    now = then;
                }
                if run.times > 0 {
                    // SAFETY: the tiles lie inside the product, and the copy is made.
                    unsafe { self.tiles_in_place(then, run, panel, !later) }
                }
            }
            jc += width * S::LANES;
        }
        if later {
            // SAFETY: the block is the product, and its sums are complete.
            unsafe { self.finish_at(None, 0, 0, self.m, self.n) }
        }
    }

    /// Whether all panels of B meet a tile of rows before the next rows do: C is written in whole rows, which counts where sums are short and C is most of
    /// the traffic, or where its elements are read too and B is small.
    #[inline(always)]
    fn row_by_row(&self, in_c: bool) -> bool {
        const WIDE: usize = 256;
        const SHORT: usize = 128;
        // A third of a first-level cache or more, but far less than a second-level one.
        const SMALL: usize = 1 << 14;
        self.n >= WIDE && self.k <= SHORT || !in_c && self.n > 2 * S::LANES && self.k.saturating_mul(self.n) <= SMALL
    }

    /// Tiles of operands as they lie: several of rows, or several panels. The sums are taken through the epilogue if `complete`.
    #[inline(always)]
    unsafe fn tiles_in_place(&self, source: Source, rows: Run, panels: Panels, complete: bool) {
        let Panels { start, width, times } = panels;
        let panel = width * S::LANES;
        let (a, b, c) = (self.a.at(rows.start, 0), self.b.at(0, start), self.c_as_seen());
        // Down the rows of one panel, or along the panels for one tile of rows.
        let down = times == 1;
        let cols = panel.min(self.n - start);
        let mut tile = Tile {
            k: self.k,
            k_block: k_block_len(self.k),
            a: a.ptr,
            a_row_stride: a.row_stride,
            a_col_stride: a.col_stride,
            b: if source == Source::Copy { self.scratch } else { b.ptr },
            b_stride: if source == Source::Copy { panel } else { b.row_stride },
            b_lies: if self.packed { Lies::Padded } else { Lies::Along },
            copy: if source == Source::BCopying { self.scratch } else { core::ptr::null_mut() },
            ask: if source == Source::BAsking { Ask::Vectors(b.at(AHEAD, 0).ptr) } else { Ask::Nothing },
            last: cols - (width - 1) * S::LANES,
            times: if down { rows.times } else { times },
            next: if down { [rows.len * a.row_stride, 0, 0] } else { [0, panel, panel] },
            ..Tile::EMPTY
        };
        if self.sums_in_c() && (!complete || matches!(self.finish, Finish::Store)) {
            let c = c.at(self.row + rows.start, self.col + start);
            (tile.c, tile.c_row_stride, tile.c_last) = (c.ptr.cast_mut(), c.row_stride, tile.last);
            if down {
                tile.next[2] = rows.len * c.row_stride;
            }
            // SAFETY: the caller puts the tiles inside the product.
            unsafe { sum_tile(self.simd, rows.len, width, &mut tile) }
            return;
        }
        // Sums for the epilogue: of as many tiles as there is room for, and of one at least.
        let copied = if matches!(source, Source::BCopying | Source::Copy) { panel * self.k } else { 0 };
        let sums = self.scratch.wrapping_add(copied);
        let Layout { b, a, sums: behind } = layout(self.m, self.k, self.n);
        let most = (SUMS.min(b + a + behind - copied) / (rows.len * panel)).max(1);
        debug_assert!(rows.len * panel <= b + a + behind - copied);
        let (mut row, mut col, mut left) = (rows.start, start, tile.times);
        while left > 0 {
            tile.times = left.min(most);
            let (height, cols) =
                if down { (rows.len * tile.times, cols) } else { (rows.len, (panel * tile.times).min(self.n - col)) };
            let stride = if down { panel } else { panel * tile.times };
            (tile.c, tile.c_row_stride, tile.c_last) = (sums, stride, S::LANES);
            if down {
                tile.next[2] = rows.len * panel;
            }
            left -= tile.times;
            // SAFETY: the caller puts the tiles inside the product; the scratch has room for their sums.
            unsafe {
                sum_tile(self.simd, rows.len, width, &mut tile);
                self.finish_at(Some((sums, stride)), row, col, height, cols);
            }
            tile.advance();
            (row, col) = if down { (row + height, col) } else { (row, col + cols) };
        }
    }
}
