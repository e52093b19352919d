//! The products that networks have: batches of 1 to 4096 rows, layers of 10 to 4096 units.

use steadynet_benches::shape::Shape;
use steadynet_kernels::random::Random;

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

/// Rows of a batch, from which [`random`] draws.
const BATCHES: &[usize] = &[1, 2, 4, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 256, 500, 512, 1000, 1024, 4096];
/// Units of a layer.
const UNITS: &[usize] = &[
    10, 13, 16, 20, 26, 30, 32, 50, 64, 80, 96, 100, 120, 128, 200, 250, 256, 300, 400, 500, 512, 600, 784, 800, 1000,
    1024, 1500, 2000, 2048, 4096,
];

/// So many products of layers that a seed determines, as often forward as backward: what a list that somebody made does not show.
pub fn random(seed: u64, count: usize) -> Vec<Shape> {
    /// Operations of a product: larger ones take long, and say what others have said.
    const FLOPS: std::ops::Range<usize> = 2_000..250_000_000;
    let random = Random::new(seed, 0);
    let mut indices = 0..;
    let mut below = |limit: usize| random.below(indices.next().unwrap_or_default(), limit as u64) as usize;
    let mut texts: Vec<String> = Vec::new();
    while texts.len() < count {
        let batch = BATCHES[below(BATCHES.len())];
        let (inputs, outputs) = (UNITS[below(UNITS.len())], UNITS[below(UNITS.len())]);
        let text = match below(4) {
            0 | 1 => format!("{batch}x{inputs}x{outputs}"),
            2 => format!("{inputs}x{batch}x{outputs}:ta"),
            _ => format!("{batch}x{outputs}x{inputs}:tb"),
        };
        if FLOPS.contains(&(2 * batch * inputs * outputs)) && !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.iter().map(|text| text.parse().expect("a shape")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_seed_determines_the_shapes() {
        assert_eq!(super::random(3, 60).len(), 60);
        let names = |seed| super::random(seed, 20).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
    }

    #[test]
    fn every_shape_of_the_list_is_one() {
        assert!(super::default().len() >= 40);
    }
}
