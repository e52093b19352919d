//! A fixed training in a few kilobytes of stack whose bits every machine must reproduce: one call tells whether a board does.
//!
//! ```
//! use steadynet_kernels::{Isa, verify};
//!
//! assert_eq!(verify::fingerprint(Isa::detect()), Ok(verify::EXPECTED));
//! ```

use crate::activation::Activation::{Identity, Relu, Sigmoid, Tanh};
use crate::isa::Isa;
use crate::loss::{sigmoid_cross_entropy, squared_error};
use crate::matrix::{Mat, MatMut, ShapeError};
use crate::network::{Dense, Network};
use crate::optimizer::Update;
use crate::random::Random;
use crate::softmax::softmax_cross_entropy;

/// What [`fingerprint`] gives on every machine. It changes only with a release that changes the contract of the bits.
pub const EXPECTED: u64 = 0xfe4f_78d4_86fe_1ab7;

/// FNV-1a over the bytes of the bits of some numbers, little-endian.
///
/// # Source
/// Fowler, Noll & Vo; draft-eastlake-fnv.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(u64);

impl Hash {
    /// The hash of nothing.
    pub const fn new() -> Hash {
        Hash(0xcbf2_9ce4_8422_2325)
    }

    /// Takes more numbers in.
    pub fn update(&mut self, numbers: &[f32]) {
        for byte in numbers.iter().flat_map(|x| x.to_bits().to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The hash of what came.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl Default for Hash {
    fn default() -> Hash {
        Hash::new()
    }
}

/// Trains four small networks, which together use the classic activations, every loss, both plain optimisers, and sums of more and of less
/// than a block; and hashes their parameters, outputs and losses.
///
/// # Scratch
/// About 9 KiB of stack.
/// # Determinism
/// [`EXPECTED`], on every [`Isa`] (test `every_isa_has_the_expected_bits`).
/// # Errors
/// None that a caller could cause.
pub fn fingerprint(isa: Isa) -> Result<u64, ShapeError> {
    let sgd = Update::Sgd { lr: 0.1, l2: 0.01 };
    let momentum = Update::Momentum { lr: 0.05, momentum: 0.9, l2: 0.001 };
    let mut hash = Hash::new();
    let mut train = Training { isa, hash: &mut hash };
    train.run::<400>(
        [Dense::new(17, 11, Relu), Dense::new(11, 9, Tanh), Dense::new(9, 4, Identity)],
        momentum,
        5,
        1,
    )?;
    train.run::<400>(
        [Dense::new(9, 17, Sigmoid), Dense::new(17, 3, Identity), Dense::new(3, 2, Sigmoid)],
        momentum,
        4,
        2,
    )?;
    train.run::<400>([Dense::new(8, 5, Tanh), Dense::new(5, 16, Relu), Dense::new(16, 3, Identity)], sgd, 3, 3)?;
    train.run_wide()?;
    Ok(hash.value())
}

/// Steps of each training.
const STEPS: usize = 6;
const MAX_BATCH: usize = 5;
const MAX_WIDTH: usize = 17;

struct Training<'a> {
    isa: Isa,
    hash: &'a mut Hash,
}

impl Training<'_> {
    /// Trains on made-up rows. The number decides the loss, too: 1 is softmax, 2 squared error, 3 sigmoid cross-entropy.
    #[inline(never)]
    fn run<const LEN: usize>(
        &mut self,
        layers: [Dense; 3],
        update: Update,
        batch: usize,
        number: u64,
    ) -> Result<(), ShapeError> {
        let network = Network::new(&layers);
        let (mut parameters, mut states) = ([0.0; LEN], [0.0; LEN]);
        let (mut inputs, mut outputs) = ([0.0; MAX_BATCH * MAX_WIDTH], [0.0; MAX_BATCH * 3 * MAX_WIDTH]);
        let mut deltas = outputs;
        let parameters = first(&mut parameters, network.parameter_len());
        let states = first(&mut states, parameters.len() * update.states());
        let inputs = first(&mut inputs, batch * network.inputs());
        let (outputs, deltas) =
            (first(&mut outputs, network.output_len(batch)), first(&mut deltas, network.delta_len(batch)));
        fill(parameters, number, 0.5);
        fill(inputs, number + 100, 2.0);
        for _ in 0..STEPS {
            self.step(network, update, batch, number, (parameters, states), inputs, (outputs, deltas))?;
        }
        self.hash.update(parameters);
        Ok(())
    }

    /// A sum of more than a block of `k`, in the memory that is left for it.
    #[inline(never)]
    fn run_wide(&mut self) -> Result<(), ShapeError> {
        const LAYERS: [Dense; 1] = [Dense::new(520, 2, Identity)];
        const NETWORK: Network<'_> = Network::new(&LAYERS);
        let (mut parameters, mut inputs) = ([0.0; NETWORK.parameter_len()], [0.0; 520]);
        let (mut outputs, mut deltas) = ([0.0; NETWORK.output_len(1)], [0.0; NETWORK.delta_len(1)]);
        fill(&mut parameters, 4, 0.1);
        fill(&mut inputs, 104, 2.0);
        let update = Update::Sgd { lr: 0.01, l2: 0.0 };
        for _ in 0..STEPS {
            self.step(NETWORK, update, 1, 1, (&mut parameters, &mut []), &inputs, (&mut outputs, &mut deltas))?;
        }
        self.hash.update(&parameters);
        Ok(())
    }

    /// One step of training, its outputs and losses hashed.
    #[inline(never)]
    #[allow(clippy::too_many_arguments, reason = "each is memory of its own")]
    fn step(
        &mut self,
        network: Network<'_>,
        update: Update,
        batch: usize,
        loss: u64,
        (parameters, states): (&mut [f32], &mut [f32]),
        inputs: &[f32],
        (outputs, deltas): (&mut [f32], &mut [f32]),
    ) -> Result<(), ShapeError> {
        let isa = self.isa;
        network.forward(isa, parameters, inputs, batch, outputs)?;
        let mut losses = [0.0; MAX_BATCH];
        let losses = first(&mut losses, batch);
        let width = network.outputs();
        let predictions = Mat::new(network.last(batch, outputs)?, batch, width)?;
        let gradient = MatMut::new(network.last_mut(batch, deltas)?, batch, width)?;
        let mut targets = [0.0; MAX_BATCH * MAX_WIDTH];
        let targets = first(&mut targets, batch * width);
        for (i, target) in targets.iter_mut().enumerate() {
            *target = if i % 3 == 0 { 1.0 } else { 0.25 };
        }
        match loss {
            1 => {
                let mut labels = [0; MAX_BATCH];
                for (i, label) in labels.iter_mut().enumerate() {
                    *label = (i % width) as u32;
                }
                let labels = labels.get(..batch).unwrap_or(&[]);
                softmax_cross_entropy(isa, predictions, labels, 0.25, gradient, losses)?;
            }
            2 => squared_error(isa, predictions, Mat::new(targets, batch, width)?, 0.5, gradient, losses)?,
            _ => sigmoid_cross_entropy(isa, predictions, Mat::new(targets, batch, width)?, 0.5, gradient, losses)?,
        }
        network.backward(isa, parameters, batch, outputs, deltas)?;
        network.update(isa, update, parameters, states, inputs, batch, outputs, deltas)?;
        self.hash.update(outputs);
        self.hash.update(losses);
        Ok(())
    }
}

/// The first `len` elements, or all.
fn first(x: &mut [f32], len: usize) -> &mut [f32] {
    let len = len.min(x.len());
    x.split_at_mut(len).0
}

/// Numbers between `−scale` and `scale`.
fn fill(x: &mut [f32], stream: u64, scale: f32) {
    let random = Random::new(2026, stream);
    for (i, x) in (0..).zip(x) {
        *x = (random.uniform(i) * 2.0 - 1.0) * scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_isa_has_the_expected_bits() {
        for isa in Isa::available() {
            let found = fingerprint(isa).unwrap();
            assert_eq!(found, EXPECTED, "{isa}: {found:#018x}");
        }
    }

    #[test]
    fn known_hashes() {
        assert_eq!(Hash::new().value(), 0xcbf2_9ce4_8422_2325);
        // FNV-1a of "foob" and of "foobfoob", as bytes of one and of two numbers.
        let foob = f32::from_bits(u32::from_le_bytes(*b"foob"));
        let mut hash = Hash::new();
        hash.update(&[foob]);
        let bytes = |text: &[u8]| {
            text.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            })
        };
        assert_eq!(hash.value(), bytes(b"foob"));
        hash.update(&[foob]);
        assert_eq!(hash.value(), bytes(b"foobfoob"));
        // From the specification's table.
        assert_eq!(bytes(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
