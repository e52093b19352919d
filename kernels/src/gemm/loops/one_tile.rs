//! Products that are one tile.

use super::super::blocking::{K_BLOCK, MAX_TILE, tile_rows};
use super::super::epilogue::{Block, Finish, Target, finish_block};
use super::super::microkernel::{Tile, sum_tile_here};
use super::super::pack::Operand;
use super::{Factor, Product};
use crate::simd::{Kernel, Simd};

/// A product that may be small and plain enough to be one tile, whose sums go straight to C: whether it was, and is done. Small products take less
/// time than the choice between the ways to divide larger ones, and than the entry to a function that has them all.
pub(in crate::gemm) struct OneTile<'a, 'p, 'c>(pub &'a mut Product<'p, 'c>);

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
        let mut tile = Tile {
            k,
            k_block: k,
            a: a.ptr,
            a_row_stride: a.row_stride,
            a_col_stride: a.col_stride,
            b: b.ptr,
            b_stride: b.row_stride,
            c: if through_buffer { buffer.as_mut_ptr().cast() } else { c.0.ptr.cast_mut() },
            c_row_stride: if through_buffer { width * S::LANES } else { c.0.row_stride },
            last,
            c_last: if through_buffer { S::LANES } else { last },
            ..Tile::EMPTY
        };
        // SAFETY: `gemm` checked the shapes, the views vouch for their elements, and C is lent mutably; the tile is the product.
        unsafe {
            sum_tile_here(simd, m, width, &mut tile);
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
