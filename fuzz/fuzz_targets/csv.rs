//! No bytes make the CSV reader panic, and what it accepts is whole: rows × columns finite features and a target for each row.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadynet::Targets;
use steadynet::data::csv::{CsvOptions, TargetKind, read_from};

fuzz_target!(|bytes: &[u8]| {
    for kind in [TargetKind::Classes { names: None }, TargetKind::Values] {
        let options = CsvOptions { kind, ..CsvOptions::default() };
        let Ok(data) = read_from(bytes, "input", &options) else { continue };
        assert_eq!(data.features().len(), data.rows() * data.columns());
        assert!(data.features().iter().all(|feature| feature.is_finite()));
        match data.targets() {
            Targets::Classes { labels, names } => {
                assert_eq!(labels.len(), data.rows());
                assert!(labels.iter().all(|&label| (label as usize) < names.len()));
            }
            Targets::Values { values, width } => {
                assert_eq!(values.len(), data.rows() * width);
                assert!(values.iter().all(|value| value.is_finite()));
            }
        }
    }
});
