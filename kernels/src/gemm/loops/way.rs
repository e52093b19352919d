//! The choice between the ways to compute a product: by where its operands are and how they lie, never by how the result should be rounded.

use super::super::abreast::panels_abreast;
use super::super::blocking::{
    Form, K_BLOCK, MAX_LANES, PAGE, SMALLER_FIRST_LEVEL, copying_rows, equal_height, few_registers, pages_apart,
    rows_collide, rows_pages_apart, rows_share_sets, stores_keep_up, stream_rows, tile_rows, tile_width, widest,
};
use super::super::microkernel::LINE;
use super::super::packed::wants_pairs;
use super::super::short::is_short;
use super::Loops;
use crate::caches::{second_level_bytes, third_level_bytes};
use crate::simd::Simd;
use core::ops::RangeInclusive;

/// What the first tile of rows does for those that follow, while it reads B as it lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// Nothing.
    Reads,
    /// It asks for rows ahead.
    Asks,
    /// It copies what it reads, for the others.
    Copies,
}

/// How a product is computed: a file each.
pub(super) enum Way {
    Short,
    InPlace(First),
    Turning,
    Streamed,
    Strips,
    Packed,
    Abreast,
    Pairs,
    Rows,
}

/// Cycles from one line of a set of the first-level cache to the next that comes there.
const FILL: usize = 12;

/// Elements of which the second-level cache does not keep much until they come again.
#[inline(always)]
pub(super) fn beyond_second_level() -> usize {
    second_level_bytes() / 2 * 3 / size_of::<f32>()
}

/// Whether panels would read rows of a near B in pieces, for so few rows of A that pieces cost more time than the way of the sums: two and more for one row, three and more for two rows or three; with 16 registers
/// two for two rows already, and what is wider than a panel for one (a stream of 1×784×128 or 2×500×88 takes .8 of their time on a Zen 3), but none where sums are shorter than a few turns of a stream (2×11×1000 and 3×15×1000
/// take .8 of the time in panels there).
#[inline(always)]
fn pieces_cost<S: Simd>(m: usize, k: usize, n: usize) -> bool {
    const LEAST_COLS: usize = 128;
    const LEAST_K_IF_FEW_REGISTERS: usize = 16;
    let panel = widest(&S::TILE_ROWS.widest, m) * S::LANES;
    match m {
        1..=3 if few_registers::<S>() && k < LEAST_K_IF_FEW_REGISTERS => false,
        1 | 2 if few_registers::<S>() => n > panel,
        1 => n > panel.max(LEAST_COLS),
        2 | 3 => n > 2 * panel,
        _ => false,
    }
}

/// [`Loops::low`]
#[inline(always)]
pub(super) fn is_low<S: Simd>() -> bool {
    const { S::LANES > 1 && tile_rows(S::TILE_ROWS, 2) < FILL }
}

impl<S: Simd> Loops<'_, S> {
    /// The way that is fastest for how the operands lie.
    #[inline(always)]
    pub(super) fn way(&self) -> Way {
        if const { wants_pairs::<S>() } && self.in_pairs {
            return if panels_abreast(self.m) > 0 { Way::Abreast } else { Way::Pairs };
        }
        if (self.b.col_stride == 1 || self.b.row_stride == 1)
            && is_short::<S>(
                self.m,
                self.k,
                self.n,
                self.a.col_stride == 1 && !self.c_is_vast(),
                self.c_as_seen().row_stride,
            )
        {
            return Way::Short;
        }
        let a_direct = self.a_is_direct();
        if self.b.col_stride != 1 {
            return match () {
                () if self.turns() => Way::Turning,
                () if self.wants_rows() => Way::Rows,
                () => Way::Packed,
            };
        }
        if const { S::LANES == 1 } {
            return if a_direct { Way::InPlace(First::Reads) } else { Way::Packed };
        }
        if self.streams() {
            return Way::Streamed;
        }
        if !a_direct {
            return Way::Packed;
        }
        if self.passes_once() || self.c_collides() {
            return Way::InPlace(First::Reads);
        }
        if self.a_waits() || self.a_passes() || self.a_returns() || self.c_is_far() {
            return Way::Packed;
        }
        if self.lines_share_sets() {
            return if self.copies_far() { Way::InPlace(First::Copies) } else { Way::Packed };
        }
        if self.low() && !self.packed && self.vast_a_returns() && self.tiling().form == Form::Large {
            const MOST_PANELS: usize = 4;
            let few = self.n <= MOST_PANELS * 2 * S::LANES;
            return if few && self.b_leaves_room() { Way::InPlace(First::Reads) } else { Way::Packed };
        }
        if self.asks() {
            return Way::InPlace(First::Asks);
        }
        if self.copies() {
            return Way::InPlace(First::Copies);
        }
        if self.begins_within_lines() {
            return Way::InPlace(First::Asks);
        }
        if self.wants_strips() {
            return Way::Strips;
        }
        if self.far() || self.waits() { Way::Packed } else { Way::InPlace(First::Reads) }
    }

    /// Whether A lies in rows or columns, as tiles read it.
    #[inline(always)]
    pub(super) fn a_is_direct(&self) -> bool {
        self.a.row_stride == 1 || self.a.col_stride == 1
    }

    /// Whether B is read once, from end to end, and the sums wait in the first-level cache.
    #[inline(always)]
    fn streams(&self) -> bool {
        if self.far() {
            // (What does not stream, panels read as it lies, if A is for tiles.)
            let slow = self.vast() || !self.a_is_direct();
            self.m <= stream_rows::<S>(slow, self.comes_soon()) && !(self.is_one_panel() && self.a_is_direct())
        } else {
            self.comes_in()
                && stores_keep_up::<S>()
                && (pieces_cost::<S>(self.m, self.k, self.n)
                    || self.m <= stream_rows::<S>(true, false) && self.panels_collide())
        }
    }

    /// Whether rows of a far B are so well spread over the sets of the nearer caches, and lie on so few pages, that they arrive before a tile that asks for them wants them; and nothing else makes B worth a copy. (4×500×400, 6×1000×1000 and
    /// 5×900×3000 take .7 to .85 of a stream's time on a Zen 3, 6×1500×1900 twice.)
    #[inline(always)]
    fn comes_soon(&self) -> bool {
        !rows_share_sets(self.b.row_stride) && !self.on_many_pages() && !self.a_waits() && !self.c_is_far()
    }

    /// Whether one tile has all rows and columns of C and no other columns lie between its rows of B, so that reading B as it lies is reading it from end to end.
    #[inline(always)]
    fn is_one_panel(&self) -> bool {
        let tiling = self.tiling();
        let width = tile_width::<S>(tiling, self.n);
        width * S::LANES >= self.n
            && self.m <= tiling.tile_rows::<S>(width)
            && self.b.row_stride < self.n.saturating_add(S::LANES)
    }

    /// Whether a far B that does not stream is read once all the same, in panels as wide as tiles of so few rows are: they are too low to ask for rows of B, or there is one panel, which
    /// needs no asking. (Or there are two low tiles, for which neither asking nor a copy pays where lines share sets.)
    #[inline(always)]
    fn passes_once(&self) -> bool {
        self.far()
            && (self.m < copying_rows::<S>()
                || self.is_one_panel()
                || self.lines_share_sets() && self.m <= 2 * tile_rows(S::TILE_ROWS, 2))
    }

    /// Whether low tiles read panels of a far B whose lines fall into an eighth of the sets of the caches, or fewer, so that they drive each other out before the next tile of rows comes.
    #[inline(always)]
    fn lines_share_sets(&self) -> bool {
        self.low() && self.far() && !self.vast() && rows_share_sets(self.b.row_stride) && !self.panels_collide()
    }

    /// Whether B lies as the caller laid it, and comes from beyond the first-level cache.
    #[inline(always)]
    fn comes_in(&self) -> bool {
        !self.packed && self.b_bytes() > SMALLER_FIRST_LEVEL
    }

    /// Whether B comes from afar: the second-level cache cannot hold it.
    #[inline(always)]
    pub(super) fn far(&self) -> bool {
        !self.packed && self.b_bytes() > second_level_bytes() / 4 * 5
    }

    /// Length of B.
    #[inline(always)]
    pub(super) fn b_bytes(&self) -> usize {
        self.k.saturating_mul(self.n).saturating_mul(size_of::<f32>())
    }

    /// Whether a far B comes from memory: it takes much of the third-level cache, which others use too. What lies between its rows counts, because other
    /// threads read their columns of the same matrix.
    #[inline(always)]
    pub(super) fn vast(&self) -> bool {
        self.k.saturating_mul(self.b.row_stride).saturating_mul(size_of::<f32>()) > third_level_bytes() / 8 * 3
    }

    /// Whether rows of B lie a multiple of a page apart: a panel's all fall into one set of the first-level cache (or as many as it is vectors wide).
    #[inline(always)]
    pub(super) fn panels_collide(&self) -> bool {
        pages_apart(self.b.row_stride)
    }

    /// Whether a tile takes fewer cycles for a row of B (of two vectors: as many as it has rows) than a line takes to come where others are due: lines of one
    /// set of the first-level cache come one after the other, each in the time of a dozen cycles.
    #[inline(always)]
    fn outruns_fills(&self) -> bool {
        S::LANES > 1 && !self.packed && self.k > FILL && equal_height::<S>(self.m) < FILL
    }

    /// Whether an A whose columns are far apart, and are read by many panels, keeps tiles waiting: a multiple of a page apart; or so far that most lie on pages of
    /// their own, where tiles are so low that they want another every few cycles, and B so large that it leaves them no room in the first-level cache.
    #[inline(always)]
    pub(super) fn a_waits(&self) -> bool {
        const APART: usize = 128;
        const LEAST_K: usize = 32;
        const LEAST_COLS: usize = 128;
        let scattered = || {
            self.low()
                && self.a.col_stride >= APART
                && self.k >= LEAST_K
                && self.n >= LEAST_COLS
                && self.b_bytes() >= 2 * SMALLER_FIRST_LEVEL
        };
        self.a.row_stride == 1
            && (pages_apart(self.a.col_stride) || scattered())
            && self.m >= copying_rows::<S>()
            && self.n >= 8 * S::LANES
            && self.outruns_fills()
    }

    /// Whether an A in columns that the second-level cache does not hold would pass for each of many panels of B: it passes once a block of columns where B is
    /// packed. (With more than one block of `k` sums would pass instead. Low tiles have their panels copied.)
    #[inline(always)]
    fn a_passes(&self) -> bool {
        const SUMS: RangeInclusive<usize> = 128..=K_BLOCK;
        const LEAST_COLS: usize = 256;
        !self.low() && self.a.row_stride == 1 && self.a_is_far() && SUMS.contains(&self.k) && self.n >= LEAST_COLS
    }

    /// Whether low tiles would read an A in columns again and again from beyond the second-level cache, of which a block of `k`, unless it has very many rows, would stay there: its lines share sets, or sums are so
    /// long that its columns, often on a page each, are more than the processor keeps at hand. (Where B is packed, A passes once for each block.)
    #[inline(always)]
    fn a_returns(&self) -> bool {
        let least_k = if rows_share_sets(self.a.col_stride) { K_BLOCK } else { 2 * K_BLOCK };
        self.low()
            && !self.packed
            && self.a.row_stride == 1
            && self.k > least_k
            && self.n >= 2 * S::LANES
            && self.a_len() >= second_level_bytes() / 8 * 7 / size_of::<f32>()
    }

    /// Whether tiles of two vectors are so low that they want a row of B, and a column of A, every few cycles.
    #[inline(always)]
    pub(super) fn low(&self) -> bool {
        is_low::<S>()
    }

    /// Whether a near B read as it lies keeps tiles waiting: its rows lie a multiple of a page apart, so that no tile of rows finds what the one before has
    /// read.
    #[inline(always)]
    pub(super) fn waits(&self) -> bool {
        self.panels_collide() && self.m > tile_rows(S::TILE_ROWS, 2) && self.outruns_fills()
    }

    /// Whether panels of a far B whose [lines share sets](Self::lines_share_sets) are copied while the first tile of rows reads them, before more tiles pay for a block of B.
    #[inline(always)]
    fn copies_far(&self) -> bool {
        const MOST_TILES: usize = 12;
        self.k <= Self::MOST_COPIED && self.m <= MOST_TILES * tile_rows(S::TILE_ROWS, 2)
    }

    /// Rows of a panel for whose copy the scratch has room, whatever else it holds.
    const MOST_COPIED: usize = K_BLOCK * MAX_LANES / S::LANES;

    /// Whether a near B is worth a copy of each panel while the first tile of rows reads it: there are tiles enough to read that instead, and
    /// - rows of B collide in the first-level cache, and those of a panel leave it room for A; or
    /// - tiles are so low that they want a row of B every few cycles: too often for lines that two rows share and for a page every few rows. (A narrow B is one panel
    ///   and read from end to end, which needs no copy, unless an A in columns takes the first-level cache.)
    #[inline(always)]
    fn copies(&self) -> bool {
        const LEAST_K: usize = 16;
        const MOST_K: usize = 256;
        const LEAST_K_IF_LOW: usize = 48;
        const MANY_TILES: usize = 32;
        const LEAST_TILES_IF_LOW: usize = 8;
        const LEAST_PAIRS_IF_LOW: usize = 2;
        let tallest = tile_rows(S::TILE_ROWS, 2);
        // A B that almost fills the first-level cache does not stay there beside A and C, which counts if its lines share sets, or those of an A in columns pass for many rows; unless the epilogue wants whole rows of C. (On a Zen 3 784×64×128 with A transposed is 1.05 times as fast with a copy, 128×64×128 1.03 to 1.08.)
        let crowds = self.sums_in_c()
            && (rows_share_sets(self.b.row_stride) || self.a.row_stride == 1 && self.m >= MANY_TILES * tallest);
        let most_left = if crowds { SMALLER_FIRST_LEVEL / 4 * 3 } else { SMALLER_FIRST_LEVEL };
        let pays = if self.panels_collide() {
            (LEAST_K..=MOST_K).contains(&self.k) && self.m > 2 * tallest
        } else {
            self.low()
                && self.b_bytes() > most_left
                && (LEAST_K_IF_LOW..=Self::MOST_COPIED).contains(&self.k)
                && (self.a.row_stride == 1 || self.n >= LEAST_PAIRS_IF_LOW * 2 * S::LANES)
                && self.m >= LEAST_TILES_IF_LOW * tallest
        };
        pays && !self.packed && !self.far()
    }

    /// Whether C, with what its epilogue reads and writes of its shape, is so large, and sums so short, that it is best written in rows as long as they come, past a
    /// B that is packed: it is most of what comes from and goes to beyond the second-level cache, and A the rest, which panels one after the other would each read
    /// again.
    #[inline(always)]
    fn c_is_far(&self) -> bool {
        const LEAST_K: usize = 48;
        const LEAST_K_IF_LOW: usize = 32;
        const MOST_K: usize = 256;
        const COLS: usize = 256;
        let least_k = if self.low() { LEAST_K_IF_LOW } else { LEAST_K };
        !self.packed
            && (least_k..=MOST_K).contains(&self.k)
            && self.n >= COLS
            && self.c_as_seen().col_stride == 1
            && self.results_are_far()
    }

    /// Whether A comes from memory, because it takes much of the third-level cache, which others use too, and panels of B one after the other would each read it again.
    #[inline(always)]
    pub(super) fn vast_a_returns(&self) -> bool {
        const PANELS: usize = 2;
        S::LANES > 1 && self.n >= 2 * PANELS * S::LANES && self.a_len() >= third_level_bytes() / 6 / size_of::<f32>()
    }

    /// Whether all of B stays in the second-level cache while rows of A pass.
    #[inline(always)]
    pub(super) fn b_leaves_room(&self) -> bool {
        self.b_bytes() <= second_level_bytes() / 2
    }

    /// Whether C takes much of the third-level cache.
    #[inline(always)]
    pub(super) fn c_is_vast(&self) -> bool {
        self.c_len() >= third_level_bytes() / 5 / size_of::<f32>()
    }

    /// Whether the second-level cache cannot hold A.
    #[inline(always)]
    pub(super) fn a_is_far(&self) -> bool {
        self.a_len() >= second_level_bytes() / size_of::<f32>()
    }

    /// Whether a far B of several panels can be read as it lies, the first tile asking for its rows ahead: there is no second tile, or a panel of B fits the second-level
    /// cache with ease, and its rows do not collide there. More rows of A than these pay for the copy.
    #[inline(always)]
    fn asks(&self) -> bool {
        const MOST_ROWS: usize = 512;
        const PANELS: usize = 4;
        let panel_bytes = self.k.saturating_mul(2 * S::LANES * size_of::<f32>());
        self.far()
            && (self.m <= tile_rows(S::TILE_ROWS, 2)
                || self.m <= MOST_ROWS
                    && !rows_collide(self.b.row_stride)
                    && !self.a_collides()
                    && panel_bytes < second_level_bytes() / PANELS
                    && !(self.low() && self.panels_return()))
    }

    /// Whether low tiles, which want a row of B every few cycles, would wait for panels of a far B: A takes much of the second-level cache between two of them, or their rows lie on too many pages.
    #[inline(always)]
    fn panels_return(&self) -> bool {
        self.a_len() >= second_level_bytes() / 8 * 5 / size_of::<f32>() || self.on_many_pages()
    }

    /// Whether the rows of a panel lie on more pages than the processor keeps the addresses of: 1536 to 3072, of which half may be another tenant's.
    #[inline(always)]
    fn on_many_pages(&self) -> bool {
        const MOST_PAGES: usize = 1400;
        self.k.saturating_mul(self.b.row_stride.min(PAGE)) / PAGE > MOST_PAGES
    }

    /// Whether rows of a near B begin at different places of cache lines, so that a panel has a part of one more, and low tiles of nearly all their rows want another every few cycles: those that come from the second-level
    /// cache are late unless they are asked for. (On a Zen 3 18×128×612 takes .8 of the time so, and 18×128×608 as long.)
    #[inline(always)]
    fn begins_within_lines(&self) -> bool {
        const LEAST_K: usize = 48;
        self.low()
            && !self.far()
            && self.k >= LEAST_K
            && self.b_bytes() >= 2 * SMALLER_FIRST_LEVEL
            && !self.b.row_stride.is_multiple_of(LINE)
            && equal_height::<S>(self.m) + 1 >= tile_rows(S::TILE_ROWS, 2)
    }

    /// The most rows of a tile that reads A as it lies: rows of A that are pages apart leave it no more lines in the first-level cache.
    #[inline(always)]
    pub(super) fn tallest(&self) -> usize {
        if self.a.col_stride == 1 && pages_apart(self.a.row_stride) { rows_pages_apart() } else { usize::MAX }
    }

    /// Whether several tiles of rows, as tall as they come, would be too tall for that.
    #[inline(always)]
    pub(super) fn a_collides(&self) -> bool {
        self.m > tile_rows(S::TILE_ROWS, 2) && equal_height::<S>(self.m) > self.tallest()
    }

    /// Whether C is best written some whole rows at a time, in tiles of few rows and many columns: it is most of the traffic, and its rows fall into so few sets of
    /// the first-level cache that the lines of a tall tile drive each other out. (For the longest vectors, which leave low tiles enough registers.)
    #[inline(always)]
    pub(super) fn c_collides(&self) -> bool {
        let c = self.c_as_seen();
        S::LANES == MAX_LANES
            && self.m > tile_rows(S::TILE_ROWS, 2)
            && self.wide_and_short()
            && c.col_stride == 1
            && rows_collide(c.row_stride)
            && !self.far()
    }

    /// Whether C is wide and most of the traffic, because sums are short.
    #[inline(always)]
    pub(super) fn wide_and_short(&self) -> bool {
        const WIDE: usize = 256;
        const SHORT: usize = 128;
        self.n >= WIDE && self.k <= SHORT
    }
}
