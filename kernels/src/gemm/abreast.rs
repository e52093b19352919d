//! The inner loop of a few rows of A past several panels of a packed B at once.
//!
//! A panel as wide as a tile of two vectors gives one row of A two chains of multiply-adds, where a processor wants eight and more under way. So several panels are read side by side, each from end to
//! end.

use super::each::each;
use super::microkernel::{InnerLoop, Tile, loop_of, no_loop};
use crate::simd::{Kernel, Simd};

/// Vectors of a panel.
pub(super) const PANEL_VECTORS: usize = 2;

/// Panels that so many rows of A meet at once: as many sums as leave registers, of 16, for an element of each row and a vector of B. None if there are more rows than this serves.
pub(super) const fn panels_abreast(rows: usize) -> usize {
    match rows {
        1 => 4,
        2 => 3,
        3 => 2,
        _ => 0,
    }
}

/// The inner loop for a tile of `rows` by `width` vectors, whose `b_stride` is that from panel to panel: at most [`panels_abreast`].
#[inline(always)]
pub(super) fn choose_abreast<S: Simd>(_: S, rows: usize, width: usize, tile: &Tile) -> InnerLoop {
    macro_rules! by_size {
        ($($rows:literal: $($width:literal)*;)*) => {
            match (rows, width) {
                $($(($rows, $width) => {
                    if tile.a_col_stride == 1 {
                        loop_of!(S, Abreast::<$rows, $width, true>)
                    } else {
                        loop_of!(S, Abreast::<$rows, $width, false>)
                    }
                })*)*
                _ => no_loop(rows, width),
            }
        };
    }
    by_size! { 1: 1 2 3 4 5 6 7 8; 2: 1 2 3 4 5 6; 3: 1 2 3 4; }
}

/// `ALONG`: the columns of A lie side by side.
struct Abreast<'a, const MR: usize, const NV: usize, const ALONG: bool>(&'a Tile);

impl<const MR: usize, const NV: usize, const ALONG: bool> Kernel for Abreast<'_, MR, NV, ALONG> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        const { assert!(NV <= PANEL_VECTORS * panels_abreast(MR)) };
        const MOST_PANELS: usize = panels_abreast(1);
        let tile = self.0;
        let col_stride = if ALONG { 1 } else { tile.a_col_stride };
        let panels_used = const { NV.div_ceil(PANEL_VECTORS) };
        let mut panels = [tile.b; MOST_PANELS];
        for (q, panel) in panels.iter_mut().enumerate() {
            *panel = panel.wrapping_add(q * tile.b_stride);
        }
        let mut a = [tile.a; MR];
        for (i, a) in a.iter_mut().enumerate() {
            *a = a.wrapping_add(i.wrapping_mul(tile.a_row_stride));
        }
        let (mut k, mut add) = (tile.k, tile.add);
        loop {
            let len = tile.k_block.min(k);
            let mut sums = [[simd.splat(0.0); NV]; MR];
            // SAFETY: `len ≤ k`, what is left of it, and the caller of an `InnerLoop` promises every element of the tile's rows and columns for all of `k`; pointers past
            // the last one are made with wrapping arithmetic and not read.
            unsafe {
                // One step of k for all sums, the `$step`-th of those that come before the pointers go on.
                macro_rules! step {
                    ($step:literal) => {{
                        let mut xs = [simd.splat(0.0); MR];
                        for (x, a) in xs.iter_mut().zip(&a) {
                            *x = simd.splat(*a.wrapping_add($step * col_stride));
                        }
                        each!(v in 0 1 2 3 4 5 6 7; v < NV, {
                            let row = panels[v / PANEL_VECTORS].wrapping_add($step * PANEL_VECTORS * S::LANES);
                            let y = simd.load(row.wrapping_add(v % PANEL_VECTORS * S::LANES));
                            for (sums, &x) in sums.iter_mut().zip(&xs) {
                                // (Sums leave no registers for vectors that come before their time.)
                                sums[v] = simd.pin(simd.fma(x, y, sums[v]));
                            }
                        });
                    }};
                }
                macro_rules! go_on {
                    ($steps:literal) => {{
                        // (Each address is a pointer and a constant: the compiler would make one of another, with more instructions.)
                        for a in &mut a {
                            *a = simd.opaque(a.wrapping_add($steps * col_stride));
                        }
                        for panel in panels.iter_mut().take(panels_used) {
                            *panel = simd.opaque(panel.wrapping_add($steps * PANEL_VECTORS * S::LANES));
                        }
                    }};
                }
                for _ in 0..len / 4 {
                    step!(0);
                    step!(1);
                    step!(2);
                    step!(3);
                    go_on!(4);
                }
                for _ in 0..len % 4 {
                    step!(0);
                    go_on!(1);
                }
                for (i, sums) in sums.iter().enumerate() {
                    each!(v in 0 1 2 3 4 5 6 7; v < NV, {
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
