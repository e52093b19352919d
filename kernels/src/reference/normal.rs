//! Quantiles of the normal distribution.

use super::ln;
use crate::fma::fma;

/// The quantile of the standard normal distribution: `x` with `Φ(x) = p`. `∓∞` for 0 and 1, NaN outside.
///
/// # Numerics
/// Relative error below 1e-6 (test `normal_quantile_error`).
/// # Source
/// Wichura, Algorithm AS 241 (PPND7), Applied Statistics 37(3), 1988.
pub fn normal_quantile(p: f32) -> f32 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = fma(-q, q, 0.180_625);
        return q * ratio(r, [3.387_132_7, 50.434_27, 159.291_13, 59.109_375], [1.0, 17.895_17, 78.757_76, 67.187_56]);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail == 0.0 {
        return if q < 0.0 { f32::NEG_INFINITY } else { f32::INFINITY };
    }
    let r = libm::sqrtf(-ln(tail));
    let x = if r <= 5.0 {
        ratio(r - 1.6, [1.423_437_3, 2.756_815_4, 1.306_728_5, 0.170_238_21], [1.0, 0.737_001_64, 0.120_211_33, 0.0])
    } else {
        ratio(r - 5.0, [6.657_905, 3.081_226_4, 0.428_682_94, 0.017_337_203], [1.0, 0.241_978_94, 0.012_258_202, 0.0])
    };
    if q < 0.0 { -x } else { x }
}

/// The quotient of two polynomials.
fn ratio(r: f32, above: [f32; 4], below: [f32; 4]) -> f32 {
    let polynomial = |c: [f32; 4]| fma(fma(fma(c[3], r, c[2]), r, c[1]), r, c[0]);
    polynomial(above) / polynomial(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Φ(−x)` for `x ≥ 0`, by its continued fraction far out and by its series near 0.
    fn upper_tail(x: f64) -> f64 {
        let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        if x > 3.0 {
            density / (1..200).rev().fold(x, |fraction, k| x + f64::from(k) / fraction)
        } else {
            let (mut term, mut sum) = (x, x);
            for k in 1..200 {
                term *= x * x / f64::from(2 * k + 1);
                sum += term;
            }
            0.5 - density * sum
        }
    }

    #[test]
    fn normal_quantile_error() {
        let mut tails: Vec<f32> = (1..2000).map(|i| i as f32 / 4000.0).collect();
        tails.extend((1..120).map(|i| 2f64.powi(-i) as f32));
        for tail in tails {
            // Bisection for x with Φ(−x) = tail.
            let (mut low, mut high) = (0.0, 40.0);
            for _ in 0..200 {
                let middle = 0.5 * (low + high);
                if upper_tail(middle) > f64::from(tail) { low = middle } else { high = middle }
            }
            let error = (-f64::from(normal_quantile(tail)) / low - 1.0).abs();
            assert!(error < 1e-6 || low < 1e-6, "{tail:e}: error {error:e}");
            if tail > 1e-7 {
                // Antisymmetric to the bit, where 1 − p is exact.
                let above = 1.0 - tail;
                assert_eq!(normal_quantile(above), -normal_quantile(1.0 - above));
            }
        }
    }

    #[test]
    fn ends() {
        assert_eq!(normal_quantile(0.5), 0.0);
        assert_eq!((normal_quantile(0.0), normal_quantile(1.0)), (f32::NEG_INFINITY, f32::INFINITY));
        assert!(normal_quantile(-0.1).is_nan() && normal_quantile(1.1).is_nan() && normal_quantile(f32::NAN).is_nan());
    }
}
