//! The second classic: handwritten digits, one hidden layer of 128 ReLU units, softmax and cross-entropy, full-batch gradient
//! descent until the loss stands still, then a picture of the loss. 784-128-10, weights from a normal distribution of
//! standard deviation 0.1 cut at two of them, biases 0.1, learning rate 0.01.
//!
//! ```text
//! cargo run --release --features data,plot --example classic_relu [FOLDER WITH MNIST | digits] [PICTURE.svg]
//! ```
//!
//! # The mathematics, step by step
//! For all `m` training rows `X (m, 784)`, each pixel scaled from 0…255 to 0…1 by 1/255:
//!
//! 1. Forward: `Z₁ = X·W₁ + b₁`, `A₁ = max(Z₁, 0)`, `Z₂ = A₁·W₂ + b₂`.
//! 2. Loss: `L = (1/m) Σᵢ (ln Σⱼ e^{Z₂[i,j] − Mᵢ} − (Z₂[i,yᵢ] − Mᵢ))`, `Mᵢ` the largest logit of the row, `yᵢ` the right digit:
//!    softmax and cross-entropy in one, without overflow.
//! 3. Backward: `δ₂ = (softmax(Z₂) − Y)/m`, then `δ₁ = (δ₂·W₂ᵀ) ∘ [Z₁ > 0]`: a ReLU hands on the gradient where it was on and
//!    nothing where it was off.
//! 4. Gradients: `∂L/∂W₂ = A₁ᵀ·δ₂`, `∂L/∂b₂` the column sums of `δ₂`; `∂L/∂W₁ = Xᵀ·δ₁`, `∂L/∂b₁` the column sums of `δ₁`.
//! 5. Step: every `θ ← θ − 0.01·∂L/∂θ`.
//! 6. Stop as soon as `|Lₜ − Lₜ₋₁| < 10⁻⁴`, `Lₜ` the loss before step `t`.
//!
//! Each step takes **all** rows. The losses that are compared are then values of one and the same function, which gradient
//! descent at this rate only lowers; with batches they would differ by which rows came, and the rule would stop by chance.
//! A step down a gradient `g` lowers the loss by about `0.01·‖g‖²`, so the rule says: stop when `‖g‖ < 0.1`.
//!
//! The biases begin at 0.1 and the weights small so that nearly every ReLU is on for some rows: one that is off for all of
//! them has no gradient and would stay off.
//!
//! On MNIST that takes some thousand steps over 60000 rows, and so some minutes; the built-in digits take seconds.
//!
//! `tests/classic_networks.rs` runs these steps in float64, written out with plain loops, and compares every loss and parameter.

mod images;

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;
use steadynet::atomic_file::write_atomically;
use steadynet::plot::loss_curve_svg;
use steadynet::terminal_plot::terminal_plot;
use steadynet::{Activation, BatchSize, Init, Loss, Network, Optimizer, Trainer};

fn main() -> Result<(), Box<dyn Error>> {
    let (training, test) = images::load()?;
    let picture = std::env::args_os().nth(2).map_or(PathBuf::from("classic_relu.svg"), PathBuf::from);
    let mut network = Network::builder(training.columns())
        .hidden(128, Activation::Relu)
        .output(training.target_width(), Loss::CrossEntropy)
        .weight_init(Init::TruncatedNormal(0.1))
        .bias_init(Init::Constant(0.1))
        .seed(1)
        .build()?;
    let trainer =
        Trainer::new().optimizer(Optimizer::sgd(0.01)).batch_size(BatchSize::Full).tolerance(1e-4).epochs(100_000);
    let history = trainer.fit_with(&mut network, &training, None, |step| {
        if step.epoch == 1 || step.epoch % 50 == 0 {
            let accuracy = 100.0 * step.accuracy.unwrap_or(f64::NAN);
            println!("step {:4}: loss {:.4}, {accuracy:.2}% of the training rows right", step.epoch, step.loss);
        }
        ControlFlow::Continue(())
    })?;
    print!("{}", terminal_plot(&history, 76, 12, false));
    let svg = loss_curve_svg(&history, "Full-batch gradient descent, ReLU, cross-entropy")?;
    write_atomically(&picture, |file| file.write_all(svg.as_bytes()))?;
    println!("the loss stands still after {} steps; picture: {}", history.epochs.len(), picture.display());
    let measured = network.evaluate(&test)?;
    println!("test: loss {:.4}, {:.2}% right", measured.loss, 100.0 * measured.accuracy.unwrap_or(f64::NAN));
    Ok(())
}
