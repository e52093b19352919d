//! The addresses of an inner loop that takes four steps of `k` at a time, from as few registers and instructions as can express them.
//!
//! A processor that other tenants share takes some three instructions a cycle from each of two threads, so those that are not multiply-adds count: the compiler, left to
//! itself, makes the address of every row anew in each round (91 instructions for 48 multiply-adds of 6 × 2 vectors; with these 85).

use crate::simd::Simd;

/// All `$len` steps of `k` in rounds of four, the rest one by one: `$step!(number in its round, address of a row's element of A, row of B)`.
macro_rules! in_rounds {
    ($simd:ident, $rounds:ident, $len:expr, $step:ident) => {
        for _ in 0..$len / 4 {
            $rounds.begin($simd);
            $step!(0, |i| $rounds.a(0, i), $rounds.b(0));
            $step!(1, |i| $rounds.a(1, i), $rounds.b(1));
            $step!(2, |i| $rounds.a(2, i), $rounds.b(2));
            $step!(3, |i| $rounds.a(3, i), $rounds.b(3));
            $rounds.end();
        }
        for _ in 0..$len % 4 {
            $rounds.begin($simd);
            $step!(0, |i| $rounds.a(0, i), $rounds.b(0));
            $rounds.end_step();
        }
    };
}
pub(super) use in_rounds;

/// Rows whose addresses are a pointer and a multiple of a stride that an instruction can express: 0, 1 and 2.
const GROUP: usize = 3;
/// Pointers into A at most: one for each group of the tallest tile, or for each row of a wide one.
const POINTERS: usize = 5;

/// Where four steps of `k` find their elements of A and B. (Strides of an operand that is empty may be anything.)
///
/// `APART`: A's steps are a stride apart, and its rows side by side; or, if `EACH_ROW`, apart too, with a pointer for each. Else its steps lie side by side.
pub(super) struct Rounds<const MR: usize, const APART: bool, const EACH_ROW: bool> {
    a: [*const f32; POINTERS],
    /// Elements from step to step of A if they are apart, and three times that; else from row to row.
    a_stride: usize,
    a_three: usize,
    b: *const f32,
    b_stride: usize,
    b_three: usize,
    /// Elements from round to round, of A and of B.
    next: [usize; 2],
}

impl<const MR: usize, const APART: bool, const EACH_ROW: bool> Rounds<MR, APART, EACH_ROW> {
    const USED: usize = match (APART, EACH_ROW) {
        (_, true) => MR,
        (true, _) => 1,
        _ => MR.div_ceil(GROUP),
    };

    /// `a_row_stride` and `a_col_stride`: one of them is 1, unless rows have pointers of their own.
    #[inline(always)]
    pub fn new(a: *const f32, a_row_stride: usize, a_col_stride: usize, b: *const f32, b_stride: usize) -> Self {
        const { assert!(Self::USED <= POINTERS && (APART || !EACH_ROW)) };
        let rows = if EACH_ROW { 1 } else { GROUP };
        let mut pointers = [a; POINTERS];
        for (g, pointer) in pointers.iter_mut().enumerate().take(Self::USED) {
            *pointer = a.wrapping_add(a_row_stride.wrapping_mul(rows * g));
        }
        let a_stride = if APART { a_col_stride } else { a_row_stride };
        let three = |stride: usize| stride.wrapping_mul(3);
        let next = [if APART { a_stride } else { 1 }, b_stride].map(|step| step.wrapping_mul(4));
        Rounds { a: pointers, a_stride, a_three: three(a_stride), b, b_stride, b_three: three(b_stride), next }
    }

    /// Begins a round: until its end the compiler knows of no other way to these addresses.
    #[inline(always)]
    pub fn begin<S: Simd>(&mut self, simd: S) {
        for pointer in self.a.iter_mut().take(Self::USED) {
            *pointer = simd.opaque(*pointer);
        }
        self.a_stride = simd.opaque_stride(self.a_stride);
        if APART {
            self.a_three = simd.opaque_stride(self.a_three);
        }
        self.b = simd.opaque(self.b);
        (self.b_stride, self.b_three) = (simd.opaque_stride(self.b_stride), simd.opaque_stride(self.b_three));
    }

    /// The element of row `i` of A in a step of the round.
    #[inline(always)]
    pub fn a(&self, step: usize, i: usize) -> *const f32 {
        if APART {
            let row = if EACH_ROW { self.a[i] } else { self.a[0].wrapping_add(i) };
            row.wrapping_add(if step == 3 { self.a_three } else { self.a_stride.wrapping_mul(step) })
        } else {
            self.a[i / GROUP].wrapping_add(self.a_stride.wrapping_mul(i % GROUP)).wrapping_add(step)
        }
    }

    /// The row of B of a step of the round.
    #[inline(always)]
    pub fn b(&self, step: usize) -> *const f32 {
        self.b.wrapping_add(if step == 3 { self.b_three } else { self.b_stride.wrapping_mul(step) })
    }

    /// Goes on to the next round.
    #[inline(always)]
    pub fn end(&mut self) {
        let [a, b] = self.next;
        self.advance(a, b);
    }

    /// Goes on by one step, which may be past the last.
    #[inline(always)]
    pub fn end_step(&mut self) {
        self.advance(if APART { self.a_stride } else { 1 }, self.b_stride);
    }

    #[inline(always)]
    fn advance(&mut self, a: usize, b: usize) {
        for pointer in self.a.iter_mut().take(Self::USED) {
            *pointer = pointer.wrapping_add(a);
        }
        self.b = self.b.wrapping_add(b);
    }
}
