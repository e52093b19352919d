//! Vectors out of slices, and reductions over a row in the fixed order of [the contract](crate#row-reductions).

use crate::matrix::{Mat, MatMut};
use crate::simd::{MOST_LANES, Simd, Twice};

/// Number of virtual lanes of a reduction, whatever the vector: lane `l` takes elements `l, l + 16, …`.
pub const REDUCTION_LANES: usize = 16;

/// The elements of `x` from `start`: a vector, or what is left with zeros behind.
#[inline(always)]
pub(crate) fn get<S: Simd>(simd: S, x: &[f32], start: usize) -> S::F {
    let rest = x.get(start..).unwrap_or(&[]);
    // SAFETY: `rest` has at least the number of elements that is read.
    unsafe {
        if rest.len() >= S::LANES { simd.load(rest.as_ptr()) } else { simd.load_first(rest.as_ptr(), rest.len()) }
    }
}

/// Stores `value` to `x` from `start`, as far as `x` goes.
#[inline(always)]
pub(crate) fn put<S: Simd>(simd: S, x: &mut [f32], start: usize, value: S::F) {
    let rest = x.get_mut(start..).unwrap_or(&mut []);
    let len = rest.len();
    // SAFETY: `rest` has at least the number of elements that is written.
    unsafe {
        if len >= S::LANES {
            simd.store(rest.as_mut_ptr(), value)
        } else {
            simd.store_first(rest.as_mut_ptr(), value, len)
        }
    }
}

/// Work on the elements of slices, vector by vector. A trait and not a closure, which may miss the caller's target features.
pub(crate) trait Vectors {
    /// The vector that begins at element `start`; there may be fewer elements than it has lanes.
    fn vector<S: Simd>(&mut self, simd: S, start: usize);
}

/// Takes elements `0..len` through `work`: four vectors at once where there are so many, which hide each other's latency. (Single elements go one by one, in a
/// fifth of the code: a machine that can look ahead sees the next ones by itself.)
#[inline(always)]
pub(crate) fn each_vector<S: Simd>(simd: S, len: usize, mut work: impl Vectors) {
    let four = Twice(Twice(simd));
    let mut start = 0;
    while const { S::LANES > 1 } && len - start >= 4 * S::LANES {
        work.vector(four, start);
        start += 4 * S::LANES;
    }
    while start < len {
        work.vector(simd, start);
        start += S::LANES;
    }
}

/// What a row's sum is taken over. A trait and not a closure, which may miss the caller's target features.
pub(crate) trait Terms {
    /// The terms of the elements from `start`, of which there may be fewer than a vector has lanes.
    fn terms<S: Simd>(&mut self, simd: S, start: usize) -> S::F;

    /// Adds terms to their lanes.
    #[inline(always)]
    fn add<S: Simd>(simd: S, lanes: S::F, terms: S::F) -> S::F {
        simd.add(lanes, terms)
    }
}

/// Lane `l` with lane `l + 8`, then `+ 4`, `+ 2`, `+ 1`. (No loop over vectors: an array with a variable index stays in memory.)
macro_rules! tree {
    ($simd:ident, $lanes:ident, $operation:ident) => {{
        if const { S::LANES == 1 } {
            for half in [8, 4, 2, 1] {
                for l in 0..half {
                    // (Remainders, because no check of the index may stay in a program that has no panic.)
                    let (low, high) = (l % REDUCTION_LANES, (l + half) % REDUCTION_LANES);
                    $lanes[low] = $simd.$operation($lanes[low], $lanes[high]);
                }
            }
        }
        if const { S::LANES == 4 } {
            $lanes[0] = $simd.$operation($lanes[0], $lanes[2]);
            $lanes[1] = $simd.$operation($lanes[1], $lanes[3]);
        }
        let mut lanes = $lanes[0];
        if const { S::LANES == 4 || S::LANES == 8 } {
            lanes = $simd.$operation(lanes, $lanes[1]);
        }
        macro_rules! fold {
            ($half:literal) => {
                if const { S::LANES > $half } {
                    lanes = $simd.$operation(lanes, $simd.rotate::<$half>(lanes));
                }
            };
        }
        fold!(8);
        fold!(4);
        fold!(2);
        fold!(1);
        to_array($simd, lanes)[0]
    }};
}

/// The lanes of a vector, and zeros.
#[inline(always)]
pub(crate) fn to_array<S: Simd>(simd: S, vector: S::F) -> [f32; MOST_LANES] {
    let mut lanes = [0.0; MOST_LANES];
    put(simd, &mut lanes, 0, vector);
    lanes
}

/// The sum over `len` elements in 16 lanes. The terms are made four vectors at once where there are so many, and added one by one.
#[inline(always)]
pub(crate) fn sum<S: Simd, T: Terms>(simd: S, len: usize, mut of: T) -> f32 {
    let (two, four) = (Twice(simd), Twice(Twice(simd)));
    let mut lanes = [simd.splat(0.0); REDUCTION_LANES];
    let mut start = 0;
    if const { S::LANES == 1 } {
        while start < len {
            let lane = &mut lanes[start % REDUCTION_LANES];
            *lane = T::add(simd, *lane, of.terms(simd, start));
            start += 1;
        }
    } else {
        let vectors = const { REDUCTION_LANES / S::LANES };
        macro_rules! add {
            ($($v:literal $terms:ident $($used:ident)?),*) => {$({
                let lane = &mut lanes[$v % vectors];
                let sum = T::add(simd, *lane, $terms);
                $(let sum = simd.select($used, sum, *lane);)?
                *lane = sum;
            })*};
        }
        while len - start >= 4 * S::LANES {
            let ((a, b), (c, d)) = of.terms(four, start);
            add!(0 a, 1 b, 2 c, 3 d);
            start += 4 * S::LANES;
        }
        let left = len - start;
        if left > 2 * S::LANES {
            let ((a, b), (c, d)) = of.terms(four, start);
            let ((_, _), (in_c, in_d)) = four.first(left);
            add!(0 a, 1 b, 2 c in_c, 3 d in_d);
        } else if left > S::LANES {
            let (a, b) = of.terms(two, start);
            let (_, in_b) = two.first(left);
            add!(0 a, 1 b in_b);
        } else if left > 0 {
            let (a, in_a) = (of.terms(simd, start), simd.first(left));
            add!(0 a in_a);
        }
    }
    tree!(simd, lanes, add)
}

/// The largest element: `−∞` if there is none; if there is a NaN, anything.
///
/// Unlike a sum, a maximum is the same in any order but for the sign of a zero.
#[inline(always)]
pub(crate) fn largest<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let (len, four) = (x.len(), Twice(Twice(simd)));
    let none = simd.splat(f32::NEG_INFINITY);
    let mut lanes = [none; REDUCTION_LANES];
    // (Nothing is read for an empty row: a masked load without a lane accesses no memory, but an emulator's does.)
    if 0 < len && len < S::LANES {
        lanes[0] = simd.select(simd.first(len), get(simd, x, 0), none);
    } else if len > 0 {
        let mut start = 0;
        let ((mut a, mut b), (mut c, mut d)) = four.splat(f32::NEG_INFINITY);
        while len - start >= 4 * S::LANES {
            ((a, b), (c, d)) = four.greater(((a, b), (c, d)), get(four, x, start));
            start += 4 * S::LANES;
        }
        let mut all = simd.greater(simd.greater(a, b), simd.greater(c, d));
        while start < len {
            // The last vector ends with the row and may begin before `start`.
            all = simd.greater(all, get(simd, x, start.min(len - S::LANES)));
            start += S::LANES;
        }
        lanes[0] = all;
    }
    tree!(simd, lanes, greater)
}

/// Up to four columns, from `col`, of rows `first..first + rows` (at most as many as a vector has lanes): a lane for each row. What lanes and vectors
/// without an element have is unspecified.
#[inline(always)]
pub(crate) fn get_columns<S: Simd>(simd: S, x: Mat<'_>, first: usize, rows: usize, col: usize) -> [S::F; 4] {
    let cols = block_cols::<S>(x, first, rows, col);
    let (stride, from) = (x.row_stride(), x.as_ptr().wrapping_add(first * x.row_stride() + col));
    // SAFETY: `block_cols` has checked rows and columns.
    unsafe {
        if rows < S::LANES {
            simd.load_columns(from, stride, rows, cols)
        } else if cols < 4 {
            simd.load_columns(from, stride, S::LANES, cols)
        } else {
            simd.load_columns(from, stride, S::LANES, 4)
        }
    }
}

/// The reverse of [`get_columns`].
#[inline(always)]
pub(crate) fn put_columns<S: Simd>(
    simd: S,
    x: &mut MatMut<'_>,
    first: usize,
    rows: usize,
    col: usize,
    columns: [S::F; 4],
) {
    let cols = block_cols::<S>(x.as_ref(), first, rows, col);
    let (stride, to) = (x.row_stride(), x.as_mut_ptr().wrapping_add(first * x.row_stride() + col));
    // SAFETY: `block_cols` has checked rows and columns; the view may be written to.
    unsafe {
        if rows < S::LANES {
            simd.store_columns(to, stride, rows, cols, columns)
        } else if cols < 4 {
            simd.store_columns(to, stride, S::LANES, cols, columns)
        } else {
            simd.store_columns(to, stride, S::LANES, 4, columns)
        }
    }
}

/// How many columns there are from `col`, at most four, after a check that those rows and one column exist.
#[inline(always)]
fn block_cols<S: Simd>(x: Mat<'_>, first: usize, rows: usize, col: usize) -> usize {
    let rows_exist = rows > 0 && rows <= S::LANES && first < x.rows() && rows <= x.rows() - first;
    assert!(rows_exist && col < x.cols() && (x.col_stride() == 1 || x.cols() == 1), "columns outside of a matrix");
    (x.cols() - col).min(4)
}
