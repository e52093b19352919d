//! The elementary functions on every `f32`: error against `f64`, order, symmetry, and the same bits everywhere.
//!
//! `cargo test --release -p steadynet-kernels -- --ignored exhaustive` takes every bit pattern; the other tests take a
//! strided subset and the values at which something changes.

use steadynet_kernels::{Isa, ShapeError, elementwise, reference};

type OnSlices = fn(Isa, &[f32], &mut [f32]) -> Result<(), ShapeError>;
type OnOne = fn(f32) -> f32;

/// A function under test.
struct Case {
    name: &'static str,
    vector: OnSlices,
    scalar: OnOne,
    truth: fn(f64) -> f64,
    /// Greatest error in units in the last place of the true result.
    bound: f64,
    monotone: bool,
    odd: bool,
}

const EXP: Case = Case {
    name: "exp",
    vector: elementwise::exp,
    scalar: reference::exp,
    truth: f64::exp,
    bound: 1.0,
    monotone: true,
    odd: false,
};
const LN: Case = Case {
    name: "ln",
    vector: elementwise::ln,
    scalar: reference::ln,
    truth: f64::ln,
    bound: 1.0,
    monotone: true,
    odd: false,
};
const SIGMOID: Case = Case {
    name: "sigmoid",
    vector: elementwise::sigmoid,
    scalar: reference::sigmoid,
    truth: |x| 1.0 / (1.0 + (-x).exp()),
    bound: 1.0,
    monotone: true,
    odd: false,
};
const TANH: Case = Case {
    name: "tanh",
    vector: elementwise::tanh,
    scalar: reference::tanh,
    truth: f64::tanh,
    bound: 1.0,
    monotone: true,
    odd: true,
};
const SOFTPLUS: Case = Case {
    name: "softplus",
    vector: elementwise::softplus,
    scalar: reference::softplus,
    truth: |x| x.max(0.0) + if x.is_nan() { x } else { (-x.abs()).exp().ln_1p() },
    bound: 2.0,
    monotone: false,
    odd: false,
};
const ELU: Case = Case {
    name: "elu",
    vector: elementwise::elu,
    scalar: reference::elu,
    truth: |x| if x > 0.0 { x } else { x.exp_m1() },
    bound: 1.0,
    monotone: true,
    odd: false,
};
const SILU: Case = Case {
    name: "silu",
    vector: elementwise::silu,
    scalar: reference::silu,
    truth: |x| if x == f64::NEG_INFINITY { -0.0 } else { x / (1.0 + (-x).exp()) },
    bound: 2.0,
    monotone: false,
    odd: false,
};
const GELU: Case = Case {
    name: "gelu",
    vector: elementwise::gelu,
    scalar: reference::gelu,
    truth: |x| if x == f64::NEG_INFINITY { -0.0 } else { x * 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2) },
    bound: 2.0,
    monotone: false,
    odd: false,
};
const GELU_TANH: Case = Case {
    name: "gelu_tanh",
    vector: elementwise::gelu_tanh,
    scalar: reference::gelu_tanh,
    truth: |x| if x == f64::NEG_INFINITY { -0.0 } else { x / (1.0 + (-2.0 * gelu_tanh_u(x)).exp()) },
    bound: 2.0,
    monotone: false,
    odd: false,
};
const CASES: [Case; 9] = [EXP, LN, SIGMOID, TANH, SOFTPLUS, ELU, SILU, GELU, GELU_TANH];

/// What stands under the hyperbolic tangent.
fn gelu_tanh_u(x: f64) -> f64 {
    std::f64::consts::FRAC_2_PI.sqrt() * x * (1.0 + 0.044715 * x * x)
}

/// Number `index` of all bit patterns, in ascending order of the values; NaN at both ends.
fn ordered(index: u32) -> f32 {
    f32::from_bits(if index >> 31 == 1 { index ^ 0x8000_0000 } else { !index })
}

/// Equal bits, or both NaN.
fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// The error of `ours` in units in the last place of the rounded truth.
fn ulps(ours: f32, truth: f64) -> f64 {
    let rounded = truth as f32;
    if same(ours, rounded) {
        // At most half a unit; what infinities have to say is said.
        if !rounded.is_finite() {
            return 0.0;
        }
    } else if !rounded.is_finite() || !ours.is_finite() {
        return f64::INFINITY;
    }
    let exponent = (rounded.to_bits() >> 23 & 0xff).max(1) as u64;
    (ours as f64 - truth).abs() / f64::from_bits((exponent + 1023 - 127 - 23) << 52)
}

/// Greatest error and where.
#[derive(Clone, Copy)]
struct Worst {
    ulps: f64,
    at: f32,
}

const CHUNK: u32 = 1 << 12;

/// Checks every pattern of `range` (in ascending order, NaN included) and returns the greatest error.
fn survey(case: &Case, range: std::ops::Range<u64>) -> Worst {
    let fastest = Isa::detect();
    let others: Vec<Isa> = Isa::available().filter(|&isa| isa != fastest).collect();
    let mut worst = Worst { ulps: 0.0, at: 0.0 };
    let mut x = [0.0f32; CHUNK as usize];
    let (mut y, mut z) = (x, x);
    let mut before = f32::NAN;
    for start in range.step_by(CHUNK as usize) {
        let start = start as u32;
        for (i, x) in x.iter_mut().enumerate() {
            *x = ordered(start + i as u32);
        }
        (case.vector)(fastest, &x, &mut y).unwrap();
        for (&x, &y) in x.iter().zip(&y) {
            let error = ulps(y, (case.truth)(x as f64));
            if error > worst.ulps {
                worst = Worst { ulps: error, at: x };
            }
            let falls = case.monotone && y < before;
            assert!(!falls, "{} falls from {before:e} to {y:e} at {x:e} ({:#x})", case.name, x.to_bits());
            before = y;
        }
        for &isa in &others {
            (case.vector)(isa, &x, &mut z).unwrap();
            for i in 0..CHUNK as usize {
                assert!(same(y[i], z[i]), "{}({:e}): {fastest} {:e}, {isa} {:e}", case.name, x[i], y[i], z[i]);
            }
        }
        // The definition is slow where fused multiply-add is emulated: another 64th of each chunk.
        for i in ((start >> 12) as usize & 63..CHUNK as usize).step_by(64) {
            let z = (case.scalar)(x[i]);
            assert!(same(y[i], z), "{}({:e}): {fastest} {:e}, reference {z:e}", case.name, x[i], y[i]);
        }
        if case.odd {
            x.iter_mut().for_each(|x| *x = -*x);
            (case.vector)(fastest, &x, &mut z).unwrap();
            for i in 0..CHUNK as usize {
                assert!(same(y[i], -z[i]), "{} is not odd at {:e}", case.name, x[i]);
            }
        }
    }
    worst
}

/// All 2³² patterns, on two threads.
fn exhaustive(case: Case) {
    let halves = [0..1 << 31, (1 << 31) - CHUNK as u64..1 << 32];
    let worst = std::thread::scope(|scope| {
        let threads = halves.map(|half| scope.spawn(|| survey(&case, half)));
        threads.map(|thread| thread.join().unwrap())
    });
    for worst in worst {
        println!("{}: {:.4} ulp at {:e} ({:#010x})", case.name, worst.ulps, worst.at, worst.at.to_bits());
    }
    assert!(worst.iter().all(|worst| worst.ulps <= case.bound), "{} exceeds {} ulp", case.name, case.bound);
}

#[test]
#[ignore = "every f32: about a minute in release on two cores"]
fn exhaustive_exp() {
    exhaustive(EXP);
}

#[test]
#[ignore = "every f32: about a minute in release on two cores"]
fn exhaustive_ln() {
    exhaustive(LN);
}

#[test]
#[ignore = "every f32: about a minute in release on two cores"]
fn exhaustive_sigmoid() {
    exhaustive(SIGMOID);
}

#[test]
#[ignore = "every f32: about a minute in release on two cores"]
fn exhaustive_tanh() {
    exhaustive(TANH);
}

#[test]
#[ignore = "every f32: about a minute in release on two cores"]
fn exhaustive_softplus() {
    exhaustive(SOFTPLUS);
}

#[test]
#[ignore = "every f32: about a minute in release on two cores"]
fn exhaustive_elu() {
    exhaustive(ELU);
}

#[test]
#[ignore = "every f32: about a minute in release on two cores"]
fn exhaustive_silu() {
    exhaustive(SILU);
}

#[test]
#[ignore = "every f32: about a minute in release on two cores"]
fn exhaustive_gelu() {
    exhaustive(GELU);
}

#[test]
#[ignore = "every f32: about a minute in release on two cores"]
fn exhaustive_gelu_tanh() {
    exhaustive(GELU_TANH);
}

/// The ends, the borders of the subnormals and the arguments at which a function over- or underflows or changes its formula.
fn specials() -> Vec<f32> {
    let mut positive = vec![0.0, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY, f32::NAN, 1e-45, 1e-40, 1e30];
    for centre in [1.0f32, 0.5, 0.75, 1.5, 2.0, 0.2554, 0.28768, 0.40547, 9.01, 9.25, 16.2, 17.3, 44.4, 87.336, 88.7228]
    {
        positive.extend((-3..=3).map(|step| f32::from_bits(centre.to_bits().wrapping_add_signed(step))));
    }
    // Where results of GELU become subnormal and 0, and the borders of its intervals.
    for centre in [10.1f32, 10.77, 10.875, 12.98, 14.36, 14.625, 0.243_833_3, 0.975_333_2, 2.925_999_6, 6.827_332] {
        positive.extend((-3..=3).map(|step| f32::from_bits(centre.to_bits().wrapping_add_signed(step))));
    }
    for centre in [103.278f32, 103.972, 104.0] {
        positive.extend((-3..=3).map(|step| f32::from_bits(centre.to_bits().wrapping_add_signed(step))));
    }
    positive.iter().flat_map(|&x| [x, -x]).collect()
}

/// A 16385th of all patterns and the specials, on every instruction set, against the definition and the bound: among their like, and with an unusual one in
/// every vector.
#[test]
fn subset() {
    let mut x: Vec<f32> = (0..=u32::MAX).step_by((1 << 14) + 1).map(f32::from_bits).collect();
    x.extend(specials());
    let mixed: Vec<f32> = x.chunks(3).flat_map(|some| some.iter().copied().chain([f32::NEG_INFINITY])).collect();
    for case in &CASES {
        for x in [&x, &mixed] {
            let wanted: Vec<f32> = x.iter().map(|&x| (case.scalar)(x)).collect();
            for (&x, &y) in x.iter().zip(&wanted) {
                let error = ulps(y, (case.truth)(x as f64));
                assert!(error <= case.bound, "{}({x:e}) = {y:e}: {error} ulp", case.name);
            }
            let mut y = vec![0.0; x.len()];
            for isa in Isa::available() {
                y.fill(f32::NAN);
                (case.vector)(isa, x, &mut y).unwrap();
                for i in 0..x.len() {
                    assert!(same(y[i], wanted[i]), "{isa} {}({:e}): {:e}, not {:e}", case.name, x[i], y[i], wanted[i]);
                }
            }
        }
    }
}

/// Every special in every place of a vector and of a tail; nothing is written behind the end.
#[test]
fn every_length() {
    let specials = specials();
    for case in &CASES {
        let wanted: Vec<f32> = specials.iter().map(|&x| (case.scalar)(x)).collect();
        for isa in Isa::available() {
            for len in 0..(6 * isa.lanes()).min(specials.len()) {
                for first in 0..specials.len() - len {
                    let mut y = [7.0f32; 128];
                    (case.vector)(isa, &specials[first..first + len], &mut y[..len]).unwrap();
                    for i in 0..len {
                        let (got, wanted, x) = (y[i], wanted[first + i], specials[first + i]);
                        assert!(same(got, wanted), "{isa} {}({x:e}), {i} of {len}: {got:e}, not {wanted:e}", case.name);
                    }
                    assert!(y[len..].iter().all(|&y| y == 7.0), "{isa} {} of {len}", case.name);
                }
            }
        }
    }
}

#[test]
fn limits() {
    let inf = f32::INFINITY;
    let largest = f32::from_bits(0x42b1_7217); // The greatest f32 below ln(f32::MAX).
    assert_eq!((reference::exp(inf), reference::exp(-inf)), (inf, 0.0));
    assert_eq!((reference::exp(largest).is_finite(), reference::exp(largest.next_up())), (true, inf));
    assert_eq!((reference::exp(0.0), reference::exp(-0.0)), (1.0, 1.0));
    assert_eq!((reference::ln(0.0), reference::ln(-0.0), reference::ln(inf)), (-inf, -inf, inf));
    assert_eq!(reference::ln(1.0).to_bits(), 0);
    assert!(reference::ln(-1e-45).is_nan() && reference::ln(-inf).is_nan());
    assert_eq!((reference::sigmoid(inf), reference::sigmoid(-inf), reference::sigmoid(0.0)), (1.0, 0.0, 0.5));
    assert_eq!(reference::sigmoid(-100.0), 3.8e-44);
    assert_eq!((reference::tanh(inf), reference::tanh(-inf)), (1.0, -1.0));
    assert_eq!(reference::tanh(-0.0).to_bits(), (-0.0f32).to_bits());
    assert_eq!((reference::softplus(inf), reference::softplus(-inf)), (inf, 0.0));
    for function in [reference::silu, reference::gelu_tanh] {
        let bits = [inf, -inf, 0.0, -0.0].map(|x| function(x).to_bits());
        assert_eq!(bits, [inf, -0.0, 0.0, -0.0].map(f32::to_bits));
    }
    assert_eq!([inf, -inf, 0.0, -0.0].map(|x| reference::gelu(x).to_bits()), [inf, -0.0, 0.0, 0.0].map(f32::to_bits));
    for case in &CASES {
        assert!((case.scalar)(f32::NAN).is_nan());
    }
}

/// Name, on slices, on one element, truth.
type Slope = (&'static str, OnSlices, OnOne, fn(f64) -> f64);

/// The derivatives of functions that approach x above and 0 below, given for −a: that for a is 1 less that for −a.
const SLOPES: [Slope; 3] = [
    ("silu", elementwise::silu_slope, reference::silu_slope, |a| logistic_slope(a, a)),
    ("gelu_tanh", elementwise::gelu_tanh_slope, reference::gelu_tanh_slope, |a| {
        let slope = std::f64::consts::FRAC_2_PI.sqrt() * (1.0 + 3.0 * 0.044715 * a * a);
        logistic_slope(2.0 * gelu_tanh_u(a), 2.0 * a * slope)
    }),
    ("gelu", elementwise::gelu_slope, reference::gelu_slope, |a| {
        let density = (-0.5 * a * a).exp() / std::f64::consts::TAU.sqrt();
        0.5 * libm::erfc(a * std::f64::consts::FRAC_1_SQRT_2) - a * density
    }),
];

/// At −a, of `x/(1 + e^−v)` with `k = a·dv/da`.
fn logistic_slope(v: f64, k: f64) -> f64 {
    let p = 1.0 / (1.0 + v.exp());
    p * (1.0 - k * (1.0 - p))
}

#[test]
fn slopes_are_the_derivatives() {
    let x: Vec<f32> = (0..=u32::MAX).step_by((1 << 14) + 1).map(f32::from_bits).chain(specials()).collect();
    for (name, vector, scalar, truth) in SLOPES {
        let wanted: Vec<f32> = x.iter().map(|&x| scalar(x)).collect();
        for (&x, &ours) in x.iter().zip(&wanted).filter(|(x, _)| !x.is_nan()) {
            // (Far out the formulas are 0 times infinity.)
            let below = truth(f64::from(x).abs().min(200.0));
            let truth = if x < 0.0 { below } else { 1.0 - below };
            let error = (f64::from(ours) - truth).abs();
            assert!(error <= f64::from(f32::EPSILON), "{name}\u{2032}({x:e}) = {ours:e}, not {truth:e}");
        }
        let infinity = f32::INFINITY;
        assert_eq!((scalar(-infinity), scalar(infinity)), (0.0, 1.0), "{name}");
        assert!(scalar(f32::NAN).is_nan(), "{name}");
        for isa in Isa::available() {
            let mut y = vec![f32::NAN; x.len()];
            vector(isa, &x, &mut y).unwrap();
            assert!(y.iter().zip(&wanted).all(|(&y, &wanted)| same(y, wanted)), "{isa} {name}");
        }
    }
}

#[test]
fn lengths_must_match() {
    let mut y = [7.0; 3];
    let error = elementwise::exp(Isa::detect(), &[0.0; 4], &mut y).unwrap_err();
    assert_eq!(error, ShapeError::Length { operand: "y", wanted: 4, given: 3 });
    assert_eq!(y, [7.0; 3]);
}
