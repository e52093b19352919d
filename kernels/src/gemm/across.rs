//! The inner loop of tiles of a few rows over a B that lies in columns.
//!
//! Turning columns to vectors is much of the work then, or nearly all of it, so 8 steps of `k` are turned at a time where vectors are long, 16 where columns lie
//! half a page apart or whole ones: cache lines, each read once. The fewer rows, the more vectors side by side, whose chains would keep the next steps waiting.

use super::blocking::{MAX_LANES, widest};
use super::each::each;
use super::microkernel::{InnerLoop, Tile, loop_of, no_loop};
use crate::simd::{Kernel, Simd};

/// The widest of these tiles for so many rows, in vectors; 0: none. Columns may be `colliding`: drive each other out of the first-level cache.
pub(super) const fn across_width<S: Simd>(rows: usize, colliding: bool) -> usize {
    widest(widths::<S>(colliding), rows)
}

/// The most rows of these tiles.
pub(super) const fn across_rows<S: Simd>(colliding: bool) -> usize {
    let widths = widths::<S>(colliding);
    let mut rows = widths.len();
    while rows > 0 && widths[rows - 1] == 0 {
        rows -= 1;
    }
    rows
}

const fn widths<S: Simd>(colliding: bool) -> &'static [usize] {
    if colliding { &S::TURNED_WIDEST_COLLIDING } else { &S::TURNED_WIDEST }
}

/// Whether there are such tiles for an A in columns.
pub(super) const fn takes_columns<S: Simd>() -> bool {
    S::LANES == MAX_LANES
}

/// Whether there is such a tile.
const fn is_made<S: Simd>(rows: usize, width: usize) -> bool {
    width <= across_width::<S>(rows, false) || width <= across_width::<S>(rows, true)
}

/// The inner loop for a tile of `rows` by `width` vectors, at most [`across_width`] wide of either kind, whose B lies across, and A in rows, or in columns if there are [such tiles](takes_columns).
#[inline(never)]
pub(super) fn across_loop<S: Simd>(_: S, rows: usize, width: usize, tile: &Tile) -> InnerLoop {
    macro_rules! by_size {
        ($($rows:literal)* ; $widths:tt) => { by_size!(@ $($rows $widths)*) };
        (@ $($rows:literal [$($width:literal)*])*) => {
            match (rows, width) {
                $($(($rows, $width) if const { is_made::<S>($rows, $width) } => {
                    match (tile.last < S::LANES, tile.a_col_stride == 1) {
                        (false, true) => loop_of!(S, Across::<$rows, $width, false, false>),
                        (true, true) => loop_of!(S, Across::<$rows, $width, true, false>),
                        (false, false) if const { takes_columns::<S>() } => {
                            loop_of!(S, Across::<$rows, $width, false, true>)
                        }
                        (true, false) if const { takes_columns::<S>() } => {
                            loop_of!(S, Across::<$rows, $width, true, true>)
                        }
                        _ => no_loop(rows, width),
                    }
                })*)*
                _ => no_loop(rows, width),
            }
        };
    }
    by_size!(1 2 3 4 5 6 7 8 9 10 11 12 13 14; [1 2 3])
}

/// `PARTIAL`: the last vector has fewer columns than lanes. `A_ROWS`: the rows of A lie side by side, else its columns do.
struct Across<'a, const MR: usize, const NV: usize, const PARTIAL: bool, const A_ROWS: bool>(&'a Tile);

impl<const MR: usize, const NV: usize, const PARTIAL: bool, const A_ROWS: bool> Kernel
    for Across<'_, MR, NV, PARTIAL, A_ROWS>
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let tile = self.0;
        let (a_row_stride, a_col_stride) = if A_ROWS { (1, tile.a_col_stride) } else { (tile.a_row_stride, 1) };
        let mut start = 0;
        loop {
            let len = tile.k_block.min(tile.k - start);
            let mut sums = [[simd.splat(0.0); MR]; NV];
            let mut a = tile.a.wrapping_add(start * a_col_stride);
            let mut b = tile.b.wrapping_add(start);
            // SAFETY: `start ≤ k` and `len ≤ k − start`, and the caller of an `InnerLoop` promises every element of the tile's rows and columns for all of
            // `k`; pointers past the last one are made with wrapping arithmetic and not read.
            unsafe {
                // Some steps of k for all sums: vector by vector, each element of A from memory, so that registers are left for the turning.
                macro_rules! steps {
                    ($load:ident, $count:expr $(, $cols:expr)?) => {
                        each!(v in 0 1 2; v < NV, {
                            let from = b.wrapping_add(v * S::LANES * tile.b_stride);
                            let rows = if const { PARTIAL } && v + 1 == NV { tile.last } else { S::LANES };
                            let columns = simd.$load(from, tile.b_stride, rows $(, $cols)?);
                            each!(p in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; p < 16, {
                                if let Some(&y) = columns.get(p)
                                    && p < $count
                                {
                                    let a = a.wrapping_add(p * a_col_stride);
                                    for (i, sum) in sums[v].iter_mut().enumerate() {
                                        let x = simd.splat(*a.wrapping_add(i * a_row_stride));
                                        *sum = simd.pin(simd.fma(x, y, *sum));
                                    }
                                }
                            });
                        });
                        (a, b) = (a.wrapping_add($count * a_col_stride), b.wrapping_add($count));
                    };
                }
                let mut left = len;
                if const { S::LANES == 16 } && tile.whole_lines {
                    while left >= 16 {
                        steps!(load_sixteen_columns, 16);
                        left -= 16;
                    }
                }
                if const { S::LANES >= 8 } {
                    while left >= 8 {
                        steps!(load_eight_columns, 8);
                        left -= 8;
                    }
                }
                while left >= 4 {
                    steps!(load_columns, 4, 4);
                    left -= 4;
                }
                if left > 0 {
                    steps!(load_columns, left, left);
                }
                let add = tile.add || start > 0;
                for (v, sums) in sums.iter().enumerate() {
                    for (i, &sum) in sums.iter().enumerate() {
                        tile.put(simd, i, v, v + 1 == NV, add, sum);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::k_block_len;
    use crate::gemm::microkernel::Lies;
    use crate::isa::Isa;
    use crate::reference;

    /// Every tile, with A in rows and in columns, whatever this processor would choose.
    struct EveryTile;

    impl Kernel for EveryTile {
        type Output = ();

        fn run<S: Simd>(self, simd: S) {
            for rows in 1..=14 {
                for width in (1..=3).filter(|&width| is_made::<S>(rows, width)) {
                    let all = S::LANES;
                    for (last, c_last, k) in [(all, all, 29), (all, all, 600), (1, 1, 16), (all - 1, all, 39)] {
                        for (a_in_columns, whole_lines) in [(false, false), (false, true), (true, false), (true, true)]
                        {
                            if !a_in_columns || takes_columns::<S>() {
                                check(simd, (rows, k, width), (last, c_last), a_in_columns, whole_lines);
                            }
                        }
                    }
                }
            }
        }
    }

    fn check<S: Simd>(
        simd: S,
        (rows, k, width): (usize, usize, usize),
        (last, c_last): (usize, usize),
        a_in_columns: bool,
        whole_lines: bool,
    ) {
        let cols = (width - 1) * S::LANES + last;
        let element = |seed: usize| (seed.wrapping_mul(2_654_435_761) % 1999) as f32 / 1000.0 - 1.0;
        let a: Vec<f32> = (0..rows * k).map(element).collect();
        let b: Vec<f32> = (0..cols * k).map(|i| element(i + 7)).collect();
        let c_cols = cols - last + c_last;
        let mut c = vec![f32::NAN; rows * c_cols];
        let (a_row_stride, a_col_stride) = if a_in_columns { (1, rows) } else { (k, 1) };
        let tile = Tile {
            k,
            k_block: k_block_len(k),
            a: a.as_ptr(),
            a_row_stride,
            a_col_stride,
            b: b.as_ptr(),
            b_stride: k,
            b_lies: Lies::Across,
            whole_lines,
            c: c.as_mut_ptr(),
            c_row_stride: c_cols,
            last,
            c_last,
            ..Tile::EMPTY
        };
        let sum = across_loop(simd, rows, width, &tile);
        // SAFETY: the vectors hold `rows × k`, `k × cols` and `rows × c_cols` elements, as the strides say.
        unsafe { sum(&tile) }
        for (i, row) in c.chunks(c_cols).enumerate() {
            for (j, sum) in row[..cols].iter().enumerate() {
                let expected = reference::dot(k, |p| a[i * a_row_stride + p * a_col_stride], |p| b[j * k + p]);
                assert_eq!(sum.to_bits(), expected.to_bits(), "{rows}×{k}×{cols} ({width}), {i}, {j}");
            }
        }
    }

    #[test]
    fn every_tile_that_turns_columns_has_the_bits_of_the_reference() {
        Isa::available().for_each(|isa| isa.run(EveryTile));
    }
}
