//! Features and targets, checked once, so that nobody has to check them again.

use super::error::DataError;
use super::features::{Features, gather};
use super::preprocessing::Preprocessing;
use super::shuffle::shuffled_indices;
use steadynet_kernels::Isa;

/// More classes than this are refused: a mistake (a continuous target, say) rather than a classification.
pub const MAX_CLASSES: usize = 1 << 20;

/// Rows to learn from or to test on: `(rows, columns)` features and one target a row.
///
/// There is at least one row and one column; every number is finite; every label is below the number of classes. Rows and
/// columns count from 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    features: Features,
    columns: usize,
    targets: Targets,
    feature_names: Option<Vec<String>>,
    target_name: Option<String>,
}

/// What a network should answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// One class a row.
    Classes {
        /// Class index of each row.
        labels: Vec<u32>,
        /// Name of each class; distinct.
        names: Vec<String>,
    },
    /// `width` numbers a row.
    Values {
        /// `(rows, width)`, row-major.
        values: Vec<f32>,
        /// Numbers a row.
        width: usize,
    },
}

impl Targets {
    fn kind(&self) -> &'static str {
        match self {
            Targets::Classes { .. } => "class labels",
            Targets::Values { .. } => "numbers",
        }
    }
}

impl Dataset {
    /// Features and class indices; the classes are called "0", "1", … until [`with_class_names`](Self::with_class_names).
    ///
    /// # Shapes
    /// `features: (rows, columns)` row-major, `labels: rows`, each below `classes`.
    /// # Errors
    /// [`DataError`] if there is no row, no column, no class or more than [`MAX_CLASSES`], a wrong length, a feature
    /// that is not finite, or a label out of range (both with their place).
    pub fn classification(
        features: Vec<f32>,
        columns: usize,
        labels: Vec<u32>,
        classes: usize,
    ) -> Result<Self, DataError> {
        check_features(features.len(), columns, labels.len())?;
        check_finite("features", &features, columns)?;
        Self::labelled(Features::Floats(features), columns, labels, classes)
    }

    /// [`classification`](Self::classification) with features from 0 to 255, such as the grey levels of images. They stay bytes, through
    /// [`preprocessed`](Self::preprocessed) too, and become numbers batch by batch: the same numbers, with a quarter of the memory.
    ///
    /// # Errors
    /// As [`classification`](Self::classification).
    pub fn classification_of_bytes(
        features: Vec<u8>,
        columns: usize,
        labels: Vec<u32>,
        classes: usize,
    ) -> Result<Self, DataError> {
        check_features(features.len(), columns, labels.len())?;
        Self::labelled(Features::from_bytes(features, columns), columns, labels, classes)
    }

    fn labelled(features: Features, columns: usize, labels: Vec<u32>, classes: usize) -> Result<Self, DataError> {
        if classes == 0 || classes > MAX_CLASSES {
            let given = classes.to_string();
            return Err(DataError::OutOfRange { operand: "classes", wanted: "1 to 1048576", given });
        }
        if let Some(row) = labels.iter().position(|&label| label as usize >= classes) {
            return Err(DataError::Label { row, given: labels[row], classes });
        }
        let names = (0..classes).map(|class| class.to_string()).collect();
        Ok(Dataset {
            features,
            columns,
            targets: Targets::Classes { labels, names },
            feature_names: None,
            target_name: None,
        })
    }

    /// Features and `width` numbers a row to come close to.
    ///
    /// # Shapes
    /// `features: (rows, columns)`, `values: (rows, width)`, both row-major.
    /// # Errors
    /// [`DataError`] if there is no row, no column or no target column, a wrong length, or a number that is not finite
    /// (with its place).
    pub fn regression(features: Vec<f32>, columns: usize, values: Vec<f32>, width: usize) -> Result<Self, DataError> {
        if width == 0 {
            return Err(DataError::Empty { operand: "target columns" });
        }
        if columns == 0 {
            return Err(DataError::Empty { operand: "feature columns" });
        }
        let rows = features.len() / columns;
        check_features(features.len(), columns, rows)?;
        check_finite("features", &features, columns)?;
        // No product of the two can overflow: both slices exist.
        if values.len() / width != rows || !values.len().is_multiple_of(width) {
            let wanted = rows.saturating_mul(width);
            return Err(DataError::Length { operand: "targets", wanted, given: values.len() });
        }
        check_finite("targets", &values, width)?;
        Ok(Dataset {
            features: Features::Floats(features),
            columns,
            targets: Targets::Values { values, width },
            feature_names: None,
            target_name: None,
        })
    }

    /// The same data with names for its classes.
    ///
    /// # Errors
    /// [`DataError`] if the targets are numbers, the number of names is not that of the classes, or two are equal.
    pub fn with_class_names(mut self, class_names: Vec<String>) -> Result<Self, DataError> {
        let Targets::Classes { names, .. } = &mut self.targets else {
            return Err(DataError::Targets { wanted: "class labels", given: self.targets.kind() });
        };
        check_length("class names", names.len(), class_names.len())?;
        let mut sorted: Vec<&String> = class_names.iter().collect();
        sorted.sort();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(DataError::DuplicateName { operand: "class names", name: pair[0].clone() });
        }
        *names = class_names;
        Ok(self)
    }

    /// The same data with names for its columns.
    ///
    /// # Errors
    /// [`DataError`] if the number of names is not that of the columns.
    pub fn with_feature_names(mut self, feature_names: Vec<String>) -> Result<Self, DataError> {
        check_length("feature names", self.columns, feature_names.len())?;
        self.feature_names = Some(feature_names);
        Ok(self)
    }

    /// The same data with a name for what is to be learnt.
    #[must_use]
    pub fn with_target_name(mut self, target_name: String) -> Self {
        self.target_name = Some(target_name);
        self
    }

    /// The same rows after `preprocessing`.
    ///
    /// # Errors
    /// [`DataError`] if it was made for another number of columns, or if a result overflows.
    pub fn preprocessed(self, preprocessing: &Preprocessing) -> Result<Self, DataError> {
        preprocessing.check_columns(self.columns)?;
        let mapped = Dataset { features: self.features.mapped(preprocessing)?, ..self };
        let mut result = Ok(());
        mapped.each_row(|row, values| {
            if result.is_ok()
                && let Some(column) = values.iter().position(|value| !value.is_finite())
            {
                let (operand, given) = ("features after preprocessing", values[column]);
                result = Err(DataError::NotFinite { operand, row, column, given });
            }
        });
        result.map(|()| mapped)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.features.len() / self.columns
    }

    /// Number of features a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All features, `(rows, columns)` row-major. (Those of [bytes](Self::classification_of_bytes) are converted when they are first asked
    /// for, and kept: four more bytes each.)
    pub fn features(&self) -> &[f32] {
        self.features.to_floats()
    }

    /// The features of one row, or `None` past the end.
    pub fn row(&self, row: usize) -> Option<&[f32]> {
        self.features().chunks_exact(self.columns).nth(row)
    }

    /// All features where they lie side by side as numbers already.
    pub(crate) fn features_in_place(&self) -> Option<&[f32]> {
        self.features.floats()
    }

    /// Copies the features of a row, which exists.
    pub(crate) fn copy_row(&self, isa: Isa, row: usize, to: &mut [f32]) {
        self.features.copy(isa, row * self.columns..(row + 1) * self.columns, to);
    }

    /// Asks for the features of a row, which exists: they are wanted soon.
    pub(crate) fn prefetch_row(&self, isa: Isa, row: usize) {
        self.features.prefetch(isa, row * self.columns..(row + 1) * self.columns);
    }

    /// For how many rows to ask before the first of them is copied, where they lie anywhere in memory.
    pub(crate) fn rows_ahead(&self) -> usize {
        self.features.rows_ahead(self.columns)
    }

    /// Calls `f` with each row and its number.
    pub(super) fn each_row(&self, mut f: impl FnMut(usize, &[f32])) {
        let (isa, mut buffer) = (Isa::detect(), vec![0.0; self.columns]);
        for row in 0..self.rows() {
            self.copy_row(isa, row, &mut buffer);
            f(row, &buffer);
        }
    }

    /// Names of the columns, if they have any.
    pub fn feature_names(&self) -> Option<&[String]> {
        self.feature_names.as_deref()
    }

    /// Name of the target column, if it has one.
    pub fn target_name(&self) -> Option<&str> {
        self.target_name.as_deref()
    }

    /// The targets.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Class index of each row, if the targets are classes.
    pub fn labels(&self) -> Option<&[u32]> {
        match &self.targets {
            Targets::Classes { labels, .. } => Some(labels),
            Targets::Values { .. } => None,
        }
    }

    /// Name of each class, if the targets are classes.
    pub fn class_names(&self) -> Option<&[String]> {
        match &self.targets {
            Targets::Classes { names, .. } => Some(names),
            Targets::Values { .. } => None,
        }
    }

    /// Target numbers, `(rows, width)` row-major, if the targets are numbers.
    pub fn values(&self) -> Option<&[f32]> {
        match &self.targets {
            Targets::Classes { .. } => None,
            Targets::Values { values, .. } => Some(values),
        }
    }

    /// Outputs that a network for these targets has: the number of classes, or of numbers a row.
    pub fn target_width(&self) -> usize {
        match &self.targets {
            Targets::Classes { names, .. } => names.len(),
            Targets::Values { width, .. } => *width,
        }
    }

    /// `Ok` if there is something to learn.
    ///
    /// # Errors
    /// [`DataError::OneClass`] if every row has the same label. As a test set such data is fine.
    pub fn check_trainable(&self) -> Result<(), DataError> {
        match &self.targets {
            Targets::Classes { labels, names } if labels.iter().all(|label| *label == labels[0]) => {
                Err(DataError::OneClass { name: names[labels[0] as usize].clone() })
            }
            _ => Ok(()),
        }
    }

    /// The rows in two random parts: `(rest, part)`, `part` having the share `fraction` of them.
    ///
    /// `part` gets `fraction · rows` rows, rounded, but each part at least one. Rows are drawn without regard to their
    /// class (not stratified) and stay in the drawn order.
    /// # Determinism
    /// The first rows of [`shuffled_indices`] of epoch 2⁶³ − 1, which no training reaches, are `part`.
    /// # Errors
    /// [`DataError`] if `fraction` is not between 0 and 1 (both excluded) or there is only one row.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Self, Self), DataError> {
        if !(fraction > 0.0 && fraction < 1.0) {
            let given = fraction.to_string();
            return Err(DataError::OutOfRange { operand: "fraction", wanted: "a number between 0 and 1", given });
        }
        let rows = self.rows();
        if rows < 2 {
            let given = rows.to_string();
            return Err(DataError::OutOfRange { operand: "rows to split", wanted: "at least 2", given });
        }
        let order = shuffled_indices(rows as u32, seed, u64::MAX >> 1);
        let part = ((rows as f64 * fraction).round() as usize).clamp(1, rows - 1);
        Ok((self.gather(&order[part..]), self.gather(&order[..part])))
    }

    /// The rows with these indices, in this order; an index may come again.
    ///
    /// # Errors
    /// [`DataError`] if there is no index, or one is not below the number of rows.
    pub fn select(&self, indices: &[usize]) -> Result<Self, DataError> {
        if let Some(index) = indices.iter().find(|&&index| index >= self.rows()) {
            return Err(DataError::OutOfRange {
                operand: "row index",
                wanted: "an index below the number of rows",
                given: format!("{index} of {} rows", self.rows()),
            });
        }
        check_rows(indices.len())?;
        // Indices are below the number of rows, which fits.
        let indices: Vec<u32> = indices.iter().map(|&index| index as u32).collect();
        Ok(self.gather(&indices))
    }

    /// Classes as numbers: one column a class, 1 in that of the row's class, else 0.
    ///
    /// # Errors
    /// [`DataError`] if the targets are numbers already, or if there would be too many of them.
    pub fn one_hot(&self) -> Result<Self, DataError> {
        let (labels, width) = self.classes()?;
        let mut values = Vec::new();
        let len = labels.len().checked_mul(width).filter(|&len| values.try_reserve_exact(len).is_ok());
        let Some(len) = len else {
            let given = format!("too many classes: {} rows of {width}", labels.len());
            return Err(DataError::OutOfRange { operand: "targets", wanted: "numbers that fit into memory", given });
        };
        values.resize(len, 0.0);
        for (row, &label) in values.chunks_exact_mut(width).zip(labels) {
            row[label as usize] = 1.0;
        }
        Ok(Dataset { targets: Targets::Values { values, width }, ..self.clone() })
    }

    /// Two classes as one number: 0 for the first, 1 for the second.
    ///
    /// # Errors
    /// [`DataError`] if the targets are numbers already, or if there are not two classes.
    pub fn binary_targets(&self) -> Result<Self, DataError> {
        let (labels, classes) = self.classes()?;
        if classes != 2 {
            return Err(DataError::OutOfRange { operand: "classes", wanted: "2", given: classes.to_string() });
        }
        let values = labels.iter().map(|&label| label as f32).collect();
        Ok(Dataset { targets: Targets::Values { values, width: 1 }, ..self.clone() })
    }

    fn classes(&self) -> Result<(&[u32], usize), DataError> {
        match &self.targets {
            Targets::Classes { labels, names } => Ok((labels, names.len())),
            other => Err(DataError::Targets { wanted: "class labels", given: other.kind() }),
        }
    }

    /// The rows at `indices`, which exist and are at least one.
    fn gather(&self, indices: &[u32]) -> Self {
        let targets = match &self.targets {
            Targets::Classes { labels, names } => Targets::Classes {
                labels: indices.iter().map(|&index| labels[index as usize]).collect(),
                names: names.clone(),
            },
            Targets::Values { values, width } => {
                Targets::Values { values: gather(values, indices, *width), width: *width }
            }
        };
        Dataset {
            features: self.features.gather(indices, self.columns),
            columns: self.columns,
            targets,
            feature_names: self.feature_names.clone(),
            target_name: self.target_name.clone(),
        }
    }
}

fn check_features(len: usize, columns: usize, rows: usize) -> Result<(), DataError> {
    if columns == 0 {
        return Err(DataError::Empty { operand: "feature columns" });
    }
    check_rows(rows)?;
    check_length("features", rows.saturating_mul(columns), len)
}

/// Row numbers are `u32` in the order of an epoch.
fn check_rows(rows: usize) -> Result<(), DataError> {
    if rows == 0 {
        return Err(DataError::Empty { operand: "rows" });
    }
    if u32::try_from(rows).is_err() {
        return Err(DataError::OutOfRange { operand: "rows", wanted: "fewer than 2³²", given: rows.to_string() });
    }
    Ok(())
}

fn check_length(operand: &'static str, wanted: usize, given: usize) -> Result<(), DataError> {
    if wanted == given { Ok(()) } else { Err(DataError::Length { operand, wanted, given }) }
}

/// `Ok` if there is no NaN and no infinity among `values`, rows of `width`.
pub(crate) fn check_finite(operand: &'static str, values: &[f32], width: usize) -> Result<(), DataError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(DataError::NotFinite { operand, row: at / width, column: at % width, given: values[at] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flowers() -> Dataset {
        let features = (0..10).map(|i| i as f32).collect();
        Dataset::classification(features, 2, vec![0, 1, 2, 1, 0], 3).unwrap()
    }

    #[test]
    fn rows_and_targets_are_where_they_were_put() {
        let data = flowers();
        assert_eq!((data.rows(), data.columns(), data.target_width()), (5, 2, 3));
        assert_eq!(data.row(4), Some(&[8.0, 9.0][..]));
        assert_eq!(data.row(5), None);
        assert_eq!(data.labels(), Some(&[0, 1, 2, 1, 0][..]));
        assert_eq!(data.class_names().unwrap(), ["0", "1", "2"]);
        assert_eq!(data.values(), None);
        let data = Dataset::regression(vec![1.0, 2.0], 1, vec![3.0, 4.0, 5.0, 6.0], 2).unwrap();
        assert_eq!((data.rows(), data.target_width()), (2, 2));
        assert_eq!((data.values(), data.labels()), (Some(&[3.0, 4.0, 5.0, 6.0][..]), None));
    }

    #[test]
    fn bad_data_is_refused_by_name() {
        let message = |result: Result<Dataset, DataError>| result.unwrap_err().to_string();
        let class = Dataset::classification;
        assert_eq!(message(class(vec![], 2, vec![], 2)), "no rows");
        assert_eq!(message(class(vec![], 0, vec![0], 2)), "no feature columns");
        assert_eq!(message(class(vec![1.0; 3], 2, vec![0, 1], 2)), "features: wanted length 4, got 3");
        assert!(matches!(class(vec![1.0; 3], usize::MAX, vec![0, 1], 2), Err(DataError::Length { .. })));
        assert_eq!(
            message(class(vec![1.0; 4], 2, vec![0, 2], 2)),
            "labels: wanted class indices below 2, got 2 in row 1 (from 0)"
        );
        assert_eq!(
            message(class(vec![1.0, 1.0, 1.0, f32::NAN], 2, vec![0, 1], 2)),
            "features: wanted finite numbers, got NaN in row 1, column 1 (from 0)"
        );
        assert!(matches!(class(vec![1.0], 1, vec![0], 0), Err(DataError::OutOfRange { .. })));
        assert!(matches!(class(vec![1.0], 1, vec![0], usize::MAX), Err(DataError::OutOfRange { .. })));
        let value = Dataset::regression;
        assert_eq!(message(value(vec![], 1, vec![], 1)), "no rows");
        assert_eq!(message(value(vec![], 0, vec![], 1)), "no feature columns");
        assert_eq!(message(value(vec![1.0], 1, vec![], 0)), "no target columns");
        assert_eq!(message(value(vec![1.0; 3], 2, vec![1.0], 1)), "features: wanted length 2, got 3");
        assert_eq!(message(value(vec![1.0; 2], 1, vec![1.0; 3], 2)), "targets: wanted length 4, got 3");
        assert_eq!(
            message(value(vec![1.0; 2], 1, vec![1.0, 1.0, 1.0, f32::INFINITY], 2)),
            "targets: wanted finite numbers, got inf in row 1, column 1 (from 0)"
        );
    }

    #[test]
    fn bytes_are_the_numbers_that_they_stand_for() {
        let (bytes, labels) = ((0..=255).chain(3..=46).collect::<Vec<u8>>(), vec![0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]);
        let numbers: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte)).collect();
        let kept = Dataset::classification_of_bytes(bytes.clone(), 25, labels.clone(), 5).unwrap();
        let plain = Dataset::classification(numbers, 25, labels, 5).unwrap();
        assert_eq!(kept, plain);
        let maps = [Preprocessing::constant(25, 1.0 / 255.0).unwrap(), Preprocessing::standardize(&plain)];
        assert_eq!(Preprocessing::standardize(&kept), maps[1]);
        assert_eq!(Preprocessing::min_max(&kept), Preprocessing::min_max(&plain));
        let twice = |data: &Dataset| data.clone().preprocessed(&maps[0]).unwrap().preprocessed(&maps[1]).unwrap();
        assert_eq!(twice(&kept), twice(&plain));
        for map in &maps {
            let (kept, plain) = (kept.clone().preprocessed(map).unwrap(), plain.clone().preprocessed(map).unwrap());
            assert!(kept.features_in_place().is_none());
            assert_eq!((kept.rows(), kept.row(11)), (12, plain.row(11)));
            assert_eq!(kept.features(), plain.features());
            assert_eq!(kept.split(0.3, 1).unwrap(), plain.split(0.3, 1).unwrap());
            assert_eq!(kept.one_hot().unwrap(), plain.one_hot().unwrap());
        }
        // The largest byte overflows, the others do not.
        let error = kept.preprocessed(&Preprocessing::constant(25, f32::MAX / 254.5).unwrap()).unwrap_err();
        assert!(matches!(error, DataError::NotFinite { row: 10, column: 5, .. }), "{error}");
        let message = |bytes, columns, labels| {
            Dataset::classification_of_bytes(bytes, columns, labels, 2).unwrap_err().to_string()
        };
        assert_eq!(message(vec![1; 3], 2, vec![0, 1]), "features: wanted length 4, got 3");
        assert_eq!(message(vec![], 2, vec![]), "no rows");
        assert_eq!(message(vec![1], 1, vec![2]), "labels: wanted class indices below 2, got 2 in row 0 (from 0)");
    }

    #[test]
    fn names_are_checked() {
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let data = flowers().with_class_names(names(&["a", "b", "c"])).unwrap();
        assert_eq!(data.class_names().unwrap(), ["a", "b", "c"]);
        assert!(matches!(flowers().with_class_names(names(&["a"])), Err(DataError::Length { .. })));
        let error = flowers().with_class_names(names(&["b", "a", "b"])).unwrap_err();
        assert_eq!(error.to_string(), "class names: wanted distinct names, got \"b\" twice");
        let error = flowers().one_hot().unwrap().with_class_names(names(&["a"])).unwrap_err();
        assert_eq!(error.to_string(), "targets: wanted class labels, got numbers");
        assert_eq!(flowers().with_feature_names(names(&["x", "y"])).unwrap().feature_names().unwrap(), ["x", "y"]);
        assert!(flowers().with_feature_names(names(&["x"])).is_err());
    }

    #[test]
    fn classes_become_numbers() {
        let hot = flowers().one_hot().unwrap();
        assert_eq!(hot.target_width(), 3);
        assert_eq!(hot.values().unwrap()[..9], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(flowers().binary_targets().unwrap_err().to_string(), "classes: wanted 2, got 3");
        let two = Dataset::classification(vec![1.0; 3], 1, vec![1, 0, 1], 2).unwrap().binary_targets().unwrap();
        assert_eq!((two.values(), two.target_width()), (Some(&[1.0, 0.0, 1.0][..]), 1));
        assert!(two.one_hot().is_err() && two.binary_targets().is_err());
    }

    #[test]
    fn one_class_is_not_trainable() {
        let one = Dataset::classification(vec![1.0; 3], 1, vec![1, 1, 1], 2).unwrap();
        let error = one.check_trainable().unwrap_err().to_string();
        assert_eq!(error, "labels: wanted at least two classes, got \"1\" in every row");
        assert!(flowers().check_trainable().is_ok());
        assert!(flowers().one_hot().unwrap().check_trainable().is_ok());
    }

    #[test]
    fn select_takes_existing_rows() {
        let data = flowers().select(&[4, 2, 2]).unwrap();
        assert_eq!((data.features(), data.labels().unwrap()), (&[8.0, 9.0, 4.0, 5.0, 4.0, 5.0][..], &[0, 2, 2][..]));
        assert_eq!(flowers().select(&[]).unwrap_err().to_string(), "no rows");
        assert_eq!(
            flowers().select(&[5]).unwrap_err().to_string(),
            "row index: wanted an index below the number of rows, got 5 of 5 rows"
        );
    }

    #[test]
    fn preprocessing_that_does_not_fit_is_refused() {
        let data = flowers().preprocessed(&Preprocessing::constant(2, 0.5).unwrap()).unwrap();
        assert_eq!(data.row(1), Some(&[1.0, 1.5][..]));
        let error = flowers().preprocessed(&Preprocessing::constant(1, 0.5).unwrap()).unwrap_err();
        assert!(matches!(error, DataError::FeatureCount { wanted: 1, given: 2 }));
        assert!(matches!(
            flowers().preprocessed(&Preprocessing::constant(2, f32::MAX).unwrap()),
            Err(DataError::NotFinite { row: 1, column: 0, .. })
        ));
    }

    proptest! {
        #[test]
        fn split_parts_are_the_rows(rows in 2usize..200, fraction in 0.001f64..0.999, seed: u64) {
            let features: Vec<f32> = (0..rows).map(|i| i as f32).collect();
            let data = Dataset::regression(features.clone(), 1, features.clone(), 1).unwrap();
            let (rest, part) = data.split(fraction, seed).unwrap();
            prop_assert_eq!(rest.features(), rest.values().unwrap());
            prop_assert_eq!(part.rows(), ((rows as f64 * fraction).round() as usize).clamp(1, rows - 1));
            let mut all = [part.features(), rest.features()].concat();
            all.sort_by(f32::total_cmp);
            prop_assert_eq!(all, features);
            prop_assert_eq!(data.split(fraction, seed).unwrap(), (rest, part));
        }

        #[test]
        fn split_refuses_what_it_cannot_do(
            fraction in prop_oneof![Just(0.0), Just(1.0), Just(-0.5), Just(f64::NAN), Just(f64::INFINITY)],
        ) {
            prop_assert!(flowers().split(fraction, 0).is_err());
            prop_assert!(flowers().select(&[0]).unwrap().split(0.5, 0).is_err());
        }
    }
}
