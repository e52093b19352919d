//! What the documentation of softmax, log-softmax, log-sum-exp and cross-entropy promises about numbers, against binary64: the bounds for each
//! row, at any finite logits, and what becomes of infinities. (That all instruction sets give the definition's bits: `loss.rs`.)

mod common;

use common::cases;
use proptest::prelude::*;
use steadynet_kernels::{Isa, Mat, MatMut, log_softmax, log_sum_exp, softmax, softmax_cross_entropy};

/// Half a unit in the last place of 1.
const U: f64 = f32::EPSILON as f64 / 2.0;
/// The bounds are of first order.
const SECOND_ORDER: f64 = 1.0 + 1e-4;
/// Half the smallest subnormal number.
const TINY: f64 = f32::from_bits(1) as f64 / 2.0;

/// Everything that there is of some rows.
struct Results {
    p: Vec<f32>,
    log_p: Vec<f32>,
    log_sum: Vec<f32>,
    losses: Vec<f32>,
    gradient: Vec<f32>,
}

fn results(isa: Isa, x: &[f32], rows: usize, labels: &[u32], scale: f32) -> Results {
    let cols = x.len() / rows;
    let nan = |len| vec![f32::NAN; len];
    let mut all =
        Results { p: nan(x.len()), log_p: nan(x.len()), log_sum: nan(rows), losses: nan(rows), gradient: nan(x.len()) };
    let x = Mat::new(x, rows, cols).unwrap();
    softmax(isa, x, MatMut::new(&mut all.p, rows, cols).unwrap()).unwrap();
    log_softmax(isa, x, MatMut::new(&mut all.log_p, rows, cols).unwrap()).unwrap();
    log_sum_exp(isa, x, &mut all.log_sum).unwrap();
    let g = MatMut::new(&mut all.gradient, rows, cols).unwrap();
    softmax_cross_entropy(isa, x, labels, scale, g, &mut all.losses).unwrap();
    all
}

/// Whether `ours` is as near to `exact` as `bound` says; what is too large for binary32 must be infinite.
#[track_caller]
fn assert_near(what: &str, ours: f32, exact: f64, bound: f64) {
    let overflows = exact.abs() >= f64::from(f32::MAX) * (1.0 + U);
    let near = if exact.is_infinite() || overflows {
        f64::from(ours) == f64::INFINITY.copysign(exact)
    } else {
        (f64::from(ours) - exact).abs() <= bound * SECOND_ORDER
    };
    assert!(near, "{what}: {ours:e}, exactly {exact:e}, bound {bound:e}");
}

/// Every bound of the documentation, for rows of finite logits or `−∞`, not all of them.
fn check(isa: Isa, x: &[f32], rows: usize, labels: &[u32], scale: f32) {
    let n = x.len() / rows;
    let all = results(isa, x, rows, labels, scale);
    let (ln_n, scale) = ((n as f64).ln(), f64::from(scale));
    let of_sum = n.div_ceil(16) as f64 + 5.0 + ln_n;
    for (i, &label) in labels.iter().enumerate() {
        let row = i * n..(i + 1) * n;
        let exact: Vec<f64> = x[row.clone()].iter().copied().map(f64::from).collect();
        let m = exact.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let ln_s = exact.iter().map(|x| (x - m).exp()).sum::<f64>().ln();

        let log_sum = m + ln_s;
        let bound = (of_sum + 2.0 * ln_n + log_sum.abs()) * U;
        assert_near(&format!("{isa}, {n}: log-sum-exp"), all.log_sum[i], log_sum, bound);
        for (j, x) in exact.into_iter().enumerate() {
            let what = |name| format!("{isa}, row {i} of {n}, {name} {j}");
            let at = row.start + j;
            let log_p = (x - m) - ln_s;
            let p = log_p.exp();
            // (No infinity times zero.)
            let relative = if p > 0.0 { of_sum + 4.0 - log_p } else { 0.0 };
            assert_near(&what("softmax"), all.p[at], p, relative * U * p + 4.0 * TINY);
            let bound = (of_sum + 2.0 * ln_n + 2.0 * log_p.abs()) * U;
            assert_near(&what("log-softmax"), all.log_p[at], log_p, bound);
            if j == label as usize {
                assert_near(&what("loss"), all.losses[i], -log_p, bound);
                let bound = scale.abs() * (relative * U * p + 2.0 * U * (1.0 - p) + 4.0 * TINY);
                assert_near(&what("gradient at the label"), all.gradient[at], (p - 1.0) * scale, bound + TINY);
            } else {
                let bound = scale.abs() * ((relative + 1.0) * U * p + 4.0 * TINY);
                assert_near(&what("gradient"), all.gradient[at], p * scale, bound + TINY);
            }
        }
    }
}

/// How the logits of a batch are spread.
#[derive(Clone, Copy, Debug)]
enum Spread {
    /// `centre ± width`.
    Around { centre: f32, width: f32 },
    /// Any finite number, most of them far apart.
    AnyBits,
    /// From where exponentials are 1 to where they are 0, through the subnormal ones.
    Underflow,
}

fn spread() -> impl Strategy<Value = Spread> {
    let centre = prop::sample::select(vec![0.0f32, 1.0, -30.0, 1e4, -1e6, 1e30]);
    let width = prop::sample::select(vec![0.0f32, 1e-6, 0.1, 2.0, 20.0, 200.0, 1e5]);
    prop_oneof![
        6 => (centre, width).prop_map(|(centre, width)| Spread::Around { centre, width }),
        2 => Just(Spread::AnyBits),
        2 => Just(Spread::Underflow),
    ]
}

/// A logit from random bits.
fn logit(spread: Spread, bits: u32) -> f32 {
    let unit = (bits >> 8) as f32 / (1 << 24) as f32;
    match spread {
        Spread::Around { centre, width } => centre + width * (2.0 * unit - 1.0),
        Spread::AnyBits => {
            let x = f32::from_bits(bits);
            if x.is_finite() { x } else { f32::MAX * (unit - 0.5) }
        }
        Spread::Underflow => -110.0 * unit,
    }
}

fn classes() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 1usize..20, 3 => 20usize..70, 1 => prop::sample::select(vec![128usize, 257, 1000])]
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn softmax_bounds(
        n in classes(),
        rows in 1usize..40,
        spread in spread(),
        seed: u64,
        // One of so many logits is −∞.
        impossible in prop_oneof![Just(u64::MAX), 2u64..20],
        scale in prop::sample::select(vec![1.0f32, 1.0 / 64.0, -3.0]),
    ) {
        let bits = |index: usize| {
            let mut z = seed.wrapping_add((index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z ^ (z >> 31)
        };
        let rows = if n > 100 { rows.min(3) } else { rows };
        let mut x: Vec<f32> = (0..rows * n)
            .map(|index| match bits(index) {
                z if (z >> 32).is_multiple_of(impossible) => f32::NEG_INFINITY,
                z => logit(spread, z as u32),
            })
            .collect();
        // Not the whole of a row.
        for row in x.chunks_exact_mut(n) {
            if row.iter().all(|&x| x == f32::NEG_INFINITY) {
                row[n / 2] = 0.5;
            }
        }
        let labels: Vec<u32> = (0..rows).map(|i| (bits(usize::MAX - i) % n as u64) as u32).collect();
        for isa in Isa::available() {
            check(isa, &x, rows, &labels, scale);
        }
    }
}

/// The bounds where the logits are as far apart as finite numbers can be, and as near.
#[test]
fn bounds_at_the_ends_of_the_range() {
    let (least, most) = (f32::MIN, f32::MAX);
    let next = f32::from_bits(most.to_bits() - 1);
    let rows = [
        [most, most, most],
        [least, least, least],
        [most, next, least],
        [next, most, 0.0],
        [0.0, -0.0, f32::from_bits(1)],
        [-87.3, -88.0, 0.0],
        [-103.9, -104.1, 0.0],
        [1e30, f32::NEG_INFINITY, -1e30],
        [f32::NEG_INFINITY, f32::NEG_INFINITY, least],
    ];
    for isa in Isa::available() {
        for label in 0..3 {
            for count in [1, rows.len()] {
                for some in rows.chunks(count) {
                    check(isa, some.as_flattened(), some.len(), &vec![label; some.len()], 0.25);
                }
            }
        }
    }
}

/// One class is certain, whatever its logit; and no logarithm of a probability of 1 is −0.
#[test]
fn one_class_is_certain() {
    for isa in Isa::available() {
        for x in [0.0, -0.0, 1.5, f32::MAX, f32::MIN, f32::from_bits(1)] {
            let all = results(isa, &[x], 1, &[0], 2.0);
            assert_eq!((all.p[0].to_bits(), all.log_p[0].to_bits()), (1.0f32.to_bits(), 0), "{isa} {x}");
            assert_eq!((all.losses[0].to_bits(), all.gradient[0].to_bits()), (0, 0), "{isa} {x}");
            assert_eq!(all.log_sum[0], x, "{isa}");
        }
    }
}

/// What no probability belongs to gives NaN, all over its row and nowhere else.
#[test]
fn rows_without_probabilities_are_nan() {
    let infinity = f32::INFINITY;
    for isa in Isa::available() {
        for n in [1, 3, 10, 16, 40, 130] {
            for (fill, one) in
                [(-infinity, -infinity), (0.5, infinity), (-infinity, infinity), (0.5, f32::NAN), (infinity, 1.0)]
            {
                for at in [0, n / 2, n - 1] {
                    let mut x = vec![1.25; 19 * n];
                    x[7 * n..8 * n].fill(fill);
                    x[7 * n + at] = one;
                    if n == 1 && one == 1.0 {
                        continue;
                    }
                    let all = results(isa, &x, 19, &[0; 19], 1.0);
                    for i in 0..19 {
                        let of = |values: &[f32]| values[i * n..(i + 1) * n].iter().all(|x| x.is_nan() == (i == 7));
                        assert!(of(&all.p) && of(&all.log_p) && of(&all.gradient), "{isa} {n} {fill} {one}, row {i}");
                        assert_eq!(all.losses[i].is_nan(), i == 7, "{isa} {n} {fill} {one}");
                        // The sum of nothing but impossible ones is zero, and NaN because −∞ − (−∞) is.
                        assert_eq!(all.log_sum[i].is_nan(), i == 7, "{isa} {n} {fill} {one}");
                    }
                }
            }
        }
    }
}

/// The loss is what log-softmax says of the label, to the bit.
#[test]
fn the_loss_is_minus_log_softmax() {
    for isa in Isa::available() {
        for n in [2, 10, 17, 64, 65, 200] {
            let x: Vec<f32> = (0..21 * n).map(|k| ((k * 7919) % 1013) as f32 / 50.0 - 9.0).collect();
            let labels: Vec<u32> = (0..21).map(|i| (i * 5 % n) as u32).collect();
            let all = results(isa, &x, 21, &labels, 1.0);
            for (i, &label) in labels.iter().enumerate() {
                assert_eq!(all.losses[i], -all.log_p[i * n + label as usize], "{isa} {n}");
            }
        }
    }
}
