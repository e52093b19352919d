//! What happens to the sums of a product on their way into C.

mod view;

use super::blocking::{MAX_ROWS, MAX_TILE};
use super::pack::{Operand, pack_panel};
use crate::activation::{Activation, Function, with_function};
use crate::matrix::{Mat, MatMut};
use crate::optimizer::{MAX_STATES, Rule, Update, with_rule};
use crate::simd::{Kernel, Simd, Twice};
use core::marker::PhantomData;
use view::{Along, Down, Vector, View, four, load, store};

/// Calls `$vector!(simd, j, count)` for the vectors of a row of `$cols` elements: four at once, where there are so many, hide each other's
/// latency. All but the last have a `count` that the compiler knows.
macro_rules! in_vectors {
    ($simd:expr, $lanes:ident, $cols:expr, $vector:ident) => {{
        let mut j = 0;
        if const { $lanes::LANES > 1 } {
            while $cols - j >= 4 * $lanes::LANES {
                $vector!(Twice(Twice($simd)), j, 4 * $lanes::LANES);
                j += 4 * $lanes::LANES;
            }
        }
        while $cols - j >= $lanes::LANES {
            $vector!($simd, j, $lanes::LANES);
            j += $lanes::LANES;
        }
        if const { $lanes::LANES > 1 } && j < $cols {
            $vector!($simd, j, $cols - j);
        }
    }};
}

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
pub(super) enum Finish {
    Store,
    Bias { bias: *const f32, activation: Activation },
    Backward { activation: Activation, saved: Operand },
    Accumulate { alpha: f32 },
    Update { update: Update, states: [Operand; MAX_STATES] },
}

impl Finish {
    /// Whether C can hold the sums until the last block: only if its old content is not needed.
    pub fn overwrites(&self) -> bool {
        matches!(self, Finish::Store | Finish::Bias { .. } | Finish::Backward { .. })
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
    // SAFETY: the caller's promises, which are those of each.
    unsafe {
        match *finish {
            Finish::Store => {}
            Finish::Bias { bias, activation } => activate(simd, activation, bias, block),
            Finish::Backward { activation, saved } => derive(simd, activation, saved, block),
            Finish::Accumulate { alpha } => return simd.vectorize(Each { block, c, element: Accumulate { alpha } }),
            Finish::Update { update, states } => {
                return with_rule!(update, rule => simd.vectorize(Each { block, c, element: Step { rule, states } }));
            }
        }
        // The first sum's place in C.
        if block.sums != c.0.at(block.row, block.col).ptr {
            simd.vectorize(Each { block, c, element: Store })
        }
    }
}

/// `s ← σ(s + bias)` for a block of sums, in place.
///
/// # Safety
/// The sums are readable and writable; the bias has an element for each column of C.
#[inline(always)]
unsafe fn activate<S: Simd>(simd: S, activation: Activation, bias: *const f32, block: Block) {
    let bias = bias.wrapping_add(block.col);
    with_function!(activation, F => simd.vectorize(Activate::<F> { bias, block, function: PhantomData }));
}

struct Activate<F> {
    /// The bias of the first row or column.
    bias: *const f32,
    block: Block,
    function: PhantomData<F>,
}

impl<F: Function> Kernel for Activate<F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Activate { bias, block, .. } = self;
        for i in 0..block.rows {
            let row = block.sums.wrapping_add(i * block.sums_row_stride).cast_mut();
            // (A macro, because closures may miss the caller's target features.)
            macro_rules! vector {
                ($simd:expr, $j:expr, $count:expr) => {
                    // SAFETY: `activate`'s caller promises the sums, and a bias for each column of C, which is a row of a turned block.
                    unsafe {
                        let count = $count;
                        let bias =
                            if block.turned { $simd.splat(*bias.add(i)) } else { load($simd, bias.add($j), count) };
                        let x = $simd.add(load($simd, row.add($j), count), bias);
                        store($simd, row.add($j), F::forward($simd, x), count);
                    }
                };
            }
            in_vectors!(simd, S, block.cols, vector);
        }
    }
}

/// `s ← s · σ′` for a block of sums, in place.
///
/// # Safety
/// The sums are readable and writable; the block's elements exist in `saved`.
#[inline(always)]
unsafe fn derive<S: Simd>(simd: S, activation: Activation, saved: Operand, block: Block) {
    let saved = saved.at(block.row, block.col);
    let saved = if block.turned { saved.t() } else { saved };
    if saved.col_stride == 1 {
        with_function!(activation, F => simd.vectorize(Derive::<F> { saved, block, function: PhantomData }));
        return;
    }
    // What lies across the block's rows is turned first, as much at a time as a tile has.
    let cols = MAX_TILE / MAX_ROWS;
    for i in (0..block.rows).step_by(MAX_ROWS) {
        for j in (0..block.cols).step_by(cols) {
            let mut turned = [0.0; MAX_TILE];
            let part = Block {
                sums: block.sums.wrapping_add(i * block.sums_row_stride + j),
                rows: MAX_ROWS.min(block.rows - i),
                cols: cols.min(block.cols - j),
                ..block
            };
            let width = part.cols.div_ceil(S::LANES);
            let stride = width * S::LANES;
            // SAFETY: the part lies inside the block; its rows, padded to whole vectors, inside a tile.
            unsafe { pack_panel(simd, saved.at(i, j), part.rows, part.cols, width, stride, turned.as_mut_ptr()) };
            let saved = Operand { ptr: turned.as_ptr(), row_stride: stride, col_stride: 1 };
            with_function!(activation, F => simd.vectorize(Derive::<F> { saved, block: part, function: PhantomData }));
        }
    }
}

struct Derive<F> {
    /// Beginning at the block's first element, and in its order.
    saved: Operand,
    block: Block,
    function: PhantomData<F>,
}

impl<F: Function> Kernel for Derive<F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Derive { saved, block, .. } = self;
        for i in 0..block.rows {
            let row = block.sums.wrapping_add(i * block.sums_row_stride).cast_mut();
            macro_rules! vector {
                ($simd:expr, $j:expr, $count:expr) => {
                    // SAFETY: `derive`'s caller promises the sums and what is saved.
                    unsafe {
                        let count = $count;
                        let saved = load($simd, saved.at(i, $j).ptr, count);
                        let d = load($simd, row.add($j), count);
                        store($simd, row.add($j), F::backward($simd, d, saved), count);
                    }
                };
            }
            in_vectors!(simd, S, block.cols, vector);
        }
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
        each(simd, self.block, self.c, self.element);
    }
}

/// The element-wise part of an epilogue, one vector at a time.
///
/// A trait and not a closure: a closure is a function of its own, which may miss the caller's target features.
trait Element: Copy {
    /// Whether the columns of every operand beside C lie side by side.
    #[inline(always)]
    fn unit_columns(&self) -> bool {
        true
    }
    /// The new elements of C in view, from their sums.
    ///
    /// # Safety
    /// The elements in view exist in C and in every operand of the epilogue, and are this thread's alone where they change.
    unsafe fn element<V: View>(self, view: V, sums: Vector<V>, c: Target) -> Vector<V>;
}

#[derive(Clone, Copy)]
struct Store;

impl Element for Store {
    #[inline(always)]
    unsafe fn element<V: View>(self, _: V, sums: Vector<V>, _: Target) -> Vector<V> {
        sums
    }
}

#[derive(Clone, Copy)]
struct Accumulate {
    alpha: f32,
}

impl Element for Accumulate {
    #[inline(always)]
    unsafe fn element<V: View>(self, view: V, sums: Vector<V>, c: Target) -> Vector<V> {
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
    unsafe fn element<V: View>(self, view: V, sums: Vector<V>, c: Target) -> Vector<V> {
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
fn each<S: Simd, E: Element>(simd: S, block: Block, c: Target, element: E) {
    if const { S::LANES > 1 } && block.turned {
        return each_turned(simd, block, c, element);
    }
    // Where the elements of rows lie side by side, as they mostly do, the compiler is told once.
    if element.unit_columns() && c.0.col_stride == 1 {
        along_rows::<S, E, true>(simd, block, c, element);
    } else {
        along_rows::<S, E, false>(simd, block, c, element);
    }
}

#[inline(always)]
fn along_rows<S: Simd, E: Element, const UNIT: bool>(simd: S, block: Block, c: Target, element: E) {
    for i in 0..block.rows {
        macro_rules! vector {
            ($simd:expr, $j:expr, $count:expr) => {
                along::<_, E, UNIT>($simd, block, c, element, i, $j, $count)
            };
        }
        in_vectors!(simd, S, block.cols, vector);
    }
}

/// Takes `count` elements from row `i`, column `j` of the block on through `element`.
#[inline(always)]
fn along<S: Simd, E: Element, const UNIT: bool>(
    simd: S,
    block: Block,
    c: Target,
    element: E,
    i: usize,
    j: usize,
    count: usize,
) {
    let view = Along::<S, UNIT> { simd, row: block.row + i, col: block.col + j, count };
    // SAFETY: the caller of `finish_block` promises every element of the block, in the sums, in C and in the operands.
    unsafe {
        let sums = load(simd, block.sums.add(i * block.sums_row_stride + j), view.count);
        view.store(c, element.element(view, sums, c));
    }
}

/// [`each`] for a turned block: four of its rows at a time, which are four columns of C.
#[inline(always)]
fn each_turned<S: Simd, E: Element>(simd: S, block: Block, c: Target, element: E) {
    for i in (0..block.rows).step_by(4) {
        for j in (0..block.cols).step_by(S::LANES) {
            let view = Down {
                simd,
                row: block.row + j,
                col: block.col + i,
                rows: S::LANES.min(block.cols - j),
                cols: 4.min(block.rows - i),
            };
            // SAFETY: the caller of `finish_block` promises every element of the block, in the sums, in C and in the operands.
            unsafe {
                let mut sums = [simd.splat(0.0); 4];
                for (q, sums) in sums.iter_mut().enumerate().take(view.cols) {
                    *sums = load(simd, block.sums.add((i + q) * block.sums_row_stride + j), view.rows);
                }
                view.store(c, element.element(view, four(sums), c));
            }
        }
    }
}
