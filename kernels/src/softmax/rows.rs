//! The maxima and the sums of exponentials of a batch's rows, some rows at a time.
//!
//! Along a short row vectors are used badly: their tails are empty, and a maximum and a sum across the lanes wait for each other. So
//! [`Narrow`] turns some rows into columns, one row in each lane, where maxima and sums are ordinary operations, done in the order of [the
//! contract](crate#row-reductions)'s virtual lanes and their tree. In a [`Wide`] row the vectors run along the row. Either way some rows go
//! together, so that one vector of logarithms and reciprocals does for all of them.

use crate::lanes::{REDUCTION_LANES, Terms, get, get_columns, largest, put, put_columns, sum};
use crate::math;
use crate::matrix::{Mat, MatMut};
use crate::simd::{Kernel, Simd, Twice};

/// What is done with the maxima and sums of some rows, at most one for each lane of a vector.
pub(super) trait Finish {
    /// Whether rows without elements have a result.
    const EMPTY: bool = false;

    /// Whether the columns of narrow rows keep `x − m` and not its exponential.
    const SHIFTED: bool = false;

    /// Where the exponentials of a wide row go, if they are of use.
    fn exponentials(&mut self, row: usize) -> Option<&mut [f32]>;

    /// Finishes rows that lie as they are.
    fn wide<S: Simd>(&mut self, simd: S, rows: &Wide<'_, S>);

    /// Finishes rows as columns.
    fn narrow<S: Simd>(&mut self, simd: S, rows: &Narrow<'_, S>);
}

/// Some rows whose maxima and sums are known: row `first + i` in lane `i`.
pub(super) struct Wide<'a, S: Simd> {
    pub logits: Mat<'a>,
    pub first: usize,
    pub count: usize,
    pub largest: S::F,
    pub sum: S::F,
}

/// Some rows as columns: row `first + i` in lane `i`.
pub(super) struct Narrow<'a, S: Simd> {
    pub logits: Mat<'a>,
    pub first: usize,
    pub count: usize,
    pub largest: S::F,
    pub sum: S::F,
    /// `exp(x − m)` or [`x − m`](Finish::SHIFTED).
    columns: [S::F; NARROW],
}

/// No row of more columns is narrow, nor one of four vectors or more.
const NARROW: usize = 64;

/// Elements of wide rows that go together, which stay in the first-level cache.
const TOGETHER: usize = 2048;

/// Takes the rows of a matrix, some at a time, through a [`Finish`].
pub(super) struct Rows<'a, W> {
    pub logits: Mat<'a>,
    pub work: W,
}

impl<W: Finish> Kernel for Rows<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Rows { logits, mut work } = self;
        let (rows, cols) = (logits.rows(), logits.cols());
        if cols == 0 && !W::EMPTY {
            // Rows without elements need no memory, so there may be 2⁶⁴ of them.
            return;
        }
        let mut first = 0;
        if const { S::LANES > 1 } && cols > 0 && cols <= NARROW.min(4 * S::LANES) {
            let left = rows % S::LANES;
            first = rows - left;
            if first > 0 {
                simd.vectorize(NarrowRows::<_, true> { logits, first: 0, end: first, work: &mut work });
            }
            // A few rows are done sooner one by one than as columns.
            if left > S::LANES / 4 {
                simd.vectorize(NarrowRows::<_, false> { logits, first, end: rows, work: &mut work });
                first = rows;
            }
        }
        if first < rows {
            WideRows { logits, first, work: &mut work }.run(simd);
        }
    }
}

/// Rows from `first` on as they lie.
struct WideRows<'a, W> {
    logits: Mat<'a>,
    first: usize,
    work: &'a mut W,
}

impl<W: Finish> Kernel for WideRows<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let WideRows { logits, mut first, work } = self;
        let together = (TOGETHER / logits.cols().max(1)).clamp(1, S::LANES);
        while first < logits.rows() {
            let count = (logits.rows() - first).min(together);
            let rows = Wide::new(simd, logits, first, count, work);
            work.wide(simd, &rows);
            first += count;
        }
    }
}

/// Rows `first..end` as columns: as many at a time as a vector has lanes, or (unless `FULL`) fewer.
struct NarrowRows<'a, W, const FULL: bool> {
    logits: Mat<'a>,
    first: usize,
    end: usize,
    work: &'a mut W,
}

impl<W: Finish, const FULL: bool> Kernel for NarrowRows<'_, W, FULL> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let NarrowRows { logits, mut first, end, work } = self;
        let zero = simd.splat(0.0);
        let mut rows = Narrow { logits, first, count: 0, largest: zero, sum: zero, columns: [zero; NARROW] };
        while first < end {
            rows.first = first;
            rows.count = if FULL { S::LANES } else { end - first };
            rows.take(simd, W::SHIFTED);
            work.narrow(simd, &rows);
            first += rows.count;
        }
    }
}

impl<S: Simd> Narrow<'_, S> {
    /// Takes the rows in. (In place: the columns are kilobytes.)
    #[inline(always)]
    fn take(&mut self, simd: S, keep_shifted: bool) {
        let (cols, columns) = (self.logits.cols(), &mut self.columns);
        let (zero, none) = (simd.splat(0.0), simd.splat(f32::NEG_INFINITY));
        let mut largest = none;
        for col in fours(cols) {
            let four = get_columns(simd, self.logits, self.first, self.count, col);
            columns[col..col + 4].copy_from_slice(&four);
            for (q, &x) in four.iter().enumerate() {
                if q < cols {
                    largest = simd.greater(largest, x);
                }
            }
        }
        // The virtual lanes; where no element is, a zero is added, which changes no sum.
        let mut sums = [[zero; 4]; REDUCTION_LANES / 4];
        for col in (0..cols).step_by(4) {
            let left = cols - col;
            let columns = &mut columns[col..col + 4];
            let mut x = [none; 4];
            for (q, x) in x.iter_mut().enumerate() {
                if q < left {
                    *x = simd.sub(columns[q], largest);
                }
            }
            let mut e = [zero; 4];
            if left > 2 {
                ((e[0], e[1]), (e[2], e[3])) = math::exp(Twice(Twice(simd)), ((x[0], x[1]), (x[2], x[3])));
            } else {
                (e[0], e[1]) = math::exp(Twice(simd), (x[0], x[1]));
            }
            for (sum, &e) in sums[col % REDUCTION_LANES / 4].iter_mut().zip(&e) {
                *sum = simd.add(*sum, e);
            }
            columns.copy_from_slice(if keep_shifted { &x } else { &e });
        }
        let [mut a, b, c, d] = sums;
        for q in 0..4 {
            a[q] = simd.add(simd.add(a[q], c[q]), simd.add(b[q], d[q]));
        }
        (self.largest, self.sum) = (largest, simd.add(simd.add(a[0], a[2]), simd.add(a[1], a[3])));
    }

    /// Writes columns to rows.
    #[inline(always)]
    pub fn put(&self, simd: S, to: &mut MatMut<'_>, mut columns: impl Column<S>) {
        for col in fours(self.logits.cols()) {
            let mut four = [self.sum; 4];
            for (q, (column, &value)) in four.iter_mut().zip(&self.columns[col..]).enumerate() {
                *column = columns.column(simd, col + q, value);
            }
            put_columns(simd, to, self.first, self.count, col, four);
        }
    }
}

/// Where four columns at a time begin. The last four end with the row, and some of them may be the second time there: whole vectors are moved faster
/// than parts.
#[inline(always)]
fn fours(cols: usize) -> impl Iterator<Item = usize> {
    (0..cols).step_by(4).map(move |col| col.min(cols.max(4) - 4))
}

/// What is written of some rows, column by column. A trait and not a closure, which may miss the caller's target features.
pub(super) trait Column<S: Simd> {
    fn column(&mut self, simd: S, col: usize, value: S::F) -> S::F;
}

/// `exp(x − m)`, summed, and kept in `out` if there is one.
struct ShiftedExp<'a> {
    x: &'a [f32],
    largest: f32,
    out: Option<&'a mut [f32]>,
}

impl Terms for ShiftedExp<'_> {
    #[inline(always)]
    fn terms<S: Simd>(&mut self, simd: S, start: usize) -> S::F {
        let e = math::exp(simd, simd.sub(get(simd, self.x, start), simd.splat(self.largest)));
        if let Some(out) = &mut self.out {
            put(simd, out, start, e);
        }
        e
    }
}

impl<'a, S: Simd> Wide<'a, S> {
    #[inline(always)]
    fn new<W: Finish>(simd: S, logits: Mat<'a>, first: usize, count: usize, work: &mut W) -> Self {
        let (mut maxima, mut sums) = (simd.splat(0.0), simd.splat(0.0));
        for i in 0..count {
            let x = logits.row(first + i).unwrap_or(&[]);
            let largest = largest(simd, x);
            let sum = sum(simd, x.len(), ShiftedExp { x, largest, out: work.exponentials(first + i) });
            let before = simd.first(i);
            maxima = simd.select(before, maxima, simd.splat(largest));
            sums = simd.select(before, sums, simd.splat(sum));
        }
        Wide { logits, first, count, largest: maxima, sum: sums }
    }
}
