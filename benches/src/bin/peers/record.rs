//! What was measured, as it is kept in files and read by every report.

use crate::library::Kind;
use serde::{Deserialize, Serialize};

/// One run of the program.
#[derive(Serialize, Deserialize)]
pub struct Run {
    pub processor: String,
    /// Of the instruction set that ours was run with.
    pub isa: String,
    pub threads: usize,
    pub rounds: usize,
    /// Of the libraries.
    pub versions: Vec<String>,
    pub products: Vec<Measured>,
}

/// All libraries at one product.
#[derive(Serialize, Deserialize)]
pub struct Measured {
    pub shape: String,
    /// Peak of multiply-adds before each round, GFLOP/s.
    pub peaks: Vec<f64>,
    pub entries: Vec<Entry>,
}

/// One library at one product.
#[derive(Serialize, Deserialize)]
pub struct Entry {
    pub library: String,
    pub kind: Kind,
    /// Whether something was made ahead of the calls.
    pub prepared: bool,
    /// GFLOP/s of each round; empty if the library does no such product.
    pub rates: Vec<f64>,
    /// Why there are no rates, if the result was wrong.
    pub wrong: Option<String>,
}

impl Measured {
    pub fn peak(&self) -> f64 {
        median(self.peaks.iter().copied())
    }

    pub fn entry(&self, library: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.library == library && !entry.rates.is_empty())
    }

    /// The fastest of some.
    pub fn best(&self, which: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        let measured = self.entries.iter().filter(|entry| !entry.rates.is_empty() && which(entry));
        measured.max_by(|a, b| a.rate().total_cmp(&b.rate()))
    }
}

impl Entry {
    /// GFLOP/s.
    pub fn rate(&self) -> f64 {
        median(self.rates.iter().copied())
    }

    /// How many times as fast as another.
    pub fn over(&self, other: &Entry) -> f64 {
        self.rate() / other.rate()
    }
}

/// NaN of nothing.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        len => (values[(len - 1) / 2] + values[len / 2]) / 2.0,
    }
}

/// Geometric mean; NaN of nothing.
pub fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0].into_iter()), 2.5);
        assert!(median([].into_iter()).is_nan());
        assert!((geometric_mean(&[2.0, 8.0]) - 4.0).abs() < 1e-12);
    }
}
