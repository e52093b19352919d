//! [`reference`](crate::reference)'s exponential, logarithm and the functions made of them, on vectors: the same operations
//! in the same order, or their negatives and multiples by powers of two, which round alike.

mod gelu;

pub(crate) use gelu::{gelu, gelu_slope, gelu_tanh, gelu_tanh_slope};

use crate::reference::*;
use crate::simd::Simd;

/// Whether `usual` holds in every lane, so that fewer operations give the same bits; asked only where that [pays](Simd::SHORT_WAYS).
#[inline(always)]
fn all<S: Simd>(s: S, usual: S::M) -> bool {
    S::SHORT_WAYS && s.all(usual)
}

/// `e^x`.
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    if all(s, s.le(s.abs(x), s.splat(87.0))) {
        // Neither clamped nor subnormal.
        let (z, r) = reduce(s, x, 1.0, ROUND_SHIFT);
        return s.mul(s.add(s.splat(1.0), series(s, r, &EXP)), power(s, z));
    }
    let x = s.lesser(s.splat(89.0), s.greater(s.splat(-104.0), x));
    let (z, r) = reduce(s, x, 1.0, ROUND_SHIFT);
    s.scale(s.add(s.splat(1.0), series(s, r, &EXP)), s.sub(z, s.splat(ROUND)))
}

/// The natural logarithm.
#[inline(always)]
pub(crate) fn ln<S: Simd>(s: S, x: S::F) -> S::F {
    if all(s, s.normal(x)) { ln_of::<S, true>(s, s.split_normal(x)) } else { ln_of::<S, false>(s, s.split(x)) }
}

/// Of `m·2^e`; `USUAL`: e is finite.
#[inline(always)]
fn ln_of<S: Simd, const USUAL: bool>(s: S, (m, e): (S::F, S::F)) -> S::F {
    let ln2 = LN2_HI * S::EXPONENT_UNIT;
    let f = s.sub(m, s.splat(1.0));
    let upper = s.fma(e, s.splat(ln2), f);
    let mut rest = s.sub(f, s.fma(e, s.splat(-ln2), upper));
    if !USUAL {
        rest = s.from_bits(s.and_u(s.to_bits(rest), s.splat_u(FINITE_BELOW_TWO)));
    }
    s.add(upper, s.fma(s.mul(f, f), polynomial(s, f, &LN), rest))
}

/// The logistic function.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.abs(x);
    // t is at least 2^−22, and 1 + t exact.
    if all(s, s.le(a, s.splat(15.5))) {
        sigmoid_of::<S, true>(s, x, a)
    } else {
        sigmoid_of::<S, false>(s, x, s.lesser(s.splat(104.0), a))
    }
}

#[inline(always)]
fn sigmoid_of<S: Simd, const USUAL: bool>(s: S, x: S::F, a: S::F) -> S::F {
    let one = s.splat(1.0);
    // −n in place of the reference's n, so that z holds t; the roundings are symmetric.
    let (z, r) = reduce(s, a, -1.0, -ROUND_SHIFT);
    let em1 = series(s, r, &EXP);
    let t = power(s, if USUAL { z } else { s.greater(z, s.splat(ROUND - 64.0)) });
    let b = s.add(one, t);
    let w = s.div(one, s.add(b, em1));
    let minus_w = s.neg(w);
    let mut rest = s.fma(minus_w, em1, s.fma(minus_w, b, one));
    if !USUAL {
        rest = s.select(s.lt(z, s.splat(ROUND - 23.0)), s.fma(minus_w, t, rest), rest);
    }
    let w = s.fma(w, rest, w);
    let below = if USUAL { s.mul(w, t) } else { s.scale(w, s.sub(z, s.splat(ROUND))) };
    let above = s.fma(s.neg(t), w, one);
    s.select(s.lt(x, s.splat(0.0)), below, above)
}

/// The hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    let (one, half) = (s.splat(1.0), s.splat(0.5));
    let square = s.mul(x, x);
    let small = s.fma(s.mul(square, polynomial(s, square, &TANH)), x, x);
    let large = {
        // r is the reference's r/−2, and `series` gives s/−2: all multiples by a power of two, so the bits are the same.
        let (z, r) = reduce(s, s.magnitude_below(s.splat(9.25), x), -2.0, ROUND_SHIFT);
        let em1 = series(s, r, &EXP_TIMES_MINUS_TWO);
        let t = power(s, z);
        let w = s.div(one, s.fma(s.neg(t), em1, s.fma(t, half, half)));
        let u = s.mul(w, t);
        let rest = s.fma(u, em1, s.fma(s.neg(u), half, s.fma(s.neg(w), half, one)));
        s.fma(w, rest, s.sub(w, one))
    };
    let y = s.select(s.le(s.splat(TANH_SMALL_SQUARE), square), large, small);
    s.copy_sign(y, x)
}

/// `ln(1 + e^x)`.
#[inline(always)]
pub(crate) fn softplus<S: Simd>(s: S, x: S::F) -> S::F {
    let zero = s.splat(0.0);
    let e = {
        let (z, r) = reduce(s, s.lesser(s.splat(104.0), s.abs(x)), -1.0, ROUND_SHIFT);
        s.scale(s.sub(s.splat(1.0), series(s, r, &EXP_TIMES_MINUS_ONE)), s.sub(z, s.splat(ROUND)))
    };
    let small = s.lt(e, s.splat(0.5));
    let f = s.select(small, e, s.mul(s.sub(e, s.splat(1.0)), s.splat(0.5)));
    let upper = s.select(small, zero, s.splat(LN2_HI));
    let tail = s.fma(s.mul(f, f), polynomial(s, f, &LN), f);
    s.add(upper, s.add(s.greater(x, zero), tail))
}

/// `x` above 0, else `e^x − 1`.
#[inline(always)]
pub(crate) fn elu<S: Simd>(s: S, x: S::F) -> S::F {
    let zero = s.splat(0.0);
    let (z, r) = reduce(s, s.lesser(zero, s.greater(s.splat(-32.0), x)), 1.0, ROUND_SHIFT);
    let t = power(s, z);
    let below = s.fma(t, series(s, r, &EXP), s.sub(t, s.splat(1.0)));
    s.select(s.lt(zero, x), x, below)
}

/// `x` times the logistic function.
#[inline(always)]
pub(crate) fn silu<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.abs(x);
    if all(s, s.le(a, s.splat(40.0))) {
        silu_of::<S, true>(s, x, a)
    } else {
        silu_of::<S, false>(s, x, s.lesser(s.splat(110.0), a))
    }
}

#[inline(always)]
fn silu_of<S: Simd, const USUAL: bool>(s: S, x: S::F, a: S::F) -> S::F {
    let (z, em1) = minus_exp(s, a);
    times_logistic::<S, USUAL>(s, x, a, z, em1)
}

/// The derivative of `silu`.
#[inline(always)]
pub(crate) fn silu_slope<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.lesser(s.splat(110.0), s.abs(x));
    let (z, em1) = minus_exp(s, a);
    logistic_slope(s, x, a, z, em1)
}

/// `(z, s)` with `e^a = (1 + s)/2^(z − ROUND)`.
#[inline(always)]
fn minus_exp<S: Simd>(s: S, a: S::F) -> (S::F, S::F) {
    // −n in place of the reference's n; the roundings are symmetric.
    let (z, r) = reduce(s, a, -1.0, -ROUND_SHIFT);
    (z, series(s, r, &EXP))
}

/// `x/(1 + e^−v)` with a = |x|, where `e^|v| = (1 + s)/2^(z − ROUND)`; `USUAL`: that power of two is at least 2^−64.
#[inline(always)]
fn times_logistic<S: Simd, const USUAL: bool>(s: S, x: S::F, a: S::F, z: S::F, em1: S::F) -> S::F {
    let t = power(s, if USUAL { z } else { s.greater(z, s.splat(ROUND - 64.0)) });
    let b = s.add(s.splat(1.0), t);
    let w = s.div(s.splat(1.0), s.add(b, em1));
    let minus_q = s.mul(s.neg(a), w);
    let rest = s.fma(minus_q, em1, s.fma(minus_q, b, a));
    let minus_q = s.fma(s.neg(w), rest, minus_q);
    let scaled = if USUAL { s.mul(minus_q, t) } else { s.scale(minus_q, s.sub(z, s.splat(ROUND))) };
    s.add(scaled, positive(s, x))
}

/// The derivative of `x/(1 + e^−v)`, for `k = |x|·dv/dx`.
#[inline(always)]
fn logistic_slope<S: Simd>(s: S, x: S::F, k: S::F, z: S::F, em1: S::F) -> S::F {
    let one = s.splat(1.0);
    let t = power(s, s.greater(z, s.splat(ROUND - 64.0)));
    let p = s.scale(s.div(one, s.add(s.add(one, t), em1)), s.sub(z, s.splat(ROUND)));
    let below = s.mul(p, s.fma(s.neg(k), s.sub(one, p), one));
    s.select(s.lt(x, s.splat(0.0)), below, s.sub(one, below))
}

/// `x`, and −0 where it is negative.
#[inline(always)]
fn positive<S: Simd>(s: S, x: S::F) -> S::F {
    s.select(s.lt(x, s.splat(0.0)), s.splat(-0.0), x)
}

/// `(z, r)` with `z = n + ROUND` and `e^(k·x) = 2^n·e^(k·r)`, for k a power of two or its negative.
#[inline(always)]
fn reduce<S: Simd>(s: S, x: S::F, k: f32, shift: f32) -> (S::F, S::F) {
    let z = s.add(s.fma(x, s.splat(k * LOG2_E), s.splat(shift)), s.splat(ROUND));
    let n = s.sub(z, s.splat(ROUND));
    (z, s.fma(n, s.splat(-LN2_LO / k), s.fma(n, s.splat(-LN2_HI / k), x)))
}

/// `r + r²·(c[0] + c[1]·r + …)`.
#[inline(always)]
fn series<S: Simd>(s: S, r: S::F, c: &[f32; 5]) -> S::F {
    s.fma(s.mul(r, r), polynomial(s, r, c), r)
}

/// [`EXP`] for `(e^(k·r) − 1)/k`.
const fn exp_times(k: f32) -> [f32; 5] {
    let power = k * k;
    [k * EXP[0], power * EXP[1], power * k * EXP[2], power * power * EXP[3], power * power * k * EXP[4]]
}

const EXP_TIMES_MINUS_ONE: [f32; 5] = exp_times(-1.0);
const EXP_TIMES_MINUS_TWO: [f32; 5] = exp_times(-2.0);

/// `2^n` of `z = n + ROUND`, n from −126 to 127.
#[inline(always)]
fn power<S: Simd>(s: S, z: S::F) -> S::F {
    s.from_bits(s.shl::<23>(s.to_bits(z)))
}

/// `c[0] + c[1]·t + c[2]·t² + …`, from the last coefficient (Horner).
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, t: S::F, c: &[f32; N]) -> S::F {
    let mut sum = s.splat(c[N - 1]);
    for i in (0..N - 1).rev() {
        sum = s.in_step(s.fma(sum, t, s.splat(c[i])));
    }
    sum
}
