//! What happens to the sums of a product on their way into C.

use super::pack::Operand;
use crate::activation::{Activation, Function, with_function};
use crate::matrix::{Mat, MatMut};
use crate::optimizer::{MAX_STATES, Rule, Update, with_rule};
use crate::simd::{Kernel, Simd, Twice};
use core::marker::PhantomData;

/// What a product does with each sum `s[i,j] = Σₚ a[i,p]·b[p,j]`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Epilogue<'a> {
    /// `c ← s`.
    Store,
    /// `c ← σ(s + bias[j])`: the forward pass of a layer. With [`Activation::Identity`], the bias alone.
    Bias {
        /// One element for each column of C.
        bias: &'a [f32],
        /// `σ`.
        activation: Activation,
    },
    /// `c ← s · σ′`: the backward pass through an activation.
    Backward {
        /// `σ`.
        activation: Activation,
        /// What the derivative follows from, the layer's `x` or `σ(x)` as [`Activation::saved`] says; of the shape of C.
        saved: Mat<'a>,
    },
    /// `c ← fma(alpha, s, c)`.
    Accumulate {
        /// Scale of the sums.
        alpha: f32,
    },
    /// `c` are weights and `s` their gradient: one step of an optimiser.
    Update {
        /// The rule.
        update: Update,
        /// As many matrices of state as the rule [keeps](Update::states), each of the shape of C.
        states: &'a mut [MatMut<'a>],
    },
}

/// An [`Epilogue`] with its operands as pointers, for the loops.
#[derive(Clone, Copy)]
pub(super) enum Finish {
    Store,
    Bias { bias: *const f32, activation: Activation },
    Backward { activation: Activation, saved: Operand },
    Accumulate { alpha: f32 },
    Update { update: Update, states: [Operand; MAX_STATES] },
}

impl Finish {
    /// Whether C can hold the sums until the last block: only if its old content is not needed.
    pub fn overwrites(self) -> bool {
        matches!(self, Finish::Store | Finish::Bias { .. } | Finish::Backward { .. })
    }

    /// Whether every operand beside C has its columns side by side.
    fn unit_columns(self) -> bool {
        match self {
            Finish::Store | Finish::Bias { .. } | Finish::Accumulate { .. } => true,
            Finish::Backward { saved, .. } => saved.col_stride == 1,
            Finish::Update { update, states } => states[..update.states()].iter().all(|s| s.col_stride == 1),
        }
    }
}

/// A block of sums, row-major, and the place in C that they belong to.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub sums: *const f32,
    pub sums_row_stride: usize,
    pub row: usize,
    pub col: usize,
    pub rows: usize,
    pub cols: usize,
}

/// C itself: writable, although [`Operand`] names a pointer to read.
#[derive(Clone, Copy)]
pub(super) struct Target(pub Operand);

/// Brings a block of sums through the epilogue into C. The sums may lie in C itself if the epilogue [overwrites](Finish::overwrites).
///
/// # Safety
/// The sums are readable; the block's elements of C and of every operand of `finish` exist and, for C and the states, may be
/// written by this thread alone.
#[inline(always)]
pub(super) unsafe fn finish_block<S: Simd>(simd: S, finish: Finish, block: Block, c: Target) {
    let apply = Apply { finish, block, c };
    if c.0.col_stride == 1 && finish.unit_columns() { simd.vectorize(apply) } else { simd.single().vectorize(apply) }
}

struct Apply {
    finish: Finish,
    block: Block,
    c: Target,
}

impl Kernel for Apply {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Apply { finish, block, c } = self;
        match finish {
            Finish::Store => each(simd, block, c, Store),
            Finish::Bias { bias, activation } => with_function!(activation, F => {
                each(simd, block, c, Bias::<F> { bias, function: PhantomData })
            }),
            Finish::Backward { activation, saved } => with_function!(activation, F => {
                each(simd, block, c, Backward::<F> { saved, function: PhantomData })
            }),
            Finish::Accumulate { alpha } => each(simd, block, c, Accumulate { alpha }),
            Finish::Update { update, states } => with_rule!(update, rule => {
                each(simd, block, c, Step { rule, states })
            }),
        }
    }
}

/// The element-wise part of an epilogue, one vector at a time.
///
/// A trait and not a closure: a closure is a function of its own, which may miss the caller's target features.
trait Element: Copy {
    /// The new elements of C at `at`, which `to` points to, from their sums.
    ///
    /// # Safety
    /// The `at.count` elements from `at` exist in C and in every operand of the epilogue, and are this thread's alone where they change.
    unsafe fn element<S: Simd>(self, simd: S, sums: S::F, at: Place, to: *const f32) -> S::F;
}

/// Place of a vector in C: its first element, and how many lanes are used.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    col: usize,
    count: usize,
}

#[derive(Clone, Copy)]
struct Store;

impl Element for Store {
    #[inline(always)]
    unsafe fn element<S: Simd>(self, _: S, sums: S::F, _: Place, _: *const f32) -> S::F {
        sums
    }
}

struct Bias<F> {
    bias: *const f32,
    function: PhantomData<F>,
}

impl<F: Function> Element for Bias<F> {
    #[inline(always)]
    unsafe fn element<S: Simd>(self, simd: S, sums: S::F, at: Place, _: *const f32) -> S::F {
        // SAFETY: the bias has an element for each column.
        let bias = unsafe { load(simd, self.bias.add(at.col), at.count) };
        F::forward(simd, simd.add(sums, bias))
    }
}

struct Backward<F> {
    saved: Operand,
    function: PhantomData<F>,
}

impl<F: Function> Element for Backward<F> {
    #[inline(always)]
    unsafe fn element<S: Simd>(self, simd: S, sums: S::F, at: Place, _: *const f32) -> S::F {
        // SAFETY: the saved outputs have the shape of C.
        let saved = unsafe { load(simd, self.saved.at(at.row, at.col).ptr, at.count) };
        F::backward(simd, sums, saved)
    }
}

#[derive(Clone, Copy)]
struct Accumulate {
    alpha: f32,
}

impl Element for Accumulate {
    #[inline(always)]
    unsafe fn element<S: Simd>(self, simd: S, sums: S::F, at: Place, to: *const f32) -> S::F {
        // SAFETY: `to` has `at.count` elements.
        simd.fma(simd.splat(self.alpha), sums, unsafe { load(simd, to, at.count) })
    }
}

#[derive(Clone, Copy)]
struct Step<R> {
    rule: R,
    states: [Operand; MAX_STATES],
}

impl<R: Rule> Element for Step<R> {
    #[inline(always)]
    unsafe fn element<S: Simd>(self, simd: S, sums: S::F, at: Place, to: *const f32) -> S::F {
        // SAFETY: the weights and every state that the rule keeps have the shape of C.
        unsafe {
            let mut values = [simd.splat(0.0); MAX_STATES];
            for (value, state) in values.iter_mut().zip(&self.states).take(R::STATES) {
                *value = load(simd, state.at(at.row, at.col).ptr, at.count);
            }
            let w = self.rule.step(simd, sums, load(simd, to, at.count), &mut values);
            for (&value, state) in values.iter().zip(&self.states).take(R::STATES) {
                store(simd, state.at(at.row, at.col).ptr.cast_mut(), value, at.count);
            }
            w
        }
    }
}

// Not derived: that would ask the type parameter, which is only a name, to be `Copy`.
impl<F> Clone for Bias<F> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<F> Copy for Bias<F> {}
impl<F> Clone for Backward<F> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<F> Copy for Backward<F> {}

/// Takes every vector of the block through `element`. (Reached only through `finish_block`, which states the promises.)
#[inline(always)]
fn each<S: Simd, E: Element>(simd: S, block: Block, c: Target, element: E) {
    for i in 0..block.rows {
        let mut j = 0;
        // Four or two vectors at once, where there are so many, hide each other's latency. (Single lanes may lie apart.)
        if S::LANES > 1 {
            while block.cols - j >= 4 * S::LANES {
                vector(Twice(Twice(simd)), block, c, element, i, j);
                j += 4 * S::LANES;
            }
            if block.cols - j >= 2 * S::LANES {
                vector(Twice(simd), block, c, element, i, j);
                j += 2 * S::LANES;
            }
        }
        while j < block.cols {
            vector(simd, block, c, element, i, j);
            j += S::LANES;
        }
    }
}

/// Takes the vector at row `i`, column `j` of the block, as far as the block goes, through `element`.
#[inline(always)]
fn vector<S: Simd, E: Element>(simd: S, block: Block, c: Target, element: E, i: usize, j: usize) {
    let at = Place { row: block.row + i, col: block.col + j, count: S::LANES.min(block.cols - j) };
    let to = c.0.at(at.row, at.col).ptr.cast_mut();
    // SAFETY: the caller of `finish_block` promises every element of the block, in the sums, in C and in the operands; more
    // than one lane is used only where all columns lie side by side.
    unsafe {
        let sums = load(simd, block.sums.add(i * block.sums_row_stride + j), at.count);
        store(simd, to, element.element(simd, sums, at, to), at.count);
    }
}

/// # Safety
/// `count ≤ LANES` elements are readable.
#[inline(always)]
unsafe fn load<S: Simd>(simd: S, ptr: *const f32, count: usize) -> S::F {
    // SAFETY: the caller promises `count` readable elements.
    unsafe { if count == S::LANES { simd.load(ptr) } else { simd.load_first(ptr, count) } }
}

/// # Safety
/// `count ≤ LANES` elements are writable.
#[inline(always)]
unsafe fn store<S: Simd>(simd: S, ptr: *mut f32, value: S::F, count: usize) {
    // SAFETY: the caller promises `count` writable elements.
    unsafe { if count == S::LANES { simd.store(ptr, value) } else { simd.store_first(ptr, value, count) } }
}
