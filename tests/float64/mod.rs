//! An independent calculation in float64: plain loops, a row at a time, nothing shared with the library but the order of the
//! weights, `(fan_in, fan_out)` row-major.
#![allow(dead_code, reason = "each test file uses a part")]

use steadynet::{Activation, Dataset, Loss, Network};

#[derive(Clone)]
pub struct Layer {
    pub inputs: usize,
    pub outputs: usize,
    pub weights: Vec<f64>,
    pub biases: Vec<f64>,
    pub activation: Activation,
}

#[derive(Clone)]
pub struct Net {
    pub layers: Vec<Layer>,
    pub loss: Loss,
}

impl Net {
    /// The same network, its parameters as they are.
    pub fn of(network: &Network) -> Net {
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect();
        let layers = network.layers().iter().enumerate().map(|(l, layer)| Layer {
            inputs: layer.inputs(),
            outputs: layer.outputs(),
            weights: wide(network.weights(l).unwrap()),
            biases: wide(network.biases(l).unwrap()),
            activation: layer.activation(),
        });
        Net { layers: layers.collect(), loss: network.loss() }
    }

    /// For each layer what goes into its activation and what comes out.
    pub fn forward(&self, x: &[f32]) -> Vec<(Vec<f64>, Vec<f64>)> {
        let mut x: Vec<f64> = x.iter().copied().map(f64::from).collect();
        let mut passed = Vec::new();
        for layer in &self.layers {
            let mut z = layer.biases.clone();
            for (&x, weights) in x.iter().zip(layer.weights.chunks_exact(layer.outputs)) {
                if x != 0.0 {
                    for (z, w) in z.iter_mut().zip(weights) {
                        *z += x * w;
                    }
                }
            }
            let a: Vec<f64> = z.iter().map(|&z| activate(layer.activation, z)).collect();
            x = a.clone();
            passed.push((z, a));
        }
        passed
    }

    /// The mean loss over some rows.
    pub fn loss(&self, data: &Dataset, rows: &[usize]) -> f64 {
        let losses = rows.iter().map(|&row| {
            let (_, output) = self.forward(data.row(row).unwrap()).pop().unwrap();
            row_loss(self.loss, &output, data, row)
        });
        losses.sum::<f64>() / rows.len() as f64
    }

    /// The mean loss over some rows and one step of gradient descent down its gradient, by the chain rule.
    pub fn descend(&mut self, data: &Dataset, rows: &[usize], lr: f64) -> f64 {
        let mut gradients: Vec<(Vec<f64>, Vec<f64>)> =
            self.layers.iter().map(|layer| (vec![0.0; layer.weights.len()], vec![0.0; layer.biases.len()])).collect();
        let mut loss = 0.0;
        for &row in rows {
            let passed = self.forward(data.row(row).unwrap());
            let output = &passed.last().unwrap().1;
            loss += row_loss(self.loss, output, data, row);
            // ∂loss/∂(the layer's output), from the last layer to the first.
            let mut d: Vec<f64> = row_loss_gradient(self.loss, output, data, row);
            for l in (0..self.layers.len()).rev() {
                let (layer, (z, a)) = (&self.layers[l], &passed[l]);
                for (d, (&z, &a)) in d.iter_mut().zip(z.iter().zip(a)) {
                    *d *= slope(layer.activation, z, a);
                }
                let (weights, biases) = &mut gradients[l];
                biases.iter_mut().zip(&d).for_each(|(sum, d)| *sum += d);
                let mut below = vec![0.0; layer.inputs];
                for i in 0..layer.inputs {
                    let x = if l == 0 { f64::from(data.row(row).unwrap()[i]) } else { passed[l - 1].1[i] };
                    if x != 0.0 {
                        let sums = &mut weights[i * layer.outputs..][..layer.outputs];
                        for (sum, d) in sums.iter_mut().zip(&d) {
                            *sum += x * d;
                        }
                    }
                    if l > 0 {
                        let w = &layer.weights[i * layer.outputs..][..layer.outputs];
                        below[i] = w.iter().zip(&d).map(|(w, d)| w * d).sum();
                    }
                }
                d = below;
            }
        }
        let step = lr / rows.len() as f64;
        for (layer, (weights, biases)) in self.layers.iter_mut().zip(&gradients) {
            layer.weights.iter_mut().zip(weights).for_each(|(w, g)| *w -= step * g);
            layer.biases.iter_mut().zip(biases).for_each(|(b, g)| *b -= step * g);
        }
        loss / rows.len() as f64
    }
}

pub fn activate(activation: Activation, z: f64) -> f64 {
    match activation {
        Activation::Identity => z,
        Activation::Sigmoid => 1.0 / (1.0 + (-z).exp()),
        Activation::Tanh => z.tanh(),
        Activation::Relu => z.max(0.0),
        Activation::LeakyRelu => z.max(0.01 * z),
        Activation::Elu => z.max(0.0) + z.min(0.0).exp_m1(),
        Activation::Silu => z / (1.0 + (-z).exp()),
        Activation::Gelu => 0.5 * z * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2),
        Activation::GeluTanh => {
            z / (1.0 + (-2.0 * std::f64::consts::FRAC_2_PI.sqrt() * (z + 0.044715 * z.powi(3))).exp())
        }
        Activation::Softplus => z.max(0.0) + (-z.abs()).exp().ln_1p(),
        other => panic!("{} is not known here yet", other.name()),
    }
}

/// The activation's derivative at `z`, where it is `a`.
fn slope(activation: Activation, z: f64, a: f64) -> f64 {
    match activation {
        Activation::Identity => 1.0,
        Activation::Sigmoid => a * (1.0 - a),
        Activation::Tanh => 1.0 - a * a,
        Activation::Relu => f64::from(z > 0.0),
        other => {
            let h = 1e-6;
            (activate(other, z + h) - activate(other, z - h)) / (2.0 * h)
        }
    }
}

/// The loss of one row.
fn row_loss(loss: Loss, output: &[f64], data: &Dataset, row: usize) -> f64 {
    let mean = |term: &dyn Fn(f64, f64) -> f64| {
        let terms = output.iter().zip(targets(data, row)).map(|(&y, t)| term(y, t));
        terms.sum::<f64>() / output.len() as f64
    };
    match loss {
        Loss::CrossEntropy => log_sum_exp(output) - output[data.labels().unwrap()[row] as usize],
        Loss::SquaredError => mean(&|y, t| (y - t) * (y - t)),
        Loss::BinaryCrossEntropy => mean(&|x, t| {
            // ln p and ln(1 − p), as they are in the definition.
            let (ln_p, ln_q) = (-(-x).exp().ln_1p(), -x.exp().ln_1p());
            -t * ln_p - (1.0 - t) * ln_q
        }),
        other => panic!("{other} is not known here yet"),
    }
}

fn row_loss_gradient(loss: Loss, output: &[f64], data: &Dataset, row: usize) -> Vec<f64> {
    let n = output.len() as f64;
    match loss {
        Loss::CrossEntropy => {
            let (label, total) = (data.labels().unwrap()[row] as usize, log_sum_exp(output));
            output.iter().enumerate().map(|(j, x)| (x - total).exp() - f64::from(j == label)).collect()
        }
        Loss::SquaredError => output.iter().zip(targets(data, row)).map(|(y, t)| 2.0 * (y - t) / n).collect(),
        Loss::BinaryCrossEntropy => {
            output.iter().zip(targets(data, row)).map(|(x, t)| (1.0 / (1.0 + (-x).exp()) - t) / n).collect()
        }
        other => panic!("{other} is not known here yet"),
    }
}

fn targets(data: &Dataset, row: usize) -> impl Iterator<Item = f64> {
    let width = data.target_width();
    data.values().unwrap()[row * width..][..width].iter().copied().map(f64::from)
}

fn log_sum_exp(x: &[f64]) -> f64 {
    let m = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    m + x.iter().map(|x| (x - m).exp()).sum::<f64>().ln()
}
