//! The rows to train on, to validate on and to test on, with the preprocessing that the first of them determine.

use super::options::Scaling;
use crate::data_source::{CsvArgs, Schema, Source, Training};
use crate::failure::Failure;
use steadynet::data::csv::Column;
use steadynet::{Dataset, Preprocessing};

/// How to divide the data.
pub struct Split<'a> {
    pub test: Option<&'a Source>,
    pub test_fraction: Option<f64>,
    pub validation: f64,
    pub seed: u64,
    pub scaling: Scaling,
}

/// The parts, preprocessed; targets as they came.
pub struct Parts {
    pub training: Dataset,
    pub validation: Option<Dataset>,
    pub test: Option<Dataset>,
    pub preprocessing: Option<Preprocessing>,
    pub scaling: Scaling,
}

/// Share of the rows to test on where nobody says otherwise.
const TEST_FRACTION: f64 = 0.2;

impl Split<'_> {
    pub fn divide(&self, source: Training, csv: &CsvArgs) -> Result<Parts, Failure> {
        let Training { data, test: own_test, .. } = source;
        data.check_trainable()?;
        let (data, test) = match (self.test, own_test, self.test_fraction) {
            (Some(test), ..) => {
                let test = test.test(csv, &schema(&data, csv))?;
                (data, Some(test))
            }
            (None, Some(test), None) => (data, Some(test)),
            (None, _, fraction) => self.without(data, fraction.unwrap_or(TEST_FRACTION), "--test-fraction")?,
        };
        let (training, validation) = self.without(data, self.validation, "--validation")?;
        let preprocessing = match self.scaling {
            Scaling::None => None,
            Scaling::Constant(scale) => Some(Preprocessing::constant(training.columns(), scale)?),
            Scaling::MinMax => Some(Preprocessing::min_max(&training)),
            Scaling::Standardize => Some(Preprocessing::standardize(&training)),
        };
        let apply = |data: Dataset| -> Result<Dataset, Failure> {
            Ok(match &preprocessing {
                Some(map) => data.preprocessed(map)?,
                None => data,
            })
        };
        Ok(Parts {
            training: apply(training)?,
            validation: validation.map(apply).transpose()?,
            test: test.map(apply).transpose()?,
            preprocessing,
            scaling: self.scaling,
        })
    }

    /// The rows in two parts, the second with this share of them; `None` for nothing.
    fn without(&self, data: Dataset, share: f64, option: &str) -> Result<(Dataset, Option<Dataset>), Failure> {
        if share == 0.0 {
            return Ok((data, None));
        }
        match data.split(share, self.seed) {
            Ok((rest, part)) => Ok((rest, Some(part))),
            Err(error) => Err(Failure::from(error).about(&format!("{option} {share}"))),
        }
    }
}

/// What a test set for these data must be like.
fn schema(data: &Dataset, csv: &CsvArgs) -> Schema {
    let named = data.target_name().map(|name| Column::Name(name.to_owned()));
    Schema {
        columns: data.columns(),
        class_names: data.class_names().map(<[String]>::to_vec),
        feature_names: data.feature_names().map(<[String]>::to_vec),
        target: named.or_else(|| csv.target().map(Column::from)).unwrap_or(Column::Last),
    }
}
