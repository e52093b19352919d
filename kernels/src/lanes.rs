//! Vectors out of slices, and reductions over a row in the fixed order of [the contract](crate#row-reductions).

use crate::simd::{Simd, Twice};

/// Number of virtual lanes of a reduction, whatever the vector: lane `l` takes elements `l, l + 16, …`.
pub const REDUCTION_LANES: usize = 16;

/// The elements of `x` from `start`: a vector, or what is left with zeros behind.
#[inline(always)]
pub(crate) fn get<S: Simd>(simd: S, x: &[f32], start: usize) -> S::F {
    let rest = x.get(start..).unwrap_or(&[]);
    // SAFETY: `rest` has at least the number of elements that is read.
    unsafe {
        if rest.len() >= S::LANES { simd.load(rest.as_ptr()) } else { simd.load_first(rest.as_ptr(), rest.len()) }
    }
}

/// Stores `value` to `x` from `start`, as far as `x` goes.
#[inline(always)]
pub(crate) fn put<S: Simd>(simd: S, x: &mut [f32], start: usize, value: S::F) {
    let rest = x.get_mut(start..).unwrap_or(&mut []);
    let len = rest.len();
    // SAFETY: `rest` has at least the number of elements that is written.
    unsafe {
        if len >= S::LANES {
            simd.store(rest.as_mut_ptr(), value)
        } else {
            simd.store_first(rest.as_mut_ptr(), value, len)
        }
    }
}

/// Work on the elements of slices, vector by vector. A trait and not a closure, which may miss the caller's target features.
pub(crate) trait Vectors {
    /// The vector that begins at element `start`; there may be fewer elements than it has lanes.
    fn vector<S: Simd>(&mut self, simd: S, start: usize);
}

/// Takes elements `0..len` through `work`: four vectors at once where there are so many, which hide each other's latency.
#[inline(always)]
pub(crate) fn each_vector<S: Simd>(simd: S, len: usize, mut work: impl Vectors) {
    let four = Twice(Twice(simd));
    let mut start = 0;
    while len - start >= 4 * S::LANES {
        work.vector(four, start);
        start += 4 * S::LANES;
    }
    while start < len {
        work.vector(simd, start);
        start += S::LANES;
    }
}

/// A reduction in progress: 16 lanes in as many vectors as they take.
#[derive(Clone, Copy)]
pub(crate) struct Lanes<S: Simd>([S::F; REDUCTION_LANES]);

impl<S: Simd> Lanes<S> {
    const VECTORS: usize = REDUCTION_LANES / S::LANES;

    /// Every lane begins with the neutral element of the reduction.
    #[inline(always)]
    pub fn new(simd: S, neutral: f32) -> Self {
        Lanes([simd.splat(neutral); REDUCTION_LANES])
    }

    /// Takes `len` elements into the lanes: `combine` gets a lane's vector, the index of the first element, and a mask
    /// of the elements that exist (all of them, but in the last vectors).
    #[inline(always)]
    pub fn each(&mut self, simd: S, len: usize, mut combine: impl Combine<S>) {
        let whole = len - len % REDUCTION_LANES;
        let mut start = 0;
        while start < whole {
            for v in 0..Self::VECTORS {
                self.0[v] = combine.combine(simd, self.0[v], start + v * S::LANES, None);
            }
            start += REDUCTION_LANES;
        }
        let left = len - whole;
        for (v, lane) in self.0[..Self::VECTORS].iter_mut().enumerate().take(left.div_ceil(S::LANES)) {
            let at = whole + v * S::LANES;
            let used = (len - at < S::LANES).then(|| simd.first(len - at));
            *lane = combine.combine(simd, *lane, at, used);
        }
    }

    /// Lane `l` with lane `l + 8`, then `+ 4`, `+ 2`, `+ 1`.
    #[inline(always)]
    pub fn tree(self, simd: S, combine: impl Fn(f32, f32) -> f32) -> f32 {
        let mut lanes = [0.0; REDUCTION_LANES];
        for v in 0..Self::VECTORS {
            put(simd, &mut lanes, v * S::LANES, self.0[v]);
        }
        let mut half = REDUCTION_LANES / 2;
        while half > 0 {
            for l in 0..half {
                lanes[l] = combine(lanes[l], lanes[l + half]);
            }
            half /= 2;
        }
        lanes[0]
    }
}

/// One step of a reduction. A trait and not a closure, which may miss the caller's target features.
pub(crate) trait Combine<S: Simd> {
    fn combine(&mut self, simd: S, lane: S::F, start: usize, used: Option<S::M>) -> S::F;
}

/// `value` where an element exists, else `neutral`.
#[inline(always)]
pub(crate) fn only<S: Simd>(simd: S, used: Option<S::M>, value: S::F, neutral: f32) -> S::F {
    match used {
        None => value,
        Some(used) => simd.select(used, value, simd.splat(neutral)),
    }
}

/// The larger one; NaN if one is NaN.
#[inline(always)]
pub(crate) fn max(a: f32, b: f32) -> f32 {
    crate::simd::Portable.max(a, b)
}
