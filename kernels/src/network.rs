//! Whole networks in lent memory: prediction and training for machines without an allocator.
//!
//! The parameters of a [`Network`] lie in one flat slice, layer by layer: the weights, `(inputs, outputs)` row-major, then the biases.
//! A step of training is [`forward`](Network::forward), a loss of this crate, [`backward`](Network::backward),
//! [`update`](Network::update), all over slices whose lengths are `const fn`: no scratch, and the bits of `steadynet`'s own training
//! (test `bits_of_the_trainer` there).
//!
//! To train the last layers alone, make two networks of the layers: the outputs of the first, whose parameters may stay in
//! flash, are the inputs of the second.
//!
//! ```
//! use steadynet_kernels::{Activation, Dense, Isa, Mat, MatMut, Network, ShapeError, Update, softmax_cross_entropy};
//!
//! const LAYERS: [Dense; 2] = [Dense::new(2, 4, Activation::Tanh), Dense::new(4, 2, Activation::Identity)];
//! const NETWORK: Network = Network::new(&LAYERS);
//! const BATCH: usize = 4;
//!
//! // All the memory there is; on a small machine these are `static`.
//! let mut parameters = [0.0; NETWORK.parameter_len()];
//! let mut velocity = [0.0; NETWORK.parameter_len()];
//! let (mut outputs, mut deltas) = ([0.0; NETWORK.output_len(BATCH)], [0.0; NETWORK.delta_len(BATCH)]);
//! let mut losses = [0.0; BATCH];
//! let random = steadynet_kernels::random::Random::new(1, 0);
//! for (i, parameter) in (0..).zip(&mut parameters) {
//!     *parameter = random.uniform(i) - 0.5;
//! }
//!
//! // The exclusive or.
//! let (inputs, labels) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0, 1, 1, 0]);
//! let (isa, update) = (Isa::detect(), Update::Momentum { lr: 0.1, momentum: 0.9, l2: 0.0 });
//! for _ in 0..300 {
//!     NETWORK.forward(isa, &parameters, &inputs, BATCH, &mut outputs)?;
//!     let logits = Mat::new(NETWORK.last(BATCH, &outputs)?, BATCH, 2)?;
//!     let gradient = MatMut::new(NETWORK.last_mut(BATCH, &mut deltas)?, BATCH, 2)?;
//!     softmax_cross_entropy(isa, logits, &labels, 1.0 / BATCH as f32, gradient, &mut losses)?;
//!     NETWORK.backward(isa, &parameters, BATCH, &outputs, &mut deltas)?;
//!     NETWORK.update(isa, update, &mut parameters, &mut velocity, &inputs, BATCH, &outputs, &deltas)?;
//! }
//! assert!(losses.iter().all(|&loss| loss < 0.1));
//! # Ok::<(), ShapeError>(())
//! ```

mod columns;

use crate::activation::{Activation, Saved, activate, activation_backward, activation_forward};
use crate::isa::Isa;
use crate::lanes::{get, put};
use crate::matrix::{Mat, MatMut, ShapeError, check_dimension, check_length};
use crate::optimizer::{MAX_STATES, Rule, Update, with_rule};
use crate::simd::{Kernel, Simd};
use columns::{Sink, Strided, dot, row_times};

/// The shape of a layer, `σ(x·W + b)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    /// Numbers in a row that comes in.
    pub inputs: usize,
    /// Numbers in a row that goes out.
    pub outputs: usize,
    /// `σ`.
    pub activation: Activation,
}

impl Dense {
    /// A layer of this shape.
    pub const fn new(inputs: usize, outputs: usize, activation: Activation) -> Dense {
        Dense { inputs, outputs, activation }
    }

    /// Number of weights and biases (`usize::MAX` if it is larger).
    pub const fn parameter_len(self) -> usize {
        self.inputs.saturating_mul(self.outputs).saturating_add(self.outputs)
    }

    /// How many numbers a training keeps for each output.
    const fn copies(self) -> usize {
        match self.activation.saved() {
            Saved::Output => 1,
            Saved::Input => 2,
        }
    }

    /// The layer alone.
    ///
    /// # Math
    /// `y ← σ(x·W + b)`, the product summed as [the contract](crate#products) says.
    /// # Shapes
    /// `parameters`: [`parameter_len`](Dense::parameter_len); `inputs`: (batch, inputs); `outputs`: (batch, outputs), all row-major.
    /// # Numerics
    /// Those of [`gemm`](crate::gemm()).
    /// # Determinism
    /// Same bits on every [`Isa`] and for every batch (test `bits_of_the_products`).
    /// # Errors
    /// [`ShapeError`]; nothing is written.
    // Inlined so that the activation is known where the layer is, and no other one is linked.
    #[inline(always)]
    pub fn forward(
        self,
        isa: Isa,
        parameters: &[f32],
        inputs: &[f32],
        batch: usize,
        outputs: &mut [f32],
    ) -> Result<(), ShapeError> {
        check_length("parameters", self.parameter_len(), parameters.len())?;
        check_length("inputs", batch.saturating_mul(self.inputs), inputs.len())?;
        check_length("outputs", batch.saturating_mul(self.outputs), outputs.len())?;
        affine(isa, self.inputs, self.outputs, parameters, inputs, outputs);
        activate(isa, self.activation, outputs);
        Ok(())
    }
}

/// A feed-forward network: the shapes of its layers. What it works on is lent to each method.
#[derive(Clone, Copy, Debug)]
pub struct Network<'a> {
    layers: &'a [Dense],
}

impl<'a> Network<'a> {
    /// A network of these layers.
    pub const fn new(layers: &'a [Dense]) -> Network<'a> {
        Network { layers }
    }

    /// The layers, from input to output.
    pub const fn layers(&self) -> &'a [Dense] {
        self.layers
    }

    /// Numbers in a row of input.
    pub const fn inputs(&self) -> usize {
        if let [first, ..] = self.layers { first.inputs } else { 0 }
    }

    /// Numbers in a row of output.
    pub const fn outputs(&self) -> usize {
        if let [.., last] = self.layers { last.outputs } else { 0 }
    }

    /// Number of weights and biases (`usize::MAX` if it is larger).
    pub const fn parameter_len(&self) -> usize {
        let (mut len, mut l) = (0usize, 0);
        while l < self.layers.len() {
            len = len.saturating_add(self.layers[l].parameter_len());
            l += 1;
        }
        len
    }

    /// Numbers that [`forward`](Network::forward) keeps of all layers for so many rows (`usize::MAX` if there are more): the outputs, and
    /// the inputs of each activation that [takes](Activation::saved) these for its derivative.
    pub const fn output_len(&self, batch: usize) -> usize {
        let (mut len, mut l) = (0usize, 0);
        while l < self.layers.len() {
            let layer = self.layers[l];
            len = len.saturating_add(batch.saturating_mul(layer.outputs).saturating_mul(layer.copies()));
            l += 1;
        }
        len
    }

    /// Numbers of the gradients at the outputs of all layers for so many rows (`usize::MAX` if there are more).
    pub const fn delta_len(&self, batch: usize) -> usize {
        let (mut len, mut l) = (0usize, 0);
        while l < self.layers.len() {
            len = len.saturating_add(batch.saturating_mul(self.layers[l].outputs));
            l += 1;
        }
        len
    }

    /// Takes rows through every layer and keeps what each gives.
    ///
    /// # Math
    /// `h₀ = x`, `hₗ₊₁ = σₗ(hₗ·Wₗ + bₗ)`.
    /// # Shapes
    /// `parameters`: [`parameter_len`](Network::parameter_len); `inputs`: (batch, inputs) row-major; `outputs`:
    /// [`output_len`](Network::output_len), for each layer (batch, outputs) row-major, behind as many inputs of its activation if these
    /// are kept.
    /// # Determinism
    /// Same bits on every [`Isa`] and for every batch (test `bits_of_the_products`).
    /// # Errors
    /// [`ShapeError`], also for layers that do not fit each other; nothing is written.
    pub fn forward(
        &self,
        isa: Isa,
        parameters: &[f32],
        inputs: &[f32],
        batch: usize,
        outputs: &mut [f32],
    ) -> Result<(), ShapeError> {
        self.check(batch, parameters.len(), Some(inputs.len()), outputs.len(), None)?;
        let (mut parameters, mut from, mut rest) = (parameters, inputs, outputs);
        for &layer in self.layers {
            let (of_layer, behind) = split(parameters, layer.parameter_len());
            let size = batch * layer.outputs;
            let (kept, others) = split_mut(rest, size * layer.copies());
            let to = match layer.activation.saved() {
                Saved::Output => {
                    layer.forward(isa, of_layer, from, batch, kept)?;
                    kept
                }
                Saved::Input => {
                    let (x, y) = split_mut(kept, size);
                    Dense { activation: Activation::Identity, ..layer }.forward(isa, of_layer, from, batch, x)?;
                    let rows = MatMut::new(y, batch, layer.outputs)?;
                    activation_forward(isa, layer.activation, Mat::new(x, batch, layer.outputs)?, rows)?;
                    y
                }
            };
            (parameters, from, rest) = (behind, to, others);
        }
        Ok(())
    }

    /// What the last layer gave, out of the outputs of all.
    ///
    /// # Errors
    /// [`ShapeError`] if `outputs` has not [`output_len`](Network::output_len) elements.
    pub fn last<'b>(&self, batch: usize, outputs: &'b [f32]) -> Result<&'b [f32], ShapeError> {
        check_length("outputs", self.output_len(batch), outputs.len())?;
        Ok(split(outputs, outputs.len() - batch * self.outputs()).1)
    }

    /// The gradient at the last layer's outputs, where a loss writes it, out of the gradients at all.
    ///
    /// # Errors
    /// [`ShapeError`] if `deltas` has not [`delta_len`](Network::delta_len) elements.
    pub fn last_mut<'b>(&self, batch: usize, deltas: &'b mut [f32]) -> Result<&'b mut [f32], ShapeError> {
        check_length("deltas", self.delta_len(batch), deltas.len())?;
        let before = deltas.len() - batch * self.outputs();
        Ok(split_mut(deltas, before).1)
    }

    /// Takes the gradient at the last layer's outputs back through every layer.
    ///
    /// # Math
    /// `δₗ = (δₗ₊₁·Wₗ₊₁ᵀ) · σₗ′`: the gradient at each layer before its activation. The last one is `deltas`' own last block, in place.
    /// # Shapes
    /// `parameters` and `outputs` as [`forward`](Network::forward) had and left them; `deltas`: [`delta_len`](Network::delta_len), for each
    /// layer (batch, outputs) row-major, with the gradient of the loss in [its last block](Network::last_mut).
    /// # Determinism
    /// Same bits on every [`Isa`] (test `bits_of_the_products`).
    /// # Errors
    /// [`ShapeError`]; nothing is written.
    pub fn backward(
        &self,
        isa: Isa,
        parameters: &[f32],
        batch: usize,
        outputs: &[f32],
        deltas: &mut [f32],
    ) -> Result<(), ShapeError> {
        self.check(batch, parameters.len(), None, outputs.len(), Some(deltas.len()))?;
        let (mut parameters, mut outputs, mut deltas) = (parameters, outputs, deltas);
        for (l, layer) in self.layers.iter().enumerate().rev() {
            let size = batch * layer.outputs;
            let (below, delta) = split_mut(deltas, deltas.len() - size);
            let (outputs_below, kept) = split(outputs, outputs.len() - size * layer.copies());
            let (saved, _) = split(kept, size);
            let (parameters_below, of_layer) = split(parameters, parameters.len() - layer.parameter_len());
            let shape = |data| MatMut::new(data, batch, layer.outputs);
            activation_backward(isa, layer.activation, Mat::new(saved, batch, layer.outputs)?, shape(delta)?)?;
            if l > 0 {
                let before = below.len() - batch * layer.inputs;
                let (_, target) = split_mut(below, before);
                isa.run(Backward { inputs: layer.inputs, outputs: layer.outputs, weights: of_layer, delta, target });
            }
            (parameters, outputs, deltas) = (parameters_below, outputs_below, below);
        }
        Ok(())
    }

    /// One step of an optimiser for every parameter, with the gradient over the batch.
    ///
    /// # Math
    /// `W ← step(W, hᵀ·δ)`, `b ← step(b, Σ δ)`, each gradient summed over the rows as [the contract](crate#products) says; biases
    /// do not decay.
    /// # Shapes
    /// `parameters`: [`parameter_len`](Network::parameter_len); `states`: as many times [`Update::states`], zeros at first; the rest as
    /// [`forward`](Network::forward) and [`backward`](Network::backward) had and left it.
    /// # Determinism
    /// Same bits on every [`Isa`] (test `bits_of_the_products`).
    /// # Errors
    /// [`ShapeError`]; nothing is written.
    #[allow(clippy::too_many_arguments, reason = "each is memory of its own that the caller lends")]
    pub fn update(
        &self,
        isa: Isa,
        update: Update,
        parameters: &mut [f32],
        states: &mut [f32],
        inputs: &[f32],
        batch: usize,
        outputs: &[f32],
        deltas: &[f32],
    ) -> Result<(), ShapeError> {
        let len = parameters.len();
        self.check(batch, len, Some(inputs.len()), outputs.len(), Some(deltas.len()))?;
        check_length("states", len.saturating_mul(update.states()), states.len())?;
        let mut each = [(); MAX_STATES].map(|()| <&mut [f32]>::default());
        let mut left = states;
        for state in each.iter_mut().take(update.states()) {
            (*state, left) = split_mut(left, len);
        }
        let (mut parameters, mut from, mut outputs, mut deltas) = (parameters, inputs, outputs, deltas);
        for &layer in self.layers {
            let (delta, others) = split(deltas, batch * layer.outputs);
            let (weights, behind) = split_mut(parameters, layer.inputs * layer.outputs);
            let (biases, behind) = split_mut(behind, layer.outputs);
            let mut product = |update: Update, target, x, rows| {
                let mut states = [(); MAX_STATES].map(|()| <&mut [f32]>::default());
                for (mine, state) in states.iter_mut().zip(&mut each).take(update.states()) {
                    (*mine, *state) = split_mut(core::mem::take(state), rows * layer.outputs);
                }
                let step = UpdateRows { columns: layer.outputs, batch, x, delta, parameters: target, states };
                with_rule!(update, rule => isa.run(WithRule { rule, step }));
            };
            // The inputs' columns are the rows of hᵀ; a row of ones, of which there is only one element, sums the biases.
            product(update, weights, Strided { data: from, stride: layer.inputs }, layer.inputs);
            product(update.without_decay(), biases, Strided { data: &[1.0], stride: 0 }, 1);
            let size = batch * layer.outputs;
            let (kept, above) = split(outputs, size * layer.copies());
            (_, from) = split(kept, kept.len() - size);
            (parameters, outputs, deltas) = (behind, above, others);
        }
        Ok(())
    }

    /// `Ok` if the layers fit each other and every slice has its length.
    fn check(
        &self,
        batch: usize,
        parameters: usize,
        inputs: Option<usize>,
        outputs: usize,
        deltas: Option<usize>,
    ) -> Result<(), ShapeError> {
        for (layer, next) in self.layers.iter().zip(self.layers.iter().skip(1)) {
            check_dimension("layer", "inputs", layer.outputs, next.inputs)?;
        }
        check_length("parameters", self.parameter_len(), parameters)?;
        if let Some(inputs) = inputs {
            check_length("inputs", batch.saturating_mul(self.inputs()), inputs)?;
        }
        check_length("outputs", self.output_len(batch), outputs)?;
        deltas.map_or(Ok(()), |deltas| check_length("deltas", self.delta_len(batch), deltas))
    }
}

/// `x` cut in two at `at`, or at its end.
fn split(x: &[f32], at: usize) -> (&[f32], &[f32]) {
    x.split_at_checked(at).unwrap_or((x, &[]))
}

/// `x` cut in two at `at`, or at its end.
fn split_mut(x: &mut [f32], at: usize) -> (&mut [f32], &mut [f32]) {
    let at = at.min(x.len());
    x.split_at_mut(at)
}

/// `x·W + b` for rows of checked lengths.
fn affine(isa: Isa, inputs: usize, outputs: usize, parameters: &[f32], x: &[f32], y: &mut [f32]) {
    let (weights, biases) = split(parameters, inputs * outputs);
    isa.run(Affine { inputs, outputs, weights, biases, x, y });
}

struct Affine<'a> {
    inputs: usize,
    outputs: usize,
    weights: &'a [f32],
    biases: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Affine<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Affine { inputs, outputs, weights, biases, mut x, y } = self;
        if outputs == 0 {
            return;
        }
        for y in y.chunks_exact_mut(outputs) {
            let (row, behind) = split(x, inputs);
            row_times(simd, inputs, Strided { data: row, stride: 1 }, weights, outputs, &mut PlusBias { biases, y });
            x = behind;
        }
    }
}

struct PlusBias<'a> {
    biases: &'a [f32],
    y: &'a mut [f32],
}

impl Sink for PlusBias<'_> {
    #[inline(always)]
    fn take<S: Simd>(&mut self, simd: S, column: usize, sums: S::F) {
        put(simd, self.y, column, simd.add(sums, get(simd, self.biases, column)));
    }
}

/// `target ← delta·Wᵀ`: rows of `outputs` to rows of `inputs`.
struct Backward<'a> {
    inputs: usize,
    outputs: usize,
    weights: &'a [f32],
    delta: &'a [f32],
    target: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        if self.inputs == 0 || self.outputs == 0 {
            self.target.fill(0.0);
            return;
        }
        for (delta, target) in self.delta.chunks_exact(self.outputs).zip(self.target.chunks_exact_mut(self.inputs)) {
            for (weights, target) in self.weights.chunks_exact(self.outputs).zip(target) {
                *target = dot(simd, delta, weights);
            }
        }
    }
}

/// Some rows of the parameters of a layer, each to take a step with the gradient `Σ x·δ` over the batch.
struct UpdateRows<'a> {
    columns: usize,
    batch: usize,
    /// `x` of the first row; that of the next one begins an element later.
    x: Strided<'a>,
    delta: &'a [f32],
    parameters: &'a mut [f32],
    states: [&'a mut [f32]; MAX_STATES],
}

struct WithRule<'a, R> {
    rule: R,
    step: UpdateRows<'a>,
}

impl<R: Rule> Kernel for WithRule<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let UpdateRows { columns, batch, mut x, delta, parameters, mut states } = self.step;
        if columns == 0 {
            return;
        }
        for parameters in parameters.chunks_exact_mut(columns) {
            let mut rows = [(); MAX_STATES].map(|()| <&mut [f32]>::default());
            for (row, state) in rows.iter_mut().zip(&mut states).take(R::STATES) {
                (*row, *state) = split_mut(core::mem::take(state), columns);
            }
            row_times(simd, batch, x, delta, columns, &mut Step { rule: self.rule, parameters, states: rows });
            x.data = split(x.data, 1).1;
        }
    }
}

struct Step<'a, R> {
    rule: R,
    parameters: &'a mut [f32],
    states: [&'a mut [f32]; MAX_STATES],
}

impl<R: Rule> Sink for Step<'_, R> {
    #[inline(always)]
    fn take<S: Simd>(&mut self, simd: S, column: usize, gradient: S::F) {
        let mut values = [simd.splat(0.0); MAX_STATES];
        for (value, state) in values.iter_mut().zip(&self.states).take(R::STATES) {
            *value = get(simd, state, column);
        }
        let parameter = self.rule.step(simd, gradient, get(simd, self.parameters, column), &mut values);
        put(simd, self.parameters, column, parameter);
        for (value, state) in values.into_iter().zip(&mut self.states).take(R::STATES) {
            put(simd, state, column, value);
        }
    }
}
