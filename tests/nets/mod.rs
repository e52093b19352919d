//! Data that depends on a seed alone, for every kind of target.
#![allow(dead_code, reason = "each test file uses a part")]

use steadynet::kernels::random::Random;
use steadynet::{Dataset, Loss};

/// Numbers from −1 to 1.
pub fn numbers(len: usize, seed: u64) -> Vec<f32> {
    let random = Random::new(seed, 0);
    (0..len as u64).map(|index| 2.0 * random.uniform(index) - 1.0).collect()
}

/// Features from −1 to 1 and targets that a loss takes: labels that depend on the features, or numbers from 0 to 1.
pub fn data(loss: Loss, rows: usize, columns: usize, outputs: usize, seed: u64) -> Dataset {
    let features = numbers(rows * columns, seed);
    if loss.takes_labels() {
        let random = Random::new(seed, 1);
        let label = |(row, x): (usize, &[f32])| {
            // The first rows have different labels, which a training asks for.
            if row < 2 {
                return (row % outputs) as u32;
            }
            let sum: f32 = x.iter().sum();
            ((sum.abs() * 3.0) as u64 + random.below(row as u64, 2)) as u32 % outputs as u32
        };
        let labels = features.chunks_exact(columns).enumerate().map(label).collect();
        Dataset::classification(features, columns, labels, outputs).unwrap()
    } else {
        let values = numbers(rows * outputs, seed ^ 0x5eed).iter().map(|x| 0.5 + 0.5 * x).collect();
        Dataset::regression(features, columns, values, outputs).unwrap()
    }
}
