//! The inner loops: one tile of C, `MR` rows by `NV` vectors, held in registers over a block of `k`.

use super::blocking::{PARTIAL_ROWS, tile_rows};
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
    /// Whether the rows of B are readable to the end of the last vector.
    pub b_padded: bool,
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
/// For every row `i < rows`, `p < k` and column `j < (width − 1) · LANES + last` (to `width · LANES` if `b_padded`), `a[i·rs + p·cs]`
/// and `b[p·rs + j]` are readable and `c[i·rs + j]` is writable; and readable too if `add`, or if there is more than one
/// block. One of the strides of A is 1. `rows` and `width` are a tile that [`Simd::TILE_ROWS`] allows, and of at most
/// [`PARTIAL_ROWS`] or one vector wide if the last vector of B must be read in part.
#[inline(always)]
pub(super) unsafe fn sum_tile<S: Simd>(simd: S, rows: usize, width: usize, tile: Tile) {
    let partial = !tile.b_padded && tile.last < S::LANES;
    macro_rules! call {
        ($width:literal: $($rows:literal)*) => {
            match rows {
                $($rows if const { $rows <= tile_rows(S::TILE_ROWS, $width) } => {
                    // Kernels that read parts of vectors are made only where the loops ask for them.
                    if const { S::LANES > 1 && ($width == 1 || $rows <= PARTIAL_ROWS) } && partial {
                        if tile.a_row_stride == 1 {
                            simd.vectorize(Sum::<$rows, $width, true, true>(tile))
                        } else {
                            simd.vectorize(Sum::<$rows, $width, true, false>(tile))
                        }
                    } else if tile.a_row_stride == 1 {
                        simd.vectorize(Sum::<$rows, $width, false, true>(tile))
                    } else {
                        simd.vectorize(Sum::<$rows, $width, false, false>(tile))
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

/// `PARTIAL`: the last vector of B is read in part. `A_ROWS`: the rows of A lie side by side (A transposed or packed), else its
/// columns do: either way the addresses of a round of loads are constants apart.
struct Sum<const MR: usize, const NV: usize, const PARTIAL: bool, const A_ROWS: bool>(Tile);

impl<const MR: usize, const NV: usize, const PARTIAL: bool, const A_ROWS: bool> Kernel
    for Sum<MR, NV, PARTIAL, A_ROWS>
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let tile = self.0;
        let (a_row_stride, a_col_stride) = if A_ROWS { (1, tile.a_col_stride) } else { (tile.a_row_stride, 1) };
        if tile.add {
            // The sums of earlier blocks, which come back from the second-level cache while this one is computed.
            for i in 0..MR {
                for v in 0..NV {
                    simd.prefetch(tile.c.wrapping_add(i * tile.c_row_stride + v * S::LANES));
                }
            }
        }
        let mut start = 0;
        loop {
            let len = tile.k_block.min(tile.k - start);
            let mut sums = [[simd.splat(0.0); NV]; MR];
            let mut a = tile.a.wrapping_add(start * a_col_stride);
            let mut b = tile.b.wrapping_add(start * tile.b_row_stride);
            // One step of k for all sums.
            macro_rules! step {
                ($a:expr, $b:expr) => {{
                    let mut row = [simd.splat(0.0); NV];
                    for (v, vector) in row.iter_mut().enumerate() {
                        let from = $b.add(v * S::LANES);
                        *vector =
                            if PARTIAL && v + 1 == NV { simd.load_first(from, tile.last) } else { simd.load(from) };
                    }
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let x = simd.splat(*$a.add(i * a_row_stride));
                        for (sum, &y) in sums.iter_mut().zip(&row) {
                            *sum = simd.fma(x, y, *sum);
                            if !A_ROWS {
                                // Else the compiler would load for all four steps first, and run out of registers.
                                *sum = simd.pin(*sum);
                            }
                        }
                    }
                }};
            }
            // SAFETY: `start ≤ k` and `len ≤ k − start`, and the caller of `sum_tile` promises every element of the tile's rows
            // and columns for all of `k`; pointers past the last one are made with wrapping arithmetic and not read.
            unsafe {
                let mut left = len;
                if !A_ROWS {
                    // Four steps at a time: the address of each row is made once for four loads.
                    while left >= 4 {
                        step!(a, b);
                        step!(a.add(1), b.wrapping_add(tile.b_row_stride));
                        step!(a.add(2), b.wrapping_add(2 * tile.b_row_stride));
                        step!(a.add(3), b.wrapping_add(3 * tile.b_row_stride));
                        a = a.wrapping_add(4);
                        b = b.wrapping_add(4 * tile.b_row_stride);
                        left -= 4;
                    }
                }
                while left > 0 {
                    step!(a, b);
                    a = a.wrapping_add(a_col_stride);
                    b = b.wrapping_add(tile.b_row_stride);
                    left -= 1;
                }
                let add = tile.add || start > 0;
                for (i, sums) in sums.iter().enumerate() {
                    for (v, &sum) in sums.iter().enumerate() {
                        let to = tile.c.add(i * tile.c_row_stride + v * S::LANES);
                        if v + 1 < NV || tile.last == S::LANES {
                            simd.store(to, if add { simd.add(simd.load(to), sum) } else { sum });
                        } else {
                            let sum = if add { simd.add(simd.load_first(to, tile.last), sum) } else { sum };
                            simd.store_first(to, sum, tile.last);
                        }
                    }
                }
            }
            start += len;
            if start >= tile.k {
                break;
            }
        }
    }
}
