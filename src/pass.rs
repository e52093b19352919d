//! The passes of a network over rows of a workspace: forward, loss, backward, and the parameters' step.

use crate::loss::TargetRows;
use crate::network::{Layer, Network};
use crate::workspace::{Block, Columns, read_write};
use steadynet_kernels::{Activation, Epilogue, Isa, MAX_STATES, Mat, MatMut, Saved, ShapeError, Update};
use steadynet_kernels::{activation_backward, activation_forward, gemm};

/// `σ(x·W + b)` through every layer: from `features`, or else the input columns, to the outputs of each layer.
pub(crate) fn forward(
    network: &Network,
    isa: Isa,
    columns: &Columns,
    features: Option<Mat<'_>>,
    rows: &mut MatMut<'_>,
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    for (l, layer) in network.layers().iter().enumerate() {
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        let activation = layer.activation();
        // The activation in the epilogue, or behind it if its inputs are kept.
        let fused = match activation.saved() {
            Saved::Output => activation,
            Saved::Input => Activation::Identity,
        };
        let to = (columns.saved[l], outputs);
        let (input, output) = match (l, features) {
            (0, Some(features)) => (features, rows.reborrow().col_range(to.0, to.1)?),
            (0, None) => read_write(rows, (0, inputs), to)?,
            _ => read_write(rows, (columns.outputs[l - 1], inputs), to)?,
        };
        let weights = Mat::new(&network.parameters()[layer.weight_range()], inputs, outputs)?;
        let bias = &network.parameters()[layer.bias_range()];
        gemm(isa, input, weights, output, Epilogue::Bias { bias, activation: fused }, scratch)?;
        if activation.saved() == Saved::Input {
            let (saved, output) = read_write(rows, (columns.saved[l], outputs), (columns.outputs[l], outputs))?;
            activation_forward(isa, activation, saved, output)?;
        }
    }
    Ok(())
}

/// The loss of each row, and the gradient of the mean over `batch` rows back through every layer (before its activation). Targets
/// that are not given are those of the block.
pub(crate) fn loss_and_backward(
    network: &Network,
    isa: Isa,
    columns: &Columns,
    batch: usize,
    targets: Option<TargetRows<'_>>,
    block: &mut Block<'_>,
) -> Result<(), ShapeError> {
    let Some((last, layer)) = network.layers().iter().enumerate().next_back() else { return Ok(()) };
    let outputs = layer.outputs();
    let (left, mut deltas) = block.rows.reborrow().split_at_col(columns.deltas[0])?;
    let left = left.into_ref();
    // Columns of the deltas, counted from the first.
    let delta = |l: usize| columns.deltas[l] - columns.deltas[0];

    let output = left.col_range(columns.outputs[last], outputs)?;
    let targets = match targets {
        Some(targets) => targets,
        None if network.loss().takes_labels() => TargetRows::Labels(block.labels),
        None => TargetRows::Values(left.col_range(columns.targets, outputs)?),
    };
    let gradient = deltas.reborrow().col_range(delta(last), outputs)?;
    network.loss().rows(isa, output, targets, batch, gradient, block.losses)?;
    let saved = left.col_range(columns.saved[last], outputs)?;
    activation_backward(isa, layer.activation(), saved, deltas.reborrow().col_range(delta(last), outputs)?)?;

    for l in (1..=last).rev() {
        let (layer, below) = (&network.layers()[l], &network.layers()[l - 1]);
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        let (after, before) = read_write(&mut deltas, (delta(l), outputs), (delta(l - 1), inputs))?;
        let weights = Mat::new(&network.parameters()[layer.weight_range()], inputs, outputs)?;
        let saved = left.col_range(columns.saved[l - 1], inputs)?;
        let epilogue = Epilogue::Backward { activation: below.activation(), saved };
        gemm(isa, after, weights.t(), before, epilogue, block.scratch)?;
    }
    Ok(())
}

/// The parameter rows of one worker: of each layer the rows of its weights, then its biases as one row more, counted through all
/// layers.
pub(crate) struct ParameterRows<'a> {
    pub start: usize,
    pub end: usize,
    /// Where the slices begin among all parameters.
    pub offset: usize,
    pub parameters: &'a mut [f32],
    pub states: [&'a mut [f32]; MAX_STATES],
    pub scratch: &'a mut [f32],
}

impl<'a> ParameterRows<'a> {
    /// All rows of a network whose parameters and states these are.
    pub fn all(
        network: &[Layer],
        parameters: &'a mut [f32],
        states: [&'a mut [f32]; MAX_STATES],
        scratch: &'a mut [f32],
    ) -> Self {
        let end = network.iter().map(|layer| layer.parameter_rows()).sum();
        ParameterRows { start: 0, end, offset: 0, parameters, states, scratch }
    }

    /// The rows cut in two, the first with `left` of `parts` shares of the work.
    pub fn split(
        self,
        layers: &[Layer],
        left: usize,
        parts: usize,
        scratch_len: usize,
    ) -> Result<(Self, Self), ShapeError> {
        let (at, offset) = cut(layers, self.start, self.end, left, parts);
        let inside = (offset.max(self.offset) - self.offset).min(self.parameters.len());
        let (parameters, other_parameters) = self.parameters.split_at_mut(inside);
        // A state that the optimiser does not keep is an empty slice.
        let halves = self.states.map(|state| state.split_at_mut(inside.min(state.len())));
        let (scratch, other_scratch) = self.scratch.split_at_mut(left * scratch_len);
        let mut states = [(); MAX_STATES].map(|()| Default::default());
        let mut other_states = [(); MAX_STATES].map(|()| Default::default());
        for (half, (state, other)) in halves.into_iter().zip(states.iter_mut().zip(&mut other_states)) {
            (*state, *other) = half;
        }
        let (start, end) = (self.start, self.end);
        Ok((
            ParameterRows { start, end: at, offset: self.offset, parameters, states, scratch },
            ParameterRows {
                start: at,
                end,
                offset: self.offset + inside,
                parameters: other_parameters,
                states: other_states,
                scratch: other_scratch,
            },
        ))
    }
}

/// The row at which rows `start..end` of all layers' parameters are cut so that `left` of `parts` shares of their elements lie
/// before it, and where that row begins among the parameters.
fn cut(layers: &[Layer], start: usize, end: usize, left: usize, parts: usize) -> (usize, usize) {
    let in_layers = |wanted: &mut dyn FnMut(usize, usize, &Layer) -> bool| {
        let mut first = 0;
        for layer in layers {
            let (from, to) = (start.max(first), end.min(first + layer.parameter_rows()));
            if from < to && wanted(from - first, to - first, layer) {
                break;
            }
            first += layer.parameter_rows();
        }
    };
    let mut work = 0;
    in_layers(&mut |from, to, layer| {
        work += (to - from) * layer.outputs();
        false
    });
    let mut before = work * left / parts;
    let (mut row, mut offset) = (start, 0);
    in_layers(&mut |from, to, layer| {
        let take = (before / layer.outputs()).min(to - from);
        row += take;
        before -= take * layer.outputs();
        offset = layer.parameter_row_start(from + take);
        take < to - from
    });
    (row, offset)
}

/// What happens to the gradient of a parameter.
#[derive(Clone, Copy)]
pub(crate) enum Destination {
    /// The parameters take a step.
    Update(Update),
    /// The gradient itself is wanted, in place of the parameters.
    Gradient,
}

impl Destination {
    /// Whether biases are not treated as weights are.
    fn tells_biases_apart(self) -> bool {
        matches!(self, Destination::Update(update) if update != update.without_decay())
    }
}

/// `aᵀ·δ` and the column sums of `δ` for some rows of the parameters, over the whole batch. Features that are not given lie in the
/// batch's rows.
pub(crate) fn parameter_step(
    layers: &[Layer],
    isa: Isa,
    columns: &Columns,
    features: Option<Mat<'_>>,
    batch: Mat<'_>,
    destination: Destination,
    task: ParameterRows<'_>,
) -> Result<(), ShapeError> {
    let ParameterRows { start, end, offset, parameters, mut states, scratch } = task;
    // A row of ones, without memory: all elements are the same one. (One row may have any stride; 1 says that it need not be
    // packed.)
    let one = [1.0];
    let ones = Mat::with_strides(&one, 1, batch.rows(), 1, 0)?;
    let mut first = 0;
    for (l, layer) in layers.iter().enumerate() {
        let (from, to) = (start.max(first), end.min(first + layer.parameter_rows()));
        if from < to {
            let (from, to) = (from - first, to - first);
            let delta = batch.col_range(columns.deltas[l], layer.outputs())?;
            // In the batch's rows a 1 stands behind the inputs: where the biases lie behind the weights and nothing tells them
            // apart, they are one row more of the same product.
            let (input, ones_behind) = match (l, features) {
                (0, Some(features)) => (features, false),
                (0, None) => (batch.col_range(0, layer.inputs() + 1)?, true),
                _ => (batch.col_range(columns.outputs[l - 1], layer.inputs() + 1)?, true),
            };
            let together = ones_behind
                && from < layer.inputs()
                && layer.weight_range().end == layer.bias_range().start
                && !destination.tells_biases_apart();
            let end = if together { to } else { to.min(layer.inputs()) };
            let mut product = |a: Mat<'_>, row: usize, rows: usize, decay: bool| {
                let at = layer.parameter_row_start(row) - offset;
                let range = at..at + rows * layer.outputs();
                let target = MatMut::new(&mut parameters[range.clone()], rows, layer.outputs())?;
                match destination {
                    Destination::Gradient => gemm(isa, a, delta, target, Epilogue::Store, scratch),
                    Destination::Update(update) => {
                        let update = if decay { update } else { update.without_decay() };
                        let mut kept = [(); MAX_STATES].map(|()| MatMut::empty());
                        for (kept, state) in kept.iter_mut().zip(&mut states).take(update.states()) {
                            *kept = MatMut::new(&mut state[range.clone()], rows, layer.outputs())?;
                        }
                        let states = &mut kept[..update.states()];
                        gemm(isa, a, delta, target, Epilogue::Update { update, states }, scratch)
                    }
                }
            };
            if from < end {
                product(input.t().row_range(from, end - from)?, from, end - from, true)?;
            }
            if end < to {
                product(ones, layer.inputs(), 1, false)?;
            }
        }
        first += layer.parameter_rows();
    }
    Ok(())
}
