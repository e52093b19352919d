//! Matrix products and sums over rows.

use super::{activate, backward, step};
use crate::fma::fma;
use crate::gemm::{Epilogue, k_block_len};
use crate::matrix::{Mat, MatMut};

/// `Σₚ a(p)·b(p)` for `p < k`: blocks of [`k_block_len`]`(k)`, each one chain of fused multiply-adds from 0, their sums added in
/// ascending order.
pub fn dot(k: usize, a: impl Fn(usize) -> f32, b: impl Fn(usize) -> f32) -> f32 {
    let block = k_block_len(k).max(1);
    let sum_block = |start: usize| (start..k.min(start + block)).fold(0.0, |sum, p| fma(a(p), b(p), sum));
    (block..k).step_by(block).fold(sum_block(0), |sum, start| sum + sum_block(start))
}

/// The definition of [`gemm`](crate::gemm()). The shapes must agree; elements outside count as 0.
pub fn gemm(a: Mat<'_>, b: Mat<'_>, c: &mut MatMut<'_>, mut epilogue: Epilogue<'_>) {
    for i in 0..c.rows() {
        for j in 0..c.cols() {
            let at = |matrix: Mat<'_>, i, j| matrix.get(i, j).unwrap_or(0.0);
            let sum = dot(a.cols(), |p| at(a, i, p), |p| at(b, p, j));
            let old = at(c.as_ref(), i, j);
            let new = match &mut epilogue {
                Epilogue::Store => sum,
                Epilogue::Bias { bias, activation } => activate(*activation, sum + bias[j]),
                Epilogue::Backward { activation, saved } => backward(*activation, sum, at(*saved, i, j)),
                Epilogue::Accumulate { alpha } => fma(*alpha, sum, old),
                Epilogue::Update { update, states } => {
                    let mut values = [0.0; crate::optimizer::MAX_STATES];
                    for (value, state) in values.iter_mut().zip(states.iter()) {
                        *value = at(state.as_ref(), i, j);
                    }
                    let w = step(*update, sum, old, &mut values);
                    for (value, state) in values.into_iter().zip(states.iter_mut()) {
                        state.set(i, j, value);
                    }
                    w
                }
            };
            c.set(i, j, new);
        }
    }
}

/// `Σᵢ x[i,j]`: column `j` of the product of a row of ones with `x`.
pub fn column_sum(x: Mat<'_>, j: usize) -> f32 {
    dot(x.rows(), |_| 1.0, |i| x.get(i, j).unwrap_or(0.0))
}
