//! The loops around the microkernel, and the choice between them.

use super::blocking::{
    K_BLOCK, MAX_LANES, MAX_TILE, STREAM_ROWS, STREAM_SUMS, STREAMED, SUM_ROWS, balanced, copying_rows, k_block_len,
    packed_cols, rows_in_stream, tile_rows, tile_width,
};
use super::epilogue::{Block, Finish, Target, finish_block};
use super::microkernel::{AHEAD, Lies, Tile, sum_tile};
use super::pack::{Operand, pack_panel, pack_rows};
use super::packed::{PANEL_COLS, PackedMatrix, panel_stride};
use super::scratch::{Layout, a_row_len, layout};
use super::stream::Stream;
use crate::caches::second_level_bytes;
use crate::matrix::{Mat, MatMut};
use crate::simd::{Kernel, Simd};

/// A checked product. Its views stay where the caller made them: a copy would be read before the caller's stores of half its width reach the
/// cache, and wait for them.
pub(super) struct Product<'a, 'c> {
    pub a: &'a Mat<'a>,
    pub b: Factor<'a>,
    pub c: &'a mut MatMut<'c>,
    pub finish: &'a Finish,
    /// At a cache line, with room for [`layout`] in either order.
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
        let panel_cols = if let Factor::Packed(_) = b { PANEL_COLS } else { n };
        for jc in (0..n).step_by(panel_cols) {
            let cols = panel_cols.min(n - jc);
            let (b, packed) = match b {
                Factor::Plain(b) => (single(Operand::of(b), k, n), false),
                Factor::Packed(b) => {
                    let row_stride = panel_stride(cols);
                    (Operand { ptr: b.as_ptr().wrapping_add(jc * k), row_stride, col_stride: 1 }, true)
                }
            };
            let whole = Loops { simd, m, k, n: cols, a, b, c, finish, row: 0, col: jc, turned: false, packed, scratch };
            for part in whole.divided().iter().flatten() {
                // SAFETY: `gemm` checked the shapes, the views vouch for their elements, C and the states are lent mutably, and the
                // scratch has the length for either order.
                unsafe { part.run() }
            }
        }
    }
}

/// A product that may be small and plain enough to be one tile, whose sums go straight to C: whether it was, and is done. Small products take less
/// time than the choice between the ways to divide larger ones, and than the entry to a function that has them all.
pub(super) struct OneTile<'a, 'p, 'c>(pub &'a mut Product<'p, 'c>);

impl Kernel for OneTile<'_, '_, '_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> bool {
        let &mut Product { a, b: Factor::Plain(b), ref mut c, finish, .. } = self.0 else { return false };
        let (m, k, n) = (c.rows(), a.cols(), c.cols());
        let (a, b, c) = (Operand::of(a), Operand::of(b), Target::of(c));
        let width = n.div_ceil(S::LANES);
        let last = n - (width - 1) * S::LANES;
        let tile = matches!(width, 1..=4 | 8)
            && m <= tile_rows(S::TILE_ROWS, width)
            && (last == S::LANES || width == 1 || m <= S::PARTIAL_ROWS)
            && k <= K_BLOCK;
        if !(tile && b.col_stride == 1 && c.0.col_stride == 1 && (a.row_stride == 1 || a.col_stride == 1)) {
            return false;
        }
        let (false, Finish::Store | Finish::Bias { .. }) = (const { S::LANES == 1 }, finish) else { return false };
        // (What a masked store wrote cannot be read again before it has reached the cache.)
        let finishes = !matches!(finish, Finish::Store);
        let through_buffer = finishes && last < S::LANES;
        let mut buffer = core::mem::MaybeUninit::<[f32; MAX_TILE]>::uninit();
        let tile = Tile {
            k,
            k_block: k,
            a: a.ptr,
            a_row_stride: a.row_stride,
            a_col_stride: a.col_stride,
            b: b.ptr,
            b_stride: b.row_stride,
            b_lies: Lies::Along,
            copy: core::ptr::null_mut(),
            fetch: core::ptr::null(),
            fetch_stride: 0,
            c: if through_buffer { buffer.as_mut_ptr().cast() } else { c.0.ptr.cast_mut() },
            c_row_stride: if through_buffer { width * S::LANES } else { c.0.row_stride },
            add: false,
            last,
            c_last: if through_buffer { S::LANES } else { last },
        };
        // SAFETY: `gemm` checked the shapes, the views vouch for their elements, and C is lent mutably; the tile is the product.
        unsafe {
            sum_tile(simd, m, width, &tile);
            if finishes {
                let block = Block {
                    sums: tile.c,
                    sums_row_stride: tile.c_row_stride,
                    rows: m,
                    cols: n,
                    row: 0,
                    col: 0,
                    turned: false,
                };
                finish_block(simd, finish, block, c);
            }
        }
        true
    }
}

/// Whether rows so many elements apart fall into the same few sets of a cache with 64 sets of 64-byte lines.
const fn rows_collide(row_stride: usize) -> bool {
    row_stride.is_multiple_of(2048 / size_of::<f32>())
}

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
    /// B is a panel that was packed before: near, and its rows are readable to the end of the last vector.
    packed: bool,
    scratch: *mut f32,
}

impl<S: Simd> Loops<'_, S> {
    /// The product in the order that is cheaper, or in two parts: the columns that fill vectors, and the rest with vectors down
    /// the rows of A.
    #[inline(always)]
    fn divided(self) -> [Option<Self>; 2] {
        let direct = self.b.col_stride == 1 && self.c_as_seen().col_stride == 1;
        if const { S::LANES == 1 } || direct && (self.m == 1 || self.n.is_multiple_of(S::LANES)) {
            return [Some(self), None];
        }
        let turned = Loops {
            m: self.n,
            n: self.m,
            a: self.b.t(),
            b: self.a.t(),
            row: self.col,
            col: self.row,
            turned: !self.turned,
            packed: false,
            ..self
        };
        let cost = self.cost();
        let rest = self.n % S::LANES;
        if rest > 0 && rest < self.n {
            let at = self.n - rest;
            let main = Loops { n: at, ..self };
            let rest = Loops { m: rest, a: turned.a.at(at, 0), row: turned.row + at, ..turned };
            if main.cost().saturating_add(rest.cost()) < cost.min(turned.cost()) {
                return [Some(main), Some(rest)];
            }
        }
        [Some(if turned.cost() < cost { turned } else { self }), None]
    }

    /// What the product costs in this order, in multiply-adds of vectors: those of its sums, and what it takes to turn operands and results
    /// that lie across its vectors (5 instructions for a vector).
    #[inline(always)]
    fn cost(&self) -> usize {
        const TURN: usize = 5;
        let sums = self.m.saturating_mul(self.k).saturating_mul(self.n.div_ceil(S::LANES));
        let b = if self.b.col_stride == 1 { 0 } else { self.k.saturating_mul(self.n) };
        let c = if self.c_as_seen().col_stride == 1 || self.n == 1 { 0 } else { self.m.saturating_mul(self.n) };
        sums.saturating_add(b.saturating_add(c).saturating_mul(TURN) / S::LANES)
    }

    /// C with rows and columns as the loops see them.
    #[inline(always)]
    fn c_as_seen(&self) -> Operand {
        if self.turned { self.c.0.t() } else { self.c.0 }
    }

    /// # Safety
    /// `a`, `b` and `c` (and the operands of `finish`) have the shapes `(m, k)`, `(k, n)`, `(m, n)`; `c` and states are this thread's
    /// alone; `scratch` has room for [`layout`]`(m, k, n)`.
    #[inline(always)]
    unsafe fn run(&self) {
        let a_direct = self.a.row_stride == 1 || self.a.col_stride == 1;
        // SAFETY: the caller's promise is that of each.
        unsafe {
            if self.b.col_stride != 1 {
                let turns = self.b.row_stride == 1 && self.a.row_stride == 1 && self.m <= S::TURNED_ROWS[0];
                if turns { self.run_in_place(true) } else { self.run_packed() }
            } else if const { S::LANES > 1 } && self.m <= STREAM_ROWS && self.far() && !self.fetches() {
                self.run_streamed()
            } else if !a_direct || self.m >= copying_rows::<S>() && self.far() && !self.fetches() {
                self.run_packed()
            } else {
                self.run_in_place(false)
            }
        }
    }

    /// Whether B comes from afar: the second-level cache cannot hold it.
    #[inline(always)]
    fn far(&self) -> bool {
        let bytes = self.k.saturating_mul(self.n).saturating_mul(size_of::<f32>());
        !self.packed && bytes > second_level_bytes() / 4 * 5
    }

    /// Whether a far B can be read as it lies, the first tile asking for its rows ahead: a panel of it fits the second-level cache, and its rows
    /// do not collide there. More rows of A than these pay for the copy.
    #[inline(always)]
    fn fetches(&self) -> bool {
        const MOST_ROWS: usize = 512;
        const PANELS: usize = 4;
        let panel_bytes = self.k.saturating_mul(2 * S::LANES * size_of::<f32>());
        self.far()
            && (copying_rows::<S>()..=MOST_ROWS).contains(&self.m)
            && !rows_collide(self.b.row_stride)
            && panel_bytes < second_level_bytes() / PANELS
    }

    /// Operands as they lie: for B in the second-level cache, or too few rows to pay for a copy.
    #[inline(always)]
    unsafe fn run_in_place(&self, across: bool) {
        if !across && self.m > tile_rows(S::TILE_ROWS, 2) && self.n >= 256 && self.k <= 128 {
            // Short sums, whose results are most of the traffic: C is written in whole rows.
            // 1. Tiles of rows, as equal as they come.
            let max_rows = self.common_rows(self.n, self.packed);
            for index in 0..self.m.div_ceil(max_rows) {
                let (ir, rows) = balanced(self.m, max_rows, index);
                // 2. Panels of B, as wide as a tile.
                let mut jc = 0;
                while jc < self.n {
                    let width = tile_width::<S>(self.m, self.n - jc, self.packed);
                    // SAFETY: the tile lies inside the product.
                    jc += unsafe { self.tile_in_place(false, across, ir, rows, jc, width) };
                }
            }
            return;
        }
        let fetches = self.fetches();
        let mut jc = 0;
        // 1. Panels of B, as wide as a tile; each stays in the first-level cache as far as it fits.
        while jc < self.n {
            let width = if across {
                // Two vectors if they are full and there are registers for them.
                1 + usize::from(self.n - jc >= 2 * S::LANES && self.m <= S::TURNED_ROWS[1])
            } else {
                tile_width::<S>(self.m, self.n - jc, self.packed)
            };
            let max_rows = if across { S::TURNED_ROWS[width - 1] } else { tile_rows(S::TILE_ROWS, width) };
            let mut cols = 0;
            // 2. Tiles of rows, as equal as they come.
            for index in 0..self.m.div_ceil(max_rows) {
                let (ir, rows) = balanced(self.m, max_rows, index);
                // SAFETY: the tile lies inside the product.
                cols = unsafe { self.tile_in_place(fetches && index == 0, across, ir, rows, jc, width) };
            }
            jc += cols;
        }
    }

    /// One tile of operands as they lie, `width` vectors from column `jc` on; gives the number of its columns.
    #[inline(always)]
    unsafe fn tile_in_place(
        &self,
        fetches: bool,
        across: bool,
        ir: usize,
        rows: usize,
        jc: usize,
        width: usize,
    ) -> usize {
        let cols = (width * S::LANES).min(self.n - jc);
        let a = self.a.at(ir, 0);
        let tile = Tile {
            k: self.k,
            k_block: k_block_len(self.k),
            a: a.ptr,
            a_row_stride: a.row_stride,
            a_col_stride: a.col_stride,
            b: self.b.at(0, jc).ptr,
            b_stride: if across { self.b.col_stride } else { self.b.row_stride },
            b_lies: match (across, self.packed) {
                (true, _) => Lies::Across,
                (false, true) => Lies::Padded,
                (false, false) => Lies::Along,
            },
            copy: core::ptr::null_mut(),
            fetch: if fetches && width == 2 && rows >= copying_rows::<S>() {
                self.b.at(AHEAD, jc).ptr
            } else {
                core::ptr::null()
            },
            fetch_stride: self.b.row_stride,
            c: core::ptr::null_mut(),
            c_row_stride: 0,
            add: false,
            last: cols - (width - 1) * S::LANES,
            c_last: 0,
        };
        // SAFETY: the caller puts the tile inside the product.
        unsafe { self.tile(tile, ir, jc, rows, cols, width, None, true) };
        cols
    }

    /// Few rows of A: each row of B is read once, from end to end, some at a time, and the sums of all columns stay in the
    /// first-level cache.
    #[inline(always)]
    unsafe fn run_streamed(&self) {
        let k_block = k_block_len(self.k).max(1);
        let simd = self.simd;
        let max_cols = STREAM_SUMS / self.m / MAX_LANES * MAX_LANES;
        for jc in (0..self.n).step_by(max_cols) {
            let cols = max_cols.min(self.n - jc);
            let stride = cols.next_multiple_of(S::LANES);
            let (total, chain) = (self.scratch, self.scratch.wrapping_add(self.m * stride));
            for pc in (0..self.k).step_by(k_block) {
                let end = self.k.min(pc + k_block);
                let mut p = pc;
                while p < end {
                    let together = if end - p >= STREAMED { STREAMED } else { 1 };
                    for index in 0..self.m.div_ceil(rows_in_stream::<S>()) {
                        let (i, rows) = balanced(self.m, rows_in_stream::<S>(), index);
                        let stream = Stream {
                            a: self.a.at(i, p),
                            b: self.b.at(p, jc),
                            cols,
                            sums: if pc == 0 { total } else { chain }.wrapping_add(i * stride),
                            sums_row_stride: stride,
                            first: p == pc,
                        };
                        // SAFETY: the rows lie inside the product; the scratch has room for two blocks of sums.
                        unsafe { stream.run(simd, rows, together) }
                    }
                    p += together;
                }
                if pc > 0 {
                    for j in (0..self.m * stride).step_by(S::LANES) {
                        // SAFETY: both blocks have `m · stride` elements.
                        unsafe {
                            let sum = simd.add(simd.load(total.add(j)), simd.load(chain.add(j)));
                            simd.store(total.add(j), sum);
                        }
                    }
                }
            }
            let block = Block {
                sums: total,
                sums_row_stride: stride,
                rows: self.m,
                cols,
                row: self.row,
                col: self.col + jc,
                turned: false,
            };
            // SAFETY: the block lies inside the product, and its sums are complete.
            unsafe { self.finish_seen(block) }
        }
    }

    /// Operands copied block by block in the order in which the microkernel reads them.
    #[inline(always)]
    unsafe fn run_packed(&self) {
        let Layout { b: b_len, a: a_len, .. } = layout(self.m, self.k, self.n);
        let (packed_b, packed_a, sums) =
            (self.scratch, self.scratch.wrapping_add(b_len), self.scratch.wrapping_add(b_len + a_len));
        let k_block = k_block_len(self.k).max(1);
        let blocks = self.k.div_ceil(k_block).max(1);
        let max_nc = packed_cols(k_block, self.n);
        // Between blocks of k the sums stay in C where they can, else in a block of scratch.
        let in_c = self.sums_in_c();
        let sum_rows = if in_c || blocks == 1 { self.m } else { SUM_ROWS };
        let pack_a =
            self.a.row_stride != 1 && (self.a.col_stride != 1 || self.n > 128 && rows_collide(self.a.row_stride));
        // 1. Blocks of columns: a packed block of B.
        for jc in (0..self.n).step_by(max_nc) {
            let nc = max_nc.min(self.n - jc);
            // 2. Blocks of rows whose sums are kept at a time (all of them, unless C cannot hold them).
            for oc in (0..self.m).step_by(sum_rows) {
                let oc_end = self.m.min(oc + sum_rows);
                // 3. Blocks of k, in ascending order.
                for block in 0..blocks {
                    let pc = block * k_block;
                    let kc = k_block.min(self.k - pc);
                    let (first, last_block) = (block == 0, block + 1 == blocks);
                    // 4. Tiles of rows, as equal as they come. The rows of A of one tile stay in the first-level cache.
                    let max_rows = self.common_rows(nc, true);
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
                        // 5. Panels of B, one after the other. The first tile copies them: as it reads them, if it can.
                        let mut jr = 0;
                        while jr < nc {
                            let width = tile_width::<S>(self.m, nc - jr, true);
                            let cols = (width * S::LANES).min(nc - jr);
                            let last = cols - (width - 1) * S::LANES;
                            let panel = packed_b.wrapping_add(jr * kc);
                            let b = self.b.at(pc, jc + jr);
                            let copies = index == 0
                                && b.col_stride == 1
                                && width == 2
                                && last == S::LANES
                                && rows >= copying_rows::<S>();
                            if index == 0 && !copies {
                                // SAFETY: the panel lies inside B, and the scratch has `kc ≤ k_block` rows of `nc` columns, padded to whole tiles.
                                unsafe { pack_panel(self.simd, b, kc, cols, width, width * S::LANES, panel) }
                            }
                            let tile = Tile {
                                k: kc,
                                k_block: kc,
                                a: a.ptr,
                                a_row_stride: a.row_stride,
                                a_col_stride: a.col_stride,
                                b: if copies { b.ptr } else { panel },
                                b_stride: if copies { b.row_stride } else { width * S::LANES },
                                b_lies: Lies::Padded,
                                copy: if copies { panel } else { core::ptr::null_mut() },
                                fetch: core::ptr::null(),
                                fetch_stride: 0,
                                c: core::ptr::null_mut(),
                                c_row_stride: 0,
                                add: !first,
                                last,
                                c_last: 0,
                            };
                            let kept = (!in_c && blocks > 1).then(|| {
                                let row_stride = max_nc.next_multiple_of(MAX_LANES);
                                (sums.wrapping_add(ir * row_stride + jr), row_stride)
                            });
                            // SAFETY: the tile lies inside the block, the block inside the product.
                            unsafe { self.tile(tile, oc + ir, jc + jr, rows, cols, width, kept, last_block && !in_c) }
                            jr += cols;
                        }
                        // Sums in C go through the epilogue in whole rows, the longer the better.
                        if last_block && in_c && !matches!(self.finish, Finish::Store) {
                            let c = self.c_as_seen().at(self.row + oc + ir, self.col + jc);
                            let block = Block {
                                sums: c.ptr,
                                sums_row_stride: c.row_stride,
                                rows,
                                cols: nc,
                                row: self.row + oc + ir,
                                col: self.col + jc,
                                turned: false,
                            };
                            // SAFETY: the block lies inside the product, and its sums are complete.
                            unsafe { self.finish_seen(block) }
                        }
                    }
                }
            }
        }
    }

    /// The tallest tile that every panel of a block of `nc` packed columns allows.
    #[inline(always)]
    fn common_rows(&self, nc: usize, padded: bool) -> usize {
        let (mut rows, mut jr) = (usize::MAX, 0);
        while jr < nc {
            let width = tile_width::<S>(self.m, nc - jr, padded);
            rows = rows.min(tile_rows(S::TILE_ROWS, width));
            jr += width * S::LANES;
        }
        rows
    }

    /// Whether C can hold sums on the way.
    #[inline(always)]
    fn sums_in_c(&self) -> bool {
        self.finish.overwrites() && self.c_as_seen().col_stride == 1
    }

    /// Brings a block, its place given as the loops see it, through the epilogue.
    ///
    /// # Safety
    /// As [`finish_block`].
    #[inline(always)]
    unsafe fn finish_seen(&self, block: Block) {
        let block = if self.turned { Block { row: block.col, col: block.row, turned: true, ..block } } else { block };
        // SAFETY: the caller's promise.
        unsafe { finish_block(self.simd, self.finish, block, self.c) }
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
        let (row, col) = (self.row + row, self.col + col);
        // (What a masked store wrote cannot be read again before it has reached the cache.)
        let masked = complete && tile.last < S::LANES && !matches!(self.finish, Finish::Store);
        (tile.c, tile.c_row_stride, tile.c_last) = if self.sums_in_c() && !masked {
            let c = self.c_as_seen().at(row, col);
            (c.ptr.cast_mut(), c.row_stride, tile.last)
        } else if let Some((kept, row_stride)) = kept {
            (kept, row_stride, S::LANES)
        } else {
            (buffer.as_mut_ptr().cast(), width * S::LANES, S::LANES)
        };
        // SAFETY: the caller put the tile inside the product; a tile has at most MAX_TILE elements; the sums are
        // written before they are read.
        unsafe {
            sum_tile(self.simd, rows, width, &tile);
            if complete && !(self.sums_in_c() && matches!(self.finish, Finish::Store)) {
                let block =
                    Block { sums: tile.c, sums_row_stride: tile.c_row_stride, rows, cols, row, col, turned: false };
                self.finish_seen(block)
            }
        }
    }
}
