//! A feed-forward network: its layers and its parameters.

use crate::aligned::{Aligned, LINE};
use crate::error::Error;
use crate::init::Init;
use crate::loss::Loss;
use std::ops::Range;
use steadynet_kernels::Activation;

/// One dense layer, `σ(x·W + b)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    inputs: usize,
    outputs: usize,
    activation: Activation,
    /// Where its weights begin among the parameters, its biases behind them.
    weights: usize,
    biases: usize,
}

impl Layer {
    /// Features that the layer takes (`fan_in`).
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Features that the layer gives (`fan_out`).
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `σ`.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    fn flops(&self) -> usize {
        2 * self.inputs * self.outputs
    }

    pub(crate) fn weight_range(&self) -> Range<usize> {
        self.weights..self.weights + self.inputs * self.outputs
    }

    pub(crate) fn bias_range(&self) -> Range<usize> {
        self.biases..self.biases + self.outputs
    }

    /// Number of rows of parameters: one for each input, and the biases.
    pub(crate) fn parameter_rows(&self) -> usize {
        self.inputs + 1
    }

    /// Where parameter row `row` begins; the end of the last one for `row = parameter_rows`.
    pub(crate) fn parameter_row_start(&self, row: usize) -> usize {
        if row < self.inputs {
            self.weights + row * self.outputs
        } else {
            self.biases + (row - self.inputs) * self.outputs
        }
    }
}

/// A feed-forward network, `h = σ(x·W + b)` layer by layer.
///
/// # Shapes
/// Weights are `(fan_in, fan_out)` row-major. All parameters lie in one flat buffer: for each layer the weights, then the
/// biases, each block beginning at a multiple of 16 elements (the gaps are zero).
///
/// ```
/// use steadynet::{Activation, Loss, Network};
///
/// let network = Network::builder(4).hidden(8, Activation::Tanh).output(3, Loss::CrossEntropy).seed(7).build()?;
/// let probabilities = network.predict(&[0.1, 0.2, 0.3, 0.4])?;
/// assert_eq!(probabilities.len(), 3);
/// # Ok::<(), steadynet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    layers: Vec<Layer>,
    loss: Loss,
    parameters: Aligned,
}

impl Network {
    /// Begins a network that takes rows of `inputs` features.
    pub fn builder(inputs: usize) -> NetworkBuilder {
        NetworkBuilder {
            inputs,
            layers: Vec::new(),
            loss: None,
            last: None,
            weight_init: None,
            bias_init: Init::Constant(0.0),
            seed: 0,
        }
    }

    /// Features in a row of input.
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, Layer::inputs)
    }

    /// Numbers in a row of output.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, Layer::outputs)
    }

    /// The layers, from input to output.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The loss that the network is trained with.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// Number of weights and biases.
    pub fn parameter_count(&self) -> usize {
        self.layers.iter().map(|layer| layer.parameter_rows() * layer.outputs).sum()
    }

    /// All parameters, flat, in the order that [`Network`] describes.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// All parameters, to change.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// The weights of a layer, `(fan_in, fan_out)` row-major, or `None` if there is no such layer.
    pub fn weights(&self, layer: usize) -> Option<&[f32]> {
        self.layers.get(layer).map(|layer| &self.parameters[layer.weight_range()])
    }

    /// The biases of a layer, or `None` if there is no such layer.
    pub fn biases(&self, layer: usize) -> Option<&[f32]> {
        self.layers.get(layer).map(|layer| &self.parameters[layer.bias_range()])
    }

    /// The weights of a layer, to change.
    pub fn weights_mut(&mut self, layer: usize) -> Option<&mut [f32]> {
        self.layers.get(layer).map(|layer| &mut self.parameters[layer.weight_range()])
    }

    /// The biases of a layer, to change.
    pub fn biases_mut(&mut self, layer: usize) -> Option<&mut [f32]> {
        self.layers.get(layer).map(|layer| &mut self.parameters[layer.bias_range()])
    }

    /// The layers, and all parameters to change.
    pub(crate) fn layers_and_parameters(&mut self) -> (&[Layer], &mut [f32]) {
        (&self.layers, &mut self.parameters)
    }

    /// Floating-point operations of a forward pass for one row (two for each multiply-add).
    pub fn flops(&self) -> usize {
        self.layers.iter().map(Layer::flops).sum()
    }

    /// Floating-point operations of a training step for each row: forward, back to the first layer, and the gradients of the weights.
    pub fn step_flops(&self) -> usize {
        self.pass_flops().saturating_add(self.flops())
    }

    /// Those of the way through the layers, forward and back to the first.
    pub(crate) fn pass_flops(&self) -> usize {
        self.flops().saturating_add(self.layers.iter().skip(1).map(Layer::flops).sum())
    }
}

/// Builds a [`Network`].
#[derive(Clone, Debug)]
#[must_use = "call `build`"]
pub struct NetworkBuilder {
    inputs: usize,
    layers: Vec<(usize, Activation)>,
    loss: Option<Loss>,
    /// Index of the layer that `output` added first.
    last: Option<usize>,
    weight_init: Option<Init>,
    bias_init: Init,
    seed: u64,
}

impl NetworkBuilder {
    /// Adds a hidden layer.
    pub fn hidden(mut self, outputs: usize, activation: Activation) -> Self {
        self.layers.push((outputs, activation));
        self
    }

    /// Adds the last layer, without an activation of its own, and names the loss.
    pub fn output(self, outputs: usize, loss: Loss) -> Self {
        self.output_with(outputs, Activation::Identity, loss)
    }

    /// Adds the last layer with an activation: only [`Loss::SquaredError`] takes another one than identity.
    pub fn output_with(mut self, outputs: usize, activation: Activation, loss: Loss) -> Self {
        self.last.get_or_insert(self.layers.len());
        self.layers.push((outputs, activation));
        self.loss = Some(loss);
        self
    }

    /// How the weights begin. Without it: Glorot (uniform) in front of identity, sigmoid and tanh, He (normal) elsewhere.
    pub fn weight_init(mut self, init: Init) -> Self {
        self.weight_init = Some(init);
        self
    }

    /// How the biases begin; 0 without it.
    pub fn bias_init(mut self, init: Init) -> Self {
        self.bias_init = init;
        self
    }

    /// Seed of the initial parameters; 0 without it.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The network.
    ///
    /// # Errors
    /// [`Error::Layers`] if a layer has no inputs or outputs, if there is no last layer or one behind it, if it is too large, or if the
    /// loss cannot follow its activation; [`Error::Setting`] for an initialisation that is not finite; [`Error::Memory`].
    pub fn build(self) -> Result<Network, Error> {
        let problem = |problem: String| Err(Error::Layers { problem });
        let Some(loss) = self.loss else {
            return problem("there is no last layer: call `output`".into());
        };
        if let Some(behind) = self.last.map(|last| last + 1).filter(|&behind| behind < self.layers.len()) {
            return problem(format!(
                "layer {} stands behind the last one: `output` comes once, at the end",
                behind + 1
            ));
        }
        if self.inputs == 0 {
            return problem("the network takes 0 features, wanted at least 1".into());
        }
        self.bias_init.check()?;
        self.weight_init.map_or(Ok(()), Init::check)?;

        let mut layers = Vec::with_capacity(self.layers.len());
        let (mut inputs, mut end) = (self.inputs, 0usize);
        for (index, &(outputs, activation)) in self.layers.iter().enumerate() {
            if outputs == 0 {
                return problem(format!("layer {} has 0 outputs, wanted at least 1", index + 1));
            }
            let weights = end;
            let blocks = inputs.checked_mul(outputs).and_then(|weights| {
                let biases = end.checked_add(weights)?.checked_next_multiple_of(LINE)?;
                let end = biases.checked_add(outputs)?.checked_next_multiple_of(LINE)?;
                (end <= isize::MAX as usize / size_of::<f32>() - LINE).then_some((biases, end))
            });
            let Some((biases, next)) = blocks else {
                return problem(format!("layer {} has more parameters than the address space", index + 1));
            };
            layers.push(Layer { inputs, outputs, activation, weights, biases });
            (inputs, end) = (outputs, next);
        }
        if let Some(last) = layers.last() {
            loss.check_output(last.activation)?;
        }

        let mut parameters = Aligned::zeros("the parameters", end)?;
        for (stream, layer) in (0u64..).step_by(2).zip(&layers) {
            let default = default_init(layer.activation);
            let (fan_in, fan_out) = (layer.inputs, layer.outputs);
            let weights = self.weight_init.unwrap_or(default);
            weights.fill(&mut parameters[layer.weight_range()], fan_in, fan_out, self.seed, stream);
            self.bias_init.fill(&mut parameters[layer.bias_range()], fan_in, fan_out, self.seed, stream + 1);
        }
        Ok(Network { layers, loss, parameters })
    }
}

/// How the weights in front of an activation begin.
fn default_init(activation: Activation) -> Init {
    match activation {
        Activation::Identity | Activation::Sigmoid | Activation::Tanh => Init::GlorotUniform,
        _ => Init::HeNormal,
    }
}
