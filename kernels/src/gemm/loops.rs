//! The loops around the microkernel: what they share. The choice between them is in `way`.

mod abreast;
mod in_place;
mod order;
mod packed;
mod pairs;
mod rows;
mod short;
mod small;
mod streamed;
mod strips;
mod turning;
mod way;

pub(super) use small::{Operands, Small, SmallPlan, Steps};

use super::abreast::PANEL_VECTORS;
use super::blocking::{Form, MAX_LANES, Panels, Tiling, form, panels, tile_rows};
use super::epilogue::{Block, Finish, Target, finish_block};
use super::microkernel::{Ask, LINE};
use super::pack::Operand;
use super::packed::{PackedMatrix, is_in_pairs, panel_stride};
use crate::caches::second_level_bytes;
use crate::matrix::{Mat, MatMut};
use crate::simd::{Kernel, Simd};
use way::{Way, beyond_second_level};

/// A checked product. Its views stay where the caller made them: a copy would be read before the caller's stores of half its width reach the
/// cache, and wait for them.
pub(super) struct Product<'a, 'c> {
    pub a: &'a Mat<'a>,
    pub b: Factor<'a>,
    pub c: &'a mut MatMut<'c>,
    pub finish: &'a Finish,
    /// At a cache line, with room for [`len`](super::scratch::len()) elements.
    pub scratch: *mut f32,
}

/// B as a product takes it.
#[derive(Clone, Copy)]
pub(super) enum Factor<'a> {
    /// As it lies.
    Plain(&'a Mat<'a>),
    /// Packed before.
    Packed(&'a PackedMatrix<'a>),
}

impl Factor<'_> {
    #[inline(always)]
    pub fn rows(&self) -> usize {
        match self {
            Factor::Plain(matrix) => matrix.rows(),
            Factor::Packed(matrix) => matrix.rows(),
        }
    }

    #[inline(always)]
    pub fn cols(&self) -> usize {
        match self {
            Factor::Plain(matrix) => matrix.cols(),
            Factor::Packed(matrix) => matrix.cols(),
        }
    }
}

// (By reference, so that a small product is not copied on its way to its instruction set.)
impl Kernel for &mut Product<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let &mut Product { a, b, ref mut c, finish, scratch } = self;
        let (m, k, n) = (c.rows(), a.cols(), c.cols());
        let (a, c) = (Operand::of(a), Target::of(c));
        // A single row or column has no neighbour, so its stride may be what serves best.
        let single = |operand: Operand, rows: usize, cols: usize| Operand {
            row_stride: if rows == 1 { 1 } else { operand.row_stride },
            col_stride: if cols == 1 { 1 } else { operand.col_stride },
            ..operand
        };
        let a = single(a, m, k);
        let part = |col: usize, cols: usize, in_pairs: bool| {
            let (b, packed) = match b {
                Factor::Plain(b) => (single(Operand::of(b), k, n), false),
                Factor::Packed(b) => {
                    let (ptr, row_stride) = (b.as_ptr().wrapping_add(col * k), panel_stride(cols.min(b.panel_cols())));
                    (Operand { ptr, row_stride, col_stride: 1 }, !in_pairs)
                }
            };
            let (row, turned, used) = (0, false, 0);
            Loops { simd, m, k, n: cols, a, b, c, finish, row, col, turned, packed, in_pairs, scratch, used }
        };
        // Panels as wide as a tile together, but for a last one of a vector, which taller tiles serve better; other panels one by one.
        let (panel_cols, together) = match b {
            Factor::Plain(_) => (n, 0),
            Factor::Packed(b) if is_in_pairs::<S>(b) && finish.overwrites() && c.0.col_stride == 1 => {
                let start = n - 1 - (n - 1) % b.panel_cols();
                let apart = n - start <= S::LANES && m > tile_rows(S::TILE_ROWS, PANEL_VECTORS);
                (b.panel_cols(), if apart { start } else { n })
            }
            Factor::Packed(b) => (b.panel_cols(), 0),
        };
        if together > 0 {
            // SAFETY: `gemm` checked the shapes, the views vouch for their elements, C and the states are lent mutably, and the
            // scratch has the length for either order.
            unsafe { part(0, together, true).run() }
        }
        for jc in (together..n).step_by(panel_cols) {
            for part in part(jc, panel_cols.min(n - jc), false).divided().iter().flatten() {
                // SAFETY: as above.
                unsafe { part.run() }
            }
        }
    }
}

/// Columns that are taken through the epilogue at a time where they are rows of C.
const TURNED_COLS: usize = 32;

/// The loops around the microkernel, for a product whose vectors run along the rows of B.
#[derive(Clone, Copy)]
struct Loops<'a, S> {
    simd: S,
    m: usize,
    k: usize,
    n: usize,
    a: Operand,
    b: Operand,
    c: Target,
    finish: &'a Finish,
    /// Where this part of the product begins: row and column as the loops see them.
    row: usize,
    col: usize,
    /// The product is `Cᵀ = Bᵀ·Aᵀ`: what the loops call row `i`, column `j` is row `j`, column `i` of `c`.
    turned: bool,
    /// B is a panel that was packed before, taken as it lies: near, and its rows are readable to the end of the last vector.
    packed: bool,
    /// B is all panels of a matrix that was packed before, one after the other, each as wide as a tile of two vectors.
    in_pairs: bool,
    scratch: *mut f32,
    /// Elements at its beginning that hold something already, while B is read in place and nothing is copied.
    used: usize,
}

impl<S: Simd> Loops<'_, S> {
    /// C from an element of this part on, with rows and columns as the loops see them.
    #[inline(always)]
    fn c_at(&self, row: usize, col: usize) -> Operand {
        self.c_as_seen().at(self.row + row, self.col + col)
    }

    /// C with rows and columns as the loops see them.
    #[inline(always)]
    fn c_as_seen(&self) -> Operand {
        if self.turned { self.c.0.t() } else { self.c.0 }
    }

    /// # Safety
    /// `a`, `b` and `c` (and the operands of `finish`) have the shapes `(m, k)`, `(k, n)`, `(m, n)`; `c` and states are this thread's
    /// alone; `scratch` has room for [`len`](super::scratch::len())`(m, k, n)` elements.
    #[inline(always)]
    unsafe fn run(&self) {
        // SAFETY: the caller's promise is that of each.
        unsafe {
            match self.way() {
                Way::Short => self.run_short(),
                Way::InPlace(first) => self.run_in_place(first),
                Way::Turning => self.run_turning(),
                Way::Streamed => self.run_streamed(),
                Way::Strips => self.run_strips(),
                Way::Packed => self.run_packed(),
                Way::Abreast => self.run_abreast(),
                Way::Pairs => self.run_pairs(),
                Way::Rows => self.run_rows(),
            }
        }
    }

    /// Elements of A.
    #[inline(always)]
    fn a_len(&self) -> usize {
        self.m.saturating_mul(self.k)
    }

    /// Elements of C.
    #[inline(always)]
    fn c_len(&self) -> usize {
        self.m.saturating_mul(self.n)
    }

    /// Whether C is too large for the second-level cache, so that vectors as long as a cache line wait for each line that they write unless it was asked for. (Shorter ones do not: they took up
    /// to a sixth longer.)
    #[inline(always)]
    fn asks_for_c(&self) -> bool {
        S::LANES == MAX_LANES && self.c_len() >= beyond_second_level()
    }

    /// What a tile of rows asks for, if the next begins at `row`: its columns from `col` on, one with each step of `k`, where they come from beyond the second-level
    /// cache (or might, beside B). No prefetcher of the machine connects them. (Low tiles would do little else.)
    #[inline(always)]
    fn ask_for_a(&self, row: usize, col: usize) -> Ask {
        let half_second_level = second_level_bytes() / 2 / size_of::<f32>();
        if !self.low() && self.a.row_stride == 1 && row < self.m && self.a_len() >= half_second_level {
            Ask::Vectors { from: self.a.at(row, col).ptr, stride: self.a.col_stride }
        } else {
            Ask::Nothing
        }
    }

    /// Whether low tiles of so many terms ask for what the epilogue will read, which comes from beyond the second-level cache: where that is C and two more, and the sums take long enough to hide it. (Steps
    /// of Adam on 784-512-512-10 are 1.04 times as fast on a Zen 3; with one operand beside C there was no gain, with 32 to 64 terms .94 to 1.)
    #[inline(always)]
    fn asks_for_operands(&self, k: usize) -> bool {
        const LEAST_K: usize = 192;
        const LEAST_OPERANDS: usize = 2;
        self.low()
            && k >= LEAST_K
            && self.finish.operands().len() >= LEAST_OPERANDS
            && !self.turned
            && self.results_are_far()
    }

    /// Whether C, with what its epilogue reads and writes of its shape, is more than the second-level cache keeps.
    #[inline(always)]
    fn results_are_far(&self) -> bool {
        (1 + self.finish.operands().len()).saturating_mul(self.c_len()) >= beyond_second_level()
    }

    /// Asks for C and the operands of the epilogue: for `rows` rows and `cols` columns.
    #[inline(always)]
    fn ask_for_operands(&self, row: usize, rows: usize, col: usize, cols: usize) {
        for &operand in core::iter::once(&self.c.0).chain(self.finish.operands()) {
            for i in 0..rows {
                for j in (0..cols).step_by(LINE) {
                    self.simd.prefetch_second_level(operand.at(self.row + row + i, self.col + col + j).ptr);
                }
            }
        }
    }

    /// How panels of a B as it lies are cut.
    #[inline(always)]
    fn tiling(&self) -> Tiling {
        let form = match () {
            () if self.c_collides() => Form::Low,
            () if self.sums_in_c() => form::<S>(self.m, self.k, self.n),
            () => Form::Large,
        };
        // (Several tiles of rows would write C a vector at a time.)
        let form = if form == Form::Narrow && self.m > self.tallest() { Form::Large } else { form };
        Tiling { rows: self.m, tallest: self.tallest(), padded: self.packed, form }
    }

    /// The tallest tile that every panel of `nc` columns allows.
    #[inline(always)]
    fn common_rows(&self, tiling: Tiling, nc: usize) -> usize {
        let (mut rows, mut jr) = (self.m, 0);
        while jr < nc {
            let Panels { width, times, .. } = panels::<S>(tiling, jr, nc);
            rows = rows.min(tiling.tile_rows::<S>(width));
            jr += times * width * S::LANES;
        }
        rows
    }

    /// Whether C can hold sums on the way.
    #[inline(always)]
    fn sums_in_c(&self) -> bool {
        self.finish.overwrites() && self.c_as_seen().col_stride == 1
    }

    /// Whether sums are done when C holds them.
    #[inline(always)]
    fn stores_in_c(&self) -> bool {
        matches!(self.finish, Finish::Store) && self.sums_in_c()
    }

    /// Brings complete sums of `rows × cols`, which lie in C or `stride` elements from row to row in `sums`, through the epilogue.
    ///
    /// # Safety
    /// As [`finish_block`].
    #[inline(always)]
    unsafe fn finish_at(&self, sums: Option<(*const f32, usize)>, row: usize, col: usize, rows: usize, cols: usize) {
        let (sums, sums_row_stride) = sums.unwrap_or_else(|| {
            let c = self.c_at(row, col);
            (c.ptr, c.row_stride)
        });
        let (row, col) = (self.row + row, self.col + col);
        let turned = self.turned;
        // Columns here are rows of a turned C: few at a time, so that what is left of their lines is still near for the next of our rows.
        let part = if turned { TURNED_COLS } else { cols };
        let mut j = 0;
        while j < cols {
            let (row, col) = if turned { (col + j, row) } else { (row, col + j) };
            let block =
                Block { sums: sums.wrapping_add(j), sums_row_stride, rows, cols: part.min(cols - j), row, col, turned };
            // SAFETY: the caller's promise.
            unsafe { finish_block(self.simd, self.finish, block, self.c) }
            j += part;
        }
    }
}
