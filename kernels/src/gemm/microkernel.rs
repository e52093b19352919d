//! The inner loops: one tile of C, `MR` rows by `NV` vectors, held in registers over a block of `k`.

use super::across::across_width;
use super::blocking::{MAX_LANES, copying_rows, tile_rows};
use super::each::each;
use super::paired::{can_pair, choose_paired, has_pairs};
use super::rounds::{Rounds, in_rounds};
use super::wide::choose_wide;
use crate::simd::{Kernel, Simd};

/// Operands of one tile. `a` and `b` point at the tile's first row of A and first column of B.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub k: usize,
    /// Length of the blocks of `k`, each summed by itself.
    pub k_block: usize,
    pub a: *const f32,
    pub a_row_stride: usize,
    pub a_col_stride: usize,
    pub b: *const f32,
    /// Elements from row to row of B; from column to column if B lies across, from panel to panel if several are read [abreast](super::abreast).
    pub b_stride: usize,
    /// How B lies: its rows readable to the end of the last vector, only as far as `last`, or its columns.
    pub b_lies: Lies,
    /// Where the rows of B go, one vector after the other, to be read again; or null.
    pub copy: *mut f32,
    /// What is asked for meanwhile.
    pub ask: Ask,
    /// Whether a B that lies across is best read in whole cache lines, because those of its columns drive each other out.
    pub whole_lines: bool,
    /// Where the sums go, row-major.
    pub c: *mut f32,
    pub c_row_stride: usize,
    /// Whether `c` holds the sum of earlier blocks, to which the first block here is added.
    pub add: bool,
    /// Whether lines of `c` are asked for when the tile begins, before they are written. (Heeded by tiles that are not [wide](super::wide), [paired](super::paired) or
    /// [turning](super::across).)
    pub asks_for_c: bool,
    /// Where the chains of the first block were left, vector after vector, to be taken up again; or null, to begin them.
    pub chains: *const f32,
    /// Used lanes of the last vector of B, 1 to `LANES`.
    pub last: usize,
    /// Lanes of the last vector that `c` has room for: `last` or all of them.
    pub c_last: usize,
    /// Tiles of this size that are summed one after the other, in one call.
    pub times: usize,
    /// Elements from tile to tile: of A, of B, of C.
    pub next: [usize; 3],
}

impl Tile {
    /// One tile of nothing, that copies nothing, asks for nothing and begins its chains.
    pub const EMPTY: Tile = Tile {
        k: 0,
        k_block: 0,
        a: core::ptr::null(),
        a_row_stride: 0,
        a_col_stride: 0,
        b: core::ptr::null(),
        b_stride: 0,
        b_lies: Lies::Along,
        copy: core::ptr::null_mut(),
        ask: Ask::Nothing,
        whole_lines: false,
        c: core::ptr::null_mut(),
        c_row_stride: 0,
        add: false,
        asks_for_c: false,
        chains: core::ptr::null(),
        last: 0,
        c_last: 0,
        times: 1,
        next: [0; 3],
    };

    /// Makes it so many tiles of `rows` rows, one below the other.
    #[inline(always)]
    pub fn down(&mut self, rows: usize, times: usize) {
        // (Strides of an empty A, or of a single row, may be anything.)
        let apart = |stride: usize| rows.wrapping_mul(stride);
        (self.times, self.next) = (times, [apart(self.a_row_stride), 0, apart(self.c_row_stride)]);
    }

    /// Makes it so many tiles side by side, `cols` columns each, whose panels of B begin `b` elements apart.
    #[inline(always)]
    pub fn along(&mut self, cols: usize, b: usize, times: usize) {
        (self.times, self.next) = (times, [0, b, cols]);
    }

    /// Writes the vector of sums `v` of row `i` to C, or adds it to what is there; of the `last` of a row only the lanes that C has room for.
    ///
    /// # Safety
    /// That vector of C is writable as far as `c_last`, and readable if there is something to `add` to.
    #[inline(always)]
    pub unsafe fn put<S: Simd>(&self, simd: S, i: usize, v: usize, last: bool, add: bool, sum: S::F) {
        // SAFETY: the caller's promise.
        unsafe {
            let to = self.c.add(i * self.c_row_stride + v * S::LANES);
            if !last || self.c_last == S::LANES {
                simd.store(to, if add { simd.add(simd.load(to), sum) } else { sum });
            } else {
                let sum = if add { simd.add(simd.load_first(to, self.c_last), sum) } else { sum };
                simd.store_first(to, sum, self.c_last);
            }
        }
    }

    /// Whether the last vector of B must be read in part.
    #[inline(always)]
    pub fn is_partial<S: Simd>(&self) -> bool {
        self.b_lies != Lies::Padded && self.last < S::LANES
    }

    /// In debug builds, that a kernel which reads whole vectors of B (unless `in_part`) reads none past the last column.
    #[inline(always)]
    pub fn assert_readable<S: Simd>(&self, in_part: bool) {
        debug_assert!(in_part || !self.is_partial::<S>(), "B would be read past its last column");
    }

    /// Sums this tile and those that follow, each in the function that `sum` calls.
    #[inline(always)]
    pub fn for_each(&mut self, mut sum: impl FnMut(&Tile)) {
        let mut left = self.times;
        loop {
            sum(self);
            left -= 1;
            if left == 0 {
                break;
            }
            self.advance();
        }
    }

    /// Goes on to the next tile.
    #[inline(always)]
    pub fn advance(&mut self) {
        let [a, b, c] = self.next;
        (self.a, self.b, self.c) = (self.a.wrapping_add(a), self.b.wrapping_add(b), self.c.wrapping_add(c));
        // (What is asked for with several tiles is the next one's A.)
        if let Ask::Vectors { from, .. } | Ask::Lines { from, .. } = &mut self.ask {
            *from = from.wrapping_add(a);
        }
    }
}

/// What a tile of two vectors asks the second-level cache for, while it reads B: what comes from afar in rows of B, or columns of A, that no prefetcher of the machine
/// may connect.
#[derive(Clone, Copy)]
pub(super) enum Ask {
    Nothing,
    /// With each row of B that it reads, it asks for the lines of two vectors: of one row (or column of A) after the other from here on, which are `stride` elements
    /// apart.
    Vectors {
        from: *const f32,
        stride: usize,
    },
    /// With each row of B that it reads, it asks for a cache line: with four rows for [`ASKED_COLS`] elements of a row, one row after the other from here on,
    /// which are `stride` elements apart.
    Lines {
        from: *const f32,
        stride: usize,
    },
}

/// Elements of a row of B that [`Ask::Lines`] asks for.
pub(super) const ASKED_COLS: usize = 4 * LINE;
/// Elements of a cache line.
pub(super) const LINE: usize = 16;

/// How an operand lies in memory, as seen by its vectors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lies {
    /// In rows, readable to the end of the last vector.
    Padded,
    /// In rows, not readable past the last column.
    Along,
    /// In columns: the elements of a vector are apart, those of consecutive steps of `k` side by side.
    Across,
}

/// The inner loop for tiles of a size, of which it sums one.
///
/// # Safety
/// For every row `i < rows`, `p < k` and column `j < (width − 1) · LANES + last` (to `width · LANES` if B is padded), `a[i·rs + p·cs]` and `b[p, j]` are readable
/// and `c[i·rs + j]` is writable (for `c_last` instead of `last` lanes); and readable too if `add`, or if there is more than one block; and `chains` is null or
/// readable for whole vectors. One of the strides of A is 1. `copy` is null, or writable for `k` rows of `width` vectors, `width` is 2, `rows` at least
/// [`copying_rows`] and B's rows are read in full vectors. `ask` is heeded by tiles of that size, unless B is read in part. The tile is like the one that the loop
/// was [chosen](inner_loop()) for: other operands, and no other choice.
pub(super) type InnerLoop = unsafe fn(&Tile);

/// A kernel of one tile as an [`InnerLoop`] of the instruction set `$simd`, of which whoever chooses it has a token.
macro_rules! loop_of {
    ($simd:ident, $kernel:expr) => {
        |tile| {
            // SAFETY: there was a token when the loop was chosen.
            let simd = unsafe { $crate::simd::again::<$simd>() };
            simd.vectorize($kernel(tile))
        }
    };
}
pub(super) use loop_of;

/// Sums a tile of `rows` by `width` vectors into `tile.c`, and those that follow: the operands are then those of the last.
///
/// # Safety
/// There is a tile at least, and each is as an [`InnerLoop`] wants it. `rows` and `width` are a tile that [`Simd::TILE_ROWS`] allows ([`Simd::TURNED_ROWS`] if B
/// lies across), and of at most [`Simd::PARTIAL_ROWS`] or one vector wide if the last vector of B must be read in part.
#[inline(always)]
pub(super) unsafe fn sum_tile<S: Simd>(simd: S, rows: usize, width: usize, tile: &mut Tile) {
    let sum = inner_loop(simd, rows, width, tile);
    // SAFETY: the caller's promise; it was chosen for this tile.
    tile.for_each(|tile| unsafe { sum(tile) });
}

/// The inner loop for a tile of `rows` by `width` vectors: for how its operands lie and what it does beside its sums.
#[inline(never)]
pub(super) fn inner_loop<S: Simd>(simd: S, rows: usize, width: usize, tile: &Tile) -> InnerLoop {
    choose(simd, rows, width, tile)
}

/// [`inner_loop`], chosen where it is called: a call less for the smallest products. Loops are made only where tiles ask for them.
#[inline(always)]
pub(super) fn choose<S: Simd>(simd: S, rows: usize, width: usize, tile: &Tile) -> InnerLoop {
    macro_rules! by_rows {
        ($width:literal: $($rows:literal)*) => {
            match rows {
                $($rows if const { $rows <= tile_rows(S::TILE_ROWS, $width) } => choose_for::<S, $rows, $width>(simd, tile),)*
                _ => no_loop(rows, width),
            }
        };
    }
    match width {
        1 => by_rows!(1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
        2 => by_rows!(2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
        3 => by_rows!(3: 1 2 3 4 5 6 7 8 9),
        4 if rows >= 4 => by_rows!(4: 4 5 6),
        _ => choose_wide(simd, rows, width, tile),
    }
}

/// What is chosen for a tile that there is not.
#[cold]
pub(super) fn no_loop(rows: usize, width: usize) -> InnerLoop {
    debug_assert!(false, "no tile of {rows} rows by {width} vectors");
    |_| ()
}

/// [`choose`] for `MR` rows by `NV` vectors.
#[inline(always)]
fn choose_for<S: Simd, const MR: usize, const NV: usize>(simd: S, tile: &Tile) -> InnerLoop {
    let partial = tile.is_partial::<S>();
    let tall = const { NV == 2 && MR >= copying_rows::<S>() };
    macro_rules! sum {
        ($read:ident, $ask:ident) => {{
            let sum: InnerLoop = if tile.a_row_stride == 1 || const { $read >= ACROSS && always_across::<S>(MR) } {
                loop_of!(S, Sum::<MR, NV, $read, $ask, true>)
            } else {
                loop_of!(S, Sum::<MR, NV, $read, $ask, false>)
            };
            sum
        }};
    }
    if const { NV <= 2 && MR <= turned_rows::<S>(NV) } && tile.b_lies == Lies::Across {
        debug_assert!(tile.a_row_stride == 1 || !always_across::<S>(MR), "there is another tile for rows of A");
        if partial { sum!(ACROSS_PARTIAL, NOTHING) } else { sum!(ACROSS, NOTHING) }
    } else if const { can_pair::<S>(MR, NV) } && has_pairs(tile) {
        choose_paired::<S, MR, NV>(simd, tile)
    } else if tall && !tile.copy.is_null() {
        match tile.ask {
            Ask::Lines { .. } => sum!(COPYING, LINES),
            Ask::Vectors { .. } => sum!(COPYING, VECTORS),
            Ask::Nothing => sum!(COPYING, NOTHING),
        }
    } else if const { S::LANES > 1 && (NV == 1 || MR <= S::PARTIAL_ROWS) } && partial {
        sum!(PARTIAL, NOTHING)
    } else {
        match tile.ask {
            Ask::Lines { .. } if tall => sum!(WHOLE, LINES),
            Ask::Vectors { .. } if tall => sum!(WHOLE, VECTORS),
            _ => sum!(WHOLE, NOTHING),
        }
    }
}

/// [`Simd::TURNED_ROWS`] of a width, which may be one that is never turned.
const fn turned_rows<S: Simd>(width: usize) -> usize {
    if width <= 2 { S::TURNED_ROWS[width - 1] } else { 0 }
}

/// Whether [`across_loop`](super::across::across_loop) has all tiles of so many rows that lie along.
const fn always_across<S: Simd>(rows: usize) -> bool {
    across_width::<S>(rows, false) > 0 && across_width::<S>(rows, true) > 0
}

/// Vectors of B as they lie.
const WHOLE: u8 = 0;
/// The last vector of B is read in part.
const PARTIAL: u8 = 1;
/// As [`WHOLE`], and what is read goes to `copy` too.
const COPYING: u8 = 2;
/// Columns of B become vectors, four steps of `k` at a time.
const ACROSS: u8 = 3;
/// As [`ACROSS`], the last vector in part.
const ACROSS_PARTIAL: u8 = 4;

/// The kinds of [`Ask`].
const NOTHING: u8 = 0;
const VECTORS: u8 = 1;
const LINES: u8 = 2;

/// Rows of B that are asked for ahead of their use: at 7 to 14 cycles a row, the time that the third-level cache or memory takes.
pub(super) const AHEAD: usize = 32;

/// [`each!`] row of a tile, where so much happens to each that the compiler would unroll it too late: sums would be kept in memory for their index.
macro_rules! each_row {
    ($i:ident < $count:expr, $body:expr) => { each!($i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13; $i < $count, $body) };
}

/// `READ` and `ASK`: of the constants above. `A_ROWS`: the rows of A lie side by side (A transposed or packed), else its
/// columns do: either way the addresses of a round of loads are constants apart.
struct Sum<'a, const MR: usize, const NV: usize, const READ: u8, const ASK: u8, const A_ROWS: bool>(&'a Tile);

impl<const MR: usize, const NV: usize, const READ: u8, const ASK: u8, const A_ROWS: bool> Kernel
    for Sum<'_, MR, NV, READ, ASK, A_ROWS>
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let tile = self.0;
        tile.assert_readable::<S>(matches!(READ, PARTIAL | ACROSS_PARTIAL));
        let (a_row_stride, a_col_stride) = if A_ROWS { (1, tile.a_col_stride) } else { (tile.a_row_stride, 1) };
        if tile.add || tile.asks_for_c {
            // The sums of earlier blocks, or what is to be overwritten, which come from the second-level cache or beyond while this block is computed.
            for i in 0..MR {
                let row = tile.c.wrapping_add(i * tile.c_row_stride);
                for v in 0..NV {
                    simd.prefetch(row.wrapping_add(v * S::LANES));
                }
                if const { S::LANES == MAX_LANES } {
                    // Where rows begin within a line, they end in another.
                    simd.prefetch(row.wrapping_add((NV - 1) * S::LANES + tile.c_last - 1));
                }
            }
        }
        let mut start = 0;
        let mut copy = tile.copy;
        let (mut asked, asked_stride) = match tile.ask {
            Ask::Vectors { from, stride } | Ask::Lines { from, stride } => (from, stride),
            Ask::Nothing => (core::ptr::null(), 0),
        };
        loop {
            let len = tile.k_block.min(tile.k - start);
            let mut sums = [[simd.splat(0.0); NV]; MR];
            if start == 0 && !tile.chains.is_null() {
                each_row!(i < MR, {
                    for (v, sum) in sums[i].iter_mut().enumerate() {
                        // SAFETY: the caller of an `InnerLoop` promises that the chains are readable.
                        *sum = unsafe { simd.load(tile.chains.add((i * NV + v) * S::LANES)) };
                    }
                });
            }
            let mut a = tile.a.wrapping_add(start * a_col_stride);
            // The multiply-adds of one step of k.
            macro_rules! multiply {
                ($a:expr, $row:expr) => {
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let x = simd.splat(*$a(i));
                        for (sum, &y) in sums.iter_mut().zip(&$row) {
                            *sum = simd.fma(x, y, *sum);
                            if const { !A_ROWS || READ >= ACROSS || ASK == LINES || S::FEW_INSTRUCTIONS } {
                                // Else the compiler would load for all four steps first, and run out of registers.
                                *sum = simd.pin(*sum);
                            }
                        }
                    }
                };
            }
            // SAFETY: `start ≤ k` and `len ≤ k − start`, and the caller of an `InnerLoop` promises every element of the tile's rows
            // and columns for all of `k`; pointers past the last one are made with wrapping arithmetic and not read.
            unsafe {
                if const { READ == ACROSS || READ == ACROSS_PARTIAL } {
                    // The vectors of up to four steps of k, then their multiply-adds.
                    macro_rules! four_steps {
                        ($p:expr, $cols:expr) => {{
                            let mut columns = [[simd.splat(0.0); NV]; 4];
                            for v in 0..NV {
                                let from = tile.b.wrapping_add(start + $p + v * S::LANES * tile.b_stride);
                                let rows =
                                    if const { READ == ACROSS_PARTIAL } && v + 1 == NV { tile.last } else { S::LANES };
                                let turned = simd.load_columns(from, tile.b_stride, rows, $cols);
                                for (column, turned) in columns.iter_mut().zip(turned) {
                                    // One vector after the other: two at a time would not fit the registers.
                                    column[v] = simd.pin(turned);
                                }
                            }
                            for (q, column) in columns.iter().enumerate() {
                                if q < $cols {
                                    multiply!(|i: usize| a.wrapping_add(i * a_row_stride), *column);
                                    a = a.wrapping_add(a_col_stride);
                                }
                            }
                        }};
                    }
                    let whole = len - len % 4;
                    for p in (0..whole).step_by(4) {
                        four_steps!(p, 4);
                    }
                    if whole < len {
                        four_steps!(whole, len - whole);
                    }
                } else {
                    let mut b = tile.b.wrapping_add(start * tile.b_stride);
                    // One step of k for all sums, the `$step`-th of four.
                    macro_rules! step {
                        ($step:expr, $a:expr, $b:expr) => {{
                            let b: *const f32 = $b;
                            let mut row = [simd.splat(0.0); NV];
                            for (v, vector) in row.iter_mut().enumerate() {
                                let from = b.add(v * S::LANES);
                                *vector = if const { READ == PARTIAL } && v + 1 == NV {
                                    simd.load_first(from, tile.last)
                                } else {
                                    simd.load(from)
                                };
                            }
                            // (The last element of each line: where rows begin within a line, the first lies in one that came with the columns
                            // before.)
                            if const { ASK == VECTORS } {
                                let apart = const { if S::LANES * NV < LINE { S::LANES * NV } else { LINE } };
                                for line in 0..const { (S::LANES * NV).div_ceil(LINE) } {
                                    simd.prefetch_second_level(asked.wrapping_add((line + 1) * apart - 1));
                                }
                            } else if const { ASK == LINES } {
                                simd.prefetch_second_level(asked.wrapping_add($step * LINE + LINE - 1));
                            }
                            if const { ASK == VECTORS || ASK == LINES && $step == 3 } {
                                asked = asked.wrapping_add(asked_stride);
                            }
                            if const { READ == COPYING } {
                                for (v, &vector) in row.iter().enumerate() {
                                    simd.store(copy.add(v * S::LANES), vector);
                                }
                                copy = copy.wrapping_add(NV * S::LANES);
                            }
                            multiply!($a, row);
                        }};
                    }
                    if const { S::FEW_INSTRUCTIONS } {
                        let mut rounds =
                            Rounds::<MR, A_ROWS, false>::new(a, a_row_stride, a_col_stride, b, tile.b_stride);
                        in_rounds!(simd, rounds, len, step);
                    } else {
                        let a_at = |a: *const f32, step: usize| {
                            move |i: usize| a.wrapping_add(step * a_col_stride).wrapping_add(i * a_row_stride)
                        };
                        let mut left = len;
                        if const { !A_ROWS || ASK == LINES } {
                            // Four steps at a time: the address of each row is made once for four loads.
                            while left >= 4 {
                                step!(0, a_at(a, 0), b);
                                step!(1, a_at(a, 1), b.wrapping_add(tile.b_stride));
                                step!(2, a_at(a, 2), b.wrapping_add(2 * tile.b_stride));
                                step!(3, a_at(a, 3), b.wrapping_add(3 * tile.b_stride));
                                a = a.wrapping_add(4 * a_col_stride);
                                b = b.wrapping_add(4 * tile.b_stride);
                                left -= 4;
                            }
                        }
                        while left > 0 {
                            step!(0, a_at(a, 0), b);
                            a = a.wrapping_add(a_col_stride);
                            b = b.wrapping_add(tile.b_stride);
                            left -= 1;
                        }
                    }
                }
                let add = tile.add || start > 0;
                each_row!(i < MR, {
                    for (v, &sum) in sums[i].iter().enumerate() {
                        tile.put(simd, i, v, v + 1 == NV, add, sum);
                    }
                });
            }
            start += len;
            if start >= tile.k {
                break;
            }
        }
    }
}
