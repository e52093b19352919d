//! Losses: what training makes small, and what the outputs of a network mean.

use crate::error::Error;
use std::fmt;
use std::str::FromStr;
use steadynet_kernels::{Activation, Isa, Mat, MatMut, ShapeError};
use steadynet_kernels::{sigmoid_cross_entropy, softmax_cross_entropy, squared_error};

/// The loss of a network: a mean over the rows of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// Softmax and cross-entropy: the last layer gives logits, a prediction is a probability for each class, targets are
    /// class indices. Mean over rows of `−ln p[label]`.
    CrossEntropy,
    /// Squared error, `mean((ŷ − y)²)`: mean over rows **and** outputs, without a factor ½; targets are numbers.
    SquaredError,
    /// Sigmoid and binary cross-entropy: the last layer gives logits, a prediction is a probability for each output, targets
    /// are numbers from 0 to 1. Mean over rows and outputs of `−t ln p − (1 − t) ln(1 − p)`.
    BinaryCrossEntropy,
}

/// The targets of some rows.
#[derive(Clone, Copy)]
pub(crate) enum TargetRows<'a> {
    Labels(&'a [u32]),
    Values(Mat<'a>),
}

impl Loss {
    /// Every loss.
    pub const ALL: &'static [Loss] = &[Loss::CrossEntropy, Loss::SquaredError, Loss::BinaryCrossEntropy];

    /// The name that [`Loss::from_str`] takes.
    pub const fn name(self) -> &'static str {
        match self {
            Loss::CrossEntropy => "cross-entropy",
            Loss::SquaredError => "squared-error",
            Loss::BinaryCrossEntropy => "bce",
        }
    }

    /// Whether targets are class indices (else they are numbers).
    pub const fn takes_labels(self) -> bool {
        matches!(self, Loss::CrossEntropy)
    }

    /// Whether the last layer gives logits, which the loss takes through softmax or sigmoid itself.
    pub const fn takes_logits(self) -> bool {
        matches!(self, Loss::CrossEntropy | Loss::BinaryCrossEntropy)
    }

    /// The number of terms in the mean, for each row.
    pub(crate) fn terms(self, outputs: usize) -> usize {
        match self {
            Loss::CrossEntropy => 1,
            Loss::SquaredError | Loss::BinaryCrossEntropy => outputs,
        }
    }

    /// The loss of each row, a sum over its terms, and the gradient of the mean over `batch` rows with respect to the outputs.
    pub(crate) fn rows(
        self,
        isa: Isa,
        outputs: Mat<'_>,
        targets: TargetRows<'_>,
        batch: usize,
        gradient: MatMut<'_>,
        losses: &mut [f32],
    ) -> Result<(), ShapeError> {
        let mean = 1.0 / (batch * self.terms(outputs.cols())) as f32;
        match (self, targets) {
            (Loss::CrossEntropy, TargetRows::Labels(labels)) => {
                softmax_cross_entropy(isa, outputs, labels, mean, gradient, losses)
            }
            (Loss::SquaredError, TargetRows::Values(values)) => {
                squared_error(isa, outputs, values, 2.0 * mean, gradient, losses)
            }
            (Loss::BinaryCrossEntropy, TargetRows::Values(values)) => {
                sigmoid_cross_entropy(isa, outputs, values, mean, gradient, losses)
            }
            (_, TargetRows::Labels(_)) => Err(ShapeError::Dimension {
                operand: "targets",
                dimension: "numbers a row",
                wanted: outputs.cols(),
                given: 0,
            }),
            (_, TargetRows::Values(values)) => Err(ShapeError::Dimension {
                operand: "labels",
                dimension: "labels a row",
                wanted: 1,
                given: values.cols(),
            }),
        }
    }

    /// `Ok` if `activation` may stand in the last layer.
    pub(crate) fn check_output(self, activation: Activation) -> Result<(), Error> {
        if self.takes_logits() && activation != Activation::Identity {
            let name = activation.name();
            let problem = format!("{self} takes logits: the last layer must be identity, not {name}");
            return Err(Error::Layers { problem });
        }
        Ok(())
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Loss {
    type Err = Error;

    fn from_str(name: &str) -> Result<Loss, Error> {
        let wanted = "cross-entropy, squared-error or bce";
        let found = Loss::ALL.iter().copied().find(|loss| loss.name() == name);
        found.ok_or_else(|| Error::Setting { name: "loss", wanted, given: name.to_string() })
    }
}
