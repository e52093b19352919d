//! The inner loop of tiles of a few rows, so wide that their sums take nearly all registers.
//!
//! Few rows do little with what they read, so the way B comes is what counts. A row of B that is one panel is read from end to end, and the next begins where
//! it ends: prefetchers then bring lines from the second-level cache half as fast again as pieces of rows. Beside the sums there is an element for each row of A
//! and one vector of B at a time (where a taller tile holds one element and all vectors of a row of B): with 16 registers, 3 × 4 fits only so.

use super::blocking::tile_rows;
use super::each::each;
use super::microkernel::{InnerLoop, Tile, loop_of, no_loop};
use super::rounds::{Rounds, in_rounds};
use crate::simd::{Kernel, Simd};

/// [`inner_loop`](super::microkernel::inner_loop) for tiles of four vectors and more that are wider than high: they copy nothing, ask for nothing and begin their
/// chains.
#[inline(always)]
pub(super) fn choose_wide<S: Simd>(_: S, rows: usize, width: usize, tile: &Tile) -> InnerLoop {
    let partial = tile.is_partial::<S>();
    macro_rules! by_size {
        ($($width:literal: $($rows:literal)*;)*) => {
            match (width, rows) {
                $($(($width, $rows) if const { $rows <= tile_rows(S::TILE_ROWS, $width) } => {
                    if const { S::LANES > 1 } && partial {
                        loop_of!(S, Wide::<$rows, $width, true>)
                    } else {
                        loop_of!(S, Wide::<$rows, $width, false>)
                    }
                })*)*
                _ => no_loop(rows, width),
            }
        };
    }
    by_size! {
        4: 1 2 3; 5: 1 2 3 4 5; 6: 1 2 3 4; 7: 1 2 3; 8: 1 2 3; 9: 1 2 3;
        10: 1 2; 11: 1 2; 12: 1 2; 13: 1 2; 14: 1 2;
        15: 1; 16: 1; 17: 1; 18: 1; 19: 1; 20: 1; 21: 1; 22: 1; 23: 1; 24: 1; 25: 1; 26: 1; 27: 1; 28: 1;
    }
}

/// `PARTIAL`: the last vector of B is read in part.
struct Wide<'a, const MR: usize, const NV: usize, const PARTIAL: bool>(&'a Tile);

impl<const MR: usize, const NV: usize, const PARTIAL: bool> Kernel for Wide<'_, MR, NV, PARTIAL> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let tile = self.0;
        tile.assert_readable::<S>(PARTIAL);
        let (mut a, mut b, mut k) = (tile.a, tile.b, tile.k);
        let mut add = tile.add;
        loop {
            let len = tile.k_block.min(k);
            let mut sums = [[simd.splat(0.0); NV]; MR];
            // SAFETY: `len ≤ k`, what is left of it, and the caller of an `InnerLoop` promises every element of the tile's rows and columns for all of `k`; pointers past
            // the last one are made with wrapping arithmetic and not read.
            unsafe {
                // One step of k for all sums, whichever it is of a round.
                macro_rules! step {
                    ($_:literal, $a:expr, $b:expr) => {{
                        let mut xs = [simd.splat(0.0); MR];
                        for (i, x) in xs.iter_mut().enumerate() {
                            *x = simd.splat(*$a(i));
                        }
                        let b: *const f32 = $b;
                        each!(v < NV, {
                            let from = b.add(v * S::LANES);
                            let y = if const { PARTIAL } && v + 1 == NV {
                                simd.load_first(from, tile.last)
                            } else {
                                simd.load(from)
                            };
                            for (sums, &x) in sums.iter_mut().zip(&xs) {
                                // (Sums leave no registers for vectors that come before their time.)
                                sums[v] = simd.pin(simd.fma(x, y, sums[v]));
                            }
                        });
                    }};
                }
                if const { S::FEW_INSTRUCTIONS && NV <= 9 } {
                    let mut rounds =
                        Rounds::<MR, true, true>::new(a, tile.a_row_stride, tile.a_col_stride, b, tile.b_stride);
                    in_rounds!(simd, rounds, len, step);
                    (a, b) = (rounds.a(0, 0), rounds.b(0));
                } else {
                    let mut left = len;
                    macro_rules! next_step {
                        () => {{
                            step!(0, |i: usize| a.wrapping_add(i * tile.a_row_stride), b);
                            (a, b) = (a.wrapping_add(tile.a_col_stride), b.wrapping_add(tile.b_stride));
                        }};
                    }
                    if const { NV <= 9 } {
                        // (Wider tiles have enough to do in a step.)
                        while left >= 2 {
                            next_step!();
                            next_step!();
                            left -= 2;
                        }
                    }
                    while left > 0 {
                        next_step!();
                        left -= 1;
                    }
                }
                for (i, sums) in sums.iter().enumerate() {
                    each!(v < NV, {
                        tile.put(simd, i, v, v + 1 == NV, add, sums[v]);
                    });
                }
            }
            k -= len;
            if k == 0 {
                break;
            }
            add = true;
        }
    }
}
