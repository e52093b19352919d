//! Softmax with cross-entropy on any instruction set gives the bits of the reference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadynet_kernels::{Isa, Mat, MatMut, reference, softmax_cross_entropy};

fuzz_target!(|input: (u8, u32, f32, Vec<f32>)| {
    let (classes, label, scale, logits) = input;
    let classes = usize::from(classes).max(1);
    let rows = logits.len() / classes;
    let logits = &logits[..rows * classes];
    let labels: Vec<u32> = (0..rows as u32).map(|row| label.wrapping_add(row) % classes as u32).collect();
    let mut expected = vec![0.0; logits.len()];
    let expected_losses: Vec<f32> = (0..rows)
        .map(|row| {
            let range = row * classes..(row + 1) * classes;
            reference::softmax_cross_entropy(&logits[range.clone()], labels[row] as usize, scale, &mut expected[range])
        })
        .collect();
    for isa in Isa::available() {
        let (mut gradient, mut losses) = (vec![f32::NAN; logits.len()], vec![f32::NAN; rows]);
        let x = Mat::new(logits, rows, classes).expect("whole rows");
        let g = MatMut::new(&mut gradient, rows, classes).expect("whole rows");
        softmax_cross_entropy(isa, x, &labels, scale, g, &mut losses).expect("labels below the classes");
        let pairs = gradient.iter().zip(&expected).chain(losses.iter().zip(&expected_losses));
        for (x, y) in pairs {
            assert!(x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan(), "{isa}: {x} {y}");
        }
    }
});
