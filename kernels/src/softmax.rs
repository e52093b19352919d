//! Softmax and what belongs to it, row by row of a batch: log-softmax, log-sum-exp, cross-entropy with its gradient.

mod rows;

use crate::isa::Isa;
use crate::lanes::{Vectors, each_vector, get, put, to_array};
use crate::math;
use crate::matrix::{Mat, MatMut, ShapeError, check_length, check_unit_columns, same_shape};
use crate::simd::{MOST_LANES, Simd};
use rows::{Column, Finish, Narrow, Rows, Wide};

/// Row softmax.
///
/// # Math
/// `p[i,j] = exp(x[i,j] − mᵢ) · (1 / sᵢ)` with `mᵢ = maxⱼ x[i,j]`, `sᵢ = Σⱼ exp(x[i,j] − mᵢ)`.
/// # Shapes
/// `logits` and `probabilities`: (batch, classes), columns side by side.
/// # Numerics
/// To first order in `u = 2⁻²⁴`, for `n` classes and any finite logits,
/// `|p̂ − p| ≤ (A(n) + 4 + |ln p|)·u·p + 2⁻¹⁴⁸` with `A(n) = ⌈n/16⌉ + 5 + ln n`, how many `u` the sum is wrong by, relative to itself
/// (test `softmax_bounds`):
/// - `x − m` is rounded once, by `u·(m − x)`, which the exponential makes relative; it adds 2u itself (one unit in the last place);
/// - a sum of `n` terms in 16 lanes adds `(⌈n/16⌉ − 1 + 4)·u`;
/// - in the sum the errors `(m − x)·u` of the terms have the terms' weights, `Σ pⱼ·(m − xⱼ) = H(p) − ln s ≤ ln n` with the entropy H: the spread
///   of the logits does not enter;
/// - the reciprocal and the product add u each; 2⁻¹⁴⁸ is what underflow takes.
///
/// No overflow for finite logits; `−∞` gives probability 0; a row with `+∞` or NaN, or of nothing but `−∞`, gives NaN. Equal logits
/// give equal bits.
/// # Determinism
/// The row sum has 16 lanes on every [`Isa`] (test `loss_bits`).
/// # Errors
/// [`ShapeError`]; nothing is written.
/// # Source
/// Blanchard, Higham & Higham, IMA J. Numer. Anal. 41(4), 2021: why the maximum is subtracted, and that no more is lost by it than by the sum.
pub fn softmax(isa: Isa, logits: Mat<'_>, probabilities: MatMut<'_>) -> Result<(), ShapeError> {
    same_shape(("logits", logits), ("probabilities", probabilities.as_ref()))?;
    isa.run(Rows { logits, work: Softmax { probabilities } });
    Ok(())
}

/// Row log-softmax.
///
/// # Math
/// `y[i,j] = ln p[i,j] = (x[i,j] − mᵢ) + (0 − ln sᵢ)`, as in [`softmax`]: the negative of what [`softmax_cross_entropy`] gives as the loss for class j
/// (a zero is positive in both).
/// # Shapes
/// `logits` and `log_probabilities`: (batch, classes), columns side by side.
/// # Numerics
/// To first order, for any finite logits, `|ŷ − y| ≤ (A(n) + 2·ln n + 2·|y|)·u` with `A(n)` as in [`softmax`] (test `softmax_bounds`): however
/// small `p` is, its logarithm keeps its digits. `−∞` only where `x − m` is not representable, or `−∞` itself; NaN as there.
/// # Determinism
/// Each row by itself, on every [`Isa`] the same (test `loss_bits`).
/// # Errors
/// [`ShapeError`]; nothing is written.
pub fn log_softmax(isa: Isa, logits: Mat<'_>, log_probabilities: MatMut<'_>) -> Result<(), ShapeError> {
    same_shape(("logits", logits), ("log_probabilities", log_probabilities.as_ref()))?;
    isa.run(Rows { logits, work: LogSoftmax { log_probabilities } });
    Ok(())
}

/// Row log-sum-exp.
///
/// # Math
/// `yᵢ = ln Σⱼ exp x[i,j] = mᵢ + ln sᵢ`, as in [`softmax`]. An empty row gives `−∞ + ln 0 = −∞`.
/// # Shapes
/// `logits`: (batch, classes), columns side by side; `out`: batch.
/// # Numerics
/// To first order, for any finite logits, `|ŷ − y| ≤ (A(n) + 2·ln n + |y|)·u` with `A(n)` as in [`softmax`] (test `softmax_bounds`). NaN as there.
/// # Determinism
/// Each row by itself, on every [`Isa`] the same (test `loss_bits`).
/// # Errors
/// [`ShapeError`]; nothing is written.
pub fn log_sum_exp(isa: Isa, logits: Mat<'_>, out: &mut [f32]) -> Result<(), ShapeError> {
    check_unit_columns("logits", logits)?;
    check_length("out", logits.rows(), out.len())?;
    isa.run(Rows { logits, work: LogSumExp { out } });
    Ok(())
}

/// Softmax and cross-entropy in one pass, with the gradient with respect to the logits.
///
/// # Math
/// `lossᵢ = ln sᵢ − (x[i,yᵢ] − mᵢ)`, that is `−ln p[i,yᵢ]`, and `g[i,j] = (p[i,j] − [j = yᵢ]) · scale`. For the mean over the batch,
/// `scale = 1/batch`.
/// # Shapes
/// `logits` and `gradient`: (batch, classes), columns side by side; `labels` and `losses`: batch.
/// # Numerics
/// To first order, for any finite logits and with `A(n)` as in [`softmax`] (test `softmax_bounds`):
/// - the loss as [`log_softmax`], `(A(n) + 2·ln n + 2·loss)·u`: however small `p` is, it is finite while the difference of two logits is;
/// - the gradient, barring underflow and overflow of the product with `scale`, `|scale|·u·(A(n) + 5 + |ln p|)·p`, and for the label's
///   `|scale|·u·((A(n) + 4 + |ln p|)·p + 2·(1 − p))`.
///
/// `−∞` and NaN as in [`softmax`]; a label whose logit is `−∞` has loss `+∞`.
/// # Determinism
/// Each row by itself, on every [`Isa`] the same (test `loss_bits`).
/// # Errors
/// [`ShapeError`], also for a label that is not below the number of classes; nothing is written.
pub fn softmax_cross_entropy(
    isa: Isa,
    logits: Mat<'_>,
    labels: &[u32],
    scale: f32,
    gradient: MatMut<'_>,
    losses: &mut [f32],
) -> Result<(), ShapeError> {
    same_shape(("logits", logits), ("gradient", gradient.as_ref()))?;
    check_length("labels", logits.rows(), labels.len())?;
    check_length("losses", logits.rows(), losses.len())?;
    let classes = logits.cols();
    if let Some((row, &label)) = labels.iter().enumerate().find(|&(_, &label)| label as usize >= classes) {
        return Err(ShapeError::Label { row, label, classes });
    }
    isa.run(Rows { logits, work: SoftmaxCrossEntropy { labels, scale, gradient, losses } });
    Ok(())
}

struct Softmax<'a> {
    probabilities: MatMut<'a>,
}

impl Finish for Softmax<'_> {
    #[inline(always)]
    fn exponentials(&mut self, row: usize) -> Option<&mut [f32]> {
        self.probabilities.row_mut(row)
    }

    #[inline(always)]
    fn wide<S: Simd>(&mut self, simd: S, rows: &Wide<'_, S>) {
        let inverse = to_array(simd, simd.div(simd.splat(1.0), rows.sum));
        for (i, &inverse) in inverse.iter().enumerate().take(rows.count) {
            let Some(p) = self.probabilities.row_mut(rows.first + i) else { return };
            scale(simd, p, [inverse]);
        }
    }

    #[inline(always)]
    fn narrow<S: Simd>(&mut self, simd: S, rows: &Narrow<'_, S>) {
        let inverse = simd.div(simd.splat(1.0), rows.sum);
        rows.put(simd, &mut self.probabilities, Probability { inverse });
    }
}

/// `exp(x − m)·inverse`.
struct Probability<S: Simd> {
    inverse: S::F,
}

impl<S: Simd> Column<S> for Probability<S> {
    #[inline(always)]
    fn column(&mut self, simd: S, _col: usize, exponential: S::F) -> S::F {
        simd.mul(exponential, self.inverse)
    }
}

struct LogSoftmax<'a> {
    log_probabilities: MatMut<'a>,
}

impl Finish for LogSoftmax<'_> {
    const SHIFTED: bool = true;

    #[inline(always)]
    fn exponentials(&mut self, _row: usize) -> Option<&mut [f32]> {
        None
    }

    #[inline(always)]
    fn wide<S: Simd>(&mut self, simd: S, rows: &Wide<'_, S>) {
        let largest = to_array(simd, rows.largest);
        let minus_ln = to_array(simd, simd.sub(simd.splat(0.0), math::ln(simd, rows.sum)));
        for i in 0..rows.count {
            let (x, y) = (rows.logits.row(rows.first + i), self.log_probabilities.row_mut(rows.first + i));
            let (Some(x), Some(y)) = (x, y) else { return };
            each_vector(simd, x.len(), Shift { x, y, by: [largest[i], minus_ln[i]] });
        }
    }

    #[inline(always)]
    fn narrow<S: Simd>(&mut self, simd: S, rows: &Narrow<'_, S>) {
        let minus_ln = simd.sub(simd.splat(0.0), math::ln(simd, rows.sum));
        rows.put(simd, &mut self.log_probabilities, LogProbability { minus_ln });
    }
}

/// `(x − m) + minus_ln`.
struct LogProbability<S: Simd> {
    minus_ln: S::F,
}

impl<S: Simd> Column<S> for LogProbability<S> {
    #[inline(always)]
    fn column(&mut self, simd: S, _col: usize, shifted: S::F) -> S::F {
        simd.add(shifted, self.minus_ln)
    }
}

/// `y ← (x − by[0]) + by[1]`.
struct Shift<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    by: [f32; 2],
}

impl Vectors for Shift<'_> {
    #[inline(always)]
    fn vector<S: Simd>(&mut self, simd: S, start: usize) {
        let shifted = simd.sub(get(simd, self.x, start), simd.splat(self.by[0]));
        put(simd, self.y, start, simd.add(shifted, simd.splat(self.by[1])));
    }
}

struct LogSumExp<'a> {
    out: &'a mut [f32],
}

impl Finish for LogSumExp<'_> {
    const EMPTY: bool = true;

    #[inline(always)]
    fn exponentials(&mut self, _row: usize) -> Option<&mut [f32]> {
        None
    }

    #[inline(always)]
    fn wide<S: Simd>(&mut self, simd: S, rows: &Wide<'_, S>) {
        let y = simd.add(rows.largest, math::ln(simd, rows.sum));
        put(simd, &mut self.out[rows.first..][..rows.count], 0, y);
    }

    #[inline(always)]
    fn narrow<S: Simd>(&mut self, simd: S, rows: &Narrow<'_, S>) {
        let y = simd.add(rows.largest, math::ln(simd, rows.sum));
        put(simd, &mut self.out[rows.first..][..rows.count], 0, y);
    }
}

struct SoftmaxCrossEntropy<'a> {
    labels: &'a [u32],
    scale: f32,
    gradient: MatMut<'a>,
    losses: &'a mut [f32],
}

impl Finish for SoftmaxCrossEntropy<'_> {
    #[inline(always)]
    fn exponentials(&mut self, row: usize) -> Option<&mut [f32]> {
        self.gradient.row_mut(row)
    }

    #[inline(always)]
    fn wide<S: Simd>(&mut self, simd: S, rows: &Wide<'_, S>) {
        let inverse = to_array(simd, simd.div(simd.splat(1.0), rows.sum));
        for (i, inverse) in inverse.into_iter().enumerate().take(rows.count) {
            let Some(g) = self.gradient.row_mut(rows.first + i) else { return };
            let label = self.labels[rows.first + i] as usize;
            let p = g[label] * inverse;
            scale(simd, g, [inverse, self.scale]);
            g[label] = (p - 1.0) * self.scale;
        }
        self.put_losses(simd, rows.logits, rows.first, rows.count, rows.largest, rows.sum);
    }

    #[inline(always)]
    fn narrow<S: Simd>(&mut self, simd: S, rows: &Narrow<'_, S>) {
        let mut labels = [0.0; MOST_LANES];
        for (label, &class) in labels.iter_mut().zip(&self.labels[rows.first..][..rows.count]) {
            // Below `NARROW`.
            *label = class as f32;
        }
        let (labels, one) = (get(simd, &labels, 0), simd.splat(1.0));
        let (inverse, scale) = (simd.div(one, rows.sum), simd.splat(self.scale));
        rows.put(simd, &mut self.gradient, Gradient { labels, inverse, scale });
        self.put_losses(simd, rows.logits, rows.first, rows.count, rows.largest, rows.sum);
    }
}

impl SoftmaxCrossEntropy<'_> {
    /// `ln s − (x − m)` of each row's label.
    #[inline(always)]
    fn put_losses<S: Simd>(&mut self, simd: S, x: Mat<'_>, first: usize, count: usize, largest: S::F, sum: S::F) {
        let mut at_label = [0.0; MOST_LANES];
        for (i, (at_label, &label)) in at_label.iter_mut().zip(&self.labels[first..][..count]).enumerate() {
            *at_label = x.row(first + i).map_or(0.0, |x| x[label as usize]);
        }
        let shifted = simd.sub(get(simd, &at_label, 0), largest);
        put(simd, &mut self.losses[first..][..count], 0, simd.sub(math::ln(simd, sum), shifted));
    }
}

/// `(p − [col = label])·scale`.
struct Gradient<S: Simd> {
    labels: S::F,
    inverse: S::F,
    scale: S::F,
}

impl<S: Simd> Column<S> for Gradient<S> {
    #[inline(always)]
    fn column(&mut self, simd: S, col: usize, exponential: S::F) -> S::F {
        let is_label = simd.eq(self.labels, simd.splat(col as f32));
        let p = simd.mul(exponential, self.inverse);
        simd.mul(simd.select(is_label, simd.sub(p, simd.splat(1.0)), p), self.scale)
    }
}

/// Multiplies a row by each factor in turn.
#[inline(always)]
fn scale<S: Simd, const N: usize>(simd: S, row: &mut [f32], factors: [f32; N]) {
    each_vector(simd, row.len(), Scale { row, factors });
}

struct Scale<'a, const N: usize> {
    row: &'a mut [f32],
    factors: [f32; N],
}

impl<const N: usize> Vectors for Scale<'_, N> {
    #[inline(always)]
    fn vector<S: Simd>(&mut self, simd: S, start: usize) {
        let mut value = get(simd, self.row, start);
        for factor in self.factors {
            value = simd.mul(value, simd.splat(factor));
        }
        put(simd, self.row, start, value);
    }
}
