//! A function of each element of a slice.

use crate::isa::Isa;
use crate::math;
use crate::matrix::ShapeError;
use crate::simd::{Kernel, Simd, Twice};
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
        let Map { x, y, .. } = self;
        let len = x.len().min(y.len());
        let (x, y) = (x.as_ptr(), y.as_mut_ptr());
        let mut i = 0;
        // Four chains at once hide each other's latency.
        let four = Twice(Twice(simd));
        while len - i >= 4 * S::LANES {
            // SAFETY: i + 4·LANES ≤ len, the length of both slices.
            unsafe { four.store(y.add(i), F::apply(four, four.load(x.add(i)))) }
            i += 4 * S::LANES;
        }
        while len - i >= S::LANES {
            // SAFETY: i + LANES ≤ len, the length of both slices.
            unsafe { simd.store(y.add(i), F::apply(simd, simd.load(x.add(i)))) }
            i += S::LANES;
        }
        if i < len {
            let count = len - i;
            // SAFETY: i + count = len, the length of both slices.
            unsafe { simd.store_first(y.add(i), F::apply(simd, simd.load_first(x.add(i), count)), count) }
        }
    }
}

fn map<F: Function>(isa: Isa, x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    if x.len() != y.len() {
        return Err(ShapeError::Length { operand: "y", wanted: x.len(), given: y.len() });
    }
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
}
