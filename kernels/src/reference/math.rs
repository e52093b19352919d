//! Exponential, logarithm and the functions made of them, out of `+ − × ÷ fma`, comparisons and bit operations.
//!
//! Errors are in units in the last place of the true result, the greatest over all 2³² arguments, subnormal arguments and
//! results included (tests `exhaustive_*`; the tests on every commit take a strided subset and the special values):
//!
//! | function | greatest error | where | non-decreasing | special values |
//! |---|---|---|---|---|
//! | [`exp`] | 0.895 | 38.4963 | yes | e^−∞ = 0, ∞ above ln `f32::MAX` |
//! | [`ln`] | 0.960 | 0.749558 | yes | ln ±0 = −∞, NaN below 0, ln ∞ = ∞ |
//! | [`sigmoid`] | 0.991 | −5.84329 | yes | 0 at −∞, 1 at ∞; subnormal from −87.4 to −103.9 |
//! | [`tanh`] | 0.779 | ±0.506545 | yes | odd to the bit, ±1 at ±∞, −0 at −0 |
//! | [`softplus`] | 1.668 | −0.439702 | almost | 0 at −∞, ∞ at ∞ |
//! | [`elu`] | 0.9992 | −0.3225 | yes | −1 at −∞, ∞ at ∞, +0 at ±0 |
//! | [`silu`] | 1.499, of normal results | −16.388 | no: the function has a minimum | −0 at −∞, ∞ at ∞ |
//! | [`gelu`](super::gelu) | 1.479, of normal results | −3.01639 | no: likewise | −0 at −∞, ∞ at ∞, +0 at ±0 |
//! | [`gelu_tanh`](super::gelu_tanh) | 1.852, of normal results | −4.92155 | no: likewise | −0 at −∞, ∞ at ∞ |
//!
//! NaN gives NaN everywhere.
//!
//! The polynomials are minimax for the relative error of the function, found by `kernels/coefficients/derive.py` (Lawson's
//! iteration in mpmath, coefficients rounded to `f32` one after the other):
//!
//! | polynomial | form | degree of q | interval | relative error |
//! |---|---|---|---|---|
//! | `EXP` | e^r = 1 + r + r²·q(r) | 4 | ln ¾ ≤ r ≤ ln 3⁄2 | 2^−28.4 |
//! | `LN` | ln(1 + f) = f + f²·q(f) | 8 | −¼ ≤ f ≤ ½ | 2^−27.6 |
//! | `TANH` | tanh x = x + x³·q(x²) | 2 | 0 ≤ x ≤ 0.2554 | 2^−28.1 |

use crate::fma::fma;

/// `e^x`.
///
/// # Numerics
/// Error at most 0.895 units in the last place, subnormal results included; non-decreasing (test `exhaustive_exp`).
/// ∞ above ln `f32::MAX`, 0 at −∞.
pub fn exp(x: f32) -> f32 {
    // Beyond these e^x rounds to 0 and to ∞.
    let (n, s) = exp_parts(clamp(x, -104.0, 89.0));
    scale(1.0 + s, n)
}

/// The natural logarithm.
///
/// # Numerics
/// Error at most 0.960 units in the last place, subnormal arguments included; non-decreasing (test `exhaustive_ln`).
/// −∞ at ±0, NaN below.
pub fn ln(x: f32) -> f32 {
    let (m, e) = split(x);
    // f is exact. e·ln 2 is 0 or larger than f, and both are multiples of 2^-24: so what is left of f after the rounding of `upper` is exact too. (What ln 2
    // lacks behind 24 bits is a sixteenth of a unit in the last place at most. Where e is infinite, `rest` would be NaN and must not be.)
    let f = m - 1.0;
    let upper = fma(e, LN2_HI, f);
    let rest = f32::from_bits((f - fma(-e, LN2_HI, upper)).to_bits() & FINITE_BELOW_TWO);
    upper + fma(f * f, ln_tail(f), rest)
}

/// The logistic function `1/(1 + e^−x)`.
///
/// # Numerics
/// Error at most 0.991 units in the last place, down to the subnormal results below −87.3; non-decreasing (test
/// `exhaustive_sigmoid`).
pub fn sigmoid(x: f32) -> f32 {
    // e^|x| = (1 + s)/t, so 1/(1 + e^|x|) = t/(1 + t + s). Below 2^-64, t need only be small.
    let (n, s) = exp_parts(lesser(104.0, x.abs()));
    let t = power(greater(-n, -64.0));
    let b = 1.0 + t;
    let w = 1.0 / (b + s);
    // What the rounding of w has left: 1 − w·(1 + t + s). The sum b is exact or lacks t.
    let rest = fma(-w, s, fma(-w, b, 1.0));
    let rest = if n > 23.0 { fma(-w, t, rest) } else { rest };
    let w = fma(w, rest, w);
    if x < 0.0 { scale(w, -n) } else { fma(-t, w, 1.0) }
}

/// The hyperbolic tangent.
///
/// # Numerics
/// Error at most 0.780 units in the last place; non-decreasing; odd to the bit (test `exhaustive_tanh`).
pub fn tanh(x: f32) -> f32 {
    let square = x * x;
    let y = if square >= TANH_SMALL_SQUARE {
        // e^−2|x| = 2t·(1 + s), so tanh |x| = w − 1 with w = 2/(1 + e^−2|x|).
        let (n, s) = exp_parts(-2.0 * lesser(x.abs(), 9.25));
        let t = 0.5 * power(n);
        let w = 1.0 / fma(t, s, 0.5 + t);
        // What the rounding of w has left: 1 − w·(½ + t + t·s).
        let u = w * t;
        let rest = fma(-u, s, fma(w, -0.5, 1.0) - u);
        fma(w, rest, w - 1.0)
    } else {
        fma(square * tanh_tail(square), x, x)
    };
    y.copysign(x)
}

/// `ln(1 + e^x)`.
///
/// # Numerics
/// Error at most 1.668 units in the last place, subnormal results included (test `exhaustive_softplus`). Neighbouring
/// arguments may give results in the wrong order by one unit in the last place.
pub fn softplus(x: f32) -> f32 {
    let (n, s) = exp_parts(clamp(-x.abs(), -104.0, 0.0));
    let e = scale(1.0 + s, n);
    // 1 + e = (1 + f)·2^k with k = 0 or 1 and f in [-1/4, 1/2]; `upper` is k·ln 2.
    let (f, upper) = if e < 0.5 { (e, 0.0) } else { ((e - 1.0) * 0.5, LN2_HI) };
    upper + (greater(x, 0.0) + fma(f * f, ln_tail(f), f))
}

/// `x` where it is positive, else `e^x − 1` (ELU with α = 1).
///
/// # Numerics
/// Error at most 1 unit in the last place; non-decreasing (test `exhaustive_elu`). −1 at −∞, +0 at ±0.
pub fn elu(x: f32) -> f32 {
    // Below −17.4 the result is −1.
    let (n, s) = exp_parts(clamp(x, -32.0, 0.0));
    let t = power(n);
    if x > 0.0 { x } else { fma(t, s, t - 1.0) }
}

/// `x/(1 + e^−x)` (SiLU, swish).
///
/// # Numerics
/// Error at most 2 units in the last place wherever the result is normal (test `exhaustive_silu`). −0 at −∞, ∞ at ∞.
pub fn silu(x: f32) -> f32 {
    let a = lesser(110.0, x.abs());
    let (n, s) = exp_parts(a);
    times_logistic(x, a, -n, s)
}

/// The derivative of [`silu`].
///
/// # Numerics
/// −0 at −∞, 1 at ∞; the error is small beside 1, not beside the value (test `slopes_are_the_derivatives`).
pub fn silu_slope(x: f32) -> f32 {
    let a = lesser(110.0, x.abs());
    let (n, s) = exp_parts(a);
    logistic_slope(x, a, -n, s)
}

/// `x/(1 + e^−v)` with a = |x|, where `e^|v| = (1 + s)/2^n` and v has the sign of x.
pub(super) fn times_logistic(x: f32, a: f32, n: f32, s: f32) -> f32 {
    // a/(1 + e^|v|) = q·t with t = 2^n, and a/(1 + e^−|v|) = a − q·t. Below 2^-64, t need only be small beside 1 + s.
    let b = 1.0 + power(greater(n, -64.0));
    let w = 1.0 / (b + s);
    let q = a * w;
    // What the rounding of q has left: a − q·(1 + t + s).
    let rest = fma(-q, s, fma(-q, b, a));
    let q = fma(w, rest, q);
    scale(-q, n) + if x < 0.0 { -0.0 } else { x }
}

/// The derivative of `x/(1 + e^−v)` by x, for `k = |x|·dv/dx` and the others as for [`times_logistic`].
pub(super) fn logistic_slope(x: f32, k: f32, n: f32, s: f32) -> f32 {
    let t = power(greater(n, -64.0));
    // The logistic function of −|v|.
    let p = scale(1.0 / ((1.0 + t) + s), n);
    let below = p * fma(-k, 1.0 - p, 1.0);
    if x < 0.0 { below } else { 1.0 - below }
}

/// `e^x = 2^n·(1 + s)` with n integral and s from −1/4 to 1/2.
fn exp_parts(x: f32) -> (f32, f32) {
    let n = (fma(x, LOG2_E, ROUND_SHIFT) + ROUND) - ROUND;
    // The first product is exact: LN2_HI has 24 bits, x is a multiple of 2^-25, and little is left.
    let r = fma(n, -LN2_LO, fma(n, -LN2_HI, x));
    (n, fma(r * r, exp_tail(r), r))
}

/// `2^n` for integers n from −126 to 127.
fn power(n: f32) -> f32 {
    f32::from_bits((n + ROUND).to_bits() << 23)
}

/// `y·2^n` for y from ⅛ to 2 and integers n from −200 to 200 or for n = 0, rounded once: of the two products the first is exact.
pub(super) fn scale(y: f32, n: f32) -> f32 {
    let biased = (n + ROUND_WITH_TWO_BIASES).to_bits();
    let half = biased >> 1;
    y * f32::from_bits(half << 23) * f32::from_bits((biased - half) << 23)
}

/// `x = m·2^e` with m in [3/4, 3/2); e = ±∞ for 0 and ∞, m NaN below 0.
fn split(x: f32) -> (f32, f32) {
    if x == 0.0 || x == f32::INFINITY {
        return (1.0, if x == 0.0 { f32::NEG_INFINITY } else { x });
    }
    if x < 0.0 || x.is_nan() {
        return (f32::NAN, 0.0);
    }
    let subnormal = x < f32::MIN_POSITIVE;
    let normal = if subnormal { x * 8388608.0 } else { x };
    let bits = normal.to_bits() + (ONE_BITS - THREE_QUARTERS_BITS);
    let e = (bits >> 23) as f32 - if subnormal { 150.0 } else { 127.0 };
    (f32::from_bits((bits & 0x007f_ffff) + THREE_QUARTERS_BITS), e)
}

/// `x` between `lo` and `hi`; NaN stays.
fn clamp(x: f32, lo: f32, hi: f32) -> f32 {
    lesser(hi, greater(lo, x))
}

/// `a` if it is less than `b`, else `b`: not symmetric in NaN.
pub(super) fn lesser(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// `a` if it is greater than `b`, else `b`: not symmetric in NaN.
fn greater(a: f32, b: f32) -> f32 {
    if b < a { a } else { b }
}

/// `(e^r − 1 − r)/r²`.
pub(super) fn exp_tail(r: f32) -> f32 {
    fma(fma(fma(fma(EXP[4], r, EXP[3]), r, EXP[2]), r, EXP[1]), r, EXP[0])
}

/// `(ln(1 + f) − f)/f²`.
fn ln_tail(f: f32) -> f32 {
    let q = fma(fma(fma(fma(LN[8], f, LN[7]), f, LN[6]), f, LN[5]), f, LN[4]);
    fma(fma(fma(fma(q, f, LN[3]), f, LN[2]), f, LN[1]), f, LN[0])
}

/// `(tanh(√u)/√u − 1)/u`.
fn tanh_tail(u: f32) -> f32 {
    fma(fma(TANH[2], u, TANH[1]), u, TANH[0])
}

/// Added to a number below 2²¹, rounds it to an integer and leaves the exponent field of its power of two in the low bits.
pub(crate) const ROUND: f32 = 12_582_912.0 + 127.0;
/// [`ROUND`] with twice the bias: half of the low bits is an exponent field.
pub(crate) const ROUND_WITH_TWO_BIASES: f32 = 12_582_912.0 + 254.0;
/// −log₂ 1.5 + ½: what makes s range from −1/4 to 1/2, where r and s are small beside the unit in the last place of 1 + s.
pub(crate) const ROUND_SHIFT: f32 = -0.084_962_5;
/// Clears the bit that is 0 in numbers below 2, and 1 in NaN.
pub(crate) const FINITE_BELOW_TWO: u32 = 0xbfff_ffff;

pub(crate) const ONE_BITS: u32 = 0x3f80_0000;
pub(crate) const THREE_QUARTERS_BITS: u32 = 0x3f40_0000;

pub(crate) const LOG2_E: f32 = core::f32::consts::LOG2_E;
/// ln 2 in 24 bits and the next 24.
pub(crate) const LN2_HI: f32 = core::f32::consts::LN_2;
pub(crate) const LN2_LO: f32 = -1.904_654_2e-9;
/// ln 2 in 14 bits, whose product with an exponent is exact, and the next 24.
pub(crate) const LN2_UPPER: f32 = 0.693_115_23;
pub(crate) const LN2_LOWER: f32 = 3.194_618_3e-5;

pub(crate) const EXP: [f32; 5] = [0.500_000_2, 0.166_665_73, 0.041_658_446, 0.008_359_995, 0.001_464_278_8];
pub(crate) const LN: [f32; 9] = [
    -0.5,
    0.333_334_5,
    -0.250_001,
    0.199_908_14,
    -0.166_471_15,
    0.144_786_57,
    -0.131_629_91,
    0.104_648_85,
    -0.045_075_68,
];
/// The square of 0.2554, where tanh x is a little above 1/4 and changes its formula.
pub(crate) const TANH_SMALL_SQUARE: f32 = 0.065_229_16;
pub(crate) const TANH: [f32; 3] = [-0.333_332_27, 0.133_234_19, -0.051_320_326];

/// A byte as a feature, `(byte − shift)·scale`.
pub fn from_byte(byte: u8, shift: f32, scale: f32) -> f32 {
    (f32::from(byte) - shift) * scale
}
