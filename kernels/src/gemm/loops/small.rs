//! Products of a few tiles.

use super::super::blocking::{
    Form, K_BLOCK, Panels, STREAM_ROWS, STREAM_SUMS, Tiling, form, pages_apart, panels, runs, stores_keep_up, tile_rows,
};
use super::super::epilogue::{Block, Finish, Target, finish_block};
use super::super::microkernel::{InnerLoop, Tile, choose, inner_loop};
use super::super::pack::Operand;
use super::super::packed::panel_stride;
use super::super::scratch::parts;
use super::super::short::{Short, is_short};
use super::{Factor, Loops, Product};
use crate::layout::Layout;
use crate::simd::{Kernel, Simd};

/// A product that may be small and plain enough for one way without a choice: whether it was, and is done. A few tiles take less time than the choice
/// between the ways to divide larger products, and than the entry to a function that has them all.
pub(in crate::gemm) struct Small<'a, 'p, 'c>(pub &'a mut Product<'p, 'c>);

impl Kernel for Small<'_, '_, '_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> bool {
        let &mut Product { a, b, ref mut c, finish, scratch } = self.0;
        let (m, k, n) = (c.rows(), a.cols(), c.cols());
        let (b, b_layout) = match b {
            Factor::Plain(b) => (b.as_ptr(), b.layout()),
            Factor::Packed(b) if n <= b.panel_cols() => {
                (b.as_ptr(), Layout { rows: k, cols: n, row_stride: panel_stride(n), col_stride: 1 })
            }
            Factor::Packed(_) => return false,
        };
        let Some(plan) = SmallPlan::choose(simd, a.layout(), b_layout, c.layout(), finish, false) else {
            return false;
        };
        let sums_len = plan.sums_len::<S>(finish);
        // (For so few sums of so few rows the third part alone has room.)
        let beyond_third = sums_len > STREAM_SUMS || m > STREAM_ROWS && sums_len > 0;
        if beyond_third && sums_len > parts(m, k, n).len() {
            return false;
        }
        let operands = Operands { a: a.as_ptr(), b, c: Target::of(c), finish, scratch };
        // SAFETY: `gemm` checked the shapes, the views vouch for their elements, C is lent mutably, and the scratch has room for the sums if C does
        // not take them.
        unsafe { plan.run(simd, &operands) }
        true
    }
}

/// How a small product is computed, whatever its operands and epilogue.
#[derive(Clone, Copy)]
pub(in crate::gemm) struct SmallPlan {
    way: Way,
    rows: usize,
    k: usize,
    cols: usize,
    /// Vectors of a row of C.
    vectors: usize,
    a_row_stride: usize,
    a_col_stride: usize,
    b_row_stride: usize,
    c_row_stride: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Tile,
    Tiles,
    Short,
}

/// Where the operands of a planned product are.
pub(in crate::gemm) struct Operands<'a> {
    pub a: *const f32,
    pub b: *const f32,
    pub c: Target,
    pub finish: &'a Finish,
    /// At a cache line, with room for [`SmallPlan::sums_len`].
    pub scratch: *mut f32,
}

impl SmallPlan {
    /// The plan for a product of operands that lie so, if it is small and plain enough; `finish` is the epilogue that it is most likely to have. One tile or two
    /// are faster if it is `planned` ahead.
    #[inline(always)]
    pub fn choose<S: Simd>(
        simd: S,
        a: Layout,
        b: Layout,
        c: Layout,
        finish: &Finish,
        planned: bool,
    ) -> Option<SmallPlan> {
        // B, and C, in elements: near whatever else there is.
        const MOST_B: usize = 1 << 13;
        const MOST_C: usize = 1 << 12;
        // For one tile of rows that lie along, not a multiple of a page apart, there is no choice either where B comes from the second-level cache, unless it
        // streams past so few rows.
        const MOST_B_OF_A_TILE: usize = 1 << 15;
        const MOST_C_OF_A_TILE: usize = 1 << 13;
        const MOST_IN_STREAM: usize = 3;
        // Wider products of several tiles of rows have another order.
        const MOST_COLS: usize = 256;
        // One tile is faster than a panel in registers from longer sums on.
        const MOST_K: usize = 7;
        // Rows of an outer product so long are written as they lie.
        const LEAST_COLS_OF_ROWS: usize = 256;
        // Multiply-adds of vectors that another order would do without before it is thought about; a tile by itself is quick.
        const WASTED: usize = 512;
        const WASTED_BY_A_TILE: usize = 1024;
        let (m, k, n) = (c.rows, a.cols, c.cols);
        let plain = b.col_stride == 1 && c.col_stride == 1 && (a.row_stride == 1 || a.col_stride == 1);
        if const { S::LANES == 1 } || !plain || k > K_BLOCK {
            return None;
        }
        let vectors = n.div_ceil(S::LANES);
        let padded = vectors * S::LANES;
        let partial = n < padded;
        let one_tile = matches!(vectors, 1..=4 | 8) && m <= tile_rows(S::TILE_ROWS, vectors);
        // (In an order in which nothing overflows.)
        let few = |b: usize, c: usize| m <= c && n <= c && m * n <= c && k * n <= b;
        let one_way = || {
            let streams = m <= MOST_IN_STREAM && stores_keep_up::<S>();
            !streams && a.col_stride == 1 && !pages_apart(a.row_stride) && !apart(finish, partial)
        };
        let small = || {
            let near = if m <= tile_rows(S::TILE_ROWS, 2) {
                few(MOST_B, MOST_C) || few(MOST_B_OF_A_TILE, MOST_C_OF_A_TILE) && one_way()
            } else {
                n < MOST_COLS && few(MOST_B, MOST_C)
            };
            near && !pages_apart(b.row_stride)
        };
        // Where sums have one term there is but C to be written, row after row, however large it is. (A plan would keep room for all sums.)
        let outer = !planned && k == 1 && m > 1 && n >= LEAST_COLS_OF_ROWS && matches!(finish, Finish::Store);
        if !(one_tile || outer || small()) {
            return None;
        }
        // A tall tile of several vectors may read none in part, and the lanes that are wasted might be worth another order: lanes down the rows of A, for all columns or for the last.
        let wastes = || {
            let down = m.div_ceil(S::LANES);
            let whole = vectors - 1;
            let others = (n * down).min(m * whole + (n - whole * S::LANES) * down);
            (m * vectors).saturating_sub(others) * k > if one_tile { WASTED_BY_A_TILE } else { WASTED }
        };
        let straight = || planned && goes_straight(simd, a, b, c);
        if partial && !outer && (vectors > 1 && m > S::PARTIAL_ROWS || wastes() && !straight()) {
            return None;
        }
        let sums_row_stride = if apart(finish, partial) { padded } else { c.row_stride };
        let short = || is_short::<S>(m, k, n, a.col_stride == 1, sums_row_stride);
        let way = if one_tile && (planned || k > MOST_K || !short()) {
            Way::Tile
        } else if planned && k > MOST_K && vectors == 1 && m <= 2 * tile_rows(S::TILE_ROWS, 1) || !short() {
            Way::Tiles
        } else {
            Way::Short
        };
        let (a_row_stride, a_col_stride, b_row_stride, c_row_stride) =
            (a.row_stride, a.col_stride, b.row_stride, c.row_stride);
        Some(SmallPlan { way, rows: m, k, cols: n, vectors, a_row_stride, a_col_stride, b_row_stride, c_row_stride })
    }

    /// Elements of scratch that it takes.
    #[inline(always)]
    pub fn sums_len<S: Simd>(&self, finish: &Finish) -> usize {
        let padded = self.padded::<S>();
        if apart(finish, self.cols < padded) { self.rows * padded } else { 0 }
    }

    /// Columns of C, to the end of their last vector.
    #[inline(always)]
    fn padded<S: Simd>(&self) -> usize {
        self.vectors * S::LANES
    }

    /// Elements from row to row of sums that lie `apart` from C, in whole vectors, or in it.
    #[inline(always)]
    fn sums_row_stride<S: Simd>(&self, apart: bool) -> usize {
        if apart { self.padded::<S>() } else { self.c_row_stride }
    }

    /// The product.
    ///
    /// # Safety
    /// The operands lie as the plan was made for, and those of `finish` have their shapes; `c` and states are this thread's alone; the scratch has the
    /// length that [`sums_len`](Self::sums_len) says.
    #[inline(always)]
    pub unsafe fn run<S: Simd>(&self, simd: S, operands: &Operands<'_>) {
        let &Operands { a, b, c, finish, scratch } = operands;
        let SmallPlan { rows, k, cols, .. } = *self;
        let apart = apart(finish, cols < self.padded::<S>());
        let (sums, sums_row_stride) =
            (if apart { scratch } else { c.0.ptr.cast_mut() }, self.sums_row_stride::<S>(apart));
        if self.way == Way::Short {
            let a = Operand { ptr: a, row_stride: self.a_row_stride, col_stride: self.a_col_stride };
            let b = Operand { ptr: b, row_stride: self.b_row_stride, col_stride: 1 };
            let short = Short { rows, k, a, b, cols, c: sums, c_row_stride: sums_row_stride };
            // SAFETY: the caller's promise.
            unsafe { short.run(simd) }
        } else {
            self.each_step(simd, apart, |tile, [from_a, from_b, from_c], sum| {
                (tile.a, tile.b, tile.c) = (a.wrapping_add(from_a), b.wrapping_add(from_b), sums.wrapping_add(from_c));
                // SAFETY: the caller's promise; the tiles lie inside the product.
                tile.for_each(|tile| unsafe { sum(tile) });
            });
        }
        if apart || !matches!(finish, Finish::Store) {
            let block = Block { sums, sums_row_stride, rows, cols, row: 0, col: 0, turned: false };
            // SAFETY: the caller's promise; the sums are complete.
            unsafe { finish_block(simd, finish, block, c) }
        }
    }

    /// What there is to do if sums go to C, if that is tiles and not too much.
    #[inline(always)]
    pub fn steps<S: Simd>(&self, simd: S) -> Option<Steps> {
        let mut steps = Steps { steps: [None; MOST_STEPS] };
        let mut count = 0;
        if self.way == Way::Short {
            return None;
        }
        self.each_step(simd, false, |&mut tile, from, sum| {
            if let Some(step) = steps.steps.get_mut(count) {
                *step = Some(Step { tile, from, sum });
            }
            count += 1;
        });
        (count <= MOST_STEPS).then_some(steps)
    }

    /// Calls `step` with tiles of the same size, but for their operands; with where these begin, in elements of each; and with the loop that sums one. Sums go to
    /// C or `apart`.
    #[inline(always)]
    fn each_step<S: Simd>(&self, simd: S, apart: bool, mut step: impl FnMut(&mut Tile, [usize; 3], InnerLoop)) {
        let SmallPlan { way, rows, k, cols, vectors, a_row_stride, a_col_stride, b_row_stride, .. } = *self;
        let last = cols - (vectors - 1) * S::LANES;
        let c_last = if apart { S::LANES } else { last };
        let c_row_stride = self.sums_row_stride::<S>(apart);
        let mut tile = Tile {
            k,
            k_block: k,
            a_row_stride,
            a_col_stride,
            b_stride: b_row_stride,
            c_row_stride,
            last,
            c_last,
            ..Tile::EMPTY
        };
        if way == Way::Tile {
            let sum = choose(simd, rows, vectors, &tile);
            return step(&mut tile, [0; 3], sum);
        }
        // 1. Panels of B, as wide as a tile.
        let form = if apart { Form::Large } else { form::<S>(rows, k, cols) };
        let tiling = Tiling { rows, tallest: usize::MAX, padded: false, form };
        let mut jc = 0;
        while jc < cols {
            let Panels { width, times, .. } = panels::<S>(tiling, jc, cols);
            let panel = width * S::LANES;
            let tallest = tiling.tile_rows::<S>(width);
            // One tile has all rows, and the panels of a width together; else panels come one by one.
            let one_tile = rows <= tallest;
            let times = if one_tile { times } else { 1 };
            tile.last = (cols - jc).min(panel * times) - (panel * times - S::LANES);
            tile.c_last = if apart { S::LANES } else { tile.last };
            if one_tile {
                tile.along(panel, panel, times);
                let sum = inner_loop(simd, rows, width, &tile);
                step(&mut tile, [0, jc, jc], sum);
            } else {
                // 2. Tiles of rows, as equal as they come.
                for run in runs(rows, tallest) {
                    tile.down(run.len, run.times);
                    let from = [run.start.wrapping_mul(a_row_stride), jc, run.start * c_row_stride + jc];
                    let sum = inner_loop(simd, run.len, width, &tile);
                    step(&mut tile, from, sum);
                }
            }
            jc += panel * times;
        }
    }
}

/// A few tiles one after the other, which make up a product whose sums go to C.
#[derive(Clone, Copy)]
pub(in crate::gemm) struct Steps {
    steps: [Option<Step>; MOST_STEPS],
}

/// As many as most small products have: two heights by two widths.
const MOST_STEPS: usize = 4;

#[derive(Clone, Copy)]
struct Step {
    /// Without operands.
    tile: Tile,
    /// Where they begin, in elements of each.
    from: [usize; 3],
    sum: InnerLoop,
}

impl Steps {
    /// The product.
    ///
    /// # Safety
    /// As for the [plan](SmallPlan::run) that these steps are of.
    #[inline(always)]
    pub unsafe fn run(&self, a: *const f32, b: *const f32, c: *mut f32) {
        for &Step { ref tile, from: [from_a, from_b, from_c], sum } in self.steps.iter().flatten() {
            // (One copy: another would be read before this one has reached the cache.)
            let mut tile = *tile;
            (tile.a, tile.b, tile.c) = (a.wrapping_add(from_a), b.wrapping_add(from_b), c.wrapping_add(from_c));
            // SAFETY: the caller's promise.
            tile.for_each(|tile| unsafe { sum(tile) });
        }
    }
}

/// Whether vectors along the rows of B and C are the cheapest order for operands that lie so, for all of the product.
#[inline(never)]
fn goes_straight<S: Simd>(simd: S, a: Layout, b: Layout, c: Layout) -> bool {
    let operand = |Layout { row_stride, col_stride, .. }| Operand { ptr: core::ptr::null(), row_stride, col_stride };
    let whole = Loops {
        simd,
        m: c.rows,
        k: a.cols,
        n: c.cols,
        a: operand(a),
        b: operand(b),
        c: Target(operand(c)),
        finish: &Finish::Store,
        row: 0,
        col: 0,
        turned: false,
        packed: false,
        in_pairs: false,
        used: 0,
        scratch: core::ptr::null_mut(),
    };
    matches!(whole.divided(), [Some(Loops { turned: false, .. }), None])
}

/// Whether C cannot hold the sums on the way. (What was stored in part cannot be read again before it has reached the cache.)
#[inline(always)]
fn apart(finish: &Finish, partial: bool) -> bool {
    !finish.overwrites() || partial && !matches!(finish, Finish::Store)
}
