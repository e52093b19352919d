//! Blocked matrix product with a fused epilogue.

mod blocking;
mod epilogue;
mod microkernel;
mod pack;

pub use blocking::{K_BLOCK, k_block_len};
pub use epilogue::Epilogue;

use crate::isa::Isa;
use crate::matrix::{Mat, MatMut, ShapeError, check_dimension, check_length};
use crate::optimizer::MAX_STATES;
use crate::simd::{Kernel, Simd};
use blocking::{MAX_LANES, MAX_ROWS, MAX_TILE, NC, PACK_ABOVE, SUM_ROWS, balanced, tile_rows, tile_width};
use epilogue::{Block, Finish, Target, finish_block};
use microkernel::{Tile, sum_tile};
use pack::{Operand, pack_panel, pack_rows};

/// Blocked matrix product with a fused epilogue: `C ← epilogue(A·B)`.
///
/// # Math
/// `c[i,j] = epilogue(Σₚ a[i,p]·b[p,j])`, summed as [the contract](crate#products) says. For a transposed operand pass
/// [`Mat::t`].
/// # Shapes
/// `a: (m, k)`, `b: (k, n)`, `c: (m, n)`; any strides; zero extents are allowed (with `k = 0` every sum is `+0`).
/// # Scratch
/// At least [`gemm_scratch_len`] elements, contents unspecified before and after. Never allocates.
/// # Numerics
/// Before the epilogue `|ĉ − c| ≤ γ_t Σₚ|a·b|`, `t = min(k, K_BLOCK) + ⌈k/K_BLOCK⌉ − 1`, barring overflow and underflow (test
/// `gemm_error_bound`).
/// # Determinism
/// Same bits on every [`Isa`], for every split of the rows or columns of `C`, for all strides and transposes (test `gemm_bits`).
/// # Errors
/// [`ShapeError`] names the operand, what was wanted and what was given; `c` is untouched. Never panics.
/// # Source
/// Van Zee & van de Geijn, "BLIS: a framework for rapidly instantiating BLAS functionality", TOMS 41(3), 2015.
pub fn gemm(
    isa: Isa,
    a: Mat<'_>,
    b: Mat<'_>,
    mut c: MatMut<'_>,
    epilogue: Epilogue<'_>,
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    let (m, k, n) = (c.rows(), a.cols(), c.cols());
    check_dimension("a", "rows", m, a.rows())?;
    check_dimension("b", "rows", k, b.rows())?;
    check_dimension("b", "columns", n, b.cols())?;
    let finish = match epilogue {
        Epilogue::Store => Finish::Store,
        Epilogue::Bias { bias, activation } => {
            check_length("bias", n, bias.len())?;
            Finish::Bias { bias: bias.as_ptr(), activation }
        }
        Epilogue::Backward { activation, saved } => {
            check_dimension("saved", "rows", m, saved.rows())?;
            check_dimension("saved", "columns", n, saved.cols())?;
            Finish::Backward { activation, saved: operand(saved) }
        }
        Epilogue::Accumulate { alpha } => Finish::Accumulate { alpha },
        Epilogue::Update { update, states } => {
            check_dimension("states", "matrices", update.states(), states.len())?;
            let mut pointers = [operand(c.as_ref()); MAX_STATES];
            for (pointer, state) in pointers.iter_mut().zip(states) {
                check_dimension("state", "rows", m, state.rows())?;
                check_dimension("state", "columns", n, state.cols())?;
                *pointer = operand_mut(state);
            }
            Finish::Update { update, states: pointers }
        }
    };
    let wanted = gemm_scratch_len(m, k, n);
    if scratch.len() < wanted {
        return Err(ShapeError::Length { operand: "scratch", wanted, given: scratch.len() });
    }
    if m == 0 || n == 0 {
        return Ok(());
    }
    isa.run(Product { m, k, n, a: operand(a), b: operand(b), c: Target(operand_mut(&mut c)), finish, scratch });
    Ok(())
}

/// Elements of scratch that [`gemm`] needs for a product of `m × k` by `k × n`: enough for every smaller product too, and
/// at most about 3 MiB.
pub const fn gemm_scratch_len(m: usize, k: usize, n: usize) -> usize {
    if m == 0 || n == 0 {
        return 0;
    }
    let (plain, exchanged) = (layout(m, k, n).len(), layout(n, k, m).len());
    // The blocks begin at a cache line.
    max(plain, exchanged) + MAX_LANES - 1
}

/// The parts of the scratch for a product of `m × k` by `k × n`, in elements.
struct Layout {
    /// A packed block of B: `k_block × n` columns, up to `NC`, padded to whole vectors.
    b: usize,
    /// The packed rows of A of one tile.
    a: usize,
    /// Sums that C cannot hold between blocks of `k`.
    sums: usize,
}

impl Layout {
    const fn len(&self) -> usize {
        self.b + self.a + self.sums
    }
}

const fn layout(m: usize, k: usize, n: usize) -> Layout {
    // Not `k_block_len`, which falls where one block becomes two: scratch for a batch must be enough for a smaller one.
    let k_block = min(k, K_BLOCK);
    let cols = min(n, NC).next_multiple_of(MAX_LANES);
    Layout {
        b: k_block * cols,
        a: min(m, MAX_ROWS) * a_row_len(k_block),
        sums: if k > K_BLOCK { min(m, SUM_ROWS) * cols } else { 0 },
    }
}

/// Elements from row to row of packed rows of A: an odd number of cache lines, so that the rows of a tile spread over all sets
/// of the first-level cache.
const fn a_row_len(k: usize) -> usize {
    (k.div_ceil(MAX_LANES) | 1) * MAX_LANES
}

/// Whether rows so many elements apart fall into the same few sets of a cache with 64 sets of 64-byte lines.
const fn rows_collide(row_stride: usize) -> bool {
    row_stride.is_multiple_of(2048 / size_of::<f32>())
}

const fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

fn operand(view: Mat<'_>) -> Operand {
    Operand { ptr: view.as_ptr(), row_stride: view.row_stride(), col_stride: view.col_stride() }
}

fn operand_mut(view: &mut MatMut<'_>) -> Operand {
    Operand { ptr: view.as_mut_ptr(), row_stride: view.row_stride(), col_stride: view.col_stride() }
}

/// A checked product.
struct Product<'a> {
    m: usize,
    k: usize,
    n: usize,
    a: Operand,
    b: Operand,
    c: Target,
    finish: Finish,
    scratch: &'a mut [f32],
}

impl Kernel for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Product { m, k, n, a, b, c, finish, scratch } = self;
        let skip = scratch.as_ptr().align_offset(MAX_LANES * size_of::<f32>()).min(MAX_LANES - 1);
        let scratch = scratch.as_mut_ptr().wrapping_add(skip);
        let loops = if lanes_over_rows::<S>(m, k, n, a, b, c.0) {
            Loops { simd, m: n, k, n: m, a: b.t(), b: a.t(), c, finish, transposed: true, scratch }
        } else {
            Loops { simd, m, k, n, a, b, c, finish, transposed: false, scratch }
        };
        // SAFETY: `gemm` checked the shapes, the views vouch for their elements, C and the states are lent mutably, and the
        // scratch has the length for either order.
        unsafe { loops.run() }
    }
}

/// Whether vectors should run down the columns of C (over rows of A) and not along its rows: that is, whether `Cᵀ = Bᵀ·Aᵀ` is
/// cheaper. Counts, in cycles of a core with two vector units, the multiply-adds on vectors filled as well as the shape
/// allows, and the copies that an operand or result lying across the vectors needs.
fn lanes_over_rows<S: Simd>(m: usize, k: usize, n: usize, a: Operand, b: Operand, c: Operand) -> bool {
    let cost = |broadcast: usize, vector: usize, across: bool, result_across: bool| {
        let sums = broadcast.saturating_mul(k).saturating_mul(vector.div_ceil(S::LANES)) / 2;
        let copies = if across { k.saturating_mul(vector) } else { 0 };
        let results = if result_across { m * n } else { 0 };
        sums.saturating_add(copies).saturating_add(results)
    };
    let along = cost(m, n, b.col_stride != 1 && n > 1, c.col_stride != 1 && n > 1);
    let down = cost(n, m, a.row_stride != 1 && m > 1, true);
    down < along
}

/// The loops around the microkernel, for a product whose vectors run along the rows of B.
struct Loops<S> {
    simd: S,
    m: usize,
    k: usize,
    n: usize,
    a: Operand,
    b: Operand,
    c: Target,
    finish: Finish,
    /// The product is `Cᵀ = Bᵀ·Aᵀ`: what the loops call row `i`, column `j` is row `j`, column `i` of `c`.
    transposed: bool,
    scratch: *mut f32,
}

impl<S: Simd> Loops<S> {
    /// # Safety
    /// `a`, `b` and `c` (and the operands of `finish`) have the shapes `(m, k)`, `(k, n)`, `(m, n)`; `c` and states are this thread's
    /// alone; `scratch` has room for [`layout`]`(m, k, n)`.
    #[inline(always)]
    unsafe fn run(self) {
        let large = self.k.saturating_mul(self.n) > PACK_ABOVE && self.m > 2 * tile_rows(S::TILE_ROWS, 2);
        let a_direct = self.a.row_stride == 1 || self.a.col_stride == 1;
        let b_direct = self.b.col_stride == 1 || self.n == 1;
        // SAFETY: the caller's promise is that of both.
        unsafe { if large || !a_direct || !b_direct { self.run_packed() } else { self.run_in_place() } }
    }

    /// Operands as they lie: for B in the second-level cache, or too few rows to pay for a copy.
    #[inline(always)]
    unsafe fn run_in_place(self) {
        let k_block = k_block_len(self.k);
        let mut jc = 0;
        // 1. Panels of B, as wide as a tile; each stays in the first-level cache as far as it fits.
        while jc < self.n {
            let width = tile_width::<S>(self.m, self.n - jc, false);
            let cols = (width * S::LANES).min(self.n - jc);
            let max_rows = tile_rows(S::TILE_ROWS, width);
            // 2. Tiles of rows, as equal as they come.
            for index in 0..self.m.div_ceil(max_rows) {
                let (ir, rows) = balanced(self.m, max_rows, index);
                let a = self.a.at(ir, 0);
                let b = self.b.at(0, jc);
                let tile = Tile {
                    k: self.k,
                    k_block,
                    a: a.ptr,
                    a_row_stride: a.row_stride,
                    a_col_stride: a.col_stride,
                    b: b.ptr,
                    b_row_stride: b.row_stride,
                    b_padded: false,
                    c: core::ptr::null_mut(),
                    c_row_stride: 0,
                    add: false,
                    last: cols - (width - 1) * S::LANES,
                };
                // SAFETY: the tile lies inside the product.
                unsafe { self.tile(tile, ir, jc, rows, cols, width, None, true) }
            }
            jc += cols;
        }
    }

    /// Operands copied block by block in the order in which the microkernel reads them.
    #[inline(always)]
    unsafe fn run_packed(self) {
        let Layout { b: b_len, a: a_len, .. } = layout(self.m, self.k, self.n);
        let (packed_b, packed_a, sums) =
            (self.scratch, self.scratch.wrapping_add(b_len), self.scratch.wrapping_add(b_len + a_len));
        let k_block = k_block_len(self.k).max(1);
        let blocks = self.k.div_ceil(k_block).max(1);
        // Between blocks of k the sums stay in C where they can, else in a block of scratch.
        let in_c = self.sums_in_c();
        let sum_rows = if in_c || blocks == 1 { self.m } else { SUM_ROWS };
        let pack_a =
            self.a.row_stride != 1 && (self.a.col_stride != 1 || self.n > 128 && rows_collide(self.a.row_stride));
        // 1. Blocks of columns: a packed block of B.
        for jc in (0..self.n).step_by(NC) {
            let nc = NC.min(self.n - jc);
            // 2. Blocks of rows whose sums are kept at a time (all of them, unless C cannot hold them).
            for oc in (0..self.m).step_by(sum_rows) {
                let oc_end = self.m.min(oc + sum_rows);
                // 3. Blocks of k, in ascending order.
                for block in 0..blocks {
                    let pc = block * k_block;
                    let kc = k_block.min(self.k - pc);
                    let (first, last_block) = (block == 0, block + 1 == blocks);
                    // SAFETY: the block lies inside B, and the scratch has `kc ≤ k_block` rows of `nc`, padded to whole vectors.
                    unsafe { self.pack_b(pc, jc, kc, nc, packed_b) };
                    // 4. Tiles of rows, as equal as they come. The rows of A of one tile stay in the first-level cache.
                    let max_rows = self.common_rows(nc);
                    for index in 0..(oc_end - oc).div_ceil(max_rows) {
                        let (ir, rows) = balanced(oc_end - oc, max_rows, index);
                        let a = if pack_a {
                            let row_stride = a_row_len(kc);
                            // SAFETY: the rows lie inside A, and the scratch has room for the tallest tile.
                            unsafe { pack_rows(self.a.at(oc + ir, pc), rows, kc, row_stride, packed_a) };
                            Operand { ptr: packed_a, row_stride, col_stride: 1 }
                        } else {
                            self.a.at(oc + ir, pc)
                        };
                        // 5. Panels of B, one after the other as they were packed.
                        let mut jr = 0;
                        while jr < nc {
                            let width = tile_width::<S>(self.m, nc - jr, true);
                            let cols = (width * S::LANES).min(nc - jr);
                            let tile = Tile {
                                k: kc,
                                k_block: kc,
                                a: a.ptr,
                                a_row_stride: a.row_stride,
                                a_col_stride: a.col_stride,
                                b: packed_b.wrapping_add(jr * kc),
                                b_row_stride: width * S::LANES,
                                b_padded: true,
                                c: core::ptr::null_mut(),
                                c_row_stride: 0,
                                add: !first,
                                last: cols - (width - 1) * S::LANES,
                            };
                            let kept = (!in_c && blocks > 1).then(|| {
                                let row_stride = NC.min(self.n).next_multiple_of(MAX_LANES);
                                (sums.wrapping_add(ir * row_stride + jr), row_stride)
                            });
                            // SAFETY: the tile lies inside the block, the block inside the product.
                            unsafe { self.tile(tile, oc + ir, jc + jr, rows, cols, width, kept, last_block && !in_c) }
                            jr += cols;
                        }
                        // Sums in C go through the epilogue in whole rows, the longer the better.
                        if last_block && in_c && !matches!(self.finish, Finish::Store) {
                            let c = self.c.0.at(oc + ir, jc);
                            let block = Block {
                                sums: c.ptr,
                                sums_row_stride: c.row_stride,
                                row: oc + ir,
                                col: jc,
                                rows,
                                cols: nc,
                            };
                            // SAFETY: the block lies inside the product, and its sums are complete.
                            unsafe { finish_block(self.simd, self.finish, block, self.c) }
                        }
                    }
                }
            }
        }
    }

    /// The tallest tile that every panel of a block of `nc` packed columns allows.
    #[inline(always)]
    fn common_rows(&self, nc: usize) -> usize {
        let (mut rows, mut jr) = (usize::MAX, 0);
        while jr < nc {
            let width = tile_width::<S>(self.m, nc - jr, true);
            rows = rows.min(tile_rows(S::TILE_ROWS, width));
            jr += width * S::LANES;
        }
        rows
    }

    /// Whether C can hold sums on the way.
    fn sums_in_c(&self) -> bool {
        self.finish.overwrites() && self.c.0.col_stride == 1 && !self.transposed
    }

    /// Sums one tile into C, into `kept` scratch, or into a buffer of its own, and takes it through the epilogue if it is complete.
    #[allow(clippy::too_many_arguments)]
    #[inline(always)]
    unsafe fn tile(
        &self,
        mut tile: Tile,
        row: usize,
        col: usize,
        rows: usize,
        cols: usize,
        width: usize,
        kept: Option<(*mut f32, usize)>,
        complete: bool,
    ) {
        let mut buffer = core::mem::MaybeUninit::<[f32; MAX_TILE]>::uninit();
        (tile.c, tile.c_row_stride) = if self.sums_in_c() {
            let c = self.c.0.at(row, col);
            (c.ptr.cast_mut(), c.row_stride)
        } else if let Some(kept) = kept {
            kept
        } else {
            (buffer.as_mut_ptr().cast(), width * S::LANES)
        };
        // SAFETY: the caller put the tile inside the product; a tile has at most MAX_TILE elements; the sums are
        // written before they are read.
        unsafe {
            sum_tile(self.simd, rows, width, tile);
            if !complete || (self.sums_in_c() && matches!(self.finish, Finish::Store)) {
                return;
            }
            if self.transposed {
                let mut turned = core::mem::MaybeUninit::<[f32; MAX_TILE]>::uninit();
                let sums = Operand { ptr: tile.c, row_stride: 1, col_stride: tile.c_row_stride };
                pack_rows(sums, cols, rows, rows, turned.as_mut_ptr().cast());
                let block = Block {
                    sums: turned.as_ptr().cast(),
                    sums_row_stride: rows,
                    row: col,
                    col: row,
                    rows: cols,
                    cols: rows,
                };
                finish_block(self.simd, self.finish, block, self.c);
            } else {
                let block = Block { sums: tile.c, sums_row_stride: tile.c_row_stride, row, col, rows, cols };
                finish_block(self.simd, self.finish, block, self.c);
            }
        }
    }

    /// Copies `kc × nc` of B as panels as wide as the tiles that will read them, each row-major.
    #[inline(always)]
    unsafe fn pack_b(&self, pc: usize, jc: usize, kc: usize, nc: usize, to: *mut f32) {
        // A few rows at a time through all panels: rows of B are read from end to end, as the prefetchers like it; as many as
        // elements in a line, for columns that lie apart.
        const ROWS: usize = 16;
        for p in (0..kc).step_by(ROWS) {
            let rows = ROWS.min(kc - p);
            let mut jr = 0;
            while jr < nc {
                let width = tile_width::<S>(self.m, nc - jr, true);
                let cols = (width * S::LANES).min(nc - jr);
                let panel = to.wrapping_add(jr * kc + p * width * S::LANES);
                // SAFETY: the caller's promise, panel by panel.
                unsafe { pack_panel(self.simd, self.b.at(pc + p, jc + jr), rows, cols, width, panel) };
                jr += cols;
            }
        }
    }
}
