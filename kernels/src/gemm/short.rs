//! The inner loop for short sums: a panel of B stays in registers, and rows of A pass by.

use super::blocking::{few_registers, registers, rows_collide, rows_share_sets};
use super::each::each;
use super::pack::Operand;
use crate::simd::{Kernel, Simd};

/// The longest sums whose factors in B are kept in registers: where B is one vector wide, and where it is wider.
const SHORT: [usize; 2] = [26, 11];
/// The longest for which panels of one vector are worth it where there are several, whatever the number of rows: each multiply-add loads an element of A.
const SHORT_FOR_ONE: usize = 8;

/// The fewest rows of A that make up for longer sums, and that want rows of C spread over more sets.
const LEAST_ROWS: usize = 16;

/// The most vectors of a panel whose `k` rows fit the registers beside a row of sums, an element of A and one more.
const fn short_width<S: Simd>(k: usize) -> usize {
    let most = (registers::<S>() - 2) / (k + 1);
    if most < 4 { most } else { 4 }
}

/// The most rows that [`together`] ever is.
const MOST_TOGETHER: usize = 8;

/// Rows whose sums are made side by side by a panel of `k` rows of `width` vectors, if there are `many` or not. Chains so long that the machine does not see far enough ahead to work at
/// eight of them take turns: as many as registers are left for. Where registers are few, it is four, which divides usual numbers of rows (the last ones are made with some before them), unless there are many rows and five or six registers.
const fn together<S: Simd>(k: usize, width: usize, many: bool) -> usize {
    let few = few_registers::<S>();
    let (alone, longest) = if few { (7, SHORT[1]) } else { (12, SHORT[0]) };
    if width > 1 || k <= alone || k > longest {
        return 1;
    }
    match registers::<S>() - 1 - k {
        MOST_TOGETHER.. => MOST_TOGETHER,
        7 if few => MOST_TOGETHER / 2,
        _ if few && !many => MOST_TOGETHER / 2,
        left => left,
    }
}

/// Rows that are many, for [`together`].
const MANY_ROWS: usize = 48;

/// Whether a product is best computed so: its sums are short, and there are rows of A enough to make up for the panel's way to the registers. (A panel of
/// one vector writes C in pieces of lines, which takes time where its rows fall into few sets of the first-level cache; with few registers and many rows into an eighth of them already.) `c_row_stride` is that of C. `turns`: A lies in rows that may take turns, C is near.
#[inline(always)]
pub(super) fn is_short<S: Simd>(m: usize, k: usize, n: usize, turns: bool, c_row_stride: usize) -> bool {
    let several = n > S::LANES;
    let (most_for_one, collide) = match () {
        () if !several => (registers::<S>() - 5, rows_collide(c_row_stride)),
        // Many rows pay with few registers also if sums take turns, where tiles are small and a round of theirs takes more instructions.
        () if few_registers::<S>() && m >= LEAST_ROWS && (k <= SHORT_FOR_ONE || turns) => {
            (SHORT[1], rows_share_sets(c_row_stride))
        }
        () if k <= SHORT_FOR_ONE => (SHORT_FOR_ONE, rows_collide(c_row_stride)),
        () => (0, false),
    };
    S::LANES > 1
        && (1..=SHORT[several as usize]).contains(&k)
        && m > 1
        && 2 * m > k
        && (short_width::<S>(k) > 1 || k <= most_for_one && !collide)
}

/// Some rows of A times some columns of B.
pub(super) struct Short {
    pub rows: usize,
    pub k: usize,
    pub a: Operand,
    /// Its columns lie side by side.
    pub b: Operand,
    pub cols: usize,
    /// Where the sums go, row-major.
    pub c: *mut f32,
    pub c_row_stride: usize,
}

impl Short {
    /// One panel after the other.
    ///
    /// # Safety
    /// `rows × k` elements of A and `k × cols` of B are readable, those of a row of B side by side, `rows × cols` of `c` are writable, and [`is_short`] said so of `k`.
    #[inline(always)]
    pub unsafe fn run<S: Simd>(&self, simd: S) {
        debug_assert!(self.b.col_stride == 1);
        if self.k == 1 && self.cols > 2 * short_width::<S>(1) * S::LANES {
            return simd.vectorize(OuterProduct(self));
        }
        let vectors = self.cols.div_ceil(S::LANES);
        let panels = vectors.div_ceil(short_width::<S>(self.k).max(1));
        let mut j = 0;
        for left in (1..=panels).rev() {
            // As wide as each other, as far as that goes.
            let cols = (vectors - j / S::LANES).div_ceil(left) * S::LANES;
            let panel = Short { b: self.b.at(0, j), cols: cols.min(self.cols - j), c: self.c.wrapping_add(j), ..*self };
            // SAFETY: the panel is a part of what the caller promises.
            unsafe { panel.run_panel(simd) }
            j += cols;
        }
    }

    /// As a panel of `K` rows of `NV` vectors, which it is.
    ///
    /// # Safety
    /// As [`run_panel`](Self::run_panel).
    #[inline(always)]
    unsafe fn run_as<S: Simd, const K: usize, const NV: usize>(&self, simd: S) {
        // (How A lies makes a difference to rows that take turns.)
        if const { together::<S>(K, NV, true) > 1 } && self.a.col_stride != 1 {
            simd.vectorize(Panel::<K, NV, false>(self))
        } else {
            simd.vectorize(Panel::<K, NV, true>(self))
        }
    }

    /// # Safety
    /// As [`run`](Self::run), for at most [`short_width`] vectors of columns.
    #[inline(always)]
    unsafe fn run_panel<S: Simd>(&self, simd: S) {
        macro_rules! call {
            ($($k:literal: $($width:literal)*;)*) => {
                match (self.k, self.cols.div_ceil(S::LANES)) {
                    $($(($k, $width) if const { S::LANES > 1 && $width <= short_width::<S>($k) } => {
                        // SAFETY: the caller's promise.
                        unsafe { self.run_as::<S, $k, $width>(simd) }
                    })*)*
                    _ => debug_assert!(false, "no panel of {} rows by {} columns", self.k, self.cols),
                }
            };
        }
        call!(
            1: 1 2 3 4; 2: 1 2 3 4; 3: 1 2 3 4; 4: 1 2 3 4; 5: 1 2 3 4; 6: 1 2 3 4; 7: 1 2 3; 8: 1 2 3;
            9: 1 2 3; 10: 1 2; 11: 1 2; 12: 1; 13: 1; 14: 1; 15: 1; 16: 1; 17: 1; 18: 1; 19: 1; 20: 1; 21: 1; 22: 1; 23: 1; 24: 1; 25: 1; 26: 1;
        )
    }
}

/// `K` rows of B of `NV` vectors; `A_ALONG`: A lies in rows.
struct Panel<'a, const K: usize, const NV: usize, const A_ALONG: bool>(&'a Short);

impl<const K: usize, const NV: usize, const A_ALONG: bool> Kernel for Panel<'_, K, NV, A_ALONG> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let &Short { rows, a, b, cols, mut c, c_row_stride, .. } = self.0;
        let last = cols - (NV - 1) * S::LANES;
        let mut panel = [[simd.splat(0.0); NV]; K];
        // SAFETY: the caller of `Short::run_panel` promises every element that is read or written.
        unsafe {
            for v in 0..NV {
                let whole = v + 1 < NV || last == S::LANES;
                for (p, row) in panel.iter_mut().enumerate() {
                    let from = b.at(p, v * S::LANES).ptr;
                    row[v] = if whole { simd.load(from) } else { simd.load_first(from, last) };
                }
            }
            if const { together::<S>(K, NV, true) > 1 } {
                macro_rules! turns {
                    ($($rows:literal)*) => {
                        match together::<S>(K, NV, rows >= MANY_ROWS) {
                            // (With few registers, not where nearly half of them might be made again.)
                            $($rows if const { takes_turns::<S>(K, NV, $rows) } && rows >= $rows && (!few_registers::<S>() || rows == $rows || rows >= 2 * $rows) => {
                                return sum_in_turns::<S, K, NV, A_ALONG, $rows>(simd, rows, a, &panel, last, c, c_row_stride);
                            })*
                            _ => {}
                        }
                    };
                }
                turns!(4 5 6 7 8);
            }
            let mut columns = [a.ptr; K];
            for (p, column) in columns.iter_mut().enumerate() {
                *column = a.at(0, p).ptr;
            }
            let mut offset = 0;
            for _ in 0..rows {
                let mut sums = [simd.splat(0.0); NV];
                for (column, row) in columns.iter().zip(&panel) {
                    let x = simd.splat(*column.wrapping_add(offset));
                    for (sum, &y) in sums.iter_mut().zip(row) {
                        *sum = simd.fma(x, y, *sum);
                    }
                }
                store_sums(simd, &sums, last, c);
                offset += a.row_stride;
                c = c.wrapping_add(c_row_stride);
            }
        }
    }
}

/// Whether a panel makes the sums of so many rows side by side.
const fn takes_turns<S: Simd>(k: usize, width: usize, rows: usize) -> bool {
    rows == together::<S>(k, width, false) || rows == together::<S>(k, width, true)
}

/// The sums of `rows` rows of A, `ROWS` at a time; of the last with some before them, whose sums are made again.
///
/// # Safety
/// As [`sum_together`], for `rows` rows, of which there are `ROWS` at least.
#[inline(always)]
unsafe fn sum_in_turns<S: Simd, const K: usize, const NV: usize, const A_ALONG: bool, const ROWS: usize>(
    simd: S,
    rows: usize,
    a: Operand,
    panel: &[[S::F; NV]; K],
    last: usize,
    c: *mut f32,
    c_row_stride: usize,
) {
    let mut row = 0;
    while row < rows {
        let begin = row.min(rows - ROWS);
        let c = c.wrapping_add(begin * c_row_stride);
        // SAFETY: the caller's promise.
        unsafe { sum_together::<S, K, NV, A_ALONG, ROWS>(simd, a.at(begin, 0), panel, last, c, c_row_stride) }
        row += ROWS;
    }
}

/// The sums of `ROWS` rows of A.
///
/// # Safety
/// Those rows are readable for `K` elements, and those of `c` writable for `NV` vectors, of the last as far as `last`.
#[inline(always)]
unsafe fn sum_together<S: Simd, const K: usize, const NV: usize, const A_ALONG: bool, const ROWS: usize>(
    simd: S,
    a: Operand,
    panel: &[[S::F; NV]; K],
    last: usize,
    mut c: *mut f32,
    c_row_stride: usize,
) {
    let mut sums = [[simd.splat(0.0); NV]; ROWS];
    // Rows from their beginnings, or column by column.
    let mut beginnings = [a.ptr; ROWS];
    for (i, beginning) in beginnings.iter_mut().enumerate() {
        *beginning = a.at(i, 0).ptr;
    }
    let mut column = a.ptr;
    // SAFETY: the caller's promise.
    unsafe {
        each!(p < K, {
            if p > 0 {
                column = column.wrapping_add(a.col_stride);
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let from = if const { A_ALONG } {
                    beginnings[i].wrapping_add(p)
                } else {
                    column.wrapping_add(i * a.row_stride)
                };
                let x = simd.splat(*from);
                for (sum, &y) in sums.iter_mut().zip(&panel[p]) {
                    *sum = simd.pin(simd.fma(x, y, *sum));
                }
            }
        });
        for sums in &sums {
            store_sums(simd, sums, last, c);
            c = c.wrapping_add(c_row_stride);
        }
    }
}

/// Writes the sums of a row.
///
/// # Safety
/// `to` is writable for `NV` vectors, of the last as far as `last`.
#[inline(always)]
unsafe fn store_sums<S: Simd, const NV: usize>(simd: S, sums: &[S::F; NV], last: usize, to: *mut f32) {
    for (v, &sum) in sums.iter().enumerate() {
        let to = to.wrapping_add(v * S::LANES);
        // SAFETY: the caller's promise.
        unsafe { if v + 1 < NV || last == S::LANES { simd.store(to, sum) } else { simd.store_first(to, sum, last) } }
    }
}

/// A column times a row. Writing C is nearly all that takes time, and that is fastest from end to end: so the row is read anew for each of C.
struct OuterProduct<'a>(&'a Short);

impl Kernel for OuterProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let &Short { rows, a, b, cols, c, c_row_stride, .. } = self.0;
        let last = cols % S::LANES;
        let whole = cols - last;
        for i in 0..rows {
            let to = c.wrapping_add(i * c_row_stride);
            // SAFETY: the caller of `Short::run` promises an element of A for each row, `cols` of B, and as many of each row of C.
            unsafe {
                let x = simd.splat(*a.at(i, 0).ptr);
                for j in (0..whole).step_by(S::LANES) {
                    simd.store(to.add(j), simd.fma(x, simd.load(b.ptr.add(j)), simd.splat(0.0)));
                }
                if last > 0 {
                    let y = simd.load_first(b.ptr.add(whole), last);
                    simd.store_first(to.add(whole), simd.fma(x, y, simd.splat(0.0)), last);
                }
            }
        }
    }
}
