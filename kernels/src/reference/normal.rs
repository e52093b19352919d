//! The quantile of the normal distribution.

use super::math::ln;
use crate::fma::fma;

/// The number below which a standard normal variable lies with probability `p`.
///
/// # Math
/// `Φ⁻¹(p)`: −∞ at 0, ∞ at 1, NaN outside [0, 1]. A rational function of `(p − ½)²` in the middle, one of
/// `√(−ln min(p, 1 − p))` in the tails.
/// # Numerics
/// Relative error below 4·10⁻⁷ (test `normal_quantile_error`).
/// # Source
/// Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37(3), 1988 (PPND7).
pub fn normal_quantile(p: f32) -> f32 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = fma(-q, q, 0.180_625);
        return q * horner(r, [3.387_132_7, 50.434_272, 159.291_13, 59.109_375])
            / horner(r, [1.0, 17.895_17, 78.757_76, 67.187_56]);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = libm::sqrtf(-ln(tail));
    let magnitude = if r <= 5.0 {
        let r = r - 1.6;
        horner(r, [1.423_437_3, 2.756_815_4, 1.306_728_5, 0.170_238_21]) / horner(r, [1.0, 0.737_001_64, 0.120_211_33])
    } else if r < f32::INFINITY {
        let r = r - 5.0;
        horner(r, [6.657_905, 3.081_226_3, 0.428_682_94, 0.017_337_203]) / horner(r, [1.0, 0.241_978_94, 0.012_258_202])
    } else {
        r
    };
    magnitude.copysign(q)
}

/// `c[0] + c[1]·t + c[2]·t² + …`, from the last coefficient.
fn horner<const N: usize>(t: f32, c: [f32; N]) -> f32 {
    c.into_iter().rev().reduce(|sum, c| fma(sum, t, c)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::normal_quantile;

    /// Bisection of the distribution function.
    fn truth(p: f32) -> f64 {
        let p = p as f64;
        if p > 0.5 {
            return -lower_quantile(1.0 - p);
        }
        lower_quantile(p)
    }

    fn lower_quantile(p: f64) -> f64 {
        let (mut lo, mut hi) = (-20.0, 0.0);
        for _ in 0..70 {
            let x = 0.5 * (lo + hi);
            if 0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2) < p { lo = x } else { hi = x }
        }
        0.5 * (lo + hi)
    }

    #[test]
    fn normal_quantile_error() {
        // Logarithmically spaced tails, then the middle.
        let tails = (1..0x3f00_0000u32).step_by(40_009).map(f32::from_bits);
        let middle = (1..1 << 24).step_by(1009).map(|i| i as f32 / (1 << 24) as f32);
        let mut worst = (0.0, 0.0);
        for p in tails.chain(middle).filter(|&p| p != 0.5) {
            let wanted = truth(p);
            let error = (normal_quantile(p) as f64 / wanted - 1.0).abs();
            if error > worst.0 {
                worst = (error, p);
            }
        }
        assert!(worst.0 < 4e-7, "relative error {:e} at {:e}", worst.0, worst.1);
    }

    #[test]
    fn limits() {
        assert_eq!((normal_quantile(0.0), normal_quantile(1.0)), (f32::NEG_INFINITY, f32::INFINITY));
        assert_eq!(normal_quantile(0.5), 0.0);
        for p in [-1e-45, -1.0, 1.0000001, 2.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            assert!(normal_quantile(p).is_nan(), "{p}");
        }
        for p in [f32::EPSILON, 0.0009765625, 0.0625, 0.25, 0.46875] {
            assert_eq!(normal_quantile(1.0 - p), -normal_quantile(p), "{p}");
        }
    }
}
