//! Training: epochs of mini-batch steps, each a forward and backward pass over the rows of a batch and a step over the parameters.

use crate::aligned::{Aligned, zeros};
use crate::data::{Dataset, Targets, shuffle};
use crate::error::Error;
use crate::evaluate::{Evaluation, Evaluator};
use crate::history::{Epoch, History};
use crate::metrics::argmax;
use crate::network::{Layer, Network};
use crate::optimizer::{Optimizer, Steps};
use crate::parallel::Parallelism;
use crate::pass::{Destination, ParameterRows, forward, loss_and_backward, parameter_step};
use crate::workspace::{Block, Workspace};
use std::ops::ControlFlow;
use steadynet_kernels::{Isa, MAX_STATES, Mat, ShapeError};

/// How many rows a step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSize {
    /// So many; the last step of an epoch takes what is left. 1 is stochastic gradient descent.
    Rows(usize),
    /// All of them: full-batch gradient descent, one step an epoch.
    Full,
}

/// Trains networks: settings in the manner of a builder, then [`fit`](Trainer::fit).
///
/// The same settings, data and network give the same bits for any [`Isa`] and [`Parallelism`].
#[derive(Clone, Debug)]
pub struct Trainer {
    optimizer: Optimizer,
    batch_size: BatchSize,
    epochs: usize,
    tolerance: Option<f64>,
    seed: u64,
    isa: Isa,
    parallelism: Parallelism,
}

impl Default for Trainer {
    /// [`Trainer::new`].
    fn default() -> Trainer {
        Trainer::new()
    }
}

impl Trainer {
    /// Gradient descent with learning rate 0.01, batches of 32 rows, 10 epochs, seed 0, on the fastest instruction set and all threads.
    pub fn new() -> Trainer {
        Trainer {
            optimizer: Optimizer::sgd(0.01),
            batch_size: BatchSize::Rows(32),
            epochs: 10,
            tolerance: None,
            seed: 0,
            isa: Isa::detect(),
            parallelism: Parallelism::default(),
        }
    }

    /// The rule by which gradients change the parameters.
    #[must_use]
    pub fn optimizer(mut self, optimizer: Optimizer) -> Trainer {
        self.optimizer = optimizer;
        self
    }

    /// Rows of a step.
    #[must_use]
    pub fn batch_size(mut self, batch_size: BatchSize) -> Trainer {
        self.batch_size = batch_size;
        self
    }

    /// The most passes over the training data; with 0 the network stays as it is.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Trainer {
        self.epochs = epochs;
        self
    }

    /// Stop after the first epoch whose loss differs from that of the epoch before by less than this.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Trainer {
        self.tolerance = Some(tolerance);
        self
    }

    /// Seed of the order of the rows, which changes every epoch.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Trainer {
        self.seed = seed;
        self
    }

    /// The instruction set. It changes no result.
    #[must_use]
    pub fn isa(mut self, isa: Isa) -> Trainer {
        self.isa = isa;
        self
    }

    /// Where the work runs. It changes no result.
    #[must_use]
    pub fn parallelism(mut self, parallelism: Parallelism) -> Trainer {
        self.parallelism = parallelism;
        self
    }

    /// Trains `network` on `data`.
    ///
    /// # Errors
    /// As [`fit_with`](Trainer::fit_with).
    pub fn fit(&self, network: &mut Network, data: &Dataset) -> Result<History, Error> {
        self.fit_with(network, data, None, |_| ControlFlow::Continue(()))
    }

    /// Trains `network` on `data`, measures it on `validation` rows after every epoch, and calls `on_epoch` with the record of each:
    /// `ControlFlow::Break` ends the training.
    ///
    /// The loss and accuracy of an epoch are means over its steps, each measured before the step. Rows come in an order that
    /// the seed and the number of the epoch determine (in their own where one batch takes them all: with
    /// [`BatchSize::Full`], or a batch size of at least the number of rows).
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Features`], [`Error::Targets`] or [`Error::Data`] before anything changes. [`Error::NonFinite`] if the
    /// loss or a parameter becomes infinite or NaN: the network keeps the parameters of the last good epoch. [`Error::Memory`].
    pub fn fit_with(
        &self,
        network: &mut Network,
        data: &Dataset,
        validation: Option<&Dataset>,
        on_epoch: impl FnMut(&Epoch) -> ControlFlow<()> + Send,
    ) -> Result<History, Error> {
        self.check(network, data)?;
        if let Some(validation) = validation {
            check_data(network, validation)?;
        }
        let flops = 3usize.saturating_mul(network.flops()).saturating_mul(data.rows()).saturating_mul(self.epochs);
        self.parallelism
            .enter(flops, |parallelism| Fit::new(self, network, data, parallelism)?.run(network, validation, on_epoch))
    }

    fn check(&self, network: &Network, data: &Dataset) -> Result<(), Error> {
        self.optimizer.check()?;
        if self.batch_size == BatchSize::Rows(0) {
            return Err(Error::Setting { name: "batch size", wanted: "at least 1 row", given: "0".into() });
        }
        if let Some(tolerance) = self.tolerance.filter(|tolerance| !(tolerance.is_finite() && *tolerance >= 0.0)) {
            let wanted = "a finite number, not negative";
            return Err(Error::Setting { name: "tolerance", wanted, given: tolerance.to_string() });
        }
        check_data(network, data)?;
        data.check_trainable().map_err(|error| Error::Data { problem: error.to_string() })
    }
}

/// `Ok` if the network takes the features of the data and its loss the targets.
pub(crate) fn check_data(network: &Network, data: &Dataset) -> Result<(), Error> {
    if data.columns() != network.inputs() {
        let what = "features in a row";
        return Err(Error::Features { what, wanted: network.inputs(), given: data.columns() });
    }
    if data.rows() > u32::MAX as usize {
        return Err(Error::Data { problem: format!("wanted at most {} rows, got {}", u32::MAX, data.rows()) });
    }
    let (loss, outputs) = (network.loss(), network.outputs());
    let (fits, given) = match data.targets() {
        Targets::Classes { names, .. } => {
            (loss.takes_labels() && names.len() == outputs, format!("labels of {} classes", names.len()))
        }
        Targets::Values { width, .. } => (!loss.takes_labels() && *width == outputs, format!("{width} numbers a row")),
    };
    if !fits {
        let wanted = if loss.takes_labels() {
            format!("labels of {outputs} classes (for {loss})")
        } else {
            format!("{outputs} numbers a row (for {loss})")
        };
        return Err(Error::Targets { wanted, given });
    }
    if let (crate::loss::Loss::BinaryCrossEntropy, Some(values)) = (loss, data.values())
        && let Some(at) = values.iter().position(|value| !(0.0..=1.0).contains(value))
    {
        let wanted = "numbers from 0 to 1 (for bce)".to_string();
        return Err(Error::Targets { wanted, given: format!("{} in row {}", values[at], at / outputs) });
    }
    Ok(())
}

/// A training under way: what stays the same from step to step, and the memory that all steps share.
struct Fit<'a> {
    trainer: &'a Trainer,
    data: &'a Dataset,
    parallelism: Parallelism,
    batch: usize,
    workspace: Workspace,
    states: Vec<Aligned>,
    steps: Steps,
    /// Rows in the order of the epoch.
    order: Vec<u32>,
}

impl<'a> Fit<'a> {
    fn new(
        trainer: &'a Trainer,
        network: &Network,
        data: &'a Dataset,
        parallelism: Parallelism,
    ) -> Result<Self, Error> {
        let batch = match trainer.batch_size {
            BatchSize::Rows(rows) => rows.min(data.rows()),
            BatchSize::Full => data.rows(),
        };
        let target_width = if network.loss().takes_labels() { 0 } else { network.outputs() };
        let states = trainer.optimizer.states();
        let state = |_| Aligned::zeros("the optimiser's state", network.parameters().len());
        Ok(Fit {
            trainer,
            data,
            parallelism,
            batch,
            workspace: Workspace::new(network, batch, target_width, parallelism.threads())?,
            states: (0..states).map(state).collect::<Result<_, _>>()?,
            steps: trainer.optimizer.steps(),
            order: (0..data.rows() as u32).collect(),
        })
    }

    fn run(
        mut self,
        network: &mut Network,
        validation: Option<&Dataset>,
        mut on_epoch: impl FnMut(&Epoch) -> ControlFlow<()>,
    ) -> Result<History, Error> {
        let mut history = History::default();
        let mut good = Aligned::zeros("the parameters of the last good epoch", network.parameters().len())?;
        good.copy_from_slice(network.parameters());
        let mut validation = match validation {
            Some(data) => Some(Evaluator::new(network, data, self.trainer.isa, self.parallelism)?),
            None => None,
        };
        for number in 1..=self.trainer.epochs {
            if self.batch < self.data.rows() {
                shuffle(&mut self.order, self.trainer.seed, number as u64);
            }
            let epoch = self.epoch(network, number);
            let epoch = epoch.inspect_err(|_| network.parameters_mut().copy_from_slice(&good))?;
            let measured = match &mut validation {
                Some(evaluator) => Some(evaluator.evaluate(network)?),
                None => None,
            };
            good.copy_from_slice(network.parameters());
            let (validation_loss, validation_accuracy) =
                measured.map_or((None, None), |Evaluation { loss, accuracy }| (Some(loss), accuracy));
            let epoch = Epoch { validation_loss, validation_accuracy, ..epoch };
            let before = history.epochs.last().map(|before: &Epoch| before.loss);
            let near = before
                .zip(self.trainer.tolerance)
                .is_some_and(|(loss, tolerance)| (epoch.loss - loss).abs() < tolerance);
            let stop = on_epoch(&epoch).is_break();
            history.epochs.push(epoch);
            if near || stop {
                break;
            }
        }
        Ok(history)
    }

    /// One pass over the rows in their order.
    fn epoch(&mut self, network: &mut Network, number: usize) -> Result<Epoch, Error> {
        let rows = self.data.rows();
        let (mut loss, mut hits) = (0.0, 0);
        for (step, start) in (0..rows).step_by(self.batch).enumerate() {
            let batch = self.batch.min(rows - start);
            let non_finite = |what| Error::NonFinite { what, epoch: number, step: step + 1 };
            self.rows_pass(network, start, batch)?;
            let step_loss: f64 = self.workspace.losses[..batch].iter().copied().map(f64::from).sum();
            if !step_loss.is_finite() {
                return Err(non_finite("the loss"));
            }
            loss += step_loss;
            hits += self.workspace.hits[..batch].iter().filter(|&&hit| hit).count();
            let flops = network.flops().saturating_mul(batch);
            let (layers, parameters) = network.layers_and_parameters();
            if let Some(update) = self.steps.next() {
                self.parameters_pass(layers, parameters, batch, flops, Destination::Update(update))?;
            }
            if start + batch == rows && !network.parameters().iter().all(|parameter| parameter.is_finite()) {
                return Err(non_finite("a parameter"));
            }
        }
        let terms = network.loss().terms(network.outputs());
        Ok(Epoch {
            epoch: number,
            loss: loss / (rows * terms) as f64,
            accuracy: network.loss().takes_labels().then(|| hits as f64 / rows as f64),
            validation_loss: None,
            validation_accuracy: None,
        })
    }

    /// First phase, divided over the rows of the batch: gather, forward, loss, backward.
    fn rows_pass(&mut self, network: &Network, start: usize, batch: usize) -> Result<(), ShapeError> {
        let isa = self.trainer.isa;
        let (data, order) = (self.data, &self.order[start..start + batch]);
        let flops = 3usize.saturating_mul(network.flops()).saturating_mul(batch);
        let parts = self.parallelism.parts(flops).min(batch);
        let scratch_len = self.workspace.scratch_len;
        let (columns, block) = self.workspace.columns_and_block(batch)?;
        self.parallelism.divide(
            parts,
            block,
            &|block: Block<'_>, left, parts| block.split(left, parts, scratch_len),
            &|mut block: Block<'_>| {
                gather(data, order, columns, &mut block);
                forward(network, isa, columns, &mut block.rows, block.scratch)?;
                count_hits(network, columns, &mut block)?;
                loss_and_backward(network, isa, columns, batch, &mut block)
            },
        )
    }

    /// Second phase, divided over the parameters: each gradient over the whole batch, which goes into `parameters`: by the optimiser's
    /// step in its epilogue, or as it is.
    fn parameters_pass(
        &mut self,
        layers: &[Layer],
        parameters: &mut [f32],
        batch: usize,
        flops: usize,
        destination: Destination,
    ) -> Result<(), ShapeError> {
        let isa = self.trainer.isa;
        let scratch_len = self.workspace.scratch_len;
        let Workspace { columns, rows, scratch, .. } = &mut self.workspace;
        let rows = Mat::with_strides(rows, batch, columns.width, columns.width, 1)?;
        let columns = &*columns;
        let mut states = [(); MAX_STATES].map(|()| <&mut [f32]>::default());
        for (slice, state) in states.iter_mut().zip(&mut self.states) {
            *slice = state;
        }
        self.parallelism.divide(
            self.parallelism.parts(flops),
            ParameterRows::all(layers, parameters, states, scratch),
            &|task: ParameterRows<'_>, left, parts| task.split(layers, left, parts, scratch_len),
            &|task| parameter_step(layers, isa, columns, rows, destination, task),
        )
    }
}

/// Copies the features and targets of a block's rows out of the data, in the order of the epoch.
fn gather(data: &Dataset, order: &[u32], columns: &crate::workspace::Columns, block: &mut Block<'_>) {
    for i in 0..block.rows.rows() {
        let from = order[block.first + i] as usize;
        let (Some(features), Some(row)) = (data.row(from), block.rows.row_mut(i)) else { continue };
        row[..columns.inputs].copy_from_slice(features);
        match data.targets() {
            Targets::Classes { labels, .. } => block.labels[i] = labels[from],
            Targets::Values { values, width } => {
                let values = &values[from * width..(from + 1) * width];
                row[columns.targets..columns.targets + width].copy_from_slice(values);
            }
        }
    }
}

/// Marks the rows whose largest logit is that of their label.
fn count_hits(network: &Network, columns: &crate::workspace::Columns, block: &mut Block<'_>) -> Result<(), ShapeError> {
    if !network.loss().takes_labels() {
        return Ok(());
    }
    let Some(&start) = columns.outputs.last() else { return Ok(()) };
    let outputs = block.rows.as_ref().col_range(start, network.outputs())?;
    for (i, (hit, &label)) in block.hits.iter_mut().zip(&*block.labels).enumerate() {
        *hit = outputs.row(i).and_then(argmax) == Some(label as usize);
    }
    Ok(())
}

/// The mean loss of a network over some rows, and its gradient with respect to every parameter.
///
/// This is the unfused form of a training step, for optimisers of the caller's own, gradient clipping and inspection: a step of
/// gradient descent with it gives the same bits as [`Trainer`]'s.
///
/// # Shapes
/// The gradient lies as [`Network::parameters`] do.
/// # Errors
/// [`Error::Features`] or [`Error::Targets`] if the data does not fit the network; [`Error::Memory`].
pub fn gradient(
    network: &Network,
    data: &Dataset,
    isa: Isa,
    parallelism: Parallelism,
) -> Result<(f64, Vec<f32>), Error> {
    check_data(network, data)?;
    let flops = 3usize.saturating_mul(network.flops()).saturating_mul(data.rows());
    parallelism.enter(flops, |parallelism| {
        let trainer = Trainer::new().batch_size(BatchSize::Full).isa(isa);
        let mut fit = Fit::new(&trainer, network, data, parallelism)?;
        let batch = data.rows();
        fit.rows_pass(network, 0, batch)?;
        let loss: f64 = fit.workspace.losses.iter().copied().map(f64::from).sum();
        let mut gradient = zeros("the gradient", network.parameters().len())?;
        let flops = network.flops().saturating_mul(batch);
        fit.parameters_pass(network.layers(), &mut gradient, batch, flops, Destination::Gradient)?;
        Ok((loss / (batch * network.loss().terms(network.outputs())) as f64, gradient))
    })
}
