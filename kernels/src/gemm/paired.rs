//! The inner loop of tiles of a few sums, over more than one block of `k`: two blocks at a time.
//!
//! A chain takes the latency of a multiply-add for each step of `k`, and a processor begins eight in that time. A tile of up to four sums leaves half of them or
//! more unused; but the blocks of a sum are chains of their own, which only meet when they are added.

use super::microkernel::{InnerLoop, Tile, loop_of};
use crate::simd::{Kernel, Simd};

/// Whether tiles of so many rows and vectors are ever paired. (Wider ones take as long for what they read of B.)
pub(super) const fn can_pair<S: Simd>(rows: usize, width: usize) -> bool {
    S::LANES > 1 && width <= 2 && rows * width <= 4
}

/// Whether this tile has blocks to pair, that begin with it.
#[inline(always)]
pub(super) fn has_pairs(tile: &Tile) -> bool {
    tile.k > tile.k_block && !tile.add && tile.chains.is_null()
}

/// [`inner_loop`](super::microkernel::inner_loop) for `MR` rows by `NV` vectors of a B that lies in rows, and tiles that [`can_pair`] and [`has_pairs`].
#[inline(always)]
pub(super) fn choose_paired<S: Simd, const MR: usize, const NV: usize>(_: S, tile: &Tile) -> InnerLoop {
    if tile.is_partial::<S>() { loop_of!(S, Paired::<MR, NV, true>) } else { loop_of!(S, Paired::<MR, NV, false>) }
}

/// `PARTIAL`: the last vector of B is read in part. B lies in rows.
struct Paired<'a, const MR: usize, const NV: usize, const PARTIAL: bool>(&'a Tile);

impl<const MR: usize, const NV: usize, const PARTIAL: bool> Kernel for Paired<'_, MR, NV, PARTIAL> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let tile = self.0;
        tile.assert_readable::<S>(PARTIAL);
        let zero = [[simd.splat(0.0); NV]; MR];
        let mut totals = zero;
        let mut start = 0;
        // SAFETY: the blocks end with `k`, and the caller of an `InnerLoop` promises every element of the tile's rows and columns for all of `k`; pointers past the
        // last one are made with wrapping arithmetic and not read.
        unsafe {
            while start < tile.k {
                let len = tile.k_block.min(tile.k - start);
                let next_len = tile.k_block.min(tile.k - start - len);
                let (mut sums, mut next_sums) = (zero, zero);
                let (mut a, mut b) =
                    (tile.a.wrapping_add(start * tile.a_col_stride), tile.b.wrapping_add(start * tile.b_stride));
                let (to_next_a, to_next_b) = (len * tile.a_col_stride, len * tile.b_stride);
                // One step of k for the sums of a block.
                macro_rules! step {
                    ($sums:ident, $a:expr, $b:expr) => {{
                        let mut row = [simd.splat(0.0); NV];
                        for (v, vector) in row.iter_mut().enumerate() {
                            let from = $b.wrapping_add(v * S::LANES);
                            *vector = if const { PARTIAL } && v + 1 == NV {
                                simd.load_first(from, tile.last)
                            } else {
                                simd.load(from)
                            };
                        }
                        for (i, sums) in $sums.iter_mut().enumerate() {
                            let x = simd.splat(*$a.wrapping_add(i * tile.a_row_stride));
                            for (sum, &y) in sums.iter_mut().zip(&row) {
                                *sum = simd.fma(x, y, *sum);
                            }
                        }
                    }};
                }
                for p in 0..len {
                    step!(sums, a, b);
                    // (The last block may be shorter.)
                    if p < next_len {
                        step!(next_sums, a.wrapping_add(to_next_a), b.wrapping_add(to_next_b));
                    }
                    (a, b) = (a.wrapping_add(tile.a_col_stride), b.wrapping_add(tile.b_stride));
                }
                for (totals, (sums, next_sums)) in totals.iter_mut().zip(sums.iter().zip(&next_sums)) {
                    for (total, (&sum, &next_sum)) in totals.iter_mut().zip(sums.iter().zip(next_sums)) {
                        if start == 0 {
                            *total = sum;
                        } else {
                            *total = simd.add(*total, sum);
                        }
                        if next_len > 0 {
                            *total = simd.add(*total, next_sum);
                        }
                    }
                }
                start += len + next_len;
            }
            for (i, totals) in totals.iter().enumerate() {
                for (v, &total) in totals.iter().enumerate() {
                    tile.put(simd, i, v, v + 1 == NV, false, total);
                }
            }
        }
    }
}
