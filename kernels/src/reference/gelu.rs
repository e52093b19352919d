//! GELU in both of its forms, and their derivatives.
//!
//! Far below 0 the result is a small exponential, whose relative error is the absolute error of its argument: so the argument is kept in two
//! numbers. The errors and special values stand in the table of [exp](super::exp) and the others.
//!
//! Coefficients by `kernels/coefficients/derive.py`:
//!
//! | polynomial | form | degree of q | interval | relative error |
//! |---|---|---|---|---|
//! | `MINUS_TAIL` | −(1 − Φ(a))·e^(a²/2) = q(a − centre) | 6 | one of 16 that cover 0 ≤ a ≤ 14.6 | 2^−27.6 |

use super::math::{exp_tail, lesser, logistic_slope, scale, times_logistic};
use super::{LN2_HI, LN2_LO, LN2_LOWER, LN2_UPPER, LOG2_E, ROUND, ROUND_SHIFT};
use crate::fma::fma;

/// `x·Φ(x)` with the normal distribution Φ: GELU, `x·(1 + erf(x/√2))/2`.
///
/// # Numerics
/// Error at most 2 units in the last place wherever the result is normal (test `exhaustive_gelu`). −0 at −∞, ∞ at ∞, +0 at ±0.
/// # Source
/// Hendrycks & Gimpel, arXiv:1606.08415.
pub fn gelu(x: f32) -> f32 {
    let a = lesser(GELU_LIMIT, x.abs());
    let (n, s) = bell(a);
    let (centre, rest) = minus_tail(a);
    // −a·(1 − Φ(a)) = (g + rest)·(1 + s)·2^n with a rest that is small beside g.
    let g = a * centre;
    let rest = fma(a, rest, fma(a, centre, -g));
    scale(fma(g, s, fma(rest, s, rest)) + g, n) + if x < 0.0 { -0.0 } else { x }
}

/// The derivative of [`gelu`]: `Φ(x) + x·φ(x)` with the normal density φ.
///
/// # Numerics
/// −0 at −∞, 1 at ∞; the error is small beside 1, not beside the value (test `slopes_are_the_derivatives`).
pub fn gelu_slope(x: f32) -> f32 {
    let a = lesser(GELU_LIMIT, x.abs());
    let (n, s) = bell(a);
    let (centre, rest) = minus_tail(a);
    let y = fma(a, -INVERSE_ROOT_2_PI, -(centre + rest));
    let below = scale(fma(y, s, y), n);
    if x < 0.0 { below } else { 1.0 - below }
}

/// `x·(1 + tanh u)/2` with `u = √(2/π)·(x + 0.044715·x³)`: the approximation of [`gelu`] that many networks were trained with.
///
/// # Numerics
/// Error at most 2 units in the last place of this formula wherever the result is normal (test `exhaustive_gelu_tanh`).
/// −0 at −∞, ∞ at ∞.
/// # Source
/// Hendrycks & Gimpel, arXiv:1606.08415.
pub fn gelu_tanh(x: f32) -> f32 {
    let a = lesser(GELU_TANH_LIMIT, x.abs());
    let (n, s) = exp_2u(a, a * a);
    times_logistic(x, a, n, s)
}

/// The derivative of [`gelu_tanh`].
///
/// # Numerics
/// −0 at −∞, 1 at ∞; the error is small beside 1, not beside the value (test `slopes_are_the_derivatives`).
pub fn gelu_tanh_slope(x: f32) -> f32 {
    let a = lesser(GELU_TANH_LIMIT, x.abs());
    let square = a * a;
    let (n, s) = exp_2u(a, square);
    logistic_slope(x, a * fma(square, TWO_U_SLOPE[1], TWO_U_SLOPE[0]), n, s)
}

/// `e^(−a²/2) = 2^n·(1 + s)`.
fn bell(a: f32) -> (f32, f32) {
    let half = -0.5 * a;
    let y = half * a;
    let y_low = fma(half, a, -y);
    let n = (fma(y, LOG2_E, ROUND_SHIFT) + ROUND) - ROUND;
    let r = fma(n, -LN2_LO, fma(n, -LN2_HI, y) + y_low);
    (n, fma(r * r, exp_tail(r), r))
}

/// `−(1 − Φ(a))·e^(a²/2)` as a sum: its value at a point near `a`, and the rest.
fn minus_tail(a: f32) -> (f32, f32) {
    // The intervals grow with a: two bits of this number's exponent and the first two of its fraction.
    let interval = (fma(a, INTERVALS, 1.0).to_bits() >> 21 & 15) as usize;
    let d = a - CENTRES[interval];
    let [c0, c1, c2, c3, c4, c5, c6] = MINUS_TAIL.map(|row| row[interval]);
    (c0, fma(fma(fma(fma(fma(c6, d, c5), d, c4), d, c3), d, c2), d, c1) * d)
}

/// `e^2u = (1 + s)/2^n` with `u = √(2/π)·(a + 0.044715·a³)`.
fn exp_2u(a: f32, square: f32) -> (f32, f32) {
    // 2u = a·(p + p_low). The difference is exact because the first constant has 21 bits.
    let (upper, lower) = (TWO_U_UPPER, TWO_U_LOWER);
    let p = fma(square, upper[1], upper[0]);
    let square_low = fma(a, a, -square);
    let p_low = fma(square, upper[1], upper[0] - p) + fma(square_low, upper[1], fma(square, lower[1], lower[0]));
    let n = (fma(a * p, LOG2_E, ROUND_SHIFT) + ROUND) - ROUND;
    let r = fma(n, -LN2_LOWER, fma(a, p_low, fma(a, p, -(n * LN2_UPPER))));
    (-n, fma(r * r, exp_tail(r), r))
}

/// Beyond these limits of |x| the results below 0, and the derivatives there, round to −0.
pub(crate) const GELU_LIMIT: f32 = 14.625;
pub(crate) const GELU_TANH_LIMIT: f32 = 10.875;
pub(crate) const INVERSE_ROOT_2_PI: f32 = 0.398_942_3;
/// 2·√(2/π)·(1, 0.044715), the first in 21 bits, and what they lack.
pub(crate) const TWO_U_UPPER: [f32; 2] = [1.595_768_9, 0.071_354_814];
pub(crate) const TWO_U_LOWER: [f32; 2] = [1.930_779e-7, 2.398_832_5e-9];
/// 2·√(2/π)·(1, 3·0.044715).
pub(crate) const TWO_U_SLOPE: [f32; 2] = [1.595_769_2, 0.214_064_44];
/// What makes the intervals reach a little beyond [`GELU_LIMIT`].
pub(crate) const INTERVALS: f32 = 1.025_290_5;
/// A number near the middle of each interval at which the tail is almost a binary32 number. (Number 12 is the lowest interval, number 11
/// the highest.)
pub(crate) static CENTRES: [f32; 16] = [
    1.202_24,
    1.713_104_2,
    2.190_033,
    2.699_783_3,
    3.403_244,
    4.382_492,
    5.390_777_6,
    6.364_883_4,
    7.831_131,
    9.655_807_5,
    11.645_538,
    13.623_245,
    0.0,
    0.355_346_68,
    0.615_600_6,
    0.847_229,
];
/// Coefficients of the powers of the distance from the centre, ascending; a column for each interval.
pub(crate) static MINUS_TAIL: [[f32; 16]; 7] = [
    [
        -0.236_145_02,
        -0.188_028_44,
        -0.156_905_76,
        -0.132_734_16,
        -0.108_993,
        -0.086_887_7,
        -0.071_684_09,
        -0.061_233_92,
        -0.050_150_093,
        -0.040_886_708,
        -0.034_009_885,
        -0.029_128_637,
        -0.5,
        -0.384_702_53,
        -0.325_215_28,
        -0.284_107_8,
    ],
    [
        0.115_039_3,
        0.076_829_96,
        0.055_313_505,
        0.040_588_796,
        0.028_012_505,
        0.018_157_616,
        0.012_509_283,
        0.009_195_524,
        0.006_210_337_4,
        0.004_148_103,
        0.002_878_860_6,
        0.002_115_712_7,
        0.398_942_26,
        0.262_239_52,
        0.198_739_56,
        0.158_237_9,
    ],
    [
        -0.048_920_065,
        -0.028_205_357,
        -0.017_883_683,
        -0.011_576_608,
        -0.006_829_809_4,
        -0.003_656_051_6,
        -0.002_124_666_5,
        -0.001_352_740_8,
        -0.000_758_070_6,
        -0.000_416_714_06,
        -0.000_242_002_06,
        -0.000_152_881_26,
        -0.249_998_8,
        -0.145_758_27,
        -0.101_435_51,
        -0.075_022_04,
    ],
    [
        0.018_741_444,
        0.009_503_566,
        0.005_382_478_7,
        0.003_111_472,
        0.001_589_510_7,
        0.000_711_611_3,
        0.000_351_882_42,
        0.000_195_150_38,
        9.125_067e-5,
        4.146_119_7e-5,
        2.020_458_7e-5,
        1.099_146_4e-5,
        0.132_954_48,
        0.070_147_16,
        0.045_433_186,
        0.031_560_086,
    ],
    [
        -0.006_598_443_7,
        -0.002_980_857_4,
        -0.001_523_800_2,
        -0.000_793_916_35,
        -0.000_354_992_28,
        -0.000_134_280_33,
        -5.691_909_6e-5,
        -2.764_440_6e-5,
        -1.083_756_3e-5,
        -4.088_646_6e-6,
        -1.676_069_2e-6,
        -7.863_606e-7,
        -0.062_236_8,
        -0.030_210_614,
        -0.018_370_284,
        -0.012_070_761,
    ],
    [
        0.002_179_661_5,
        0.000_885_959_1,
        0.000_411_579_44,
        0.000_194_407_48,
        7.764_044e-5,
        2.501_134e-5,
        9.091_163_5e-6,
        3.902_581_3e-6,
        1.299_952_3e-6,
        4.046_945_6e-7,
        1.394_088_1e-7,
        5.605_678_4e-8,
        0.025_259_675,
        0.011_969_181,
        0.006_768_822,
        0.004_214_375_7,
    ],
    [
        -0.000_647_744_4,
        -0.000_250_259_68,
        -0.000_106_003_08,
        -4.730_214_3e-5,
        -1.587_564_7e-5,
        -4.475_77e-6,
        -1.428_583_9e-6,
        -5.154_824_4e-7,
        -1.533_063e-7,
        -3.741_721_6e-8,
        -1.104_935_6e-8,
        -3.872_232_8e-9,
        -0.007_014_496_7,
        -0.004_307_328,
        -0.002_319_781,
        -0.001_336_171_9,
    ],
];
