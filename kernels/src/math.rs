//! [`reference`](crate::reference)'s exponential, logarithm and the functions made of them, on vectors: the same operations
//! in the same order.

use crate::reference::*;
use crate::simd::Simd;

/// `e^x`.
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    let (n, em1) = exp_parts(s, clamp(s, x, -104.0, 89.0));
    s.scale(s.add(s.splat(1.0), em1), n)
}

/// The natural logarithm.
#[inline(always)]
pub(crate) fn ln<S: Simd>(s: S, x: S::F) -> S::F {
    let (m, e) = s.split(x);
    let f = s.sub(m, s.splat(1.0));
    let round = s.splat(ROUND_TO_14_BITS);
    let f_upper = s.sub(s.add(f, round), round);
    let upper = s.fma(e, s.splat(LN2_UPPER), f_upper);
    let tail = s.fma(s.mul(f, f), polynomial(s, f, &LN), s.mul(e, s.splat(LN2_LOWER)));
    let lower = s.add(s.sub(f, f_upper), tail);
    s.add(upper, lower)
}

/// The logistic function.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let (n, em1) = exp_parts(s, s.lesser(s.splat(104.0), s.abs(x)));
    let minus_n = s.neg(n);
    let t = power(s, s.greater(minus_n, s.splat(-64.0)));
    let b = s.add(one, t);
    let w = s.div(one, s.add(b, em1));
    let minus_w = s.neg(w);
    let rest = s.fma(minus_w, em1, s.fma(minus_w, b, one));
    let rest = s.select(s.lt(s.splat(23.0), n), s.fma(minus_w, t, rest), rest);
    let w = s.fma(w, rest, w);
    let below = s.scale(w, minus_n);
    let above = s.fma(s.neg(t), w, one);
    s.select(s.lt(x, s.splat(0.0)), below, above)
}

/// The hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.abs(x);
    let large = {
        let (one, half) = (s.splat(1.0), s.splat(0.5));
        let (n, em1) = exp_parts(s, s.lesser(s.splat(18.5), s.add(a, a)));
        let t = s.mul(half, power(s, n));
        let b = s.add(half, t);
        let w = s.div(one, s.fma(t, em1, b));
        let minus_w = s.neg(w);
        let rest = s.fma(s.mul(minus_w, t), em1, s.fma(minus_w, b, one));
        s.fma(minus_w, rest, s.sub(one, w))
    };
    let small = {
        let u = s.mul(a, a);
        s.fma(s.mul(u, polynomial(s, u, &TANH)), a, a)
    };
    let y = s.select(s.le(s.splat(0.2554), a), large, small);
    s.copy_sign(y, x)
}

/// `ln(1 + e^x)`.
#[inline(always)]
pub(crate) fn softplus<S: Simd>(s: S, x: S::F) -> S::F {
    let zero = s.splat(0.0);
    let e = {
        let (n, em1) = exp_parts(s, clamp(s, s.neg(s.abs(x)), -104.0, 0.0));
        s.scale(s.add(s.splat(1.0), em1), n)
    };
    let small = s.lt(e, s.splat(0.5));
    let f = s.select(small, e, s.mul(s.sub(e, s.splat(1.0)), s.splat(0.5)));
    let upper = s.select(small, zero, s.splat(LN2_UPPER));
    let lower = s.select(small, zero, s.splat(LN2_LOWER));
    let tail = s.add(s.fma(s.mul(f, f), polynomial(s, f, &LN), f), lower);
    s.add(s.add(s.greater(x, zero), upper), tail)
}

/// `e^x = 2^n·(1 + s)`.
#[inline(always)]
fn exp_parts<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    let round = s.splat(ROUND);
    let n = s.sub(s.fma(x, s.splat(LOG2_E), round), round);
    let r = s.fma(n, s.splat(-LN2_LO), s.fma(n, s.splat(-LN2_HI), x));
    (n, s.fma(s.mul(r, r), polynomial(s, r, &EXP), r))
}

/// `2^n` for integers n from −126 to 127.
#[inline(always)]
fn power<S: Simd>(s: S, n: S::F) -> S::F {
    s.from_bits(s.shl::<23>(s.to_bits(s.add(n, s.splat(ROUND_WITH_BIAS)))))
}

#[inline(always)]
fn clamp<S: Simd>(s: S, x: S::F, lo: f32, hi: f32) -> S::F {
    s.lesser(s.splat(hi), s.greater(s.splat(lo), x))
}

/// `c[0] + c[1]·t + c[2]·t² + …`, from the last coefficient (Horner).
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, t: S::F, c: &[f32; N]) -> S::F {
    let mut sum = s.splat(c[N - 1]);
    for i in (0..N - 1).rev() {
        sum = s.fma(sum, t, s.splat(c[i]));
    }
    sum
}
