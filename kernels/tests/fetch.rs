//! Bytes become the same numbers on every instruction set, for every length and alignment.

mod common;

use common::{assert_same, value};
use steadynet_kernels::{Isa, fetch, reference};

#[test]
fn bytes_are_their_definition() {
    for len in (0..70).chain([255, 256, 784, 1001]) {
        for specials in [false, true] {
            let bytes: Vec<u8> = (0..len + 3).map(|i| (i * 37 + len) as u8).collect();
            let numbers = |seed| (0..len).map(|i| value(seed, i, specials)).collect::<Vec<f32>>();
            let (shift, scale) = (numbers(1), numbers(2));
            for isa in Isa::available() {
                for start in 0..3 {
                    let bytes = &bytes[start..start + len];
                    let mut ours = vec![f32::NAN; len];
                    fetch::prefetch(isa, bytes);
                    fetch::from_bytes(isa, bytes, &shift, &scale, &mut ours).unwrap();
                    let expected: Vec<f32> =
                        (0..len).map(|i| reference::from_byte(bytes[i], shift[i], scale[i])).collect();
                    assert_same(&format!("{isa}, {len} bytes"), &ours, &expected);
                }
            }
        }
    }
}

#[test]
fn wrong_lengths_are_named_and_nothing_is_written() {
    let mut y = [7.0; 3];
    let message = |bytes: &[u8], shift: &[f32], scale: &[f32], y: &mut [f32]| {
        fetch::from_bytes(Isa::detect(), bytes, shift, scale, y).unwrap_err().to_string()
    };
    assert_eq!(message(&[1; 2], &[0.0; 2], &[1.0; 2], &mut y), "y: wanted 2 elements, got 3");
    assert_eq!(message(&[1; 3], &[0.0; 2], &[1.0; 3], &mut y), "shift: wanted 3 elements, got 2");
    assert_eq!(message(&[1; 3], &[0.0; 3], &[1.0; 4], &mut y), "scale: wanted 3 elements, got 4");
    assert_eq!(y, [7.0; 3]);
}
