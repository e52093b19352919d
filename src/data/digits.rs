//! Real handwritten digits, built in.

use super::csv::{self, CsvOptions};
use super::dataset::Dataset;

/// Source and licence stand in `data/README.md`.
const DIGITS: &[u8] = include_bytes!("../../data/digits.csv.gz");

impl Dataset {
    /// 1797 handwritten digits: 64 features 0 to 16 (an 8×8 image, row after row), classes "0" to "9".
    ///
    /// # Source
    /// The test part of "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning
    /// Repository, CC BY 4.0.
    pub fn digits() -> Self {
        // The file is part of the program, and a test reads it.
        csv::read_from(DIGITS, "digits", &CsvOptions::default()).expect("the built-in digits can be read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_are_all_there() {
        let digits = Dataset::digits();
        assert_eq!((digits.rows(), digits.columns(), digits.target_width()), (1797, 64, 10));
        assert!(digits.features().iter().all(|x| (0.0..=16.0).contains(x) && x.fract() == 0.0));
        assert_eq!(digits.row(0).unwrap()[..8], [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0]);
        assert_eq!(digits.labels().unwrap()[..3], [0, 1, 2]);
        assert_eq!(digits.class_names().unwrap(), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
        let mut counts = [0; 10];
        digits.labels().unwrap().iter().for_each(|&label| counts[label as usize] += 1);
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }
}
