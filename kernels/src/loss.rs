//! Losses that are sums over the elements of a row, with their gradients, row by row of a batch. ([`softmax`](crate::softmax()) and its loss have a
//! file of their own.)
//!
//! A loss function writes one loss for each row and the gradient times `scale`, which carries the mean over the batch
//! (and over the outputs): no sum over rows happens here, so any split of the batch gives the same bits.

use crate::isa::Isa;
use crate::lanes::{Terms, get, put, sum};
use crate::math;
use crate::matrix::{Mat, MatMut, ShapeError, check_length, same_shape};
use crate::simd::{Kernel, Simd};

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

/// A loss that is a sum over the elements of a row.
trait ElementLoss: Copy {
    /// What the sum is taken over, and the gradient before it is scaled.
    fn element<S: Simd>(self, simd: S, output: S::F, target: S::F) -> (S::F, S::F);

    /// Adds to the sum.
    #[inline(always)]
    fn add<S: Simd>(simd: S, sum: S::F, term: S::F) -> S::F {
        simd.add(sum, term)
    }
}

#[derive(Clone, Copy)]
struct SquaredError;

impl ElementLoss for SquaredError {
    #[inline(always)]
    fn element<S: Simd>(self, simd: S, output: S::F, target: S::F) -> (S::F, S::F) {
        let difference = simd.sub(output, target);
        (difference, difference)
    }

    #[inline(always)]
    fn add<S: Simd>(simd: S, sum: S::F, difference: S::F) -> S::F {
        simd.fma(difference, difference, sum)
    }
}

#[derive(Clone, Copy)]
struct SigmoidCrossEntropy;

impl ElementLoss for SigmoidCrossEntropy {
    #[inline(always)]
    fn element<S: Simd>(self, simd: S, output: S::F, target: S::F) -> (S::F, S::F) {
        let loss = simd.fma(simd.neg(output), target, math::softplus(simd, output));
        (loss, simd.sub(math::sigmoid(simd, output), target))
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

impl<L: ElementLoss> Terms for ElementRow<'_, L> {
    #[inline(always)]
    fn terms<S: Simd>(&mut self, simd: S, start: usize) -> S::F {
        let (output, target) = (get(simd, self.outputs, start), get(simd, self.targets, start));
        let (term, gradient) = self.loss.element(simd, output, target);
        put(simd, self.gradient, start, simd.mul(gradient, simd.splat(self.scale)));
        term
    }

    #[inline(always)]
    fn add<S: Simd>(simd: S, lanes: S::F, terms: S::F) -> S::F {
        L::add(simd, lanes, terms)
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
            let row = ElementRow { outputs, targets, scale: self.scale, gradient, loss: self.loss };
            *loss = sum(simd, outputs.len(), row);
        }
    }
}
