//! The inner loop for few rows of A: some rows of B stream past, and the sums of all columns are kept in the first-level cache.

use super::blocking::{ASKED_ROWS, STREAMED, rows_in_stream};
use super::each::each;
use super::pack::Operand;
use crate::simd::{Kernel, Simd};

/// Some rows of B times the elements of some rows of A that meet them, added to the sums of `cols` columns.
#[derive(Clone, Copy)]
pub(super) struct Stream {
    pub a: Operand,
    pub b: Operand,
    pub cols: usize,
    /// Row-major, each row padded to whole vectors.
    pub sums: *mut f32,
    pub sums_row_stride: usize,
    /// Whether the sums begin here.
    pub first: bool,
    /// How often so many rows of B are taken, one group after the other.
    pub times: usize,
    /// Whether rows of B that come later are asked for.
    pub asks: bool,
}

impl Stream {
    /// `rows` rows of A (at most [`rows_in_stream`]) and `together` rows of B: [`STREAMED`] or 1.
    ///
    /// # Safety
    /// `times` as many rows of B, `cols` long, and the elements of A that meet them are readable; the rows of sums are writable, and readable if not `first`.
    #[inline(always)]
    pub unsafe fn run<S: Simd>(self, simd: S, rows: usize, together: usize) {
        macro_rules! call {
            ($($rows:literal)*) => {
                match rows {
                    $($rows if const { $rows <= rows_in_stream::<S>() } => {
                        if together != STREAMED {
                            simd.vectorize(Rows::<$rows, 1, false>(self))
                        } else if self.asks {
                            simd.vectorize(Rows::<$rows, STREAMED, true>(self))
                        } else {
                            simd.vectorize(Rows::<$rows, STREAMED, false>(self))
                        }
                    })*
                    _ => debug_assert!(false, "no stream of {rows} rows"),
                }
            };
        }
        call!(1 2 3 4 5 6)
    }
}

/// `MR` rows of A, `ROWS` rows of B, asking for others or not.
struct Rows<const MR: usize, const ROWS: usize, const ASKS: bool>(Stream);

impl<const MR: usize, const ROWS: usize, const ASKS: bool> Rows<MR, ROWS, ASKS> {
    /// Vectors that a turn of the loop takes: with few multiply-adds for each, the loop's own instructions count.
    const TOGETHER: usize = match (MR, ROWS) {
        (_, 1) => 4,
        (1, _) => 2,
        _ => 1,
    };
}

impl<const MR: usize, const ROWS: usize, const ASKS: bool> Kernel for Rows<MR, ROWS, ASKS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Stream { mut a, mut b, cols, sums, sums_row_stride, mut first, times, .. } = self.0;
        // SAFETY: the caller of `Stream::run` promises every element.
        unsafe {
            for _ in 0..times {
                let mut x = [[simd.splat(0.0); ROWS]; MR];
                for (i, x) in x.iter_mut().enumerate() {
                    for (p, x) in x.iter_mut().enumerate() {
                        *x = simd.splat(*a.at(i, p).ptr);
                    }
                }
                macro_rules! vector {
                    ($first:literal, $j:expr, $load:ident $(, $count:expr)?) => {{
                        let mut row = [simd.splat(0.0); MR];
                        if !$first {
                            for (i, row) in row.iter_mut().enumerate() {
                                *row = simd.load(sums.add(i * sums_row_stride + $j));
                            }
                        }
                        if const { ASKS } {
                            for p in 0..ROWS {
                                simd.prefetch_second_level(b.ptr.wrapping_add((ASKED_ROWS + p) * b.row_stride + $j));
                            }
                        }
                        for p in 0..ROWS {
                            let y = simd.$load(b.ptr.wrapping_add(p * b.row_stride + $j) $(, $count)?);
                            for (row, x) in row.iter_mut().zip(&x) {
                                *row = simd.fma(x[p], y, *row);
                            }
                        }
                        for (i, &row) in row.iter().enumerate() {
                            simd.store(sums.add(i * sums_row_stride + $j), row);
                        }
                    }};
                }
                let whole = cols - cols % S::LANES;
                macro_rules! vectors {
                    ($first:literal) => {{
                        let mut j = 0;
                        while j + Self::TOGETHER * S::LANES <= whole {
                            each!(v in 0 1 2 3; v < Self::TOGETHER, { vector!($first, j + v * S::LANES, load) });
                            j += Self::TOGETHER * S::LANES;
                        }
                        if const { Self::TOGETHER > 1 } {
                            while j < whole {
                                vector!($first, j, load);
                                j += S::LANES;
                            }
                        }
                        if whole < cols {
                            vector!($first, whole, load_first, cols - whole);
                        }
                    }};
                }
                // (The sums' beginning is not asked for with each vector.)
                if first {
                    vectors!(true)
                } else {
                    vectors!(false)
                }
                (a, b, first) = (a.at(0, ROWS), b.at(ROWS, 0), false);
            }
        }
    }
}
