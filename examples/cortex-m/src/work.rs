//! What is calculated: the same on the microcontroller and, in the tests of `steadynet`, on a server.

use crate::images::IMAGES;
use crate::model;
use steadynet_kernels::verify::Hash;
use steadynet_kernels::{Isa, Mat, MatMut, ShapeError, Update, softmax_cross_entropy};

/// The hash of the ten predictions, on every machine.
pub const PREDICTIONS: u64 = 0x3660_d04f_236c_8e21;
/// The hash of the parameters after [`train`], on every machine.
pub const TRAINED: u64 = 0xe766_75e5_f5e9_fff4;

pub const EPOCHS: usize = 2;
pub const UPDATE: Update = Update::Momentum { lr: 0.05, momentum: 0.9, l2: 0.0 };

const BATCH: usize = IMAGES.len();

/// An image as features.
pub fn features(image: &[u8; model::INPUTS]) -> [f32; model::INPUTS] {
    image.map(f32::from)
}

/// All the memory of a training.
pub struct Memory {
    pub parameters: [f32; model::NETWORK.parameter_len()],
    velocity: [f32; model::NETWORK.parameter_len()],
    inputs: [[f32; model::INPUTS]; BATCH],
    outputs: [f32; model::NETWORK.output_len(BATCH)],
    deltas: [f32; model::NETWORK.delta_len(BATCH)],
}

impl Memory {
    pub const fn new() -> Memory {
        Memory {
            parameters: [0.0; model::NETWORK.parameter_len()],
            velocity: [0.0; model::NETWORK.parameter_len()],
            inputs: [[0.0; model::INPUTS]; BATCH],
            outputs: [0.0; model::NETWORK.output_len(BATCH)],
            deltas: [0.0; model::NETWORK.delta_len(BATCH)],
        }
    }
}

/// Trains the whole network on the ten images, a batch of all of them, and gives the hash of its parameters.
pub fn train(memory: &mut Memory) -> Result<u64, ShapeError> {
    let Memory { parameters, velocity, inputs, outputs, deltas } = memory;
    parameters.copy_from_slice(model::parameters());
    let mut labels = [0; BATCH];
    for (i, ((input, image), label)) in (0..).zip(inputs.iter_mut().zip(&IMAGES).zip(&mut labels)) {
        // As the network sees them: the model's code scales its features itself.
        *input = features(image).map(|x| x / 16.0);
        *label = i;
    }
    let (isa, network, inputs) = (Isa::detect(), model::NETWORK, inputs.as_flattened());
    let mut losses = [0.0; BATCH];
    for _ in 0..EPOCHS {
        network.forward(isa, parameters, inputs, BATCH, outputs)?;
        let logits = Mat::new(network.last(BATCH, outputs)?, BATCH, model::OUTPUTS)?;
        let gradient = MatMut::new(network.last_mut(BATCH, deltas)?, BATCH, model::OUTPUTS)?;
        softmax_cross_entropy(isa, logits, &labels, 1.0 / BATCH as f32, gradient, &mut losses)?;
        network.backward(isa, parameters, BATCH, outputs, deltas)?;
        network.update(isa, UPDATE, parameters, velocity, inputs, BATCH, outputs, deltas)?;
    }
    let mut hash = Hash::new();
    hash.update(parameters);
    Ok(hash.value())
}
