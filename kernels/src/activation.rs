//! Activation functions and their derivatives.
//!
//! To add one: a variant, its row in [`activations!`], and its [`Function`]; its definition in [`reference`](crate::reference).

use crate::isa::Isa;
use crate::lanes::{get, put};
use crate::math;
use crate::matrix::{Mat, MatMut, ShapeError, check_dimension, check_unit_columns};
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
}

#[allow(clippy::single_component_path_imports, reason = "it gives the macro a path")]
pub(crate) use with_function;

impl Activation {
    /// The activation of that name, or `None`.
    pub fn from_name(name: &str) -> Option<Activation> {
        Activation::ALL.iter().copied().find(|activation| activation.name() == name)
    }
}

/// `x ← σ(x)`.
pub fn activate(isa: Isa, activation: Activation, x: &mut [f32]) {
    with_function!(activation, F => isa.run(Forward::<F> { x, function: PhantomData }));
}

/// `d ← d · σ′`, through an activation backwards.
///
/// # Shapes
/// `saved` (the activation's outputs) and `gradient`: (batch, outputs), columns side by side.
/// # Errors
/// [`ShapeError`]; nothing is written.
pub fn activation_backward(
    isa: Isa,
    activation: Activation,
    saved: Mat<'_>,
    gradient: MatMut<'_>,
) -> Result<(), ShapeError> {
    check_dimension("saved", "rows", gradient.rows(), saved.rows())?;
    check_dimension("saved", "columns", gradient.cols(), saved.cols())?;
    check_unit_columns("saved", saved)?;
    check_unit_columns("gradient", gradient.as_ref())?;
    if gradient.cols() == 0 {
        // Rows without elements need no memory, so there may be 2⁶⁴ of them.
        return Ok(());
    }
    with_function!(activation, F => isa.run(Backward::<F> { saved, gradient, function: PhantomData }));
    Ok(())
}

struct Forward<'a, F> {
    x: &'a mut [f32],
    function: PhantomData<F>,
}

impl<F: Function> Kernel for Forward<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for j in (0..self.x.len()).step_by(S::LANES) {
            put(simd, self.x, j, F::forward(simd, get(simd, self.x, j)));
        }
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
            for j in (0..gradient.len()).step_by(S::LANES) {
                put(simd, gradient, j, F::backward(simd, get(simd, gradient, j), get(simd, saved, j)));
            }
        }
    }
}

/// One activation over vectors.
pub(crate) trait Function {
    /// `σ(x)`.
    fn forward<S: Simd>(simd: S, x: S::F) -> S::F;
    /// `d · σ′(x)`, from the saved output `y = σ(x)`.
    fn backward<S: Simd>(simd: S, d: S::F, y: S::F) -> S::F;
}

pub(crate) struct Identity;
pub(crate) struct Sigmoid;
pub(crate) struct Tanh;
pub(crate) struct Relu;

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
