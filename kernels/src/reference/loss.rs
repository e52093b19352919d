//! Reductions over a row, softmax and losses.

use super::{exp, ln, sigmoid, softplus};
use crate::fma::fma;
use crate::lanes::REDUCTION_LANES;

/// Reduces a row in 16 lanes: lane `l` takes elements `l, l + 16, …` in order, then lane `l` is combined with lane `l + 8`, `+ 4`, `+ 2`, `+ 1`.
pub fn reduce(len: usize, neutral: f32, take: impl Fn(f32, usize) -> f32, combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [neutral; REDUCTION_LANES];
    for j in 0..len {
        lanes[j % REDUCTION_LANES] = take(lanes[j % REDUCTION_LANES], j);
    }
    for half in [8, 4, 2, 1] {
        for l in 0..half {
            lanes[l] = combine(lanes[l], lanes[l + half]);
        }
    }
    lanes[0]
}

/// The larger one; NaN if one is NaN; `b` if they are equal.
pub fn max(a: f32, b: f32) -> f32 {
    if a.is_nan() || a > b { a } else { b }
}

/// The largest element of a row; `−∞` if it is empty.
pub fn row_max(x: &[f32]) -> f32 {
    reduce(x.len(), f32::NEG_INFINITY, |lane, j| max(lane, x[j]), max)
}

/// `Σⱼ exp(x[j] − m)`, `m` the row's largest element.
pub fn sum_exp(x: &[f32]) -> f32 {
    let m = row_max(x);
    reduce(x.len(), 0.0, |lane, j| lane + exp(x[j] - m), |a, b| a + b)
}

/// The definition of [`softmax`](crate::softmax) for one row.
pub fn softmax(x: &[f32], p: &mut [f32]) {
    let (m, inverse) = (row_max(x), 1.0 / sum_exp(x));
    for (p, &x) in p.iter_mut().zip(x) {
        *p = exp(x - m) * inverse;
    }
}

/// The definition of [`log_softmax`](crate::log_softmax) for one row.
pub fn log_softmax(x: &[f32], y: &mut [f32]) {
    // Subtracted from zero, so that no probability of 1 has the logarithm −0.
    let (m, minus_ln) = (row_max(x), 0.0 - ln(sum_exp(x)));
    for (y, &x) in y.iter_mut().zip(x) {
        *y = (x - m) + minus_ln;
    }
}

/// The definition of [`log_sum_exp`](crate::log_sum_exp) for one row.
pub fn log_sum_exp(x: &[f32]) -> f32 {
    row_max(x) + ln(sum_exp(x))
}

/// The definition of [`softmax_cross_entropy`](crate::softmax_cross_entropy) for one row: its loss.
pub fn softmax_cross_entropy(x: &[f32], label: usize, scale: f32, gradient: &mut [f32]) -> f32 {
    softmax(x, gradient);
    for (j, g) in gradient.iter_mut().enumerate() {
        *g = if j == label { (*g - 1.0) * scale } else { *g * scale };
    }
    ln(sum_exp(x)) - (x[label] - row_max(x))
}

/// The definition of [`squared_error`](crate::squared_error) for one row: its loss.
pub fn squared_error(predictions: &[f32], targets: &[f32], scale: f32, gradient: &mut [f32]) -> f32 {
    for (g, (&y, &t)) in gradient.iter_mut().zip(predictions.iter().zip(targets)) {
        *g = (y - t) * scale;
    }
    let square = |lane, j: usize| {
        let difference = predictions[j] - targets[j];
        fma(difference, difference, lane)
    };
    reduce(predictions.len(), 0.0, square, |a, b| a + b)
}

/// The definition of [`sigmoid_cross_entropy`](crate::sigmoid_cross_entropy) for one row: its loss.
pub fn sigmoid_cross_entropy(x: &[f32], targets: &[f32], scale: f32, gradient: &mut [f32]) -> f32 {
    for (g, (&x, &t)) in gradient.iter_mut().zip(x.iter().zip(targets)) {
        *g = (sigmoid(x) - t) * scale;
    }
    reduce(x.len(), 0.0, |lane, j| lane + fma(-x[j], targets[j], softplus(x[j])), |a, b| a + b)
}
