//! Products of a few tiles.

use super::super::blocking::{K_BLOCK, STREAM_ROWS, Tiling, flat, pages_apart, runs, tile_rows};
use super::super::epilogue::{Block, Finish, Target, finish_block};
use super::super::microkernel::{Tile, sum_tile, sum_tile_here};
use super::super::pack::Operand;
use super::super::scratch::{Layout, layout};
use super::super::short::{Short, is_short};
use super::{Factor, Panels, Product, panels};
use crate::simd::{Kernel, Simd};

/// A product that may be small and plain enough for one way without a choice: whether it was, and is done. A few tiles take less time than the choice
/// between the ways to divide larger products, and than the entry to a function that has them all.
pub(in crate::gemm) struct Small<'a, 'p, 'c>(pub &'a mut Product<'p, 'c>);

impl Kernel for Small<'_, '_, '_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> bool {
        // B, and C, in elements: near whatever else there is.
        const MOST_B: usize = 1 << 13;
        const MOST_C: usize = 1 << 12;
        // Wider products of several tiles of rows have another order.
        const MOST_COLS: usize = 256;
        // One tile is faster than a panel in registers from longer sums on.
        const MOST_K: usize = 7;
        // Multiply-adds of vectors for lanes that are not used, in many tiles, before another order is thought about.
        const WASTED: usize = 512;
        let &mut Product { a, b: Factor::Plain(b), ref mut c, finish, scratch } = self.0 else { return false };
        let (m, k, n) = (c.rows(), a.cols(), c.cols());
        let (a, b, c) = (Operand::of(a), Operand::of(b), Target::of(c));
        let plain = b.col_stride == 1 && c.0.col_stride == 1 && (a.row_stride == 1 || a.col_stride == 1);
        if const { S::LANES == 1 } || !plain || k > K_BLOCK {
            return false;
        }
        let vectors = n.div_ceil(S::LANES);
        let padded = vectors * S::LANES;
        let partial = n < padded;
        let one_tile = matches!(vectors, 1..=4 | 8) && m <= tile_rows(S::TILE_ROWS, vectors);
        let narrow = || n < MOST_COLS || n <= MOST_C && m <= tile_rows(S::TILE_ROWS, 2);
        let small = || k * n <= MOST_B && m <= MOST_C && m * n <= MOST_C && !pages_apart(b.row_stride) && narrow();
        if !(one_tile || small()) {
            return false;
        }
        // A tall tile reads no vector in part, and the lanes that many tiles waste might be worth another order.
        if partial && (vectors > 1 && m > S::PARTIAL_ROWS || !one_tile && m * k > WASTED) {
            return false;
        }
        // Sums that C cannot hold. (What a masked store wrote cannot be read again before it has reached the cache.)
        let apart = !finish.overwrites() || partial && !matches!(finish, Finish::Store);
        // (For so many rows the scratch has room.)
        if apart && m > STREAM_ROWS {
            let Layout { b, a, sums } = layout(m, k, n);
            if m * padded > b + a + sums {
                return false;
            }
        }
        let (sums, sums_row_stride) = if apart { (scratch, padded) } else { (c.0.ptr.cast_mut(), c.0.row_stride) };
        let mut tile = Tile {
            k,
            k_block: k,
            a_row_stride: a.row_stride,
            a_col_stride: a.col_stride,
            b_stride: b.row_stride,
            c_row_stride: sums_row_stride,
            ..Tile::EMPTY
        };
        if is_short::<S>(m, k, n, sums_row_stride) && !(one_tile && k > MOST_K) {
            let short = Short { rows: m, k, a, b, cols: n, c: sums, c_row_stride: sums_row_stride };
            // SAFETY: `gemm` checked the shapes, the views vouch for their elements, C is lent mutably, and the scratch has room for the sums if C does
            // not take them.
            unsafe { short.run(simd) }
        } else if one_tile {
            tile.last = S::LANES - (padded - n);
            tile.c_last = if apart { S::LANES } else { tile.last };
            (tile.a, tile.b, tile.c) = (a.ptr, b.ptr, sums);
            // SAFETY: as above; the tile is the product.
            unsafe { sum_tile_here(simd, m, vectors, &mut tile) }
        } else {
            // 1. Panels of B, as wide as a tile; those of one width together, if one tile has all rows.
            let tiling = Tiling { rows: m, tallest: usize::MAX, padded: false, flat: !apart && flat::<S>(m, k, n) };
            let mut jc = 0;
            while jc < n {
                let Panels { width, times, .. } = panels::<S>(tiling, jc, n);
                let panel = width * S::LANES;
                let one_tile = m <= tile_rows(S::TILE_ROWS, width);
                let times = if one_tile { times } else { 1 };
                tile.last = (n - jc).min(panel * times) - (panel * times - S::LANES);
                tile.c_last = if apart { S::LANES } else { tile.last };
                // 2. Tiles of rows, as equal as they come.
                for run in runs(m, tile_rows(S::TILE_ROWS, width)) {
                    (tile.a, tile.b) = (a.at(run.start, 0).ptr, b.at(0, jc).ptr);
                    tile.c = sums.wrapping_add(run.start * sums_row_stride + jc);
                    if one_tile {
                        tile.along(panel, panel, times);
                    } else {
                        tile.down(run.len, run.times);
                    }
                    // SAFETY: as above; the tiles lie inside the product.
                    unsafe { sum_tile(simd, run.len, width, &mut tile) }
                }
                jc += panel * times;
            }
        }
        if apart || !matches!(finish, Finish::Store) {
            let block = Block { sums, sums_row_stride, rows: m, cols: n, row: 0, col: 0, turned: false };
            // SAFETY: as above; the sums are complete.
            unsafe { finish_block(simd, finish, block, c) }
        }
        true
    }
}
