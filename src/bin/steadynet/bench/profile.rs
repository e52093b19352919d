//! Where the time of a training step goes: each of its operations by itself, on matrices that lie as in the step's workspace.

use super::workload::{Workload, labels, median, numbers};
use crate::failure::Failure;
use std::fmt::Write;
use std::time::Instant;
use steadynet::kernels::{
    Epilogue, Mat, MatMut, Update, activation_backward, gemm, gemm_scratch_len, sigmoid_cross_entropy,
    softmax_cross_entropy, squared_error,
};
use steadynet::{Isa, Loss, Network};

/// Rounds, of which the median counts.
const ROUNDS: usize = 15;
/// Seconds of a round.
const SECONDS: f64 = 1e-3;

/// An operation of a step.
struct Operation {
    name: String,
    flops: f64,
    /// Seconds.
    time: f64,
}

/// The operations of a step on one thread, and what is left of the `step`'s seconds.
pub fn profile(workload: &Workload, isa: Isa, step: f64, peak: f64) -> Result<String, Failure> {
    let network = workload.network()?;
    let operations = measure(workload, &network, isa)?;
    let sum: f64 = operations.iter().map(|operation| operation.time).sum();
    let mut text = format!("  one step on {isa}: {:.2} µs\n", step * 1e6);
    let mut line = |name: &str, time: f64, flops: f64| {
        let share =
            if flops > 0.0 { format!("{:>4.0}% of the limit", flops / time / peak / 1e7) } else { String::new() };
        let _ = writeln!(text, "    {name:<44} {:>9.3} µs {:>5.1}%  {share}", time * 1e6, time / step * 100.0);
    };
    for Operation { name, flops, time } in &operations {
        line(name, *time, *flops);
    }
    line("the rest: views, checks, caches between them", step - sum, 0.0);
    Ok(text)
}

/// Seconds of one call.
fn time(mut work: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let start = Instant::now();
    work()?;
    let calls = (SECONDS / start.elapsed().as_secs_f64().max(1e-8)).ceil().min(1e5) as usize;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..calls {
            work()?;
        }
        times.push(start.elapsed().as_secs_f64() / calls as f64);
    }
    Ok(median(times))
}

fn measure(workload: &Workload, network: &Network, isa: Isa) -> Result<Vec<Operation>, Failure> {
    let (batch, layers) = (workload.batch, network.layers());
    // Rows an odd number of cache lines apart, as in a workspace.
    let inner: usize = layers.iter().map(|layer| 2 * layer.outputs().next_multiple_of(16)).sum();
    let stride = ((inner / 16) | 1) * 16;
    let features = numbers(batch * network.inputs(), 1);
    let (left, mut right) = (numbers(batch * stride, 2), numbers(batch * stride, 3));
    let mut weights: Vec<Vec<f32>> = layers.iter().map(|l| numbers(l.inputs() * l.outputs(), 4)).collect();
    weights.iter_mut().flatten().for_each(|w| *w = (*w - 0.5) * 0.1);
    let scratch = layers.iter().flat_map(|l| {
        let (inputs, outputs) = (l.inputs(), l.outputs());
        [(batch, inputs, outputs), (batch, outputs, inputs), (inputs, batch, outputs), (1, batch, outputs)]
    });
    let mut scratch = vec![0.0; scratch.map(|(m, k, n)| gemm_scratch_len(m, k, n)).max().unwrap_or(0)];
    let mut operations = Vec::new();
    let mut add =
        |name: String, flops: usize, time: f64| operations.push(Operation { name, flops: flops as f64, time });

    for (l, layer) in layers.iter().enumerate() {
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        let bias = numbers(outputs, 5);
        let activation = layer.activation();
        let seconds = time(|| {
            let x = if l == 0 {
                Mat::new(&features, batch, inputs)?
            } else {
                Mat::with_strides(&left, batch, inputs, stride, 1)?
            };
            let y = MatMut::with_strides(&mut right, batch, outputs, stride, 1)?;
            let w = Mat::new(&weights[l], inputs, outputs)?;
            Ok(gemm(isa, x, w, y, Epilogue::Bias { bias: &bias, activation }, &mut scratch)?)
        })?;
        let name = format!("forward {batch}×{inputs}×{outputs}, bias, {}", activation.name());
        add(name, 2 * batch * inputs * outputs, seconds);
    }

    let outputs = network.outputs();
    let (classes, values) = (labels(batch, outputs), numbers(batch * outputs, 6));
    let mut losses = vec![0.0; batch];
    let seconds = time(|| {
        let y = Mat::with_strides(&left, batch, outputs, stride, 1)?;
        let mut g = MatMut::with_strides(&mut right, batch, outputs, stride, 1)?;
        let scale = 1.0 / batch as f32;
        let values = Mat::new(&values, batch, outputs)?;
        match network.loss() {
            Loss::CrossEntropy => softmax_cross_entropy(isa, y, &classes, scale, g.reborrow(), &mut losses),
            Loss::BinaryCrossEntropy => sigmoid_cross_entropy(isa, y, values, scale, g.reborrow(), &mut losses),
            _ => squared_error(isa, y, values, scale, g.reborrow(), &mut losses),
        }?;
        Ok(activation_backward(isa, layers[layers.len() - 1].activation(), y, g)?)
    })?;
    add(format!("{} {batch}×{outputs}", network.loss()), 0, seconds);

    for (l, layer) in layers.iter().enumerate().skip(1).rev() {
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        let (activation, saved) = (layers[l - 1].activation(), numbers(batch * inputs, 8));
        let seconds = time(|| {
            let delta = Mat::with_strides(&left, batch, outputs, stride, 1)?;
            let below = MatMut::with_strides(&mut right, batch, inputs, stride, 1)?;
            let w = Mat::new(&weights[l], inputs, outputs)?.t();
            let saved = Mat::new(&saved, batch, inputs)?;
            Ok(gemm(isa, delta, w, below, Epilogue::Backward { activation, saved }, &mut scratch)?)
        })?;
        let name = format!("backward {batch}×{outputs}×{inputs}, transposed, {}′", activation.name());
        add(name, 2 * batch * inputs * outputs, seconds);
    }

    let mut steps = workload.optimizer.steps();
    let update = steps.next().map_or(Update::Sgd { lr: 0.0, l2: 0.0 }, Update::without_decay);
    for (l, layer) in layers.iter().enumerate() {
        for rows in [layer.inputs(), 1] {
            let outputs = layer.outputs();
            let mut states = vec![vec![0.0; rows * outputs]; update.states()];
            let (ones, mut parameters) = ([1.0], numbers(rows * outputs, 7));
            let seconds = time(|| {
                let a = match (rows, l) {
                    (1, _) => Mat::with_strides(&ones, 1, batch, 1, 0)?,
                    (_, 0) => Mat::new(&features, batch, rows)?.t(),
                    _ => Mat::with_strides(&left, batch, rows, stride, 1)?.t(),
                };
                let delta = Mat::with_strides(&right, batch, outputs, stride, 1)?;
                let mut views =
                    states.iter_mut().map(|state| MatMut::new(state, rows, outputs)).collect::<Result<Vec<_>, _>>()?;
                let target = MatMut::new(&mut parameters, rows, outputs)?;
                Ok(gemm(isa, a, delta, target, Epilogue::Update { update, states: &mut views }, &mut scratch)?)
            })?;
            let what = if rows == 1 { "biases" } else { "weights" };
            let name = format!("{what} {rows}×{batch}×{outputs}, {}", workload.optimizer);
            add(name, 2 * rows * batch * outputs, seconds);
        }
    }
    Ok(operations)
}
