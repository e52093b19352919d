//! Row functions, losses, activations and optimiser steps: the same bits as the reference on every instruction set, for every
//! size, row stride and special value; and what their documentation promises about numbers.

mod common;

use common::{Owned, ROW_MAJOR, Storage, UPDATES, assert_same, value};
use steadynet_kernels::{
    Activation, Isa, Mat, MatMut, ShapeError, activate, activation_backward, log_softmax, log_sum_exp, reference,
    sigmoid_cross_entropy, softmax, softmax_cross_entropy, squared_error, update,
};

/// Every border of the vectors and of the 16 lanes, and rows long enough for many turns of their loops.
fn sizes() -> impl Iterator<Item = usize> {
    (0..70).chain([127, 128, 129, 255, 1000, 1023])
}

/// Values that an implementation may treat in another way than ordinary ones.
const SPECIALS: [f32; 14] = [
    0.0,
    -0.0,
    1e-45,
    -1e-45,
    1.1e-38,
    -1.1e-38,
    f32::MIN_POSITIVE,
    1e30,
    -1e30,
    f32::MAX,
    f32::MIN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

/// What stands in the gaps of outputs: it must still stand there afterwards.
const GAP: f32 = 12345.0;

/// A matrix to write to: NaN in its elements, which must not be read, and [`GAP`] between its rows.
fn unwritten(rows: usize, cols: usize, storage: Storage) -> Owned {
    let mut owned = Owned::new(rows, cols, storage, |_| f32::NAN);
    owned.data.fill(GAP);
    fill(&mut owned, |_| f32::NAN);
    owned
}

fn fill(owned: &mut Owned, f: impl Fn(usize) -> f32) {
    for i in 0..owned.rows {
        for j in 0..owned.cols {
            owned.data[i * owned.row_stride + j] = f(i * owned.cols + j);
        }
    }
}

impl Owned {
    fn line(&self, i: usize) -> &[f32] {
        &self.data[i * self.row_stride..][..self.cols]
    }

    fn line_mut(&mut self, i: usize) -> &mut [f32] {
        &mut self.data[i * self.row_stride..][..self.cols]
    }
}

/// One of the functions that give a loss and a gradient for each row.
#[derive(Clone, Copy, Debug)]
enum RowLoss {
    SoftmaxCrossEntropy,
    SquaredError,
    SigmoidCrossEntropy,
}

/// Compares everything that works on rows with its definition.
fn check_rows(x: &Owned, targets: &Owned, labels: &[u32], scale: f32, output: Storage) {
    let (rows, cols) = (x.rows, x.cols);
    for isa in Isa::available() {
        let what = |name: &str| format!("{name} on {isa}, {rows}×{cols}");

        let (mut ours, mut theirs) = (unwritten(rows, cols, output), unwritten(rows, cols, output));
        softmax(isa, x.view(), ours.view_mut()).unwrap();
        (0..rows).for_each(|i| reference::softmax(x.line(i), theirs.line_mut(i)));
        assert_same(&what("softmax"), &ours.data, &theirs.data);

        let (mut ours, mut theirs) = (unwritten(rows, cols, output), unwritten(rows, cols, output));
        log_softmax(isa, x.view(), ours.view_mut()).unwrap();
        (0..rows).for_each(|i| reference::log_softmax(x.line(i), theirs.line_mut(i)));
        assert_same(&what("log_softmax"), &ours.data, &theirs.data);

        let mut ours = vec![f32::NAN; rows];
        log_sum_exp(isa, x.view(), &mut ours).unwrap();
        let theirs: Vec<f32> = (0..rows).map(|i| reference::log_sum_exp(x.line(i))).collect();
        assert_same(&what("log_sum_exp"), &ours, &theirs);

        for loss in [RowLoss::SoftmaxCrossEntropy, RowLoss::SquaredError, RowLoss::SigmoidCrossEntropy] {
            if matches!(loss, RowLoss::SoftmaxCrossEntropy) && cols == 0 {
                continue;
            }
            let (mut gradient, mut losses) = (unwritten(rows, cols, output), vec![f32::NAN; rows]);
            let (view, g) = (x.view(), gradient.view_mut());
            match loss {
                RowLoss::SoftmaxCrossEntropy => softmax_cross_entropy(isa, view, labels, scale, g, &mut losses),
                RowLoss::SquaredError => squared_error(isa, view, targets.view(), scale, g, &mut losses),
                RowLoss::SigmoidCrossEntropy => sigmoid_cross_entropy(isa, view, targets.view(), scale, g, &mut losses),
            }
            .unwrap();
            let mut expected = unwritten(rows, cols, output);
            let expected_losses: Vec<f32> = (0..rows)
                .map(|i| {
                    let (x, t, g) = (x.line(i), targets.line(i), expected.line_mut(i));
                    match loss {
                        RowLoss::SoftmaxCrossEntropy => {
                            reference::softmax_cross_entropy(x, labels[i] as usize, scale, g)
                        }
                        RowLoss::SquaredError => reference::squared_error(x, t, scale, g),
                        RowLoss::SigmoidCrossEntropy => reference::sigmoid_cross_entropy(x, t, scale, g),
                    }
                })
                .collect();
            assert_same(&what(&format!("gradient of {loss:?}")), &gradient.data, &expected.data);
            assert_same(&what(&format!("{loss:?}")), &losses, &expected_losses);
        }

        for &activation in Activation::ALL {
            let mut ours = targets.clone();
            activation_backward(isa, activation, x.view(), ours.view_mut()).unwrap();
            let mut theirs = targets.clone();
            for i in 0..rows {
                for (d, &y) in theirs.line_mut(i).iter_mut().zip(x.line(i)) {
                    *d = reference::backward(activation, *d, y);
                }
            }
            assert_same(&what(&format!("{} backward", activation.name())), &ours.data, &theirs.data);
        }
    }
}

fn labels(rows: usize, cols: usize) -> Vec<u32> {
    // From the last column down, so that labels lie in tails and in bodies.
    (0..rows).map(|i| ((cols.max(1) - 1 + i * (cols - cols / 3)) % cols.max(1)) as u32).collect()
}

/// Sizes × gaps × ordinary and special values.
#[test]
fn loss_bits() {
    for cols in sizes() {
        for (gap, specials) in [(0, false), (3, false), (0, true), (17, true)] {
            // Few rows go one by one, more of them as columns, if they are short: as many at a time as a vector has lanes.
            let many: &[usize] =
                if cols <= 20 { &[0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 15, 16, 17, 21, 37] } else { &[0, 1, 4, 19] };
            for &rows in many {
                let seed = (cols * 64 + gap * 4 + rows) as u64;
                let (input, output) = (Storage { gap, ..ROW_MAJOR }, Storage { gap: gap + 1, ..ROW_MAJOR });
                let mut x = Owned::random(rows, cols, input, seed, specials);
                if !specials {
                    // Logits as far apart as in a net that is sure of itself.
                    x.data.iter_mut().for_each(|x| *x *= 20.0);
                }
                let targets = Owned::random(rows, cols, output, seed ^ 0xabc, specials);
                check_rows(&x, &targets, &labels(rows, cols), 0.037, output);
            }
        }
    }
}

/// Every special value at every place of rows that have vectors and a tail.
#[test]
fn specials_at_every_place() {
    for cols in [1, 2, 3, 7, 10, 15, 16, 17, 19, 37, 70] {
        for at in 0..cols {
            let rows = SPECIALS.len();
            let put_special = |mut owned: Owned| {
                for (i, special) in SPECIALS.into_iter().enumerate() {
                    owned.line_mut(i)[at] = special;
                }
                owned
            };
            let storage = Storage { gap: 1, ..ROW_MAJOR };
            let plain = |seed| Owned::random(rows, cols, storage, seed, false);
            check_rows(&put_special(plain(1)), &plain(2), &labels(rows, cols), 0.5, storage);
            check_rows(&plain(3), &put_special(plain(4)), &labels(rows, cols), f32::MAX, storage);
        }
    }
}

#[test]
fn activations_are_their_definition() {
    for len in sizes() {
        for specials in [false, true] {
            let x: Vec<f32> = (0..len).map(|j| value(len as u64, j, specials) * 5.0).collect();
            for (isa, &activation) in Isa::available().flat_map(|isa| Activation::ALL.iter().map(move |a| (isa, a))) {
                let mut ours = x.clone();
                activate(isa, activation, &mut ours);
                let theirs: Vec<f32> = x.iter().map(|&x| reference::activate(activation, x)).collect();
                assert_same(&format!("{} on {isa}", activation.name()), &ours, &theirs);
            }
        }
    }
    for (isa, &activation) in Isa::available().flat_map(|isa| Activation::ALL.iter().map(move |a| (isa, a))) {
        // All special values, each in every lane.
        for shift in 0..16 {
            let x: Vec<f32> = (0..SPECIALS.len() + shift).map(|j| SPECIALS[j % SPECIALS.len()]).collect();
            let mut ours = x.clone();
            activate(isa, activation, &mut ours[shift..]);
            let theirs: Vec<f32> = x[shift..].iter().map(|&x| reference::activate(activation, x)).collect();
            assert_same(activation.name(), &ours[shift..], &theirs);
            assert_same("before the slice", &ours[..shift], &x[..shift]);
        }
    }
}

#[test]
fn updates_are_their_definition() {
    for (len, rule) in sizes().flat_map(|len| UPDATES.map(|rule| (len, rule))) {
        for specials in [false, true] {
            let random = |seed| (0..len).map(|j| value(seed, j, specials)).collect::<Vec<f32>>();
            let (gradient, weights) = (random(1), random(2));
            let states: Vec<Vec<f32>> = (0..rule.states()).map(|s| random(3 + s as u64)).collect();
            for isa in Isa::available() {
                let (mut w, mut s) = (weights.clone(), states.clone());
                let mut slices: Vec<&mut [f32]> = s.iter_mut().map(Vec::as_mut_slice).collect();
                update(isa, rule, &gradient, &mut w, &mut slices).unwrap();
                let (mut expected, mut expected_states) = (weights.clone(), states.clone());
                for j in 0..len {
                    let mut values: Vec<f32> = states.iter().map(|state| state[j]).collect();
                    expected[j] = reference::step(rule, gradient[j], weights[j], &mut values);
                    expected_states.iter_mut().zip(values).for_each(|(state, value)| state[j] = value);
                }
                assert_same(&format!("{rule:?} on {isa}, {len}"), &w, &expected);
                s.iter().zip(&expected_states).for_each(|(s, e)| assert_same("states", s, e));
            }
        }
    }
}

/// Softmax of one row.
fn probabilities(isa: Isa, x: &[f32]) -> Vec<f32> {
    let mut p = vec![f32::NAN; x.len()];
    softmax(isa, Mat::new(x, 1, x.len()).unwrap(), MatMut::new(&mut p, 1, x.len()).unwrap()).unwrap();
    p
}

/// Loss and gradient of one row.
fn cross_entropy(isa: Isa, x: &[f32], label: u32, scale: f32) -> (f32, Vec<f32>) {
    let (mut gradient, mut loss) = (vec![f32::NAN; x.len()], [f32::NAN]);
    let g = MatMut::new(&mut gradient, 1, x.len()).unwrap();
    softmax_cross_entropy(isa, Mat::new(x, 1, x.len()).unwrap(), &[label], scale, g, &mut loss).unwrap();
    (loss[0], gradient)
}

#[test]
fn equal_logits_give_equal_bits() {
    for isa in Isa::available() {
        for classes in 1..70 {
            let p = probabilities(isa, &vec![-3.7; classes]);
            assert!(p.iter().all(|&p| p == 1.0 / classes as f32), "{isa} {p:?}");
            // Twins in all pairs of places of a row with other values.
            let mut x: Vec<f32> = (0..classes).map(|j| value(9, j, false)).collect();
            let twin = value(10, 0, false);
            x[0] = twin;
            x[classes / 2] = twin;
            x[classes - 1] = twin;
            let p = probabilities(isa, &x);
            assert_eq!(p[0].to_bits(), p[classes - 1].to_bits(), "{isa}, {classes} classes");
            assert_eq!(p[0].to_bits(), p[classes / 2].to_bits(), "{isa}, {classes} classes");
        }
    }
}

#[test]
fn minus_infinity_is_impossible_and_not_an_error() {
    for isa in Isa::available() {
        let mut x: Vec<f32> = (0..21).map(|j| value(1, j, false)).collect();
        (x[0], x[7], x[20]) = (f32::NEG_INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY);
        let p = probabilities(isa, &x);
        assert_eq!((p[0], p[7], p[20]), (0.0, 0.0, 0.0));
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let (loss, gradient) = cross_entropy(isa, &x, 7, 0.5);
        assert_eq!((loss, gradient[7]), (f32::INFINITY, -0.5));
        let (loss, _) = cross_entropy(isa, &x, 8, 0.5);
        assert!(loss.is_finite() && loss > 0.0);

        assert!(probabilities(isa, &[f32::NEG_INFINITY; 3]).iter().all(|p| p.is_nan()));
        assert!(probabilities(isa, &[0.0, f32::INFINITY, 1.0]).iter().all(|p| p.is_nan()));
        assert!(probabilities(isa, &[0.0, f32::NAN, 1.0]).iter().all(|p| p.is_nan()));
        let mut empty = [f32::NAN; 2];
        log_sum_exp(isa, Mat::new(&[], 2, 0).unwrap(), &mut empty).unwrap();
        assert_eq!(empty, [f32::NEG_INFINITY; 2]);
    }
}

#[test]
fn huge_logits_do_not_overflow() {
    for isa in Isa::available() {
        for huge in [150.0, 1e4, 1e30, f32::MAX / 2.0] {
            let x = [huge, -huge, 0.0, huge];
            assert_eq!(probabilities(isa, &x), [0.5, 0.0, 0.0, 0.5]);
            let (loss, gradient) = cross_entropy(isa, &x, 1, 0.25);
            assert_eq!(gradient, [0.125, -0.25, 0.0, 0.125]);
            assert!((loss - 2.0 * huge).abs() <= 1.0 + 2.0 * huge * f32::EPSILON, "{loss}");

            let (mut gradient, mut loss) = ([f32::NAN; 4], [f32::NAN]);
            let targets = [1.0, 0.0, 0.0, 0.0];
            let g = MatMut::new(&mut gradient, 1, 4).unwrap();
            let (x, t) = (Mat::new(&x, 1, 4).unwrap(), Mat::new(&targets, 1, 4).unwrap());
            sigmoid_cross_entropy(isa, x, t, 1.0, g, &mut loss).unwrap();
            assert!(loss[0].is_finite() && (loss[0] - huge).abs() <= 2.0, "{}", loss[0]);
            assert_eq!(gradient, [0.0, 0.0, 0.5, 1.0]);
        }
    }
}

/// Half a unit in the last place of 1.
const U: f64 = f32::EPSILON as f64 / 2.0;

/// First-order bounds from the operations of the definition: an elementary function is wrong by at most 2u (its own test proves
/// less), a sum of n positive terms in 16 lanes by (⌈n/16⌉ + 4)·u. (Softmax and its kin: `softmax.rs`.)
#[test]
fn errors_are_bounded() {
    for (seed, cols) in (1..70).chain([128, 1000]).enumerate() {
        let x: Vec<f32> = (0..cols).map(|j| value(seed as u64, j, false) * 15.0).collect();
        let exact: Vec<f64> = x.iter().copied().map(f64::from).collect();
        let sum_error = (cols.div_ceil(16) + 4) as f64 * U;
        let safe = 1.0 + 1e-3;
        for isa in Isa::available() {
            let targets: Vec<f32> = (0..cols).map(|j| value(77, j, false).abs() / 2.0).collect();
            let (mut gradient, mut loss) = (vec![0.0; cols], [f32::NAN]);
            let views = (Mat::new(&x, 1, cols).unwrap(), Mat::new(&targets, 1, cols).unwrap());
            let g = MatMut::new(&mut gradient, 1, cols).unwrap();
            squared_error(isa, views.0, views.1, 2.0, g, &mut loss).unwrap();
            let wanted: f64 = exact.iter().zip(&targets).map(|(x, &t)| (x - f64::from(t)).powi(2)).sum();
            assert!((f64::from(loss[0]) - wanted).abs() <= (sum_error + 2.0 * U) * wanted * safe, "{isa} {cols}");
            for j in 0..cols {
                let wanted = 2.0 * (exact[j] - f64::from(targets[j]));
                assert!((f64::from(gradient[j]) - wanted).abs() <= 2.0 * U * wanted.abs() * safe);
            }

            let g = MatMut::new(&mut gradient, 1, cols).unwrap();
            sigmoid_cross_entropy(isa, views.0, views.1, 2.0, g, &mut loss).unwrap();
            let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            let terms = || exact.iter().zip(&targets).map(|(&x, &t)| (softplus(x), x * f64::from(t)));
            let (wanted, magnitude) = (
                terms().map(|(plus, minus)| plus - minus).sum::<f64>(),
                terms().map(|(plus, minus)| plus + minus.abs()).sum::<f64>(),
            );
            let bound = (sum_error + 3.0 * U) * magnitude * safe;
            assert!((f64::from(loss[0]) - wanted).abs() <= bound, "{isa} {cols}: {}, {wanted}", loss[0]);
            for j in 0..cols {
                let (sigmoid, t) = (1.0 / (1.0 + (-exact[j]).exp()), f64::from(targets[j]));
                let bound = 2.0 * U * (2.0 * sigmoid + 2.0 * (sigmoid - t).abs()) * safe;
                assert!((f64::from(gradient[j]) - 2.0 * (sigmoid - t)).abs() <= bound, "{isa} {cols} {j}");
            }
        }
    }
}

/// Rows without elements need no memory: a number of them that no loop could reach the end of.
#[test]
fn empty_rows_take_no_time() {
    let isa = Isa::detect();
    let (mut out, rows) = ([], usize::MAX);
    let none = || Mat::with_strides(&[], rows, 0, 0, 1).unwrap();
    softmax(isa, none(), MatMut::with_strides(&mut out, rows, 0, 0, 1).unwrap()).unwrap();
    for &activation in Activation::ALL {
        let gradient = MatMut::with_strides(&mut out, rows, 0, 0, 1).unwrap();
        activation_backward(isa, activation, none(), gradient).unwrap();
    }
    let gradient = MatMut::with_strides(&mut out, rows, 0, 0, 1).unwrap();
    let error = squared_error(isa, none(), none(), 1.0, gradient, &mut []).unwrap_err();
    assert_eq!(error, ShapeError::Length { operand: "losses", wanted: rows, given: 0 });
}

/// Every wrong operand is named, and nothing is written.
#[test]
fn wrong_shapes_are_named_and_nothing_is_written() {
    let isa = Isa::detect();
    let data = [0.5f32; 60];
    let good = Mat::new(&data[..12], 3, 4).unwrap();
    let (wide, tall) = (Mat::new(&data[..15], 3, 5).unwrap(), Mat::new(&data[..16], 4, 4).unwrap());
    let turned = Mat::new(&data[..12], 4, 3).unwrap().t();
    let dimension = |operand, dimension, wanted, given| ShapeError::Dimension { operand, dimension, wanted, given };
    let length = |operand, wanted, given| ShapeError::Length { operand, wanted, given };

    let mut out = [GAP; 16];
    let mut losses = [GAP; 4];
    macro_rules! output {
        ($rows:literal, $cols:literal) => {
            MatMut::new(&mut out[..$rows * $cols], $rows, $cols).unwrap()
        };
    }
    macro_rules! refused {
        ($call:expr, $error:expr) => {
            assert_eq!($call.unwrap_err(), $error);
            assert!(out.iter().chain(&losses).all(|&x| x == GAP), "{out:?} {losses:?}");
        };
    }

    refused!(softmax(isa, good, output!(2, 4)), dimension("probabilities", "rows", 3, 2));
    refused!(softmax(isa, good, output!(3, 5)), dimension("probabilities", "columns", 4, 5));
    refused!(softmax(isa, turned, output!(3, 4)), dimension("logits", "column stride", 1, 3));
    refused!(softmax(isa, good, output!(4, 3).t()), dimension("probabilities", "column stride", 1, 3));
    refused!(log_sum_exp(isa, good, &mut losses), length("out", 3, 4));
    refused!(log_sum_exp(isa, turned, &mut losses[..3]), dimension("logits", "column stride", 1, 3));

    let labels = [0, 1, 3, 0];
    let mut entropy = |x, labels: &[u32], g: MatMut<'_>, len: usize| {
        softmax_cross_entropy(isa, x, labels, 1.0, g, &mut losses[..len])
    };
    assert_eq!(entropy(good, &labels, output!(3, 4), 3).unwrap_err(), length("labels", 3, 4));
    assert_eq!(entropy(good, &labels[..3], output!(3, 4), 4).unwrap_err(), length("losses", 3, 4));
    assert_eq!(entropy(good, &labels[..3], output!(4, 4), 3).unwrap_err(), dimension("gradient", "rows", 3, 4));
    assert_eq!(
        entropy(turned, &labels[..3], output!(3, 4), 3).unwrap_err(),
        dimension("logits", "column stride", 1, 3)
    );
    let label = entropy(good, &[0, 4, 1], output!(3, 4), 3).unwrap_err();
    assert_eq!(label, ShapeError::Label { row: 1, label: 4, classes: 4 });
    assert_eq!(label.to_string(), "labels: row 1 has class 4, wanted less than 4");
    let label = entropy(good, &[0, 1, u32::MAX], output!(3, 4), 3).unwrap_err();
    assert_eq!(label, ShapeError::Label { row: 2, label: u32::MAX, classes: 4 });
    let none = Mat::new(&[], 3, 0).unwrap();
    let label = entropy(none, &[0, 0, 0], output!(3, 0), 3).unwrap_err();
    assert_eq!(label, ShapeError::Label { row: 0, label: 0, classes: 0 });
    assert!(out.iter().chain(&losses).all(|&x| x == GAP), "{out:?} {losses:?}");

    type ElementLoss = fn(Isa, Mat<'_>, Mat<'_>, f32, MatMut<'_>, &mut [f32]) -> Result<(), ShapeError>;
    let element_losses: [(&str, ElementLoss); 2] = [("predictions", squared_error), ("logits", sigmoid_cross_entropy)];
    for (first, loss) in element_losses {
        refused!(loss(isa, good, wide, 1.0, output!(3, 4), &mut losses[..3]), dimension("targets", "columns", 4, 5));
        refused!(loss(isa, good, tall, 1.0, output!(3, 4), &mut losses[..3]), dimension("targets", "rows", 3, 4));
        refused!(loss(isa, good, good, 1.0, output!(3, 5), &mut losses[..3]), dimension("gradient", "columns", 4, 5));
        refused!(loss(isa, good, good, 1.0, output!(3, 4), &mut losses[..2]), length("losses", 3, 2));
        refused!(
            loss(isa, turned, good, 1.0, output!(3, 4), &mut losses[..3]),
            dimension(first, "column stride", 1, 3)
        );
        refused!(
            loss(isa, good, turned, 1.0, output!(3, 4), &mut losses[..3]),
            dimension("targets", "column stride", 1, 3)
        );
        refused!(
            loss(isa, good, good, 1.0, output!(4, 3).t(), &mut losses[..3]),
            dimension("gradient", "column stride", 1, 3)
        );
    }

    for &activation in Activation::ALL {
        refused!(activation_backward(isa, activation, wide, output!(3, 4)), dimension("saved", "columns", 4, 5));
        refused!(activation_backward(isa, activation, tall, output!(3, 4)), dimension("saved", "rows", 3, 4));
        refused!(
            activation_backward(isa, activation, turned, output!(3, 4)),
            dimension("saved", "column stride", 1, 3)
        );
        refused!(
            activation_backward(isa, activation, good, output!(4, 3).t()),
            dimension("gradient", "column stride", 1, 3)
        );
    }

    let momentum = UPDATES[3];
    let mut state = [GAP; 4];
    let steps = [
        (update(isa, UPDATES[0], &data[..3], &mut out[..4], &mut []), length("gradient", 4, 3)),
        (update(isa, momentum, &data[..4], &mut out[..4], &mut []), dimension("states", "slices", 1, 0)),
        (update(isa, UPDATES[0], &data[..4], &mut out[..4], &mut [&mut state]), dimension("states", "slices", 0, 1)),
        (update(isa, momentum, &data[..4], &mut out[..4], &mut [&mut state[..3]]), length("state", 4, 3)),
    ];
    for (result, error) in steps {
        assert_eq!(result.unwrap_err(), error);
    }
    assert!(out.iter().chain(&state).all(|&x| x == GAP));
}
