//! How good predictions are. Sums are taken in `f64`, rows in order, so that a score is the same on every machine.

use std::fmt;

/// Why a score cannot be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricError {
    /// There is nothing to score.
    Empty {
        /// What has no elements.
        operand: &'static str,
    },
    /// Another number of predictions than of rows, or a length that is not rows × columns.
    Length {
        /// The slice.
        operand: &'static str,
        /// Needed number of elements.
        wanted: usize,
        /// Number of elements that came.
        given: usize,
    },
    /// A class index is not below the number of classes.
    Class {
        /// `labels` or `predictions`.
        operand: &'static str,
        /// Row, from 0.
        row: usize,
        /// The index that came.
        given: u32,
        /// Number of classes.
        classes: usize,
    },
    /// An output is NaN: there is no largest one.
    Nan {
        /// Row, from 0.
        row: usize,
    },
    /// The counts of every class as every other do not fit into memory.
    TooManyClasses {
        /// Number of classes.
        classes: usize,
    },
    /// All targets of a column are equal: R² divides by their variance.
    ConstantTargets {
        /// Column, from 0.
        column: usize,
    },
}

impl fmt::Display for MetricError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            MetricError::Empty { operand } => write!(f, "{operand}: wanted at least one, got none"),
            MetricError::Length { operand, wanted, given } => {
                write!(f, "{operand}: wanted length {wanted}, got {given}")
            }
            MetricError::Class { operand, row, given, classes } => {
                write!(f, "{operand}: wanted class indices below {classes}, got {given} in row {row} (from 0)")
            }
            MetricError::Nan { row } => write!(f, "outputs: wanted numbers, got NaN in row {row} (from 0)"),
            MetricError::TooManyClasses { classes } => {
                write!(f, "classes: wanted as many as have a confusion matrix that fits into memory, got {classes}")
            }
            MetricError::ConstantTargets { column } => {
                write!(f, "targets: wanted different values for R², got equal ones in column {column} (from 0)")
            }
        }
    }
}

impl std::error::Error for MetricError {}

/// Index of the largest value, the lowest one if several are largest; `None` if there is no value or one is NaN.
pub fn argmax(values: &[f32]) -> Option<usize> {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if value.is_nan() {
            return None;
        }
        if *value > values[best] {
            best = i;
        }
    }
    (!values.is_empty()).then_some(best)
}

/// Whether [`argmax`] is `index`, without a branch for each value.
pub(crate) fn is_argmax(values: &[f32], index: usize) -> bool {
    let Some(&largest) = values.get(index) else { return false };
    // Comparisons with NaN are false.
    let before = values[..index].iter().fold(true, |all, &value| all & (value < largest));
    values[index..].iter().fold(before, |all, &value| all & (value <= largest))
}

/// The predicted class of each row: [`argmax`] of its logits or probabilities.
///
/// # Shapes
/// `outputs: (rows, classes)` row-major.
/// # Errors
/// [`MetricError`] if there are no classes, the length is no multiple of them, or an output is NaN (with its row).
pub fn predicted_classes(outputs: &[f32], classes: usize) -> Result<Vec<u32>, MetricError> {
    if classes == 0 {
        return Err(MetricError::Empty { operand: "classes" });
    }
    check_length("outputs", outputs.len() / classes * classes, outputs.len())?;
    let rows = outputs.chunks_exact(classes).enumerate();
    rows.map(|(row, values)| argmax(values).map(|class| class as u32).ok_or(MetricError::Nan { row })).collect()
}

/// Share of the rows whose prediction is their label.
///
/// # Errors
/// [`MetricError`] if there are no rows or the lengths differ.
pub fn accuracy(labels: &[u32], predictions: &[u32]) -> Result<f64, MetricError> {
    check_rows("labels", labels.len(), predictions.len())?;
    let right = labels.iter().zip(predictions).filter(|(label, prediction)| label == prediction).count();
    Ok(right as f64 / labels.len() as f64)
}

/// Mean squared error: `Σ(ŷ − y)² / n` over all `n` numbers.
///
/// # Errors
/// [`MetricError`] if there are no numbers or the lengths differ.
pub fn mse(targets: &[f32], predictions: &[f32]) -> Result<f64, MetricError> {
    mean_of_differences(targets, predictions, |difference| difference * difference)
}

/// Mean absolute error: `Σ|ŷ − y| / n` over all `n` numbers.
///
/// # Errors
/// [`MetricError`] if there are no numbers or the lengths differ.
pub fn mae(targets: &[f32], predictions: &[f32]) -> Result<f64, MetricError> {
    mean_of_differences(targets, predictions, f64::abs)
}

/// Coefficient of determination: `1 − Σ(ŷ − y)² / Σ(y − ȳ)²`, averaged over the columns.
///
/// 1 is perfect, 0 as good as the mean of the targets, below 0 worse than it.
/// # Shapes
/// `targets` and `predictions: (rows, width)` row-major.
/// # Errors
/// [`MetricError`] if there are no rows or columns, the lengths differ or are no multiple of `width`, or the targets of a
/// column are all equal (the score is not defined then).
pub fn r2(targets: &[f32], predictions: &[f32], width: usize) -> Result<f64, MetricError> {
    if width == 0 {
        return Err(MetricError::Empty { operand: "columns" });
    }
    check_rows("targets", targets.len(), predictions.len())?;
    check_length("targets", targets.len() / width * width, targets.len())?;
    let rows = targets.len() / width;
    let mut scores = 0.0;
    for column in 0..width {
        let values = || targets[column..].iter().step_by(width).map(|&y| y as f64);
        let predicted = predictions[column..].iter().step_by(width).map(|&y| y as f64);
        let first = targets[column] as f64;
        if values().all(|y| y == first) {
            return Err(MetricError::ConstantTargets { column });
        }
        let mean = values().sum::<f64>() / rows as f64;
        let spread: f64 = values().map(|y| (y - mean) * (y - mean)).sum();
        let residual: f64 = values().zip(predicted).map(|(y, guess)| (guess - y) * (guess - y)).sum();
        scores += 1.0 - residual / spread;
    }
    Ok(scores / width as f64)
}

fn mean_of_differences(targets: &[f32], predictions: &[f32], cost: fn(f64) -> f64) -> Result<f64, MetricError> {
    check_rows("targets", targets.len(), predictions.len())?;
    let sum: f64 = targets.iter().zip(predictions).map(|(&y, &guess)| cost(guess as f64 - y as f64)).sum();
    Ok(sum / targets.len() as f64)
}

fn check_rows(operand: &'static str, wanted: usize, predictions: usize) -> Result<(), MetricError> {
    if wanted == 0 {
        return Err(MetricError::Empty { operand });
    }
    check_length("predictions", wanted, predictions)
}

fn check_length(operand: &'static str, wanted: usize, given: usize) -> Result<(), MetricError> {
    if wanted == given { Ok(()) } else { Err(MetricError::Length { operand, wanted, given }) }
}

/// How often rows of one class were predicted as another. Displayed as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    /// `(classes, classes)` row-major: actual class × predicted class.
    counts: Vec<u64>,
    class_names: Vec<String>,
}

impl ConfusionMatrix {
    /// More classes than this are displayed by their scores only: the counts would be too wide to read.
    pub const WIDEST: usize = 20;

    /// Counts the rows.
    ///
    /// # Errors
    /// [`MetricError`] if there are no rows, the lengths differ, a label or prediction has no name (with its row), or the
    /// counts of so many classes do not fit into memory.
    pub fn new(labels: &[u32], predictions: &[u32], class_names: &[String]) -> Result<Self, MetricError> {
        check_rows("labels", labels.len(), predictions.len())?;
        let classes = class_names.len();
        for (operand, indices) in [("labels", labels), ("predictions", predictions)] {
            if let Some(row) = indices.iter().position(|&class| class as usize >= classes) {
                return Err(MetricError::Class { operand, row, given: indices[row], classes });
            }
        }
        let mut counts = Vec::new();
        let len = classes.checked_mul(classes).filter(|&len| counts.try_reserve_exact(len).is_ok());
        counts.resize(len.ok_or(MetricError::TooManyClasses { classes })?, 0);
        for (&label, &prediction) in labels.iter().zip(predictions) {
            counts[label as usize * classes + prediction as usize] += 1;
        }
        Ok(ConfusionMatrix { counts, class_names: class_names.to_vec() })
    }

    /// Names of the classes.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Rows of class `actual` that were predicted as `predicted`; 0 for a class that does not exist.
    pub fn count(&self, actual: usize, predicted: usize) -> u64 {
        let classes = self.class_names.len();
        if actual < classes && predicted < classes { self.counts[actual * classes + predicted] } else { 0 }
    }

    /// Rows of a class.
    pub fn actual(&self, class: usize) -> u64 {
        (0..self.class_names.len()).map(|predicted| self.count(class, predicted)).sum()
    }

    /// Rows that were predicted as a class.
    pub fn predicted(&self, class: usize) -> u64 {
        (0..self.class_names.len()).map(|actual| self.count(actual, class)).sum()
    }

    /// Share of all rows that were predicted right.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.class_names.len()).map(|class| self.count(class, class)).sum();
        right as f64 / self.counts.iter().sum::<u64>() as f64
    }

    /// Share of the rows predicted as `class` that are of it; `None` if none was predicted so.
    pub fn precision(&self, class: usize) -> Option<f64> {
        share(self.count(class, class), self.predicted(class))
    }

    /// Share of the rows of `class` that were predicted so; `None` if there is none.
    pub fn recall(&self, class: usize) -> Option<f64> {
        share(self.count(class, class), self.actual(class))
    }

    /// Harmonic mean of precision and recall; `None` if no row is of `class` and none was predicted so.
    pub fn f1(&self, class: usize) -> Option<f64> {
        share(2 * self.count(class, class), self.actual(class) + self.predicted(class))
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl fmt::Display for ConfusionMatrix {
    /// The scores of each class, then the counts: a line an actual class, a column a predicted class. Long names are cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 16;
        let names: Vec<String> = self.class_names.iter().map(|name| cut(name, LONGEST)).collect();
        let width = |text: &str| text.chars().count();
        let name_width = names.iter().map(|name| width(name)).chain([width("class")]).max().unwrap_or(0);
        let score = |score: Option<f64>| score.map_or("-".to_owned(), |score| format!("{score:.4}"));

        writeln!(f, "{:name_width$}  precision  recall      f1    rows", "class")?;
        for (class, name) in names.iter().enumerate() {
            let (precision, recall, f1) = (self.precision(class), self.recall(class), self.f1(class));
            let (precision, recall, f1) = (score(precision), score(recall), score(f1));
            writeln!(f, "{name:name_width$}  {precision:>9}  {recall:>6}  {f1:>6}  {:>6}", self.actual(class))?;
        }
        if names.len() > Self::WIDEST {
            return Ok(());
        }
        let digits = self.counts.iter().max().map_or(1, |count| count.to_string().len());
        let columns: Vec<usize> = names.iter().map(|name| width(name).max(digits)).collect();
        write!(f, "\n{:name_width$}  predicted as\n{:name_width$}", "", "class")?;
        for (name, &column) in names.iter().zip(&columns) {
            write!(f, "  {name:>column$}")?;
        }
        writeln!(f)?;
        for (actual, name) in names.iter().enumerate() {
            write!(f, "{name:name_width$}")?;
            for (predicted, &column) in columns.iter().enumerate() {
                write!(f, "  {:>column$}", self.count(actual, predicted))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// At most `longest` characters of a name, without control characters (a table has one line a class).
fn cut(name: &str, longest: usize) -> String {
    let printable = name.chars().map(|c| if c.is_control() { ' ' } else { c });
    if name.chars().count() <= longest {
        printable.collect()
    } else {
        printable.take(longest - 1).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn is_argmax_is_whether_it_is() {
        let values = [0.0, -0.0, 1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0, -3.5];
        for len in 0..5 {
            for mut code in 0..8usize.pow(len) {
                let row: Vec<f32> = (0..len).map(|_| (values[code % 8], code /= 8).0).collect();
                for index in 0..=len as usize {
                    assert_eq!(is_argmax(&row, index), argmax(&row) == Some(index), "{row:?}, {index}");
                }
            }
        }
    }

    #[test]
    fn the_largest_value_is_found() {
        assert_eq!(argmax(&[]), None);
        assert_eq!(argmax(&[1.0, 3.0, 3.0, 2.0]), Some(1));
        assert_eq!(argmax(&[f32::NEG_INFINITY; 2]), Some(0));
        assert_eq!(argmax(&[-0.0, 0.0]), Some(0));
        assert_eq!(argmax(&[1.0, f32::NAN]), None);
        assert_eq!(argmax(&[f32::NAN, 1.0]), None);
        assert_eq!(predicted_classes(&[1.0, 2.0, 4.0, 3.0], 2), Ok(vec![1, 0]));
        assert_eq!(predicted_classes(&[1.0, 2.0, f32::NAN, 3.0], 2), Err(MetricError::Nan { row: 1 }));
        assert!(predicted_classes(&[1.0; 3], 2).is_err() && predicted_classes(&[1.0; 3], 0).is_err());
    }

    #[test]
    fn scores_of_numbers() {
        let (targets, predictions) = ([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0]);
        assert_eq!(mse(&targets, &predictions), Ok(0.375));
        assert_eq!(mae(&targets, &predictions), Ok(0.5));
        assert!((r2(&targets, &predictions, 1).unwrap() - 0.9486081370449679).abs() < 1e-15);
        // Two columns: the mean of their scores.
        let (targets, predictions) = ([0.5, 1.0, -1.0, 1.0, 7.0, -6.0], [0.0, 2.0, -1.0, 2.0, 8.0, -5.0]);
        assert!((r2(&targets, &predictions, 2).unwrap() - 0.9368005266622779).abs() < 1e-15);
        assert_eq!(r2(&[0.1; 3], &[0.1; 3], 1), Err(MetricError::ConstantTargets { column: 0 }));
    }

    #[test]
    fn bad_lengths_are_named() {
        assert_eq!(accuracy(&[], &[]).unwrap_err().to_string(), "labels: wanted at least one, got none");
        assert_eq!(accuracy(&[1], &[]).unwrap_err().to_string(), "predictions: wanted length 1, got 0");
        assert!(mse(&[1.0], &[1.0, 2.0]).is_err() && mae(&[], &[]).is_err());
        assert_eq!(r2(&[1.0; 3], &[1.0; 3], 2).unwrap_err().to_string(), "targets: wanted length 2, got 3");
        assert!(r2(&[1.0], &[1.0], 0).is_err());
        let error = ConfusionMatrix::new(&[0, 1], &[0, 2], &names(&["a", "b"])).unwrap_err();
        assert_eq!(error.to_string(), "predictions: wanted class indices below 2, got 2 in row 1 (from 0)");
        assert!(ConfusionMatrix::new(&[0], &[0], &[]).is_err());
        assert!(ConfusionMatrix::new(&[], &[], &names(&["a"])).is_err());
    }

    #[test]
    fn confusion_is_counted_and_shown() {
        let labels = [0, 0, 0, 1, 1, 2];
        let predictions = [0, 0, 1, 1, 1, 0];
        let matrix =
            ConfusionMatrix::new(&labels, &predictions, &names(&["ant", "bee", "a very long class name"])).unwrap();
        assert_eq!((matrix.count(0, 1), matrix.count(2, 0), matrix.count(3, 0)), (1, 1, 0));
        assert_eq!((matrix.precision(0), matrix.recall(0)), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
        assert_eq!((matrix.precision(1), matrix.recall(1), matrix.f1(1)), (Some(2.0 / 3.0), Some(1.0), Some(0.8)));
        assert_eq!((matrix.precision(2), matrix.recall(2), matrix.f1(2)), (None, Some(0.0), Some(0.0)));
        assert_eq!(matrix.precision(3), None);
        assert_eq!(matrix.accuracy(), accuracy(&labels, &predictions).unwrap());
        let table = "\
class             precision  recall      f1    rows
ant                  0.6667  0.6667  0.6667       3
bee                  0.6667  1.0000  0.8000       2
a very long cla…          -  0.0000  0.0000       1

                  predicted as
class             ant  bee  a very long cla…
ant                 2    1                 0
bee                 0    2                 0
a very long cla…    1    0                 0
";
        assert_eq!(matrix.to_string(), table);
        let many: Vec<String> = (0..=ConfusionMatrix::WIDEST).map(|i| i.to_string()).collect();
        let matrix = ConfusionMatrix::new(&[0], &[1], &many).unwrap();
        assert_eq!(matrix.to_string().lines().count(), many.len() + 1);
    }

    #[test]
    fn a_matrix_beyond_memory_is_refused() {
        // 2⁴⁶ counts of 8 bytes: more than an address has bits for.
        let classes = 1 << 23;
        let error = ConfusionMatrix::new(&[0], &[0], &vec![String::new(); classes]).unwrap_err();
        assert_eq!(error, MetricError::TooManyClasses { classes });
    }

    proptest! {
        #[test]
        fn matrix_agrees_with_the_rows(rows in prop::collection::vec((0u32..4, 0u32..4), 1..60)) {
            let (labels, predictions): (Vec<u32>, Vec<u32>) = rows.iter().copied().unzip();
            let matrix = ConfusionMatrix::new(&labels, &predictions, &names(&["a", "b", "c", "d"])).unwrap();
            prop_assert_eq!(matrix.accuracy(), accuracy(&labels, &predictions).unwrap());
            for class in 0..4 {
                let of = |indices: &[u32]| indices.iter().filter(|&&index| index == class).count() as u64;
                prop_assert_eq!(matrix.actual(class as usize), of(&labels));
                prop_assert_eq!(matrix.predicted(class as usize), of(&predictions));
                if let (Some(p), Some(r), Some(f1)) =
                    (matrix.precision(class as usize), matrix.recall(class as usize), matrix.f1(class as usize))
                {
                    let mean = if p + r == 0.0 { 0.0 } else { 2.0 * p * r / (p + r) };
                    prop_assert!((f1 - mean).abs() < 1e-12);
                }
            }
        }

        #[test]
        fn perfect_predictions_have_perfect_scores(targets in prop::collection::vec(-1e6f32..1e6, 2..50)) {
            prop_assert_eq!(mse(&targets, &targets), Ok(0.0));
            prop_assert_eq!(mae(&targets, &targets), Ok(0.0));
            if targets.iter().any(|&y| y != targets[0]) {
                prop_assert_eq!(r2(&targets, &targets, 1), Ok(1.0));
            }
        }
    }
}
