//! Activation functions and their derivatives.
//!
//! To add one: a variant, its row in [`activations!`], and its [`Function`]; its definition in [`reference`](crate::reference).

use crate::isa::Isa;
use crate::lanes::{Vectors, each_vector, get, put};
use crate::math;
use crate::matrix::{Mat, MatMut, ShapeError, check_dimension, check_unit_columns};
use crate::reference::LEAKY_SLOPE;
use crate::simd::{Kernel, Simd};
use core::marker::PhantomData;

/// Makes the enumeration, its list and names, and the dispatch from a value to its [`Function`].
macro_rules! activations {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// What a layer does to each element of `x·W + b`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Activation {
            $($(#[$doc])* $variant,)*
        }

        impl Activation {
            /// Every activation.
            pub const ALL: &'static [Activation] = &[$(Activation::$variant),*];

            /// The name that [`Activation::from_name`] takes.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Activation::$variant => $name,)*
                }
            }
        }

        /// Calls `$body` with the type of the activation's [`Function`] as `$function`.
        macro_rules! with_function {
            ($value:expr, $function:ident => $body:expr) => {
                match $value {
                    $($crate::activation::Activation::$variant => {
                        type $function = $crate::activation::$variant;
                        $body
                    })*
                }
            };
        }
    };
}

activations! {
    /// `σ(x) = x`.
    Identity = "identity",
    /// `σ(x) = 1 / (1 + e⁻ˣ)`, `σ′ = σ·(1 − σ)`.
    Sigmoid = "sigmoid",
    /// `σ(x) = tanh x`, `σ′ = 1 − σ²`.
    Tanh = "tanh",
    /// `σ(x) = max(x, 0)` with `σ(−0) = +0` and NaN kept; `σ′ = 1` where `x > 0`, else 0.
    Relu = "relu",
    /// `σ(x) = x` where `x > 0`, else `0.01·x`; `σ′ = 1` where `x > 0`, else 0.01.
    LeakyRelu = "leaky-relu",
    /// `σ(x) = x` where `x > 0`, else `eˣ − 1`; `σ′ = 1` where `x > 0`, else `σ + 1`.
    Elu = "elu",
    /// `σ(x) = x·s(x)` with the logistic function `s`; `σ′ = s·(1 + x·(1 − s))`.
    Silu = "silu",
    /// `σ(x) = x·Φ(x)` with the normal distribution `Φ`; `σ′ = Φ + x·φ` with its density `φ`.
    Gelu = "gelu",
    /// `σ(x) = x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2`, an approximation of [`Gelu`](Self::Gelu), and its own derivative.
    GeluTanh = "gelu-tanh",
    /// `σ(x) = ln(1 + eˣ)`; `σ′ = 1 / (1 + e⁻ˣ)`.
    Softplus = "softplus",
}

/// What the derivative of an activation is a function of, and so what a training keeps of each layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Saved {
    /// The output `σ(x)`.
    Output,
    /// The input `x`: the function takes a value twice, so that its output does not determine the derivative.
    Input,
}

#[allow(clippy::single_component_path_imports, reason = "it gives the macro a path")]
pub(crate) use with_function;

impl Activation {
    /// The activation of that name, or `None`.
    pub fn from_name(name: &str) -> Option<Activation> {
        Activation::ALL.iter().copied().find(|activation| activation.name() == name)
    }

    /// What [`activation_backward`] and [`Epilogue::Backward`](crate::Epilogue::Backward) take as `saved`.
    pub const fn saved(self) -> Saved {
        with_function!(self, F => <F as Function>::SAVED)
    }
}

/// `x ← σ(x)`.
pub fn activate(isa: Isa, activation: Activation, x: &mut [f32]) {
    with_function!(activation, F => isa.run(Forward::<F> { x, function: PhantomData }));
}

/// `y ← σ(x)`.
///
/// # Shapes
/// `x` and `y`: (batch, outputs), columns side by side.
/// # Errors
/// [`ShapeError`]; nothing is written.
pub fn activation_forward(isa: Isa, activation: Activation, x: Mat<'_>, y: MatMut<'_>) -> Result<(), ShapeError> {
    same_shape("x", x, "y", y.as_ref())?;
    if y.cols() > 0 {
        // (Rows without elements need no memory, so there may be 2⁶⁴ of them.)
        with_function!(activation, F => isa.run(ForwardRows::<F> { x, y, function: PhantomData }));
    }
    Ok(())
}

/// `d ← d · σ′`, through an activation backwards.
///
/// # Shapes
/// `saved` (the activation's inputs or outputs, as [`Activation::saved`] says) and `gradient`: (batch, outputs), columns side by
/// side.
/// # Errors
/// [`ShapeError`]; nothing is written.
pub fn activation_backward(
    isa: Isa,
    activation: Activation,
    saved: Mat<'_>,
    gradient: MatMut<'_>,
) -> Result<(), ShapeError> {
    same_shape("saved", saved, "gradient", gradient.as_ref())?;
    if gradient.cols() > 0 {
        with_function!(activation, F => isa.run(Backward::<F> { saved, gradient, function: PhantomData }));
    }
    Ok(())
}

/// `Ok` if `operand` has the shape of the output, and both have their columns side by side.
fn same_shape(
    name: &'static str,
    operand: Mat<'_>,
    output_name: &'static str,
    output: Mat<'_>,
) -> Result<(), ShapeError> {
    check_dimension(name, "rows", output.rows(), operand.rows())?;
    check_dimension(name, "columns", output.cols(), operand.cols())?;
    check_unit_columns(name, operand)?;
    check_unit_columns(output_name, output)
}

struct Forward<'a, F> {
    x: &'a mut [f32],
    function: PhantomData<F>,
}

impl<F: Function> Kernel for Forward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        each_vector(simd, self.x.len(), self);
    }
}

impl<F: Function> Vectors for Forward<'_, F> {
    #[inline(always)]
    fn vector<S: Simd>(&mut self, simd: S, start: usize) {
        put(simd, self.x, start, F::forward(simd, get(simd, self.x, start)));
    }
}

struct ForwardRows<'a, F> {
    x: Mat<'a>,
    y: MatMut<'a>,
    function: PhantomData<F>,
}

impl<F: Function> Kernel for ForwardRows<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        for i in 0..self.x.rows() {
            let (Some(x), Some(y)) = (self.x.row(i), self.y.row_mut(i)) else { return };
            each_vector(simd, x.len(), ForwardRow::<F> { x, y, function: PhantomData });
        }
    }
}

struct ForwardRow<'a, F> {
    x: &'a [f32],
    y: &'a mut [f32],
    function: PhantomData<F>,
}

impl<F: Function> Vectors for ForwardRow<'_, F> {
    #[inline(always)]
    fn vector<S: Simd>(&mut self, simd: S, start: usize) {
        put(simd, self.y, start, F::forward(simd, get(simd, self.x, start)));
    }
}

struct Backward<'a, F> {
    saved: Mat<'a>,
    gradient: MatMut<'a>,
    function: PhantomData<F>,
}

impl<F: Function> Kernel for Backward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        for i in 0..self.saved.rows() {
            let (Some(saved), Some(gradient)) = (self.saved.row(i), self.gradient.row_mut(i)) else { return };
            each_vector(simd, saved.len(), BackwardRow::<F> { saved, gradient, function: PhantomData });
        }
    }
}

struct BackwardRow<'a, F> {
    saved: &'a [f32],
    gradient: &'a mut [f32],
    function: PhantomData<F>,
}

impl<F: Function> Vectors for BackwardRow<'_, F> {
    #[inline(always)]
    fn vector<S: Simd>(&mut self, simd: S, start: usize) {
        let (d, saved) = (get(simd, self.gradient, start), get(simd, self.saved, start));
        put(simd, self.gradient, start, F::backward(simd, d, saved));
    }
}

/// One activation over vectors.
pub(crate) trait Function {
    /// What `backward` takes.
    const SAVED: Saved = Saved::Output;
    /// `σ(x)`.
    fn forward<S: Simd>(simd: S, x: S::F) -> S::F;
    /// `d · σ′`, from what is saved.
    fn backward<S: Simd>(simd: S, d: S::F, saved: S::F) -> S::F;
}

pub(crate) struct Identity;
pub(crate) struct Sigmoid;
pub(crate) struct Tanh;
pub(crate) struct Relu;
pub(crate) struct LeakyRelu;
pub(crate) struct Elu;
pub(crate) struct Silu;
pub(crate) struct Gelu;
pub(crate) struct GeluTanh;
pub(crate) struct Softplus;

impl Function for Identity {
    #[inline(always)]
    fn forward<S: Simd>(_: S, x: S::F) -> S::F {
        x
    }
    #[inline(always)]
    fn backward<S: Simd>(_: S, d: S::F, _: S::F) -> S::F {
        d
    }
}

impl Function for Sigmoid {
    #[inline(always)]
    fn forward<S: Simd>(simd: S, x: S::F) -> S::F {
        math::sigmoid(simd, x)
    }
    #[inline(always)]
    fn backward<S: Simd>(simd: S, d: S::F, y: S::F) -> S::F {
        simd.mul(d, simd.mul(y, simd.sub(simd.splat(1.0), y)))
    }
}

impl Function for Tanh {
    #[inline(always)]
    fn forward<S: Simd>(simd: S, x: S::F) -> S::F {
        math::tanh(simd, x)
    }
    #[inline(always)]
    fn backward<S: Simd>(simd: S, d: S::F, y: S::F) -> S::F {
        simd.mul(d, simd.fma(simd.neg(y), y, simd.splat(1.0)))
    }
}

impl Function for Relu {
    #[inline(always)]
    fn forward<S: Simd>(simd: S, x: S::F) -> S::F {
        simd.select(simd.le(x, simd.splat(0.0)), simd.splat(0.0), x)
    }
    #[inline(always)]
    fn backward<S: Simd>(simd: S, d: S::F, y: S::F) -> S::F {
        simd.select(simd.le(y, simd.splat(0.0)), simd.splat(0.0), d)
    }
}

impl Function for LeakyRelu {
    #[inline(always)]
    fn forward<S: Simd>(simd: S, x: S::F) -> S::F {
        simd.select(simd.lt(simd.splat(0.0), x), x, simd.mul(x, simd.splat(LEAKY_SLOPE)))
    }
    #[inline(always)]
    fn backward<S: Simd>(simd: S, d: S::F, y: S::F) -> S::F {
        simd.select(simd.lt(simd.splat(0.0), y), d, simd.mul(d, simd.splat(LEAKY_SLOPE)))
    }
}

impl Function for Elu {
    #[inline(always)]
    fn forward<S: Simd>(simd: S, x: S::F) -> S::F {
        math::elu(simd, x)
    }
    #[inline(always)]
    fn backward<S: Simd>(simd: S, d: S::F, y: S::F) -> S::F {
        let below = simd.mul(d, simd.add(y, simd.splat(1.0)));
        simd.select(simd.lt(simd.splat(0.0), y), d, below)
    }
}

impl Function for Silu {
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn forward<S: Simd>(simd: S, x: S::F) -> S::F {
        math::silu(simd, x)
    }
    #[inline(always)]
    fn backward<S: Simd>(simd: S, d: S::F, x: S::F) -> S::F {
        simd.mul(d, math::silu_slope(simd, x))
    }
}

impl Function for Gelu {
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn forward<S: Simd>(simd: S, x: S::F) -> S::F {
        math::gelu(simd, x)
    }
    #[inline(always)]
    fn backward<S: Simd>(simd: S, d: S::F, x: S::F) -> S::F {
        simd.mul(d, math::gelu_slope(simd, x))
    }
}

impl Function for GeluTanh {
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn forward<S: Simd>(simd: S, x: S::F) -> S::F {
        math::gelu_tanh(simd, x)
    }
    #[inline(always)]
    fn backward<S: Simd>(simd: S, d: S::F, x: S::F) -> S::F {
        simd.mul(d, math::gelu_tanh_slope(simd, x))
    }
}

impl Function for Softplus {
    const SAVED: Saved = Saved::Input;

    #[inline(always)]
    fn forward<S: Simd>(simd: S, x: S::F) -> S::F {
        math::softplus(simd, x)
    }
    #[inline(always)]
    fn backward<S: Simd>(simd: S, d: S::F, x: S::F) -> S::F {
        simd.mul(d, math::sigmoid(simd, x))
    }
}
