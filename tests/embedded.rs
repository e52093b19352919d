//! Networks in lent memory, as a microcontroller trains them, have the bits of [`Trainer`].

use steadynet::kernels::verify::Hash;
use steadynet::kernels::{Dense, Isa, Mat, MatMut, sigmoid_cross_entropy, softmax_cross_entropy, squared_error};
use steadynet::{Activation, BatchSize, Dataset, Init, Loss, Network, Optimizer, Trainer, kernels};

/// What runs on the board in `examples/cortex-m`, whose hashes it prints.
#[path = "../examples/cortex-m/src"]
mod board {
    pub mod images;
    #[allow(dead_code, reason = "the board uses the rest")]
    pub mod model;
    pub mod work;
}

/// The board's modules name each other from the root of its crate.
use board::{images, model};

/// The parameters without the gaps of the library's layout.
fn flat(network: &Network) -> Vec<f32> {
    let layers = 0..network.layers().len();
    layers.flat_map(|l| [network.weights(l), network.biases(l)]).flatten().flatten().copied().collect()
}

#[test]
fn the_board_has_the_bits_of_the_trainer() {
    let mut network = Network::builder(64).hidden(32, Activation::Relu).output(10, Loss::CrossEntropy).build().unwrap();
    let mut parameters = model::parameters().as_slice();
    for (l, &Dense { inputs, outputs, .. }) in model::LAYERS.iter().enumerate() {
        let (weights, rest) = parameters.split_at(inputs * outputs);
        let (biases, rest) = rest.split_at(outputs);
        network.weights_mut(l).unwrap().copy_from_slice(weights);
        network.biases_mut(l).unwrap().copy_from_slice(biases);
        parameters = rest;
    }
    let features: Vec<f32> = images::IMAGES.as_flattened().iter().map(|&pixel| f32::from(pixel) / 16.0).collect();
    let mut hash = Hash::new();
    hash.update(&network.predict(&features).unwrap());
    assert_eq!(hash.value(), board::work::PREDICTIONS, "{:#x}", hash.value());

    let data = Dataset::classification(features, 64, (0..10).collect(), 10).unwrap();
    let optimizer = Optimizer::momentum(0.05, 0.9);
    assert_eq!(optimizer.steps().next(), Some(board::work::UPDATE));
    let trainer = Trainer::new().optimizer(optimizer).batch_size(BatchSize::Full).epochs(board::work::EPOCHS);
    trainer.fit(&mut network, &data).unwrap();
    let mut hash = Hash::new();
    hash.update(&flat(&network));
    assert_eq!(hash.value(), board::work::TRAINED, "{:#x}", hash.value());

    let mut memory = Box::new(board::work::Memory::new());
    assert_eq!(board::work::train(&mut memory).unwrap(), board::work::TRAINED);
    assert_eq!(memory.parameters.as_slice(), flat(&network));
}

/// Every loss and activation, hidden layers of all, rules of an update with none to two states.
#[test]
fn bits_of_the_trainer() {
    const ROWS: usize = 21;
    for (number, &loss) in Loss::ALL.iter().enumerate() {
        for (kind, &activation) in Activation::ALL.iter().enumerate() {
            let last = if loss.takes_logits() { Activation::Identity } else { activation };
            let mut network = Network::builder(7)
                .hidden(12, activation)
                .hidden(5, Activation::Tanh)
                .output_with(3, last, loss)
                .bias_init(Init::Uniform(0.2))
                .seed(number as u64)
                .build()
                .unwrap();
            let random = kernels::random::Random::new(5, number as u64);
            let features: Vec<f32> = (0..ROWS as u64 * 7).map(|i| random.uniform(i) - 0.5).collect();
            let targets: Vec<f32> = (0..ROWS as u64 * 3).map(|i| random.uniform(1000 + i)).collect();
            let labels: Vec<u32> = (0..ROWS as u32).map(|i| i % 3).collect();
            let data = if loss.takes_labels() {
                Dataset::classification(features.clone(), 7, labels.clone(), 3).unwrap()
            } else {
                Dataset::regression(features.clone(), 7, targets.clone(), 3).unwrap()
            };
            let optimizer = [
                Optimizer::momentum(0.1, 0.8).l2(0.01),
                Optimizer::sgd(0.1),
                Optimizer::adam(0.01),
                Optimizer::nesterov(0.1, 0.8),
            ][(number + kind) % 4];

            let layers: Vec<Dense> = network
                .layers()
                .iter()
                .map(|layer| Dense::new(layer.inputs(), layer.outputs(), layer.activation()))
                .collect();
            let small = kernels::Network::new(&layers);
            let mut parameters = flat(&network);
            assert_eq!(parameters.len(), small.parameter_len());
            let mut states = vec![0.0; parameters.len() * optimizer.states()];
            let mut outputs = vec![0.0; small.output_len(ROWS)];
            let mut deltas = vec![0.0; small.delta_len(ROWS)];
            let mut losses = [0.0; ROWS];
            let isa = Isa::detect();
            for update in optimizer.steps().take(4) {
                small.forward(isa, &parameters, &features, ROWS, &mut outputs).unwrap();
                let y = Mat::new(small.last(ROWS, &outputs).unwrap(), ROWS, 3).unwrap();
                let d = MatMut::new(small.last_mut(ROWS, &mut deltas).unwrap(), ROWS, 3).unwrap();
                let t = Mat::new(&targets, ROWS, 3).unwrap();
                match loss {
                    Loss::CrossEntropy => softmax_cross_entropy(isa, y, &labels, 1.0 / ROWS as f32, d, &mut losses),
                    Loss::SquaredError => squared_error(isa, y, t, 2.0 * (1.0 / (ROWS * 3) as f32), d, &mut losses),
                    Loss::BinaryCrossEntropy => {
                        sigmoid_cross_entropy(isa, y, t, 1.0 / (ROWS * 3) as f32, d, &mut losses)
                    }
                    // A loss that the kernels have under another name cannot be trained in lent memory yet.
                    _ => continue,
                }
                .unwrap();
                small.backward(isa, &parameters, ROWS, &outputs, &mut deltas).unwrap();
                small.update(isa, update, &mut parameters, &mut states, &features, ROWS, &outputs, &deltas).unwrap();
            }
            let trainer = Trainer::new().optimizer(optimizer).batch_size(BatchSize::Full).epochs(4);
            trainer.fit(&mut network, &data).unwrap();
            let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&parameters), bits(&flat(&network)), "{loss}, {}", activation.name());
        }
    }
}
