//! The inner loops: one tile of C, `MR` rows by `NV` vectors, held in registers over a block of `k`.

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
    pub b_row_stride: usize,
    /// Where the sums go, row-major.
    pub c: *mut f32,
    pub c_row_stride: usize,
    /// Whether `c` holds the sum of earlier blocks, to which the first block here is added.
    pub add: bool,
    /// Used lanes of the last vector, 1 to `LANES`.
    pub last: usize,
}

/// Sums a tile of `rows` by `width` vectors into `tile.c`.
///
/// # Safety
/// For every row `i < rows`, `p < k` and column `j < (width − 1) · LANES + last`, `a[i·rs + p·cs]` and `b[p·rs + j]` are readable and
/// `c[i·rs + j]` is writable; and readable too if `add`, or if there is more than one block. `rows` and `width` are a tile
/// that [`Simd::TILE_ROWS`] allows.
#[inline(always)]
pub(super) unsafe fn sum_tile<S: Simd>(simd: S, rows: usize, width: usize, tile: Tile) {
    macro_rules! call {
        ($width:literal: $($rows:literal)*) => {
            match rows {
                $($rows if const { $rows <= super::blocking::tile_rows(S::TILE_ROWS, $width) } => {
                    // Where a partial vector is free, one kernel serves both (and halves the code).
                    if const { !S::PARTIAL_IS_FREE } && tile.last == S::LANES {
                        simd.vectorize(Sum::<$rows, $width, true>(tile))
                    } else {
                        simd.vectorize(Sum::<$rows, $width, false>(tile))
                    }
                })*
                _ => debug_assert!(false, "no tile of {rows} rows by {} vectors", $width),
            }
        };
    }
    match width {
        1 => call!(1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
        2 => call!(2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
        3 => call!(3: 1 2 3 4 5 6 7 8 9),
        4 => call!(4: 1 2 3 4 5 6),
        _ => call!(8: 1 2 3),
    }
}

/// `FULL`: the last vector is whole.
struct Sum<const MR: usize, const NV: usize, const FULL: bool>(Tile);

impl<const MR: usize, const NV: usize, const FULL: bool> Kernel for Sum<MR, NV, FULL> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Tile { k, k_block, a, a_row_stride, a_col_stride, b, b_row_stride, c, c_row_stride, add, last } = self.0;
        let mut start = 0;
        loop {
            let len = k_block.min(k - start);
            let mut sums = [[simd.splat(0.0); NV]; MR];
            // SAFETY: `start ≤ k` and `len ≤ k − start`, and the caller of `sum_tile` promises every element of the tile's rows
            // and columns for all of `k`; pointers past the last one are made with wrapping arithmetic and not read.
            unsafe {
                let mut a = a.wrapping_add(start * a_col_stride);
                let mut b = b.wrapping_add(start * b_row_stride);
                for _ in 0..len {
                    let mut row = [simd.splat(0.0); NV];
                    for (v, vector) in row.iter_mut().enumerate() {
                        let from = b.add(v * S::LANES);
                        *vector = if FULL || v + 1 < NV { simd.load(from) } else { simd.load_first(from, last) };
                    }
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let x = simd.splat(*a.add(i * a_row_stride));
                        for (sum, &y) in sums.iter_mut().zip(&row) {
                            *sum = simd.fma(x, y, *sum);
                        }
                    }
                    a = a.wrapping_add(a_col_stride);
                    b = b.wrapping_add(b_row_stride);
                }
                let add = add || start > 0;
                for (i, sums) in sums.iter().enumerate() {
                    for (v, &sum) in sums.iter().enumerate() {
                        let to = c.add(i * c_row_stride + v * S::LANES);
                        if FULL || v + 1 < NV {
                            simd.store(to, if add { simd.add(simd.load(to), sum) } else { sum });
                        } else {
                            let sum = if add { simd.add(simd.load_first(to, last), sum) } else { sum };
                            simd.store_first(to, sum, last);
                        }
                    }
                }
            }
            start += len;
            if start >= k {
                break;
            }
        }
    }
}
