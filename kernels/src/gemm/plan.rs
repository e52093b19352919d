//! Products of one shape, again and again.

use super::epilogue::{Epilogue, Finish, Target};
use super::loops::{Operands, SmallPlan, Steps};
use super::pack::Operand;
use super::{TO_LINE, first_line, gemm, gemm_scratch_len};
use crate::isa::Isa;
use crate::layout::Layout;
use crate::matrix::{Mat, MatMut, ShapeError, check_dimension, check_room};
use crate::simd::{Kernel, Simd};
use core::fmt;

/// A [`gemm`] whose operands always have the same shapes and strides: what is to be checked and chosen is, once.
///
/// For products of a few hundred nanoseconds and less, which take 10 to 40 ns less, a quarter of the time of the smallest; for large ones it makes no difference. A
/// plan may be used by many threads at once.
///
/// # Math
/// # Numerics
/// # Determinism
/// As [`gemm`] (test `gemm_bits`).
///
/// ```
/// use steadynet_kernels::{Epilogue, GemmPlan, Isa, Layout};
///
/// let plan = GemmPlan::new(Isa::detect(), Layout::row_major(2, 3), Layout::row_major(3, 2), Layout::row_major(2, 2))?;
/// let (a, b, mut c) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 0.0, 1.0, 1.0, 1.0], [0.0; 4]);
/// let mut scratch = vec![0.0; plan.scratch_len()];
/// plan.run(&a, &b, &mut c, Epilogue::Store, &mut scratch)?;
/// assert_eq!(c, [4.0, 5.0, 10.0, 11.0]);
/// # Ok::<(), steadynet_kernels::ShapeError>(())
/// ```
#[derive(Clone, Copy)]
pub struct GemmPlan {
    isa: Isa,
    a: Layout,
    b: Layout,
    c: Layout,
    /// Lengths of slices that hold A, B and C.
    extents: [usize; 3],
    small: Option<SmallPlan>,
    /// All of it, for sums that are what goes to C.
    steps: Option<Steps>,
    scratch_len: usize,
}

impl fmt::Debug for GemmPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GemmPlan { isa, a, b, c, .. } = self;
        f.debug_struct("GemmPlan").field("isa", isa).field("a", a).field("b", b).field("c", c).finish_non_exhaustive()
    }
}

// SAFETY: its tiles point nowhere; a product gives operands to a copy.
unsafe impl Send for GemmPlan {}
// SAFETY: as above.
unsafe impl Sync for GemmPlan {}

impl GemmPlan {
    /// The plan for operands that lie so.
    ///
    /// # Shapes
    /// `a: (m, k)`, `b: (k, n)`, `c: (m, n)`; any strides that keep the elements of C apart; zero extents are allowed.
    /// # Errors
    /// [`ShapeError`] names the operand, what was wanted and what was given.
    pub fn new(isa: Isa, a: Layout, b: Layout, c: Layout) -> Result<GemmPlan, ShapeError> {
        let (m, k, n) = (c.rows, a.cols, c.cols);
        check_dimension("a", "rows", m, a.rows)?;
        check_dimension("b", "rows", k, b.rows)?;
        check_dimension("b", "columns", n, b.cols)?;
        c.check_apart()?;
        let extent = |operand, layout: Layout| layout.extent().map_err(|_| ShapeError::TooLarge { operand });
        let extents = [extent("a", a)?, extent("b", b)?, extent("c", c)?];
        let small = if m == 0 || n == 0 { None } else { isa.run(Choose { a, b, c }) };
        let steps = small.as_ref().and_then(|small| isa.run(ToSteps(small)));
        // (Epilogues of small products may want all sums beside C.)
        let sums = small.map_or(0, |_| m * n.next_multiple_of(isa.lanes()) + TO_LINE);
        let scratch_len = gemm_scratch_len(m, k, n).max(sums);
        Ok(GemmPlan { isa, a, b, c, extents, small, steps, scratch_len })
    }

    /// Elements of scratch that [`run`](Self::run) needs.
    #[inline]
    pub fn scratch_len(&self) -> usize {
        self.scratch_len
    }

    /// `C ← epilogue(A·B)`, of slices that begin with element `(0, 0)` and are as long as the layouts ask for, or longer. Never allocates.
    ///
    /// # Scratch
    /// At least [`scratch_len`](Self::scratch_len) elements, contents unspecified before and after.
    /// # Errors
    /// [`ShapeError`] names the operand, what was wanted and what was given; `c` is untouched. Never panics.
    #[inline]
    pub fn run(
        &self,
        a: &[f32],
        b: &[f32],
        c: &mut [f32],
        mut epilogue: Epilogue<'_>,
        scratch: &mut [f32],
    ) -> Result<(), ShapeError> {
        let [a_len, b_len, c_len] = self.extents;
        check_room("a", a_len, a.len())?;
        check_room("b", b_len, b.len())?;
        check_room("c", c_len, c.len())?;
        check_room("scratch", self.scratch_len, scratch.len())?;
        if let (Some(steps), Epilogue::Store) = (&self.steps, &epilogue) {
            // SAFETY: the slices are as long as the layouts that the steps were made from ask for, of which C's keeps elements apart.
            unsafe { steps.run(a.as_ptr(), b.as_ptr(), c.as_mut_ptr()) }
            return Ok(());
        }
        let Some(small) = &self.small else { return self.run_large(a, b, c, epilogue, scratch) };
        let Layout { rows, cols, row_stride, col_stride } = self.c;
        let c = Target(Operand { ptr: c.as_mut_ptr(), row_stride, col_stride });
        epilogue.check(rows, cols)?;
        let finish = Finish::new(&mut epilogue);
        let operands = Operands { a: a.as_ptr(), b: b.as_ptr(), c, finish: &finish, scratch: first_line(scratch) };
        self.isa.run(Run(small, &operands));
        Ok(())
    }

    /// [`run`](Self::run) by [`gemm`].
    fn run_large(
        &self,
        a: &[f32],
        b: &[f32],
        c: &mut [f32],
        epilogue: Epilogue<'_>,
        scratch: &mut [f32],
    ) -> Result<(), ShapeError> {
        let Layout { rows, cols, row_stride, col_stride } = self.c;
        let c = MatMut::with_strides(c, rows, cols, row_stride, col_stride)?;
        let view = |data, Layout { rows, cols, row_stride, col_stride }| {
            Mat::with_strides(data, rows, cols, row_stride, col_stride)
        };
        gemm(self.isa, view(a, self.a)?, view(b, self.b)?, c, epilogue, scratch)
    }
}

struct Choose {
    a: Layout,
    b: Layout,
    c: Layout,
}

impl Kernel for Choose {
    type Output = Option<SmallPlan>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Option<SmallPlan> {
        SmallPlan::choose(simd, self.a, self.b, self.c, &Finish::Store, true)
    }
}

struct ToSteps<'a>(&'a SmallPlan);

impl Kernel for ToSteps<'_> {
    type Output = Option<Steps>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Option<Steps> {
        self.0.steps(simd)
    }
}

/// (By reference: what is copied on its way to an instruction set is read again before it has reached the cache.)
struct Run<'a>(&'a SmallPlan, &'a Operands<'a>);

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // SAFETY: `GemmPlan::run` checked that the slices are as long as the layouts that the plan was made from ask for, of which C's keeps elements apart, and
        // that the scratch has its length; the operands of `finish` were checked when it was made; C and states are lent mutably.
        unsafe { self.0.run(simd, self.1) }
    }
}
