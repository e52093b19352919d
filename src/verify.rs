//! The fixed training whose bits are the same on every machine, and the hashes that it must have.

use crate::data::{DataError, Dataset, Preprocessing};
use crate::error::Error;
use crate::loss::Loss;
use crate::model_file::weights_sha256;
use crate::network::Network;
use crate::optimizer::Optimizer;
use crate::parallel::Parallelism;
use crate::trainer::{BatchSize, Trainer};
use std::borrow::Cow;
use steadynet_kernels::{Activation, Isa};

/// What [`fingerprint`] gives on every machine. It changes only with a release that changes the contract of the bits.
pub const EXPECTED: Fingerprint = Fingerprint {
    weights: Cow::Borrowed("3ada6ef9672433198af85f8401d8b9b45ba603f2640f04adee53faee5fbe6191"),
    predictions: Cow::Borrowed("4227c9b9a452e5e35c10aefe413c19c38ac5f4b58e1d0fbcd32a73387fb3d640"),
};

/// SHA-256, in hexadecimal digits, of all that the fixed training calculates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Weights and biases of all networks after training.
    pub weights: Cow<'static, str>,
    /// Their predictions for the rows they were trained on.
    pub predictions: Cow<'static, str>,
}

/// Trains three small networks on the built-in digits, which together use every activation, loss and optimiser, batches that divide the
/// rows and batches that do not, and products of more and of less than a block of `k`; then asks them.
///
/// # Determinism
/// [`EXPECTED`], for every instruction set and any parallelism (test `every_path_has_the_expected_bits`).
/// # Errors
/// None that a caller could cause.
pub fn fingerprint(isa: Isa, parallelism: Parallelism) -> Result<Fingerprint, Error> {
    let bad_data = |error: DataError| Error::Data { problem: error.to_string() };
    let scale = Preprocessing::constant(64, 1.0 / 16.0).map_err(bad_data)?;
    let classes = Dataset::digits().preprocessed(&scale).map_err(bad_data)?;
    let one_hot = classes.one_hot().map_err(bad_data)?;
    let inputs = classes.columns();

    let softmax = Network::builder(inputs)
        .hidden(96, Activation::Relu)
        .hidden(33, Activation::Tanh)
        .output(10, Loss::CrossEntropy)
        .seed(1)
        .build()?;
    let squared = Network::builder(inputs)
        .hidden(70, Activation::Sigmoid)
        .output_with(10, Activation::Sigmoid, Loss::SquaredError)
        .seed(2)
        .build()?;
    let binary = Network::builder(inputs)
        .hidden(41, Activation::Identity)
        .hidden(17, Activation::Relu)
        .output(10, Loss::BinaryCrossEntropy)
        .seed(3)
        .build()?;
    let momentum = Optimizer::momentum(0.02, 0.9).l2(1e-4);
    let trainings = [
        (softmax, &classes, momentum, BatchSize::Rows(256), 4),
        (squared, &one_hot, Optimizer::sgd(0.5), BatchSize::Full, 6),
        (binary, &one_hot, Optimizer::sgd(0.1).l2(1e-3), BatchSize::Rows(100), 2),
    ];

    let (mut networks, mut predictions) = (Vec::new(), Vec::new());
    for (mut network, data, optimizer, batch_size, epochs) in trainings {
        let trainer = Trainer::new().optimizer(optimizer).batch_size(batch_size).epochs(epochs).seed(4);
        trainer.isa(isa).parallelism(parallelism).fit(&mut network, data)?;
        predictions.push(network.predict_on(data.features(), isa, parallelism)?);
        networks.push(network);
    }
    let blocks = networks.iter().flat_map(|network| {
        (0..network.layers().len()).flat_map(|layer| [network.weights(layer), network.biases(layer)]).flatten()
    });
    Ok(Fingerprint {
        weights: weights_sha256(blocks).into(),
        predictions: weights_sha256(predictions.iter().map(Vec::as_slice)).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_the_expected_bits() {
        for isa in Isa::available() {
            assert_eq!(fingerprint(isa, Parallelism::Serial).unwrap(), EXPECTED, "{isa}, serial");
            for threads in [2, 3, 7] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let found = pool.install(|| fingerprint(isa, Parallelism::Rayon)).unwrap();
                assert_eq!(found, EXPECTED, "{isa}, {threads} threads");
            }
        }
    }
}
