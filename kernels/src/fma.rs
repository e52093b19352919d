//! Fused multiply-add in plain Rust: one rounding, for targets without the instruction.

/// `a·b + c` rounded once, to nearest even.
///
/// # Math
/// The product of two `f32` is exact in `f64` (24 + 24 ≤ 53 bits), so their sum is rounded once to `f64` and once more to `f32`. The
/// second rounding can only go wrong where the first one has landed halfway between two `f32`, which lie in `f64` too: there, and
/// below the normal numbers, where the halves lie elsewhere, the sum is rounded to odd instead: when it is inexact, the neighbour whose
/// last bit is set. A value rounded to odd with at least two spare bits rounds once more to the same `f32` as the exact value,
/// subnormal results included.
/// # Source
/// Boldo & Melquiond, "Emulation of FMA and correctly rounded sums", IEEE TC 57(4), 2008.
#[inline]
#[cfg(not(steadynet_soft_float))]
pub const fn fma(a: f32, b: f32, c: f32) -> f32 {
    in_f64(a, b, c)
}

/// `a·b + c` rounded once, to nearest even: with integers, as `f64` itself would be emulated here.
#[cfg(steadynet_soft_float)]
pub const fn fma(a: f32, b: f32, c: f32) -> f32 {
    in_integers(a, b, c)
}

#[inline]
#[cfg(any(test, not(steadynet_soft_float)))]
const fn in_f64(a: f32, b: f32, c: f32) -> f32 {
    let product = a as f64 * b as f64;
    let addend = c as f64;
    let sum = product + addend;
    if rounds_again(sum) { sum as f32 } else { round_odd_first(product, addend, sum) }
}

/// As [`in_f64`], for machines that calculate with integers alone: the product of the significands is exact in 48 bits, the smaller operand is
/// shifted to the larger one's place, and what falls off behind the 62 bits that are kept is remembered in the last one.
#[cfg(any(test, steadynet_soft_float))]
const fn in_integers(a: f32, b: f32, c: f32) -> f32 {
    const INFINITY: u32 = 0x7f80_0000;
    const MANTISSA: u32 = 0x007f_ffff;
    let (abs_a, abs_b, abs_c) = (a.to_bits() << 1 >> 1, b.to_bits() << 1 >> 1, c.to_bits() << 1 >> 1);
    if abs_a >= INFINITY || abs_b >= INFINITY || abs_a == 0 || abs_b == 0 {
        // The product is exact.
        return a * b + c;
    }
    if abs_c >= INFINITY {
        return c;
    }
    if abs_c == 0 {
        return a * b;
    }
    // A number is its significand times 2^exponent; subnormal ones have the exponent of the smallest normal one.
    const fn parts(abs: u32) -> (u32, i32) {
        let field = abs >> 23;
        if field == 0 { (abs, -149) } else { ((abs & MANTISSA) | 0x0080_0000, field as i32 - 150) }
    }
    let ((a_part, a_exponent), (b_part, b_exponent), (c_part, c_exponent)) = (parts(abs_a), parts(abs_b), parts(abs_c));
    let mut product = (a_part as u64 * b_part as u64) << 14;
    let mut exponent = a_exponent + b_exponent - 14;
    let mut addend = c_part as u64;
    let distance = c_exponent - exponent;
    if distance > 38 {
        addend <<= 38;
        exponent = c_exponent - 38;
        product = shift_right(product, distance - 38);
    } else if distance >= 0 {
        addend <<= distance;
    } else {
        addend = shift_right(addend, -distance);
    }
    let sign = (a.to_bits() ^ b.to_bits()) & 0x8000_0000;
    let (sum, sign) = if sign == c.to_bits() & 0x8000_0000 {
        (product + addend, sign)
    } else if product >= addend {
        (product - addend, sign)
    } else {
        (addend - product, sign ^ 0x8000_0000)
    };
    if sum == 0 {
        return 0.0;
    }
    // 24 bits are kept, or those down to the last place of the subnormal numbers.
    let mut shift = 40 - sum.leading_zeros() as i32;
    if exponent + shift < -149 {
        shift = -149 - exponent;
    }
    let mut kept = if shift <= 0 { sum << -shift } else { sum >> shift } as u32;
    if shift > 0 {
        let (rest, half) = (sum & ((1 << shift) - 1), 1 << (shift - 1));
        if rest > half || rest == half && kept & 1 == 1 {
            kept += 1;
        }
    }
    // A significand that was rounded up to 2²⁴ carries into the exponent.
    let field = if kept < 0x0080_0000 { 0 } else { exponent + shift + 149 };
    if field >= 254 {
        return f32::from_bits(sign | INFINITY);
    }
    f32::from_bits(sign | (((field as u32) << 23) + kept))
}

/// `x >> by`, and the last bit set if a bit fell off.
#[cfg(any(test, steadynet_soft_float))]
const fn shift_right(x: u64, by: i32) -> u64 {
    if by >= 64 {
        return (x != 0) as u64;
    }
    (x >> by) | (x & ((1 << by) - 1) != 0) as u64
}

/// The bits of an `f64` behind the last one of an `f32`, and their value halfway between two.
#[cfg(any(test, not(steadynet_soft_float)))]
const SPARE_BITS: u64 = (1 << 29) - 1;
#[cfg(any(test, not(steadynet_soft_float)))]
const HALFWAY: u64 = 1 << 28;

/// Whether `sum as f32` is the exact sum rounded once: not halfway between two `f32`, and 0 or at least the smallest normal one.
#[cfg(any(test, not(steadynet_soft_float)))]
const fn rounds_again(sum: f64) -> bool {
    let bits = sum.to_bits();
    let magnitude = bits & (u64::MAX >> 1);
    // Wrapping puts 0 above all others.
    bits & SPARE_BITS != HALFWAY && magnitude.wrapping_sub(1) >= (f32::MIN_POSITIVE as f64).to_bits() - 1
}

/// `product + addend` rounded to odd, then to `f32`; `sum` is the same rounded to even. Rare, so that it is kept out of the loops.
#[cold]
#[cfg(any(test, not(steadynet_soft_float)))]
const fn round_odd_first(product: f64, addend: f64, sum: f64) -> f32 {
    // The exact error of the sum (Knuth's TwoSum).
    let shadow = sum - product;
    let error = (product - (sum - shadow)) + (addend - shadow);
    let bits = sum.to_bits();
    // An even, inexact, finite sum moves one unit toward the exact value. (NaN, from infinities, is not inexact.)
    let odd = if error.abs() > 0.0 && bits & 1 == 0 {
        if (error > 0.0) == (sum > 0.0) { bits + 1 } else { bits - 1 }
    } else {
        bits
    };
    f64::from_bits(odd) as f32
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "powers of two, which are exact, and the fma to compare with")]
mod tests {
    use super::{in_f64, in_integers};
    use proptest::prelude::*;

    /// The machine's own: an instruction where there is one, else the C library's.
    fn native(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    fn same(a: f32, b: f32, c: f32) {
        let theirs = native(a, b, c);
        for (way, ours) in [("in f64", in_f64(a, b, c)), ("in integers", in_integers(a, b, c))] {
            assert!(
                ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan(),
                "{way}: fma({a:e}, {b:e}, {c:e}) = {ours:e}, not {theirs:e}"
            );
        }
    }

    #[test]
    fn specials() {
        let values = [
            0.0,
            1.0,
            0.1,
            3.0,
            1e-38,
            1e-45,
            1.1754944e-38,
            3.4028235e38,
            1.5e-20,
            8388609.0,
            f32::INFINITY,
            f32::NAN,
        ];
        let signed: Vec<f32> = values.iter().flat_map(|&v| [v, -v]).collect();
        for &a in &signed {
            for &b in &signed {
                for &c in &signed {
                    same(a, b, c);
                }
            }
        }
    }

    /// The sum rounds to a midpoint of the subnormal grid, which a second rounding would resolve the wrong way.
    #[test]
    fn subnormal_double_rounding() {
        let tiny = f32::from_bits(1);
        let z = f32::from_bits(0x0040_0001);
        let x = f32::from_bits(0x3f80_0001);
        same(x, tiny * 0.5 + tiny, z);
        same(1.0 + 2f32.powi(-23), 2f32.powi(-75) * 2f32.powi(-50), z);
        same(2f32.powi(-75) * (1.0 + 2f32.powi(-23)), 2f32.powi(-75) * (1.0 + 2f32.powi(-23)), z);
        same(2f32.powi(-75) * (1.0 + 2f32.powi(-23)), 2f32.powi(-75), -z);
    }

    /// Sums that lie halfway between two `f32` but for less than an `f64` shows, on either side.
    #[test]
    fn a_hair_from_halfway() {
        for exponent in -20..20 {
            let c = 2f32.powi(exponent) * (1.0 + 2f32.powi(-23));
            for half in [2f32.powi(exponent - 24), 3.0 * 2f32.powi(exponent - 24)] {
                for hair in [1.0, 1.0 + 2f32.powi(-23), 1.0 - 2f32.powi(-24)] {
                    for b in [1.0, 1.0 + 2f32.powi(-23), 1.0 - 2f32.powi(-24)] {
                        same(half * hair, b, c);
                        same(half * hair, -b, c);
                        same(-half * hair, b, -c);
                    }
                }
            }
        }
    }

    /// `PROPTEST_CASES`, which emulators lower, or as many as take no time.
    fn config() -> ProptestConfig {
        let config = ProptestConfig::default();
        if std::env::var_os("PROPTEST_CASES").is_some() { config } else { ProptestConfig { cases: 20_000, ..config } }
    }

    proptest! {
        #![proptest_config(config())]
        #[test]
        fn any_bits(a: u32, b: u32, c: u32) {
            same(f32::from_bits(a), f32::from_bits(b), f32::from_bits(c));
        }

        /// Products whose exponent is at any distance from the addend's, on either side, with few bits and many.
        #[test]
        fn any_distance(a: u32, b: u32, c: u32, e in 1u32..255, distance in -60i32..60, bits in 0u32..24) {
            let mask = u32::MAX << bits;
            let part = |x: u32| x & 0x807f_ffff & mask;
            let exponent = (e as i32 + distance).clamp(0, 254) as u32;
            same(f32::from_bits(part(a) | 127 << 23), f32::from_bits(part(b) | e << 23), f32::from_bits(part(c) | exponent << 23));
            same(f32::from_bits(part(a)), f32::from_bits(part(b) | e << 23), f32::from_bits(part(c)));
        }

        /// Products near the addend and near the subnormals, where rounding is hardest.
        #[test]
        fn near(a in 0u32..1 << 24, b in 0u32..1 << 24, c in 0u32..1 << 24, e in -80i32..-60, f in -150i32..-120) {
            let (x, y) = (a as f32 * 2f32.powi(e), b as f32 * 2f32.powi(e));
            let z = (c as f64 * 2f64.powi(f)) as f32;
            same(x, y, z);
            same(x, y, -z);
            same(x, -y, z);
        }
    }
}
