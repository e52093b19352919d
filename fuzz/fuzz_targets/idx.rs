//! No bytes make the IDX readers panic, or allocate more than the input could hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadynet::data::idx::{read_images, read_labels};

fuzz_target!(|bytes: &[u8]| {
    let _ = read_images(bytes);
    if let Ok(labels) = read_labels(bytes) {
        // A gzip stream holds at most about a thousand times its length.
        assert!(labels.len() <= 1100 * bytes.len());
    }
});
