//! The products that networks have: batches of 1 to 4096 rows, layers of 10 to 4096 units.

use steadynet_benches::shape::Shape;

/// What is measured unless the command line says otherwise.
#[rustfmt::skip]
const SHAPES: &[&str] = &[
    // Those that stand for a kind.
    "64x784x128", "256x784x512", "8x784x128", "32x1024x1024", "64x128x10", "1x784x128", "1x4096x4096", "784x64x128:ta",
    "128x64x10:ta", "64x10x128:tb", "256x512x512:tb", "100x100x100", "7x13x5", "1024x1024x1024",
    // Forward: a batch through a layer.
    "1x128x10", "1x1024x1024", "2x784x128", "4x512x256", "16x784x256", "16x1024x2048", "32x784x100", "64x784x300", "64x300x100",
    "64x2048x1000", "100x784x32", "128x784x512", "128x256x64", "256x128x10", "512x100x16", "512x512x512", "1000x784x128",
    "1024x64x32", "4096x784x128", "4096x128x10",
    // Gradients of weights, aᵀ·δ: k is the batch.
    "784x128x256:ta", "512x256x10:ta", "1024x32x1024:ta", "300x100x100:ta", "784x1000x128:ta",
    // Gradients of inputs, δ·Wᵀ.
    "8x128x784:tb", "32x1024x1024:tb", "64x128x784:tb", "128x10x256:tb", "1000x100x300:tb", "4096x10x128:tb",
];

pub fn default() -> Vec<Shape> {
    SHAPES.iter().map(|text| text.parse().expect("a shape of the list")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_shape_of_the_list_is_one() {
        assert!(super::default().len() >= 40);
    }
}
