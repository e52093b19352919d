//! Softmax, log-sum-exp, and losses with their gradients, row by row of a batch.
//!
//! A loss function writes one loss for each row and the gradient times `scale`, which carries the mean over the batch
//! (and over the outputs): no sum over rows happens here, so any split of the batch gives the same bits.

use crate::isa::Isa;
use crate::lanes::{Combine, Lanes, get, max, only, put};
use crate::math;
use crate::matrix::{Mat, MatMut, ShapeError, check_dimension, check_length, check_unit_columns};
use crate::simd::{Kernel, Simd};

/// Row softmax.
///
/// # Math
/// `p[i,j] = exp(x[i,j] − mᵢ) · (1 / sᵢ)` with `mᵢ = maxⱼ x[i,j]`, `sᵢ = Σⱼ exp(x[i,j] − mᵢ)`.
/// # Shapes
/// `logits` and `probabilities`: (batch, classes), columns side by side.
/// # Numerics
/// No overflow for finite logits; `−∞` gives probability 0; a row with `+∞` or NaN, or of nothing but `−∞`, gives NaN. Equal logits
/// give equal bits.
/// # Determinism
/// The row sum has 16 lanes on every [`Isa`] (test `loss_bits`).
/// # Errors
/// [`ShapeError`]; nothing is written.
pub fn softmax(isa: Isa, logits: Mat<'_>, probabilities: MatMut<'_>) -> Result<(), ShapeError> {
    same_shape(("logits", logits), ("probabilities", probabilities.as_ref()))?;
    if logits.cols() == 0 {
        // Rows without elements need no memory, so there may be 2⁶⁴ of them.
        return Ok(());
    }
    isa.run(Softmax { logits, probabilities });
    Ok(())
}

/// Row log-sum-exp.
///
/// # Math
/// `yᵢ = ln Σⱼ exp x[i,j] = mᵢ + ln sᵢ`, as in [`softmax`]. An empty row gives `−∞ + ln 0 = −∞`.
/// # Shapes
/// `logits`: (batch, classes), columns side by side; `out`: batch.
/// # Errors
/// [`ShapeError`]; nothing is written.
pub fn log_sum_exp(isa: Isa, logits: Mat<'_>, out: &mut [f32]) -> Result<(), ShapeError> {
    check_unit_columns("logits", logits)?;
    check_length("out", logits.rows(), out.len())?;
    isa.run(LogSumExp { logits, out });
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
/// As [`softmax`]; however small `p` is, the loss is finite while the difference of two logits is.
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
    isa.run(SoftmaxCrossEntropy { logits, labels, scale, gradient, losses });
    Ok(())
}

/// Squared error with the gradient with respect to the predictions.
///
/// # Math
/// `lossᵢ = Σⱼ (ŷ[i,j] − y[i,j])²` and `g[i,j] = (ŷ[i,j] − y[i,j]) · scale`. For the mean over batch and outputs,
/// `Σᵢ lossᵢ / (batch · outputs)`, `scale = 2 / (batch · outputs)`.
/// # Shapes
/// `predictions`, `targets` and `gradient`: (batch, outputs), columns side by side; `losses`: batch.
/// # Determinism
/// Each row by itself, summed in 16 lanes, on every [`Isa`] the same (test `loss_bits`).
/// # Errors
/// [`ShapeError`]; nothing is written.
pub fn squared_error(
    isa: Isa,
    predictions: Mat<'_>,
    targets: Mat<'_>,
    scale: f32,
    gradient: MatMut<'_>,
    losses: &mut [f32],
) -> Result<(), ShapeError> {
    same_shape(("predictions", predictions), ("targets", targets))?;
    same_shape(("predictions", predictions), ("gradient", gradient.as_ref()))?;
    check_length("losses", predictions.rows(), losses.len())?;
    isa.run(Elementwise::<SquaredError> { outputs: predictions, targets, scale, gradient, losses, loss: SquaredError });
    Ok(())
}

/// Sigmoid and binary cross-entropy in logits form, with the gradient with respect to the logits.
///
/// # Math
/// `lossᵢ = Σⱼ softplus(x[i,j]) − x[i,j]·t[i,j]`, that is `−t ln σ(x) − (1 − t) ln(1 − σ(x))`, and
/// `g[i,j] = (σ(x[i,j]) − t[i,j]) · scale`. For the mean over batch and outputs, `scale = 1 / (batch · outputs)`.
/// # Shapes
/// `logits`, `targets` (each in `[0, 1]`) and `gradient`: (batch, outputs), columns side by side; `losses`: batch.
/// # Determinism
/// Each row by itself, summed in 16 lanes, on every [`Isa`] the same (test `loss_bits`).
/// # Errors
/// [`ShapeError`]; nothing is written.
pub fn sigmoid_cross_entropy(
    isa: Isa,
    logits: Mat<'_>,
    targets: Mat<'_>,
    scale: f32,
    gradient: MatMut<'_>,
    losses: &mut [f32],
) -> Result<(), ShapeError> {
    same_shape(("logits", logits), ("targets", targets))?;
    same_shape(("logits", logits), ("gradient", gradient.as_ref()))?;
    check_length("losses", logits.rows(), losses.len())?;
    isa.run(Elementwise { outputs: logits, targets, scale, gradient, losses, loss: SigmoidCrossEntropy });
    Ok(())
}

/// `Ok` if both have the same shape and columns side by side. The first operand of every function here is checked with it.
fn same_shape(first: (&'static str, Mat<'_>), other: (&'static str, Mat<'_>)) -> Result<(), ShapeError> {
    check_dimension(other.0, "rows", first.1.rows(), other.1.rows())?;
    check_dimension(other.0, "columns", first.1.cols(), other.1.cols())?;
    check_unit_columns(first.0, first.1)?;
    check_unit_columns(other.0, other.1)
}

struct RowMax<'a>(&'a [f32]);

impl<S: Simd> Combine<S> for RowMax<'_> {
    #[inline(always)]
    fn combine(&mut self, simd: S, lane: S::F, start: usize, used: Option<S::M>) -> S::F {
        simd.max(lane, only(simd, used, get(simd, self.0, start), f32::NEG_INFINITY))
    }
}

/// `exp(x − m)`, summed, and kept in `out` if there is one.
struct ShiftedExp<'a> {
    x: &'a [f32],
    max: f32,
    out: Option<&'a mut [f32]>,
}

impl<S: Simd> Combine<S> for ShiftedExp<'_> {
    #[inline(always)]
    fn combine(&mut self, simd: S, lane: S::F, start: usize, used: Option<S::M>) -> S::F {
        let e = math::exp(simd, simd.sub(get(simd, self.x, start), simd.splat(self.max)));
        if let Some(out) = &mut self.out {
            put(simd, out, start, e);
        }
        simd.add(lane, only(simd, used, e, 0.0))
    }
}

/// `(m, s)` of a row; `exp(x − m)` goes to `out` if there is one.
#[inline(always)]
fn max_and_sum<S: Simd>(simd: S, x: &[f32], out: Option<&mut [f32]>) -> (f32, f32) {
    let mut largest = Lanes::new(simd, f32::NEG_INFINITY);
    largest.each(simd, x.len(), RowMax(x));
    let largest = largest.tree(simd, max);
    let mut sum = Lanes::new(simd, 0.0);
    sum.each(simd, x.len(), ShiftedExp { x, max: largest, out });
    (largest, sum.tree(simd, |a, b| a + b))
}

struct Softmax<'a> {
    logits: Mat<'a>,
    probabilities: MatMut<'a>,
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        for i in 0..self.logits.rows() {
            let (Some(x), Some(p)) = (self.logits.row(i), self.probabilities.row_mut(i)) else { return };
            let (_, sum) = max_and_sum(simd, x, Some(p));
            scale_row(simd, p, [1.0 / sum]);
        }
    }
}

/// Multiplies a row by each factor in turn.
#[inline(always)]
fn scale_row<S: Simd, const N: usize>(simd: S, row: &mut [f32], factors: [f32; N]) {
    for j in (0..row.len()).step_by(S::LANES) {
        let mut value = get(simd, row, j);
        for factor in factors {
            value = simd.mul(value, simd.splat(factor));
        }
        put(simd, row, j, value);
    }
}

struct LogSumExp<'a> {
    logits: Mat<'a>,
    out: &'a mut [f32],
}

impl Kernel for LogSumExp<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (i, out) in self.out.iter_mut().enumerate() {
            let Some(x) = self.logits.row(i) else { return };
            let (largest, sum) = max_and_sum(simd, x, None);
            *out = largest + math::ln(simd.single(), sum);
        }
    }
}

struct SoftmaxCrossEntropy<'a> {
    logits: Mat<'a>,
    labels: &'a [u32],
    scale: f32,
    gradient: MatMut<'a>,
    losses: &'a mut [f32],
}

impl Kernel for SoftmaxCrossEntropy<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        for (i, (loss, &label)) in self.losses.iter_mut().zip(self.labels).enumerate() {
            let (Some(x), Some(g)) = (self.logits.row(i), self.gradient.row_mut(i)) else { return };
            let label = label as usize;
            let (largest, sum) = max_and_sum(simd, x, Some(g));
            *loss = math::ln(simd.single(), sum) - (x[label] - largest);
            let inverse = 1.0 / sum;
            let p = g[label] * inverse;
            scale_row(simd, g, [inverse, self.scale]);
            g[label] = (p - 1.0) * self.scale;
        }
    }
}

/// A loss that is a sum over the elements of a row.
trait ElementLoss: Copy {
    /// The new sum of losses, and the gradient before it is scaled.
    fn element<S: Simd>(self, simd: S, sum: S::F, output: S::F, target: S::F) -> (S::F, S::F);
}

#[derive(Clone, Copy)]
struct SquaredError;

impl ElementLoss for SquaredError {
    #[inline(always)]
    fn element<S: Simd>(self, simd: S, sum: S::F, output: S::F, target: S::F) -> (S::F, S::F) {
        let difference = simd.sub(output, target);
        (simd.fma(difference, difference, sum), difference)
    }
}

#[derive(Clone, Copy)]
struct SigmoidCrossEntropy;

impl ElementLoss for SigmoidCrossEntropy {
    #[inline(always)]
    fn element<S: Simd>(self, simd: S, sum: S::F, output: S::F, target: S::F) -> (S::F, S::F) {
        let loss = simd.fma(simd.neg(output), target, math::softplus(simd, output));
        (simd.add(sum, loss), simd.sub(math::sigmoid(simd, output), target))
    }
}

struct Elementwise<'a, L> {
    outputs: Mat<'a>,
    targets: Mat<'a>,
    scale: f32,
    gradient: MatMut<'a>,
    losses: &'a mut [f32],
    loss: L,
}

struct ElementRow<'a, L> {
    outputs: &'a [f32],
    targets: &'a [f32],
    scale: f32,
    gradient: &'a mut [f32],
    loss: L,
}

impl<S: Simd, L: ElementLoss> Combine<S> for ElementRow<'_, L> {
    #[inline(always)]
    fn combine(&mut self, simd: S, lane: S::F, start: usize, used: Option<S::M>) -> S::F {
        let (output, target) = (get(simd, self.outputs, start), get(simd, self.targets, start));
        let (sum, gradient) = self.loss.element(simd, lane, output, target);
        put(simd, self.gradient, start, simd.mul(gradient, simd.splat(self.scale)));
        match used {
            None => sum,
            Some(used) => simd.select(used, sum, lane),
        }
    }
}

impl<L: ElementLoss> Kernel for Elementwise<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        for (i, loss) in self.losses.iter_mut().enumerate() {
            let (Some(outputs), Some(targets), Some(gradient)) =
                (self.outputs.row(i), self.targets.row(i), self.gradient.row_mut(i))
            else {
                return;
            };
            let mut sum = Lanes::new(simd, 0.0);
            let row = ElementRow { outputs, targets, scale: self.scale, gradient, loss: self.loss };
            sum.each(simd, outputs.len(), row);
            *loss = sum.tree(simd, |a, b| a + b);
        }
    }
}
