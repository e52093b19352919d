//! What happens to the sums of a product on their way into C.

mod view;

use super::pack::Operand;
use crate::activation::{Activation, Function, with_function};
use crate::matrix::{Mat, MatMut, ShapeError, check_dimension, check_length};
use crate::optimizer::{MAX_STATES, Rule, Update, with_rule};
use crate::simd::{Kernel, Simd};
use core::marker::PhantomData;
use view::{Along, Down, Four, Turned, Vector, View, four, load};

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

impl Epilogue<'_> {
    /// Whether the operands have the shapes that a product with `m × n` sums wants, which every product asks.
    ///
    /// # Errors
    /// [`ShapeError`] names the operand, what was wanted and what was given.
    #[inline(always)]
    pub fn check(&self, m: usize, n: usize) -> Result<(), ShapeError> {
        match self {
            Epilogue::Store | Epilogue::Accumulate { .. } => Ok(()),
            Epilogue::Bias { bias, .. } => check_length("bias", n, bias.len()),
            Epilogue::Backward { saved, .. } => {
                check_dimension("saved", "rows", m, saved.rows())?;
                check_dimension("saved", "columns", n, saved.cols())
            }
            Epilogue::Update { update, states } => {
                check_dimension("states", "matrices", update.states(), states.len())?;
                states.iter().try_for_each(|state| {
                    check_dimension("state", "rows", m, state.rows())?;
                    check_dimension("state", "columns", n, state.cols())
                })
            }
        }
    }
}

/// An [`Epilogue`] with its operands as pointers, for the loops.
pub(super) enum Finish {
    Store,
    Bias { bias: *const f32, activation: Activation },
    Backward { activation: Activation, saved: Operand },
    Accumulate { alpha: f32 },
    Update { update: Update, states: [Operand; MAX_STATES] },
}

impl Finish {
    /// The epilogue of a product with a matrix of the shape that its operands were [checked](Epilogue::check) for.
    #[inline(always)]
    pub fn new(epilogue: &mut Epilogue<'_>) -> Finish {
        match *epilogue {
            Epilogue::Store => Finish::Store,
            Epilogue::Bias { bias, activation } => Finish::Bias { bias: bias.as_ptr(), activation },
            Epilogue::Backward { activation, saved } => Finish::Backward { activation, saved: Operand::of(&saved) },
            Epilogue::Accumulate { alpha } => Finish::Accumulate { alpha },
            Epilogue::Update { update, ref mut states } => {
                let mut pointers = [Operand { ptr: core::ptr::null(), row_stride: 0, col_stride: 0 }; MAX_STATES];
                for (pointer, state) in pointers.iter_mut().zip(states.iter_mut()) {
                    *pointer = Target::of(state).0;
                }
                Finish::Update { update, states: pointers }
            }
        }
    }

    /// Whether C can hold the sums until the last block: only if its old content is not needed.
    pub fn overwrites(&self) -> bool {
        matches!(self, Finish::Store | Finish::Bias { .. } | Finish::Backward { .. })
    }

    /// Operands of the shape of C that it reads beside C.
    pub fn operands(&self) -> &[Operand] {
        match self {
            Finish::Store | Finish::Bias { .. } | Finish::Accumulate { .. } => &[],
            Finish::Backward { saved, .. } => core::slice::from_ref(saved),
            Finish::Update { update, states } => &states[..update.states()],
        }
    }
}

/// A block of sums, row-major, and the place in C that they belong to.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub sums: *const f32,
    pub sums_row_stride: usize,
    pub rows: usize,
    pub cols: usize,
    /// Row and column of C of the first sum.
    pub row: usize,
    pub col: usize,
    /// Whether rows of the block are columns of C.
    pub turned: bool,
}

impl Block {
    /// Where a sum of the block lies.
    #[inline(always)]
    fn sums_at(&self, i: usize, j: usize) -> *const f32 {
        self.sums.wrapping_add(i * self.sums_row_stride + j)
    }
}

/// C itself: writable, although [`Operand`] names a pointer to read.
#[derive(Clone, Copy)]
pub(super) struct Target(pub Operand);

impl Target {
    #[inline(always)]
    pub fn of(view: &mut MatMut<'_>) -> Target {
        Target(Operand { ptr: view.as_mut_ptr(), row_stride: view.row_stride(), col_stride: view.col_stride() })
    }
}

/// Brings a block of sums through the epilogue into C. The sums may lie in C itself if the epilogue [overwrites](Finish::overwrites); what
/// they are afterwards is unspecified if not.
///
/// # Safety
/// The sums are readable and writable; the block's elements of C and of every operand of `finish` exist and, for C and the states, may be
/// written by this thread alone.
#[inline(always)]
pub(super) unsafe fn finish_block<S: Simd>(simd: S, finish: &Finish, block: Block, c: Target) {
    macro_rules! each {
        ($element:expr) => {
            simd.vectorize(Each { block, c, element: $element })
        };
    }
    match *finish {
        // The first sum's place in C.
        Finish::Store if block.sums == c.0.at(block.row, block.col).ptr => {}
        Finish::Store => each!(Store),
        Finish::Bias { bias, activation } => {
            // One row for all.
            let bias = Operand { ptr: bias, row_stride: 0, col_stride: 1 };
            with_function!(activation, F => each!(Activate::<F> { bias, function: PhantomData }))
        }
        Finish::Backward { activation, saved } => {
            with_function!(activation, F => each!(Derive::<F> { saved, function: PhantomData }))
        }
        Finish::Accumulate { alpha } => each!(Accumulate { alpha }),
        Finish::Update { update, states } => with_rule!(update, rule => each!(Step { rule, states })),
    }
}

/// The element-wise part of an epilogue for a block.
struct Each<E> {
    block: Block,
    c: Target,
    element: E,
}

impl<E: Element> Kernel for Each<E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        each(simd, self.block, self.c, &self.element);
    }
}

/// The element-wise part of an epilogue, one vector at a time.
///
/// A trait and not a closure: a closure is a function of its own, which may miss the caller's target features.
trait Element {
    /// Whether the columns of every operand beside C lie side by side.
    #[inline(always)]
    fn unit_columns(&self) -> bool {
        true
    }
    /// The new elements of C in view, from their sums.
    ///
    /// # Safety
    /// The elements in view exist in C and in every operand of the epilogue, and are this thread's alone where they change.
    unsafe fn element<V: View>(&self, view: V, sums: Vector<V>, c: Target) -> Vector<V>;
}

#[derive(Clone, Copy)]
struct Store;

impl Element for Store {
    #[inline(always)]
    unsafe fn element<V: View>(&self, _: V, sums: Vector<V>, _: Target) -> Vector<V> {
        sums
    }
}

struct Activate<F> {
    bias: Operand,
    function: PhantomData<F>,
}

impl<F: Function> Element for Activate<F> {
    #[inline(always)]
    unsafe fn element<V: View>(&self, view: V, sums: Vector<V>, _: Target) -> Vector<V> {
        // SAFETY: the bias has an element for each column of C.
        let bias = unsafe { view.load(self.bias) };
        F::forward(view.simd(), view.simd().add(sums, bias))
    }
}

struct Derive<F> {
    saved: Operand,
    function: PhantomData<F>,
}

impl<F: Function> Element for Derive<F> {
    #[inline(always)]
    fn unit_columns(&self) -> bool {
        self.saved.col_stride == 1
    }
    #[inline(always)]
    unsafe fn element<V: View>(&self, view: V, sums: Vector<V>, _: Target) -> Vector<V> {
        // SAFETY: what is saved has the shape of C.
        F::backward(view.simd(), sums, unsafe { view.load(self.saved) })
    }
}

#[derive(Clone, Copy)]
struct Accumulate {
    alpha: f32,
}

impl Element for Accumulate {
    #[inline(always)]
    unsafe fn element<V: View>(&self, view: V, sums: Vector<V>, c: Target) -> Vector<V> {
        // SAFETY: the elements in view exist in C.
        view.simd().fma(view.simd().splat(self.alpha), sums, unsafe { view.load(c.0) })
    }
}

#[derive(Clone, Copy)]
struct Step<R> {
    rule: R,
    states: [Operand; MAX_STATES],
}

impl<R: Rule> Element for Step<R> {
    #[inline(always)]
    fn unit_columns(&self) -> bool {
        self.states.iter().take(R::STATES).all(|state| state.col_stride == 1)
    }
    #[inline(always)]
    unsafe fn element<V: View>(&self, view: V, sums: Vector<V>, c: Target) -> Vector<V> {
        // SAFETY: the weights and every state that the rule keeps have the shape of C.
        unsafe {
            let mut values = [view.simd().splat(0.0); MAX_STATES];
            for (value, &state) in values.iter_mut().zip(&self.states).take(R::STATES) {
                *value = view.load(state);
            }
            let w = self.rule.step(view.simd(), sums, view.load(c.0), &mut values);
            for (&value, &state) in values.iter().zip(&self.states).take(R::STATES) {
                view.store(Target(state), value);
            }
            w
        }
    }
}

/// Takes every vector of the block through `element`. (Reached only through `finish_block`, which states the promises.)
#[inline(always)]
fn each<S: Simd, E: Element>(simd: S, block: Block, c: Target, element: &E) {
    if const { S::LANES > 1 } && block.turned {
        return each_turned(simd, block, c, element);
    }
    if const { S::LANES == 1 } || !(element.unit_columns() && c.0.col_stride == 1) {
        for i in 0..block.rows {
            for j in (0..block.cols).step_by(S::LANES) {
                let count = S::LANES.min(block.cols - j);
                let view = Along::<S, false> { simd, row: block.row + i, col: block.col + j, count };
                // SAFETY: the caller of `finish_block` promises every element of the block, in the sums, in C and in the operands.
                unsafe { through(view, load(simd, block.sums_at(i, j), count), c, element) };
            }
        }
        return;
    }
    // Elements of rows lie side by side, as they mostly do. Four vectors at once hide each other's latency: of four rows, or of the quarters of a row that is left.
    let (rows, cols) = (block.rows - block.rows % 4, block.cols - block.cols % S::LANES);
    let quarter = block.cols / (4 * S::LANES) * S::LANES;
    let mut start = 0;
    while start < block.rows {
        let four_rows = start < rows;
        let (end, whole, apart) = if four_rows { (rows, cols, None) } else { (start + 1, quarter, Some(quarter)) };
        macro_rules! four {
            ($i:expr, $j:expr, $count:expr) => {{
                let view = Four { simd, row: block.row + $i, col: block.col + $j, count: $count, apart };
                // SAFETY: as above.
                unsafe { through(view, view.load_at(block.sums_at($i, $j), block.sums_row_stride), c, element) }
            }};
        }
        // (A loop of its own over fours of rows: the addresses of one four are those of the last, a step on.)
        for i in (start..end).step_by(4) {
            for j in (0..whole).step_by(S::LANES) {
                four!(i, j, S::LANES);
            }
            if four_rows && cols < block.cols {
                four!(i, cols, block.cols - cols);
            }
        }
        if !four_rows {
            for j in (4 * whole..block.cols).step_by(S::LANES) {
                let count = S::LANES.min(block.cols - j);
                let view = Along::<S, true> { simd, row: block.row + start, col: block.col + j, count };
                // SAFETY: as above.
                unsafe { through(view, load(simd, block.sums_at(start, j), count), c, element) }
            }
        }
        start = end;
    }
}

/// Takes the sums in view through `element` into C.
///
/// # Safety
/// As [`Element::element`].
#[inline(always)]
unsafe fn through<V: View, E: Element>(view: V, sums: Vector<V>, c: Target, element: &E) {
    // SAFETY: the caller's promise.
    unsafe { view.store(c, element.element(view, sums, c)) }
}

/// [`each`] for a turned block: four of its rows at a time, which are four columns of C.
#[inline(always)]
fn each_turned<S: Simd, E: Element>(simd: S, block: Block, c: Target, element: &E) {
    for i in (0..block.rows).step_by(4) {
        for j in (0..block.cols).step_by(S::LANES) {
            let rows = S::LANES.min(block.cols - j);
            if i + 1 == block.rows {
                let view = Turned(Along::<S, false> { simd, row: block.col + i, col: block.row + j, count: rows });
                // SAFETY: the caller of `finish_block` promises every element of the block, in the sums, in C and in the operands.
                unsafe { through(view, load(simd, block.sums_at(i, j), rows), c, element) };
                continue;
            }
            let view = Down { simd, row: block.row + j, col: block.col + i, rows, cols: 4.min(block.rows - i) };
            // SAFETY: as above.
            unsafe {
                let mut sums = [simd.splat(0.0); 4];
                for (q, sums) in sums.iter_mut().enumerate().take(view.cols) {
                    *sums = load(simd, block.sums_at(i + q, j), view.rows);
                }
                through(view, four(sums), c, element)
            }
        }
    }
}
