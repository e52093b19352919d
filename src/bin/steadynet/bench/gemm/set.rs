//! Lists of shapes that stand for a kind of work.

use super::shape::Shape;
use clap::ValueEnum;

#[derive(Clone, Copy, ValueEnum)]
pub enum Set {
    /// Layers of common networks: forward, and the gradients of weights and inputs
    Mlp,
    /// 64 to 1024 in all directions
    Square,
    /// One row or a few: a prediction
    Gemv,
    /// Sizes that no tile divides
    Odd,
}

impl Set {
    pub fn shapes(self) -> Vec<Shape> {
        let plain = |shapes: &[[usize; 3]]| shapes.iter().map(|&[m, k, n]| Shape::plain(m, k, n)).collect();
        match self {
            Set::Mlp => {
                // The layer fan_in × fan_out under a batch: x·W, aᵀ·δ, δ·Wᵀ.
                let layer = |batch, fan_in, fan_out| {
                    [
                        Shape::plain(batch, fan_in, fan_out),
                        Shape { a_transposed: true, ..Shape::plain(fan_in, batch, fan_out) },
                        Shape { b_transposed: true, ..Shape::plain(batch, fan_out, fan_in) },
                    ]
                };
                let layers = [(64, 784, 128), (64, 128, 10), (256, 784, 512), (256, 512, 256), (32, 1024, 1024)];
                layers.into_iter().flat_map(|(batch, fan_in, fan_out)| layer(batch, fan_in, fan_out)).collect()
            }
            Set::Square => plain(&[[64; 3], [128; 3], [256; 3], [512; 3], [1024; 3]]),
            Set::Gemv => {
                plain(&[[1, 64, 64], [1, 128, 10], [1, 784, 128], [8, 784, 128], [1, 1024, 1024], [1, 4096, 4096]])
            }
            Set::Odd => plain(&[[7, 13, 5], [13, 127, 33], [33, 1, 65], [100, 1000, 1], [97, 193, 389]]),
        }
    }
}
