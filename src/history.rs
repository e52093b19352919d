//! What a training recorded, epoch by epoch.

use crate::atomic_file::{AtomicWriteError, write_atomically};
use std::fmt::Write as _;
use std::path::Path;

/// The epochs of a training in the order in which they ran.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// One record an epoch.
    pub epochs: Vec<Epoch>,
}

/// One pass over the training data.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Training loss, mean over the rows of the epoch.
    pub loss: f64,
    /// Share of the training rows whose class was predicted right, if there are classes and it was measured.
    pub accuracy: Option<f64>,
    /// Loss on the validation rows after the epoch, if there are any.
    pub validation_loss: Option<f64>,
    /// Share of the validation rows whose class was predicted right after the epoch.
    pub validation_accuracy: Option<f64>,
}

impl History {
    /// The history as comma-separated values: a header, then one line an epoch; a value that was not measured is an
    /// empty cell.
    ///
    /// Numbers are the shortest decimals that read back as the same `f64` (`0.25`, `1e-7`, `NaN`, `inf`).
    pub fn to_csv(&self) -> String {
        let mut csv = String::from("epoch,loss,accuracy,validation_loss,validation_accuracy\n");
        for epoch in &self.epochs {
            csv += &epoch.epoch.to_string();
            let values = [Some(epoch.loss), epoch.accuracy, epoch.validation_loss, epoch.validation_accuracy];
            for value in values {
                csv.push(',');
                if let Some(value) = value {
                    // `Debug`, because `Display` spells 1e-300 out in 302 characters. A `String` takes every write.
                    let _ = write!(csv, "{value:?}");
                }
            }
            csv.push('\n');
        }
        csv
    }

    /// Writes [`History::to_csv`] to a file, whole or not at all.
    ///
    /// # Errors
    /// [`AtomicWriteError`] names the file and what the system said.
    pub fn save_csv(&self, path: impl AsRef<Path>) -> Result<(), AtomicWriteError> {
        write_atomically(path, |file| file.write_all(self.to_csv().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_text() {
        let history = History {
            epochs: vec![
                Epoch {
                    epoch: 1,
                    loss: 2.5,
                    accuracy: Some(1.0),
                    validation_loss: Some(1e-300),
                    validation_accuracy: Some(0.1),
                },
                Epoch {
                    epoch: 2,
                    loss: f64::NAN,
                    accuracy: None,
                    validation_loss: Some(f64::INFINITY),
                    validation_accuracy: None,
                },
            ],
        };
        let wanted = "epoch,loss,accuracy,validation_loss,validation_accuracy\n\
                      1,2.5,1.0,1e-300,0.1\n\
                      2,NaN,,inf,\n";
        assert_eq!(history.to_csv(), wanted);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        history.save_csv(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), wanted);
    }

    proptest::proptest! {
        #[test]
        fn csv_numbers_read_back_as_the_same_bits(bits in proptest::num::u64::ANY) {
            let loss = f64::from_bits(bits);
            let epoch = Epoch { epoch: 1, loss, accuracy: None, validation_loss: None, validation_accuracy: None };
            let csv = History { epochs: vec![epoch] }.to_csv();
            let cell = csv.lines().nth(1).unwrap().split(',').nth(1).unwrap().to_owned();
            let read: f64 = cell.parse().unwrap();
            proptest::prop_assert!(read.to_bits() == bits || (read.is_nan() && loss.is_nan()), "{}", cell);
        }
    }
}
