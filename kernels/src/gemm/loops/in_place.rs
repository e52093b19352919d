//! Operands read as they lie.

use super::super::blocking::{
    Form, Panels, Run, SMALL_B, SUMS, Tiling, copying_rows, k_block_len, pair_width, panels, runs, tile_rows,
    tile_width,
};
use super::super::microkernel::{AHEAD, Ask, Lies, Tile, inner_loop};
use super::super::scratch::parts;
use super::Loops;
use super::way::First;
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

impl<S: Simd> Loops<'_, S> {
    /// Operands as they lie, or panels of B as the first tile of rows copies them.
    ///
    /// # Safety
    /// That of [`run`](Self::run); with [`First::Copies`], the scratch has room for two vectors for each row of B, and tiles of two vectors have [`copying_rows`] at least.
    #[inline(always)]
    pub(super) unsafe fn run_in_place(&self, first: First) {
        // An epilogue is faster on whole rows, as long as they are near.
        let later = self.sums_in_c() && !self.stores_in_c();
        let tiling = self.tiling();
        debug_assert!(self.used == 0 || first == First::Reads, "copies lie at the beginning of the scratch");
        if first == First::Reads {
            let rows = self.common_rows(tiling, self.n);
            if self.m <= rows || self.c_collides() || self.row_by_row(tiling.form) {
                // SAFETY: the caller's promise.
                return unsafe { self.run_in_rows(tiling, rows, later) };
            }
        }
        let later = later && self.c_len() <= second_level_bytes() / 4 / size_of::<f32>();
        let (mut jc, mut width, mut rows) = (0, 0, runs(0, 1));
        // 1. Panels of B, as wide as a tile; each stays in the first-level cache as far as it fits.
        while jc < self.n {
            let wanted = match first {
                First::Reads => tile_width::<S>(tiling, self.n - jc),
                First::Asks | First::Copies => pair_width::<S>(self.m, self.n - jc),
            };
            if wanted != width {
                width = wanted;
                let most = match first {
                    First::Reads => tiling.tile_rows::<S>(width),
                    First::Asks | First::Copies => tile_rows(S::TILE_ROWS, width),
                };
                rows = runs(self.m, most);
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
                    debug_assert!(
                        now != Source::BCopying || run.len >= copying_rows::<S>(),
                        "no tile of so few rows copies"
                    );
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

    /// In tiles of at most `max_rows` rows, each with all panels; the epilogue follows each if it comes `later` than the sums.
    ///
    /// # Safety
    /// That of [`run`](Self::run); all panels allow tiles of so many rows.
    #[inline(always)]
    unsafe fn run_in_rows(&self, tiling: Tiling, max_rows: usize, later: bool) {
        let first_panels = panels::<S>(tiling, 0, self.n);
        let no_others = first_panels.times * first_panels.width * S::LANES >= self.n;
        // 1. Tiles of rows, as equal as they come.
        for run in runs(self.m, max_rows) {
            if no_others && !later {
                // SAFETY: the tiles lie inside the product.
                unsafe { self.tiles_in_place(Source::B, run, first_panels, true) }
                continue;
            }
            for index in 0..run.times {
                let rows = Run { start: run.start + index * run.len, times: 1, ..run };
                // 2. Panels of B, as wide as a tile.
                let mut now = first_panels;
                loop {
                    // SAFETY: the tiles lie inside the product.
                    unsafe { self.tiles_in_place(Source::B, rows, now, !later) }
                    let next = now.start + now.times * now.width * S::LANES;
                    if next >= self.n {
                        break;
                    }
                    now = panels::<S>(tiling, next, self.n);
                }
                if later {
                    // SAFETY: the rows lie inside the product, and their sums are complete.
                    unsafe { self.finish_at(None, rows.start, 0, rows.len, self.n) }
                }
            }
        }
    }

    /// Whether all panels of B meet a tile of rows before the next rows do: C is written in whole rows, which counts where sums are short and C is most of
    /// the traffic, or where its elements are read too and B is small.
    #[inline(always)]
    fn row_by_row(&self, form: Form) -> bool {
        // A third of a first-level cache or more, but far less than a second-level one.
        const SMALL: usize = 1 << 14;
        // (Tiles that are not large write enough of each row.)
        self.is_flat_and_wide(form)
            || form == Form::Large
                && (self.wide_and_short()
                    || self.vast_a_returns() && self.b_leaves_room()
                    || !self.sums_in_c() && self.n > 2 * S::LANES && self.k.saturating_mul(self.n) <= SMALL)
    }

    /// Whether a few low tiles of short sums, one below the other, meet so many panels that to begin anew for each takes longer than to read B again for each tile: from the first-level cache, or in
    /// so few rows that it comes from the second-level one in time.
    #[inline(always)]
    fn is_flat_and_wide(&self, form: Form) -> bool {
        const MOST_ROWS: usize = 9;
        const FEW_TERMS: usize = 16;
        const LEAST_COLS: usize = 256;
        self.low()
            && form != Form::Large
            && self.m <= MOST_ROWS
            && self.n >= LEAST_COLS
            && (self.k <= FEW_TERMS || self.k.saturating_mul(self.n) <= SMALL_B)
    }

    /// Tiles of operands as they lie: down the rows for a single panel, along the panels for each tile of rows if there are several. The sums are taken through the epilogue if `complete`.
    #[inline(always)]
    unsafe fn tiles_in_place(&self, source: Source, rows: Run, panels: Panels, complete: bool) {
        let Panels { start, width, times } = panels;
        let panel = width * S::LANES;
        let b = self.b.at(0, start);
        let (down, cols) = (times == 1, panel.min(self.n - start));
        let mut tile = Tile {
            k: self.k,
            k_block: k_block_len(self.k),
            a_row_stride: self.a.row_stride,
            a_col_stride: self.a.col_stride,
            b_stride: if source == Source::Copy { panel } else { b.row_stride },
            b_lies: if self.packed { Lies::Padded } else { Lies::Along },
            copy: if source == Source::BCopying { self.scratch } else { core::ptr::null_mut() },
            last: cols - (width - 1) * S::LANES,
            ..Tile::EMPTY
        };
        let in_c = self.sums_in_c() && !complete || self.stores_in_c();
        // Sums for the epilogue: of as many tiles as there is room for, and of one at least.
        let copied = if matches!(source, Source::BCopying | Source::Copy) { panel * self.k } else { 0 };
        let sums = self.scratch.wrapping_add(self.used + copied);
        let (tiles_down, total) = if down { (1, rows.times) } else { (rows.times, times) };
        let together = if in_c {
            (tile.c_row_stride, tile.c_last, tile.asks_for_c) =
                (self.c_as_seen().row_stride, tile.last, self.asks_for_c());
            total
        } else {
            let room = parts(self.m, self.k, self.n).len() - self.used - copied;
            debug_assert!(rows.len * panel <= room);
            let together = (SUMS.min(room) / (rows.len * panel)).clamp(1, total);
            (tile.c_row_stride, tile.c_last) = (if down { panel } else { panel * together }, S::LANES);
            together
        };
        for index in 0..tiles_down {
            let (mut row, mut col, mut left) = (rows.start + index * rows.len, start, total);
            tile.a = self.a.at(row, 0).ptr;
            tile.b = if source == Source::Copy { self.scratch } else { b.ptr };
            tile.ask = match source {
                Source::BAsking => Ask::Vectors { from: b.at(AHEAD, 0).ptr, stride: b.row_stride },
                _ => self.ask_for_a(row + rows.len, 0),
            };
            // (The last rows ask for none below them, which is another loop.)
            let sum = inner_loop(self.simd, rows.len, width, &tile);
            while left > 0 {
                let now = left.min(together);
                let (height, cols) =
                    if down { (rows.len * now, cols) } else { (rows.len, (panel * now).min(self.n - col)) };
                tile.c = if in_c { self.c_at(row, col).ptr.cast_mut() } else { sums };
                if down {
                    tile.down(rows.len, now);
                } else {
                    tile.along(panel, panel, now);
                }
                // SAFETY: the caller puts the tiles inside the product; C takes their sums, or the scratch, which has room for them.
                unsafe {
                    tile.for_each(|tile| sum(tile));
                    if !in_c {
                        self.finish_at(Some((sums, tile.c_row_stride)), row, col, height, cols);
                    }
                }
                tile.advance();
                (row, col) = if down { (row + height, col) } else { (row, col + cols) };
                left -= now;
            }
        }
    }
}
