//! Gradients agree with central differences of a float64 calculation of the loss.

mod float64;
mod nets;

use float64::Net;
use proptest::prelude::*;
use steadynet::{Activation, Dataset, Init, Isa, Loss, Network, Parallelism, gradient};

/// Step of the central differences: their own error, about `h²` and `1e-16 / h`, is below 1e-9.
const H: f64 = 1e-5;

/// No input of a ReLU may be nearer to its kink than this. A step of `H` must not cross it, which is checked, and float32 must be
/// on the same side as float64.
const KINK: f64 = 1e-3;

/// What a loss hands back is the difference of an output and what was wanted, each at least as uncertain as a float32 near 1: where they nearly agree, as a
/// network does that is sure of its class, that is what is left of it.
const ROUNDING: f64 = f32::EPSILON as f64;

/// A calculation that rounds is one of a network whose parameters differ by roundings. How much that matters is asked of so many networks nearby, whose
/// parameters differ by this part.
const NEIGHBOURS: u64 = 4;
const NEARNESS: f64 = 1e-5;

/// The network with each parameter a little larger or smaller.
fn neighbour(net: &Net, seed: u64) -> Net {
    let mut near = net.clone();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for x in near.layers.iter_mut().flat_map(|layer| layer.weights.iter_mut().chain(&mut layer.biases)) {
        // (xorshift64)
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *x *= if state >> 63 == 0 { 1.0 + NEARNESS } else { 1.0 - NEARNESS };
    }
    near
}

/// A network's shape: widths from the input to the output and the activation of each layer.
#[derive(Clone, Debug)]
struct Shape {
    widths: Vec<usize>,
    activations: Vec<Activation>,
    loss: Loss,
    rows: usize,
    seed: u64,
}

impl Shape {
    fn build(&self) -> (Network, Dataset) {
        let (inputs, outputs) = (self.widths[0], self.widths[self.widths.len() - 1]);
        let last = self.activations.len() - 1;
        let mut builder = Network::builder(inputs).seed(self.seed).weight_init(Init::Normal(0.7));
        // Not 0: every bias has its part in the loss, and a dead ReLU does not put the next layer on its kink.
        builder = builder.bias_init(Init::Uniform(0.5));
        for (l, &activation) in self.activations.iter().enumerate() {
            let width = self.widths[l + 1];
            builder = if l < last {
                builder.hidden(width, activation)
            } else if self.loss.takes_logits() {
                builder.output(width, self.loss)
            } else {
                builder.output_with(width, activation, self.loss)
            };
        }
        (builder.build().unwrap(), nets::data(self.loss, self.rows, inputs, outputs, self.seed))
    }
}

/// Which ReLUs are on, and how near the nearest one is to its kink.
fn kinks(net: &Net, data: &Dataset) -> (Vec<bool>, f64) {
    let mut on = Vec::new();
    let mut nearest = f64::INFINITY;
    for row in 0..data.rows() {
        for (layer, (z, _)) in net.layers.iter().zip(net.forward(data.row(row).unwrap())) {
            if matches!(layer.activation, Activation::Relu | Activation::LeakyRelu) {
                on.extend(z.iter().map(|&z| z > 0.0));
                nearest = z.iter().fold(nearest, |nearest, z| nearest.min(z.abs()));
            }
        }
    }
    (on, nearest)
}

/// Compares every element of the gradient; `Ok(false)` if a ReLU is too near to its kink for that.
fn check(shape: &Shape) -> Result<bool, TestCaseError> {
    let (network, data) = shape.build();
    let net = Net::of(&network);
    let (on, nearest) = kinks(&net, &data);
    if nearest < KINK {
        return Ok(false);
    }
    let rows: Vec<usize> = (0..data.rows()).collect();
    let (loss, ours) = gradient(&network, &data, Isa::detect(), Parallelism::default()).unwrap();
    let exact = net.loss(&data, &rows);
    prop_assert!((loss - exact).abs() <= 1e-5 * exact.abs() + 1e-7, "loss {loss}, float64 {exact}");

    // What the loss is taken of: logits, or outputs.
    let outputs = |net: &Net| -> Vec<f64> {
        let of_row = |&row: &usize| {
            let (z, y) = net.forward(data.row(row).unwrap()).pop().unwrap();
            if shape.loss.takes_logits() { z } else { y }
        };
        rows.iter().flat_map(of_row).collect()
    };
    // The derivative of the loss, and the sum of the outputs' (without their signs), a row.
    let difference = |net: &Net, change: &dyn Fn(&mut Net, f64)| {
        let at = |h: f64| {
            let mut moved = net.clone();
            change(&mut moved, h);
            assert_eq!(kinks(&moved, &data).0, on, "a step of {H} crossed a kink");
            (moved.loss(&data, &rows), outputs(&moved))
        };
        let ((loss, y), (loss_before, y_before)) = (at(H), at(-H));
        let moves: f64 = y.iter().zip(&y_before).map(|(y, before)| (y - before).abs()).sum();
        ((loss - loss_before) / (2.0 * H), moves / (2.0 * H) / rows.len() as f64)
    };
    let near: Vec<Net> = (1..=NEIGHBOURS).map(|seed| neighbour(&net, seed)).collect();
    // The gradient of the library lies as its parameters: the places of each block are found by marking them.
    let mut marked = network.clone();
    for l in 0..net.layers.len() {
        marked.weights_mut(l).unwrap().iter_mut().enumerate().for_each(|(i, w)| *w = (2 * l * 10_000 + i + 1) as f32);
        marked
            .biases_mut(l)
            .unwrap()
            .iter_mut()
            .enumerate()
            .for_each(|(i, b)| *b = (2 * l * 10_000 + 10_000 + i + 1) as f32);
    }
    let mut pairs = Vec::new();
    for (&mark, &g) in marked.parameters().iter().zip(&ours) {
        if mark == 0.0 {
            prop_assert_eq!(g, 0.0, "a gap between the blocks");
            continue;
        }
        let mark = mark as usize - 1;
        let (l, bias, i) = (mark / 20_000, mark % 20_000 >= 10_000, mark % 10_000);
        let change = |net: &mut Net, h| {
            let layer = &mut net.layers[l];
            *if bias { &mut layer.biases[i] } else { &mut layer.weights[i] } += h;
        };
        let (wanted, moves) = difference(&net, &change);
        let differs = near.iter().map(|net| (difference(net, &change).0 - wanted).abs()).fold(0.0, f64::max);
        let rounding = ROUNDING * (moves + differs / NEARNESS);
        pairs.push((f64::from(g), wanted, rounding, l, bias, i));
    }
    prop_assert_eq!(pairs.len(), network.parameter_count());
    let largest = pairs.iter().fold(0.0f64, |largest, pair| largest.max(pair.1.abs()));
    for (g, wanted, rounding, l, bias, i) in pairs {
        let what = if bias { "bias" } else { "weight" };
        let bound = 2e-5 * largest + rounding + 1e-8;
        prop_assert!((g - wanted).abs() <= bound, "layer {l}, {what} {i}: {g}, float64 {wanted}, largest {largest}");
    }
    Ok(true)
}

fn shape() -> impl Strategy<Value = Shape> {
    let activation = || prop::sample::select(Activation::ALL);
    (0usize..=4)
        .prop_flat_map(move |depth| {
            (
                prop::collection::vec(1usize..9, depth + 2),
                prop::collection::vec(activation(), depth + 1),
                prop::sample::select(Loss::ALL),
                1usize..6,
                any::<u64>(),
            )
        })
        .prop_map(|(widths, activations, loss, rows, seed)| Shape { widths, activations, loss, rows, seed })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn gradients_of_random_networks(shape in shape()) {
        let fits = check(&shape)?;
        prop_assume!(fits);
    }
}

/// Each depth with each activation in all its layers and each loss: nothing is left to chance.
#[test]
fn gradients_of_every_depth_activation_and_loss() {
    for depth in 0..=4 {
        for &activation in Activation::ALL {
            for &loss in Loss::ALL {
                let mut widths = vec![5; depth + 2];
                (widths[0], widths[depth + 1]) = (4, 3);
                let activations = vec![activation; depth + 1];
                let checked = (0..50).any(|seed| {
                    let (widths, activations) = (widths.clone(), activations.clone());
                    check(&Shape { widths, activations, loss, rows: 4, seed }).unwrap()
                });
                assert!(checked, "no seed keeps {depth} layers of {} off the kinks", activation.name());
            }
        }
    }
}

/// More rows than a block of the sums, and layers wider than a vector and a tile.
#[test]
fn gradients_over_a_large_batch() {
    let activations = vec![Activation::Tanh, Activation::Identity];
    let shape = Shape { widths: vec![3, 19, 2], activations, loss: Loss::CrossEntropy, rows: 520, seed: 3 };
    assert!(check(&shape).unwrap());
}
