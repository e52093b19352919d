//! Networks in lent memory: the same bits as the reference's products, activations and steps, on every instruction set.

mod common;

use common::{assert_same, cases, value};
use proptest::prelude::*;
use steadynet_kernels::{Activation, Dense, Epilogue, Isa, Mat, MatMut, Network, Saved, ShapeError, Update, reference};

/// Random numbers, a slice of them.
fn numbers(len: usize, seed: u64) -> Vec<f32> {
    (0..len).map(|i| value(seed, i, false)).collect()
}

fn updates() -> Vec<Update> {
    vec![Update::Sgd { lr: 0.1, l2: 0.01 }, Update::Momentum { lr: 0.1, momentum: 0.9, l2: 0.01 }]
}

/// One step by the reference: outputs, deltas, then parameters and states.
struct Reference {
    outputs: Vec<f32>,
    deltas: Vec<f32>,
    parameters: Vec<f32>,
    states: Vec<f32>,
}

/// The whole step, written with the reference's products over one layer after the other.
fn reference_step(
    layers: &[Dense],
    batch: usize,
    update: Update,
    inputs: &[f32],
    gradient: &[f32],
    seed: u64,
) -> Reference {
    let len: usize = layers.iter().map(|layer| layer.parameter_len()).sum();
    let mut parameters = numbers(len, seed);
    let mut states = numbers(len * update.states(), seed ^ 1);
    let mut activations = vec![inputs.to_vec()];
    // What each derivative takes, and all that is kept of each layer.
    let (mut saved, mut kept) = (Vec::new(), Vec::new());
    let mut starts = Vec::new();
    let mut start = 0;
    for layer in layers {
        let Dense { inputs, outputs, activation } = *layer;
        starts.push(start);
        let (weights, biases) = parameters[start..start + layer.parameter_len()].split_at(inputs * outputs);
        let mut y = vec![0.0; batch * outputs];
        reference::gemm(
            Mat::new(activations.last().unwrap(), batch, inputs).unwrap(),
            Mat::new(weights, inputs, outputs).unwrap(),
            &mut MatMut::new(&mut y, batch, outputs).unwrap(),
            Epilogue::Bias { bias: biases, activation: Activation::Identity },
        );
        let x = y;
        let y: Vec<f32> = x.iter().map(|&x| reference::activate(activation, x)).collect();
        match activation.saved() {
            Saved::Output => saved.push(y.clone()),
            Saved::Input => {
                kept.extend(&x);
                saved.push(x);
            }
        }
        kept.extend(&y);
        activations.push(y);
        start += layer.parameter_len();
    }
    let mut deltas = vec![Vec::new(); layers.len()];
    let last = layers.len() - 1;
    deltas[last] = gradient
        .iter()
        .zip(&saved[last])
        .map(|(&d, &saved)| reference::backward(layers[last].activation, d, saved))
        .collect();
    for l in (1..layers.len()).rev() {
        let Dense { inputs, outputs, .. } = layers[l];
        let mut below = vec![0.0; batch * inputs];
        reference::gemm(
            Mat::new(&deltas[l], batch, outputs).unwrap(),
            Mat::new(&parameters[starts[l]..starts[l] + inputs * outputs], inputs, outputs).unwrap().t(),
            &mut MatMut::new(&mut below, batch, inputs).unwrap(),
            Epilogue::Backward {
                activation: layers[l - 1].activation,
                saved: Mat::new(&saved[l - 1], batch, inputs).unwrap(),
            },
        );
        deltas[l - 1] = below;
    }
    for (l, layer) in layers.iter().enumerate() {
        let Dense { inputs, outputs, .. } = *layer;
        let delta = Mat::new(&deltas[l], batch, outputs).unwrap();
        let ones = vec![1.0; batch];
        let blocks = [
            (Mat::new(&activations[l], batch, inputs).unwrap().t(), starts[l], inputs, update),
            (Mat::new(&ones, 1, batch).unwrap(), starts[l] + inputs * outputs, 1, update.without_decay()),
        ];
        for (a, start, rows, update) in blocks {
            let range = start..start + rows * outputs;
            let mut views: Vec<_> = states
                .chunks_exact_mut(len)
                .map(|state| MatMut::new(&mut state[range.clone()], rows, outputs).unwrap())
                .collect();
            let target = &mut MatMut::new(&mut parameters[range.clone()], rows, outputs).unwrap();
            reference::gemm(a, delta, target, Epilogue::Update { update, states: &mut views });
        }
    }
    Reference { outputs: kept, deltas: deltas.concat(), parameters, states }
}

fn check_step(layers: &[Dense], batch: usize, update: Update, seed: u64) {
    let network = Network::new(layers);
    let inputs = numbers(batch * network.inputs(), seed ^ 2);
    let gradient = numbers(batch * network.outputs(), seed ^ 3);
    let wanted = reference_step(layers, batch, update, &inputs, &gradient, seed);
    for isa in Isa::available() {
        let mut parameters = numbers(network.parameter_len(), seed);
        let mut states = numbers(network.parameter_len() * update.states(), seed ^ 1);
        let mut outputs = vec![f32::NAN; network.output_len(batch)];
        let mut deltas = vec![f32::NAN; network.delta_len(batch)];
        network.forward(isa, &parameters, &inputs, batch, &mut outputs).unwrap();
        network.last_mut(batch, &mut deltas).unwrap().copy_from_slice(&gradient);
        network.backward(isa, &parameters, batch, &outputs, &mut deltas).unwrap();
        network.update(isa, update, &mut parameters, &mut states, &inputs, batch, &outputs, &deltas).unwrap();
        let what = |part| format!("{part}, {isa}, {layers:?}, batch {batch}");
        assert_same(&what("outputs"), &outputs, &wanted.outputs);
        assert_same(&what("deltas"), &deltas, &wanted.deltas);
        assert_same(&what("parameters"), &parameters, &wanted.parameters);
        assert_same(&what("states"), &states, &wanted.states);
    }
}

fn activation() -> impl Strategy<Value = Activation> {
    prop::sample::select(Activation::ALL)
}

proptest! {
    #![proptest_config(cases(150))]
    #[test]
    fn bits_of_the_products(
        widths in prop::collection::vec(1usize..40, 2..5),
        wide in prop_oneof![4 => 1usize..70, 1 => 505usize..530],
        activations in prop::collection::vec(activation(), 4),
        batch in 1usize..7,
        update in prop::sample::select(updates()),
        seed: u64,
    ) {
        let widths: Vec<usize> = [wide].into_iter().chain(widths).collect();
        let layers: Vec<Dense> =
            widths.windows(2).zip(activations).map(|(pair, activation)| Dense::new(pair[0], pair[1], activation)).collect();
        check_step(&layers, batch, update, seed);
    }
}

#[test]
fn a_batch_and_a_layer_of_nothing() {
    for update in updates() {
        check_step(&[Dense::new(3, 2, Activation::Relu)], 0, update, 1);
        check_step(&[Dense::new(0, 2, Activation::Tanh), Dense::new(2, 2, Activation::Identity)], 3, update, 2);
    }
    let empty = Network::new(&[]);
    assert_eq!((empty.inputs(), empty.outputs(), empty.parameter_len(), empty.output_len(7)), (0, 0, 0, 0));
    empty.forward(Isa::detect(), &[], &[], 7, &mut []).unwrap();
}

#[test]
fn a_sum_of_more_than_two_blocks() {
    check_step(
        &[Dense::new(1100, 9, Activation::Sigmoid), Dense::new(9, 600, Activation::Identity)],
        2,
        updates()[1],
        3,
    );
    // A batch that is longer than a block: the gradient's sum has two.
    check_step(&[Dense::new(3, 2, Activation::Tanh)], 600, updates()[0], 4);
}

#[test]
fn wrong_lengths_are_named_and_nothing_is_written() {
    const LAYERS: [Dense; 2] = [Dense::new(3, 4, Activation::Relu), Dense::new(4, 2, Activation::Identity)];
    let network = Network::new(&LAYERS);
    let isa = Isa::detect();
    let (len, outputs_len) = (network.parameter_len(), network.output_len(2));
    assert_eq!((len, outputs_len), (26, 12));
    let length = |operand, wanted, given| Err(ShapeError::Length { operand, wanted, given });
    let mut outputs = vec![f32::NAN; outputs_len];
    let untouched = |outputs: &[f32]| assert!(outputs.iter().all(|x| x.is_nan()));
    let parameters = vec![0.5; len];
    let mut deltas = vec![f32::NAN; outputs_len];

    assert_eq!(network.forward(isa, &parameters[1..], &[0.0; 6], 2, &mut outputs), length("parameters", 26, 25));
    assert_eq!(network.forward(isa, &parameters, &[0.0; 5], 2, &mut outputs), length("inputs", 6, 5));
    assert_eq!(network.forward(isa, &parameters, &[0.0; 9], 3, &mut outputs), length("outputs", 18, 12));
    untouched(&outputs);
    assert_eq!(network.forward(isa, &parameters, &[], usize::MAX, &mut outputs), length("inputs", usize::MAX, 0));
    assert_eq!(network.backward(isa, &parameters, 2, &outputs, &mut deltas[1..]), length("deltas", 12, 11));
    untouched(&deltas);
    let momentum = updates()[1];
    let mut changed = parameters.clone();
    let step = network.update(isa, momentum, &mut changed, &mut [0.0; 3], &[0.0; 6], 2, &outputs, &deltas);
    assert_eq!(step, length("states", 26, 3));
    assert_eq!(changed, parameters);
    assert_eq!(network.last(3, &outputs), Err(ShapeError::Length { operand: "outputs", wanted: 18, given: 12 }));
    assert!(network.last_mut(1, &mut deltas).is_err());

    let apart = [Dense::new(3, 4, Activation::Relu), Dense::new(5, 2, Activation::Identity)];
    let network = Network::new(&apart);
    let error = network.forward(isa, &vec![0.0; network.parameter_len()], &[0.0; 3], 1, &mut [0.0; 6]).unwrap_err();
    assert_eq!(error.to_string(), "layer: wanted 4 inputs, got 5");
    let layer = Dense::new(usize::MAX, 2, Activation::Relu);
    assert_eq!(layer.parameter_len(), usize::MAX);
    assert!(layer.forward(isa, &parameters, &[], 1, &mut outputs).is_err());
}
