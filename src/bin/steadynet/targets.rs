//! What there is to learn, in the form that a loss takes.

use crate::failure::Failure;
use clap::ValueEnum;
use steadynet::{Dataset, Loss};

/// What the target column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// Classes for text and whole numbers, numbers if any has a fraction or the loss is squared-error
    Auto,
    /// Names of classes, also where they look like numbers
    Classification,
    /// Numbers to come close to
    Regression,
}

/// What [`Task::Auto`] finds.
pub enum Found {
    Classes,
    Numbers,
    /// The loss wants numbers, and only some of the labels are.
    NumbersAndWords,
}

impl Task {
    /// What labels of these names are meant as.
    pub fn of_labels(names: &[String], loss: Option<Loss>) -> Found {
        let numbers: Vec<Option<f64>> = names.iter().map(|name| name.parse().ok()).collect();
        let words = numbers.iter().filter(|number| number.is_none()).count();
        let fractions = numbers.iter().flatten().any(|number| number.fract() != 0.0);
        match loss {
            Some(Loss::CrossEntropy) => Found::Classes,
            Some(Loss::SquaredError) if words == 0 => Found::Numbers,
            Some(Loss::SquaredError) if words < names.len() => Found::NumbersAndWords,
            _ if words == 0 && fractions => Found::Numbers,
            _ => Found::Classes,
        }
    }
}

/// Classes as the numbers that their names are.
pub fn as_numbers(data: Dataset) -> Result<Dataset, Failure> {
    let (Some(labels), Some(names)) = (data.labels(), data.class_names()) else { return Ok(data) };
    let numbers: Result<Vec<f32>, Failure> = names
        .iter()
        .map(|name| {
            name.parse().map_err(|_| Failure::new(format!("wanted numbers as targets, got the class {name:?}")))
        })
        .collect();
    let numbers = numbers?;
    let values = labels.iter().map(|&label| numbers[label as usize]).collect();
    Ok(Dataset::regression(data.features().to_vec(), data.columns(), values, 1)?)
}

/// The targets in the form that `loss` takes: class indices for cross-entropy; for the others, two classes as one number (if
/// `outputs` is 1, or where it is open, for binary cross-entropy), more of them as one column a class.
pub fn for_loss(data: &Dataset, loss: Loss, outputs: Option<usize>) -> Result<Dataset, Failure> {
    match data.class_names() {
        None if loss.takes_labels() => Err(Failure::new(format!(
            "{loss} needs classes, but the targets are numbers: use --loss squared-error, or --task classification"
        ))),
        None => Ok(data.clone()),
        Some(_) if loss.takes_labels() => Ok(data.clone()),
        Some(names) if names.len() == 2 && outputs.map_or(loss == Loss::BinaryCrossEntropy, |outputs| outputs == 1) => {
            Ok(data.binary_targets()?)
        }
        Some(_) => Ok(data.one_hot()?),
    }
}
