//! An affine map of every feature, fitted on the training set and stored with the model.

use super::dataset::{Dataset, check_finite};
use super::error::DataError;

/// `x' = (x − shift) · scale`, with one shift and one scale a column.
///
/// The fields are public to be stored and shown. [`Preprocessing::new`] checks them; a value put together by hand with
/// fields of different length is refused where it is applied.
/// # Numerics
/// Two roundings in `f32`; an extreme input can overflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    /// What each column loses.
    pub shift: Vec<f32>,
    /// What each column is then multiplied by.
    pub scale: Vec<f32>,
}

impl Preprocessing {
    /// A map with these coefficients, one of each a column.
    ///
    /// # Errors
    /// [`DataError`] if the lengths differ or are 0, a number is not finite, or a scale is 0 (it would erase the column).
    pub fn new(shift: Vec<f32>, scale: Vec<f32>) -> Result<Self, DataError> {
        if shift.is_empty() {
            return Err(DataError::Empty { operand: "preprocessing columns" });
        }
        let preprocessing = Preprocessing { shift, scale };
        preprocessing.check_columns(preprocessing.shift.len())?;
        check_finite("shift", &preprocessing.shift, preprocessing.shift.len())?;
        check_finite("scale", &preprocessing.scale, preprocessing.scale.len())?;
        if let Some(column) = preprocessing.scale.iter().position(|&scale| scale == 0.0) {
            let given = format!("0 in column {column} (from 0)");
            return Err(DataError::OutOfRange { operand: "scale", wanted: "numbers other than 0", given });
        }
        Ok(preprocessing)
    }

    /// Every column multiplied by `scale`: 1/255 for grey levels, 1/16 for the built-in digits.
    ///
    /// # Errors
    /// As [`Preprocessing::new`].
    pub fn constant(columns: usize, scale: f32) -> Result<Self, DataError> {
        Self::new(vec![0.0; columns], vec![scale; columns])
    }

    /// Columns of mean 0 and standard deviation 1 over the rows of `data`.
    ///
    /// # Math
    /// `shift = mean`, `scale = 1 / √(Σ(x − mean)² / rows)`. A constant column has `shift = its value` and
    /// `scale = 1`: it becomes 0, and a new value stays on its own scale.
    /// # Numerics
    /// Sums in `f64`, rows in order; the coefficients are rounded to `f32` once. A column whose spread is near the
    /// rounding of its mean is centred only up to that rounding.
    /// # Determinism
    /// `f64` additions, multiplications, a division and a square root in one fixed order.
    pub fn standardize(data: &Dataset) -> Self {
        let rows = data.rows() as f64;
        let mut means = vec![0.0f64; data.columns()];
        data.each_row(|_, row| {
            for (sum, &x) in means.iter_mut().zip(row) {
                *sum += x as f64;
            }
        });
        for mean in &mut means {
            *mean /= rows;
        }
        let mut variances = vec![0.0f64; data.columns()];
        data.each_row(|_, row| {
            for ((sum, &x), mean) in variances.iter_mut().zip(row).zip(&means) {
                let difference = x as f64 - mean;
                *sum += difference * difference;
            }
        });
        let range = column_range(data);
        let columns = means.iter().zip(&variances).zip(&range);
        let (shift, scale) = columns
            .map(
                |((&mean, &variance), &(min, max))| {
                    if min == max { (min, 1.0) } else { (mean as f32, reciprocal((variance / rows).sqrt())) }
                },
            )
            .unzip();
        Preprocessing { shift, scale }
    }

    /// Columns from 0 to 1 over the rows of `data`.
    ///
    /// # Math
    /// `shift = min`, `scale = 1 / (max − min)`; a constant column has `scale = 1`.
    /// # Numerics
    /// The reciprocal is taken in `f64` and rounded to `f32` once, so the largest value can miss 1 by some ulps.
    pub fn min_max(data: &Dataset) -> Self {
        let range = column_range(data);
        let (shift, scale) = range
            .iter()
            .map(|&(min, max)| if min == max { (min, 1.0) } else { (min, reciprocal(max as f64 - min as f64)) })
            .unzip();
        Preprocessing { shift, scale }
    }

    /// Maps rows in place.
    ///
    /// # Shapes
    /// `features: (rows, columns)` row-major, any number of rows.
    /// # Errors
    /// [`DataError`] if the length is no multiple of the number of columns; `features` is untouched then.
    pub fn apply(&self, features: &mut [f32]) -> Result<(), DataError> {
        let columns = self.shift.len();
        self.check_columns(columns)?;
        if columns == 0 || !features.len().is_multiple_of(columns) {
            let wanted = features.len().checked_div(columns).unwrap_or(0) * columns;
            return Err(DataError::Length { operand: "features", wanted, given: features.len() });
        }
        for row in features.chunks_exact_mut(columns) {
            for ((x, shift), scale) in row.iter_mut().zip(&self.shift).zip(&self.scale) {
                *x = (*x - shift) * scale;
            }
        }
        Ok(())
    }

    /// Whether every feature stays as it is.
    pub(super) fn is_identity(&self) -> bool {
        self.shift.iter().all(|&shift| shift == 0.0) && self.scale.iter().all(|&scale| scale == 1.0)
    }

    /// `Ok` if this map is for `columns` columns.
    pub(super) fn check_columns(&self, columns: usize) -> Result<(), DataError> {
        if self.scale.len() != self.shift.len() {
            return Err(DataError::Length { operand: "scale", wanted: self.shift.len(), given: self.scale.len() });
        }
        if self.shift.len() != columns {
            return Err(DataError::FeatureCount { wanted: self.shift.len(), given: columns });
        }
        Ok(())
    }
}

/// `1 / x` in `f32`, at most the largest finite one (for subnormal spreads).
fn reciprocal(x: f64) -> f32 {
    (1.0 / x).min(f32::MAX as f64) as f32
}

/// Smallest and largest value of each column.
fn column_range(data: &Dataset) -> Vec<(f32, f32)> {
    let mut range = vec![(f32::INFINITY, f32::NEG_INFINITY); data.columns()];
    data.each_row(|_, row| {
        for ((min, max), &x) in range.iter_mut().zip(row) {
            if x < *min {
                *min = x;
            }
            if x > *max {
                *max = x;
            }
        }
    });
    range
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data(features: Vec<f32>, columns: usize) -> Dataset {
        let rows = features.len() / columns;
        Dataset::regression(features, columns, vec![0.0; rows], 1).unwrap()
    }

    #[test]
    fn standardized_columns() {
        // The second column is constant, at a value whose mean in f64 is inexact.
        let training = data(vec![1.0, 0.1, 3.0, 0.1, 5.0, 0.1, 7.0, 0.1], 2);
        let map = Preprocessing::standardize(&training);
        assert_eq!(map.shift, [4.0, 0.1]);
        assert_eq!(map.scale, [(1.0 / 5.0f64.sqrt()) as f32, 1.0]);
        let mapped = training.preprocessed(&map).unwrap();
        assert_eq!(mapped.row(0).unwrap()[1], 0.0);
        assert_eq!(mapped.row(3).unwrap()[0], 3.0 * map.scale[0]);
    }

    #[test]
    fn columns_from_0_to_1() {
        let training = data(vec![-2.0, 5.0, 2.0, 5.0, 6.0, 5.0], 2);
        let map = Preprocessing::min_max(&training);
        assert_eq!((&map.shift[..], &map.scale[..]), (&[-2.0, 5.0][..], &[0.125, 1.0][..]));
        assert_eq!(training.preprocessed(&map).unwrap().features(), [0.0, 0.0, 0.5, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn bad_coefficients_are_refused() {
        let new = Preprocessing::new;
        assert!(matches!(new(vec![], vec![]), Err(DataError::Empty { .. })));
        assert!(matches!(new(vec![0.0], vec![1.0, 1.0]), Err(DataError::Length { .. })));
        assert!(matches!(new(vec![0.0, f32::NAN], vec![1.0; 2]), Err(DataError::NotFinite { column: 1, .. })));
        assert!(matches!(new(vec![0.0; 2], vec![1.0, f32::INFINITY]), Err(DataError::NotFinite { column: 1, .. })));
        assert_eq!(
            new(vec![0.0], vec![-0.0]).unwrap_err().to_string(),
            "scale: wanted numbers other than 0, got 0 in column 0 (from 0)"
        );
        let mut features = [1.0; 3];
        assert!(matches!(
            Preprocessing::constant(2, 2.0).unwrap().apply(&mut features),
            Err(DataError::Length { wanted: 2, given: 3, .. })
        ));
        for (shift, scale) in [(vec![], vec![]), (vec![], vec![1.0]), (vec![0.0], vec![])] {
            assert!(Preprocessing { shift, scale }.apply(&mut features).is_err());
        }
        assert_eq!(features, [1.0; 3]);
        assert!(Preprocessing::constant(2, 2.0).unwrap().apply(&mut []).is_ok());
    }

    proptest! {
        #[test]
        fn fitted_maps_are_valid_and_do_their_work(
            columns in 1usize..5,
            values in prop::collection::vec(-1e4f32..1e4, 4..80),
        ) {
            let rows = values.len() / columns;
            prop_assume!(rows > 0);
            let training = data(values[..rows * columns].to_vec(), columns);
            for map in [Preprocessing::standardize(&training), Preprocessing::min_max(&training)] {
                prop_assert!(Preprocessing::new(map.shift.clone(), map.scale.clone()).is_ok());
                // Row by row gives the bits of the whole.
                let mapped = training.clone().preprocessed(&map).unwrap();
                for row in 0..rows {
                    let mut alone = training.row(row).unwrap().to_vec();
                    map.apply(&mut alone).unwrap();
                    prop_assert_eq!(&alone[..], mapped.row(row).unwrap());
                }
            }
            let map = Preprocessing::min_max(&training);
            let mapped = training.preprocessed(&map).unwrap();
            prop_assert!(mapped.features().iter().all(|&x| (0.0..=1.0 + 1e-6).contains(&x)));
        }

        #[test]
        fn extreme_columns_have_finite_coefficients(
            a in prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
            b in prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO,
        ) {
            let training = data(vec![a, b], 1);
            for map in [Preprocessing::standardize(&training), Preprocessing::min_max(&training)] {
                prop_assert!(Preprocessing::new(map.shift, map.scale).is_ok());
            }
        }
    }
}
