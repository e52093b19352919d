//! [`reference`](crate::reference)'s GELU, on vectors.

use super::{all, logistic_slope, positive, power, series, times_logistic};
use crate::reference::*;
use crate::simd::Simd;

/// `x·Φ(x)`.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.abs(x);
    // The power of two is normal.
    if all(s, s.le(a, s.splat(13.0))) {
        gelu_of::<S, true>(s, x, a)
    } else {
        gelu_of::<S, false>(s, x, s.lesser(s.splat(GELU_LIMIT), a))
    }
}

#[inline(always)]
fn gelu_of<S: Simd, const USUAL: bool>(s: S, x: S::F, a: S::F) -> S::F {
    let (z, em1) = bell(s, a);
    let (centre, rest) = minus_tail(s, a);
    let g = s.mul(a, centre);
    let rest = s.fma(a, rest, s.fma(a, centre, s.neg(g)));
    let sum = s.add(s.fma(g, em1, s.fma(rest, em1, rest)), g);
    let scaled = if USUAL { s.mul(sum, power(s, z)) } else { s.scale(sum, s.sub(z, s.splat(ROUND))) };
    s.add(scaled, positive(s, x))
}

/// The derivative of `gelu`.
#[inline(always)]
pub(crate) fn gelu_slope<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.lesser(s.splat(GELU_LIMIT), s.abs(x));
    let (z, em1) = bell(s, a);
    let (centre, rest) = minus_tail(s, a);
    let y = s.fma(a, s.splat(-INVERSE_ROOT_2_PI), s.neg(s.add(centre, rest)));
    let below = s.scale(s.fma(y, em1, y), s.sub(z, s.splat(ROUND)));
    s.select(s.lt(x, s.splat(0.0)), below, s.sub(s.splat(1.0), below))
}

/// `gelu` by way of the hyperbolic tangent.
#[inline(always)]
pub(crate) fn gelu_tanh<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.lesser(s.splat(GELU_TANH_LIMIT), s.abs(x));
    let (z, em1) = exp_2u(s, a, s.mul(a, a));
    times_logistic::<S, false>(s, x, a, z, em1)
}

/// The derivative of `gelu_tanh`.
#[inline(always)]
pub(crate) fn gelu_tanh_slope<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.lesser(s.splat(GELU_TANH_LIMIT), s.abs(x));
    let square = s.mul(a, a);
    let (z, em1) = exp_2u(s, a, square);
    let k = s.mul(a, s.fma(square, s.splat(TWO_U_SLOPE[1]), s.splat(TWO_U_SLOPE[0])));
    logistic_slope(s, x, k, z, em1)
}

/// `(z, s)` with `e^(−a²/2) = 2^(z − ROUND)·(1 + s)`.
#[inline(always)]
fn bell<S: Simd>(s: S, a: S::F) -> (S::F, S::F) {
    let half = s.mul(a, s.splat(-0.5));
    let y = s.mul(half, a);
    let y_low = s.fma(half, a, s.neg(y));
    let z = s.add(s.fma(y, s.splat(LOG2_E), s.splat(ROUND_SHIFT)), s.splat(ROUND));
    let n = s.sub(z, s.splat(ROUND));
    let r = s.fma(n, s.splat(-LN2_LO), s.add(s.fma(n, s.splat(-LN2_HI), y), y_low));
    (z, series(s, r, &EXP))
}

/// `−(1 − Φ(a))·e^(a²/2)` as a sum: its value at a point near `a`, and the rest.
#[inline(always)]
fn minus_tail<S: Simd>(s: S, a: S::F) -> (S::F, S::F) {
    let interval = s.shr::<21>(s.to_bits(s.fma(a, s.splat(INTERVALS), s.splat(1.0))));
    let d = s.sub(a, s.look_up(&CENTRES, interval));
    let [centre, between @ .., last] = &MINUS_TAIL;
    let mut sum = s.look_up(last, interval);
    for row in between.iter().rev() {
        sum = s.fma(sum, d, s.look_up(row, interval));
    }
    (s.look_up(centre, interval), s.mul(sum, d))
}

/// `(z, s)` with `e^2u = (1 + s)/2^(z − ROUND)`.
#[inline(always)]
fn exp_2u<S: Simd>(s: S, a: S::F, square: S::F) -> (S::F, S::F) {
    let (upper, lower) = (TWO_U_UPPER, TWO_U_LOWER);
    let p = s.fma(square, s.splat(upper[1]), s.splat(upper[0]));
    let square_low = s.fma(a, a, s.neg(square));
    let p_low = s.add(
        s.fma(square, s.splat(upper[1]), s.sub(s.splat(upper[0]), p)),
        s.fma(square_low, s.splat(upper[1]), s.fma(square, s.splat(lower[1]), s.splat(lower[0]))),
    );
    // −n in place of the reference's n; the roundings are symmetric.
    let z = s.add(s.fma(s.mul(a, p), s.splat(-LOG2_E), s.splat(-ROUND_SHIFT)), s.splat(ROUND));
    let n = s.sub(z, s.splat(ROUND));
    let r = s.fma(a, p_low, s.fma(a, p, s.mul(n, s.splat(LN2_UPPER))));
    (z, series(s, s.fma(n, s.splat(LN2_LOWER), r), &EXP))
}
