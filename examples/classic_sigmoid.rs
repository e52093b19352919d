//! The first network of many textbooks: handwritten digits, one hidden layer of 128 sigmoid units, softmax and cross-entropy,
//! mini-batch gradient descent. 784-128-10, weights from a normal distribution of mean 0 and standard deviation 1, biases 0,
//! learning rate 0.01, batches of 64.
//!
//! ```text
//! cargo run --release --features data --example classic_sigmoid [FOLDER WITH MNIST | digits]
//! ```
//!
//! # The mathematics, step by step
//! For a batch of `m` rows `X (m, 784)`, each pixel scaled from 0…255 to 0…1 by 1/255:
//!
//! 1. Forward, hidden layer: `Z₁ = X·W₁ + b₁`, `A₁ = σ(Z₁)` with `σ(z) = 1/(1 + e⁻ᶻ)`; `(m, 128)`.
//! 2. Forward, output layer: `Z₂ = A₁·W₂ + b₂`; `(m, 10)`, the logits.
//! 3. Softmax: `P[i,j] = e^{Z₂[i,j] − Mᵢ} / Σₖ e^{Z₂[i,k] − Mᵢ}` with `Mᵢ` the largest logit of the row.
//! 4. Loss: `L = −(1/m) Σᵢ ln P[i, yᵢ]`, `yᵢ` the right digit. From the logits, `−ln P[i,y] = ln Σₖ e^{Z₂[i,k] − Mᵢ} − (Z₂[i,y] − Mᵢ)`.
//! 5. Backward through softmax and loss together: `δ₂ = ∂L/∂Z₂ = (P − Y)/m`, `Y` the one-hot labels.
//! 6. Gradients of the output layer: `∂L/∂W₂ = A₁ᵀ·δ₂`, `∂L/∂b₂ = Σᵢ δ₂[i,·]` (a bias enters every row).
//! 7. Backward through the hidden layer: `δ₁ = (δ₂·W₂ᵀ) ∘ σ′(Z₁)` with `σ′(z) = σ(z)·(1 − σ(z))`, that is `A₁ ∘ (1 − A₁)`.
//! 8. Gradients of the hidden layer: `∂L/∂W₁ = Xᵀ·δ₁`, `∂L/∂b₁ = Σᵢ δ₁[i,·]`.
//! 9. Step: every `θ ← θ − 0.01·∂L/∂θ`. The next batch follows; after the last one of an epoch the rows are shuffled.
//!
//! # What the well-known NumPy version gets wrong
//! - **The sigmoid's derivative.** It defines `sigmoid_prime(z) = z·(1 − z)`, which is right for `z = σ(…)`, the activation, and
//!   then calls it with the pre-activation. For `Z₁ = 3` that gives −6 where the slope is 0.045: neither the size nor the sign
//!   is right, and the hidden layer is pushed in random directions. Here the derivative is taken from the saved output `A₁`
//!   (step 7), where `a·(1 − a)` is exact.
//! - **No gradients for the biases.** They stay at their initial 0 for ever, so every unit is a hyperplane through the origin.
//!   Steps 6 and 8 have them: column sums of `δ`.
//! - **Softmax without subtracting the maximum.** `e^z` overflows float32 from z = 89 (float64 from 710). With weights of
//!   standard deviation 1 logits of ±30 are ordinary and training lets them grow; one overflow is ∞/∞ = NaN, and from then on all
//!   parameters are NaN. Subtracting `Mᵢ` (step 3) changes no probability and leaves no exponent above 0. The loss is taken from
//!   the logits (step 4), not as `ln P`, which is −∞ as soon as `P` rounds to 0.
//!
//! `tests/classic_networks.rs` runs these steps in float64, written out with plain loops, and compares every loss and parameter.

mod images;

use std::error::Error;
use std::ops::ControlFlow;
use steadynet::{Activation, BatchSize, Init, Loss, Network, Optimizer, Trainer};

fn main() -> Result<(), Box<dyn Error>> {
    let (training, test) = images::load()?;
    let mut network = Network::builder(training.columns())
        .hidden(128, Activation::Sigmoid)
        .output(training.target_width(), Loss::CrossEntropy)
        .weight_init(Init::Normal(1.0))
        .bias_init(Init::Constant(0.0))
        .seed(1)
        .build()?;
    let trainer = Trainer::new().optimizer(Optimizer::sgd(0.01)).batch_size(BatchSize::Rows(64)).epochs(30);
    trainer.fit_with(&mut network, &training, None, |epoch| {
        let accuracy = 100.0 * epoch.accuracy.unwrap_or(f64::NAN);
        println!("epoch {:2}: loss {:.4}, {accuracy:.2}% of the training rows right", epoch.epoch, epoch.loss);
        ControlFlow::Continue(())
    })?;
    let measured = network.evaluate(&test)?;
    println!("test: loss {:.4}, {:.2}% right", measured.loss, 100.0 * measured.accuracy.unwrap_or(f64::NAN));
    Ok(())
}
