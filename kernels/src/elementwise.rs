//! A function of each element of a slice.

use crate::isa::Isa;
use crate::lanes::{Vectors, each_vector, get, put};
use crate::math;
use crate::matrix::{ShapeError, check_length};
use crate::simd::{Kernel, Simd};
use core::marker::PhantomData;

/// A function of one element, on vectors.
trait Function {
    fn apply<S: Simd>(simd: S, x: S::F) -> S::F;
}

/// `y[i] ← F(x[i])` over two slices of one length.
struct Map<'a, F> {
    function: PhantomData<F>,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl<F: Function> Kernel for Map<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        each_vector(simd, self.x.len(), self);
    }
}

impl<F: Function> Vectors for Map<'_, F> {
    #[inline(always)]
    fn vector<S: Simd>(&mut self, simd: S, start: usize) {
        put(simd, self.y, start, F::apply(simd, get(simd, self.x, start)));
    }
}

fn map<F: Function>(isa: Isa, x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    check_length("y", x.len(), y.len())?;
    isa.run(Map { function: PhantomData::<F>, x, y });
    Ok(())
}

macro_rules! elementwise {
    ($($function:ident $kernel:ident $formula:literal)*) => {$(
        #[doc = concat!("`y[i] ← ", $formula, "`.")]
        ///
        /// # Numerics
        #[doc = concat!("[`reference::", stringify!($function), "`](crate::reference::", stringify!($function), "), to the bit.")]
        /// # Errors
        /// [`ShapeError`] if the lengths differ; `y` is untouched.
        pub fn $function(isa: Isa, x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
            map::<$kernel>(isa, x, y)
        }

        struct $kernel;

        impl Function for $kernel {
            #[inline(always)]
            fn apply<S: Simd>(simd: S, x: S::F) -> S::F {
                math::$function(simd, x)
            }
        }
    )*};
}

elementwise! {
    exp Exp "e^x[i]"
    ln Ln "ln x[i]"
    sigmoid Sigmoid "1/(1 + e^−x[i])"
    tanh Tanh "tanh x[i]"
    softplus Softplus "ln(1 + e^x[i])"
    elu Elu "x[i] if positive, else e^x[i] − 1"
    silu Silu "x[i]/(1 + e^−x[i])"
    silu_slope SiluSlope "silu′(x[i])"
    gelu Gelu "x[i]·Φ(x[i])"
    gelu_slope GeluSlope "gelu′(x[i])"
    gelu_tanh GeluTanh "x[i]·(1 + tanh(√(2/π)·(x[i] + 0.044715·x[i]³)))/2"
    gelu_tanh_slope GeluTanhSlope "gelu_tanh′(x[i])"
}
