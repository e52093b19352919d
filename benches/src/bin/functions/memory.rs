//! Maps and updates of a million numbers, which memory bounds, beside what memory gives.

use crate::measure::{Call, medians};
use std::fmt::Write;
use steadynet_kernels::{Isa, Update, elementwise, update};

/// Numbers: four megabytes an array.
const LEN: usize = 1 << 20;

/// Nanoseconds for each number, and gigabytes a second (each array read or written counted once each time), beside copies by the C library.
pub fn table(isa: Isa, rounds: usize) -> String {
    let array = || -> Vec<f32> { (0..LEN).map(|i| (i * 2654435761 % LEN) as f32 / LEN as f32).collect() };
    let (x, gradient) = (array(), array());
    let (mut velocity, mut square) = (array(), array());
    let adam =
        Update::Adam { rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, correction: 1.0, l2: 0.0, shrink: 0.0 };
    // (Name, bytes read and written for each number, call.)
    let work: Vec<(&str, usize, Call<'_>)> = vec![
        ("copy (memcpy)", 8, Box::new(|y| y.copy_from_slice(&x))),
        ("exp", 8, Box::new(|y| elementwise::exp(isa, &x, y).expect("equal lengths"))),
        ("sigmoid", 8, Box::new(|y| elementwise::sigmoid(isa, &x, y).expect("equal lengths"))),
        (
            "gradient descent",
            12,
            Box::new(|y| update(isa, Update::Sgd { lr: 1e-6, l2: 0.0 }, &gradient, y, &mut []).expect("equal lengths")),
        ),
        (
            "Adam",
            28,
            Box::new(|y| update(isa, adam, &gradient, y, &mut [&mut velocity, &mut square]).expect("equal lengths")),
        ),
    ];
    let (mut names, mut calls) = (Vec::new(), Vec::new());
    for (name, bytes, call) in work {
        names.push((name, bytes));
        calls.push(Some(call));
    }
    let times = medians(&mut calls, &mut array(), rounds);
    let mut text = "| a million numbers | ns per number | GB/s |\n|---|--:|--:|\n".to_string();
    for ((name, bytes), time) in names.into_iter().zip(times.into_iter().flatten()) {
        let time = time / LEN as f64;
        let _ = writeln!(text, "| {name} | {time:.3} | {:.1} |", bytes as f64 / time);
    }
    text
}
