//! Training: epochs of mini-batch steps, each a forward and backward pass over the rows of a batch and a step over the parameters.

use crate::aligned::{Aligned, zeros};
use crate::batch::BatchRows;
use crate::data::{Dataset, Targets, shuffle};
use crate::error::Error;
use crate::evaluate::{Evaluation, Evaluator};
use crate::history::{Epoch, History};
use crate::network::Network;
use crate::optimizer::Optimizer;
use crate::parallel::Parallelism;
use crate::step::Engine;
use crate::workspace::Gathered;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicUsize;
use steadynet_kernels::Isa;

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
    pub(crate) optimizer: Optimizer,
    batch_size: BatchSize,
    epochs: usize,
    tolerance: Option<f64>,
    seed: u64,
    pub(crate) isa: Isa,
    pub(crate) parallelism: Parallelism,
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
        let batch = match self.batch_size {
            BatchSize::Rows(rows) => rows.min(data.rows()),
            BatchSize::Full => data.rows(),
        };
        let steps = data.rows().div_ceil(batch).saturating_mul(self.epochs);
        let flops = network.flops().saturating_mul(batch);
        self.parallelism.passes(flops, steps, |parallelism| {
            Fit::new(self, network, data, batch, parallelism)?.run(network, validation, on_epoch)
        })
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

/// A training under way.
struct Fit<'a> {
    trainer: &'a Trainer,
    data: &'a Dataset,
    batch: usize,
    /// All rows in their own order, where one batch takes them and can read them where they lie.
    in_place: Option<BatchRows<'a>>,
    engine: Engine,
    /// Rows in the order of the epoch.
    order: Vec<u32>,
}

impl<'a> Fit<'a> {
    fn new(
        trainer: &'a Trainer,
        network: &Network,
        data: &'a Dataset,
        batch: usize,
        parallelism: Parallelism,
    ) -> Result<Self, Error> {
        let in_place = if batch == data.rows() { BatchRows::in_place(data)? } else { None };
        let gathered = if in_place.is_some() { Gathered::default() } else { BatchRows::gathered(network) };
        let engine = Engine::new(network, trainer.optimizer, batch, gathered, trainer.isa, parallelism)?;
        let order = (0..data.rows() as u32).collect();
        Ok(Fit { trainer, data, batch, in_place, engine, order })
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
            Some(data) => Some(Evaluator::new(network, data, self.trainer.isa, self.trainer.parallelism)?),
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
        let (mut loss, hits) = (0.0, AtomicUsize::new(0));
        for (step, start) in (0..rows).step_by(self.batch).enumerate() {
            let non_finite = |what| Error::NonFinite { what, epoch: number, step: step + 1 };
            let order = &self.order[start..rows.min(start + self.batch)];
            let batch = self.in_place.unwrap_or(BatchRows::Gathered { data: self.data, order });
            let step_loss = self.engine.rows_pass(network, batch, Some(&hits))?;
            if !step_loss.is_finite() {
                return Err(non_finite("the loss"));
            }
            loss += step_loss;
            self.engine.update(network, batch)?;
            if start + batch.len() == rows && !network.parameters().iter().all(|parameter| parameter.is_finite()) {
                return Err(non_finite("a parameter"));
            }
        }
        let terms = network.loss().terms(network.outputs());
        Ok(Epoch {
            epoch: number,
            loss: loss / (rows * terms) as f64,
            accuracy: network.loss().takes_labels().then(|| hits.into_inner() as f64 / rows as f64),
            validation_loss: None,
            validation_accuracy: None,
        })
    }
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
    parallelism.enter(network.step_flops().saturating_mul(data.rows()), |parallelism| {
        let rows = data.rows();
        let order: Vec<u32> = (0..rows as u32).collect();
        let batch = BatchRows::in_place(data)?.unwrap_or(BatchRows::Gathered { data, order: &order });
        let gathered = BatchRows::gathered(network);
        let mut engine = Engine::new(network, Optimizer::sgd(1.0), rows, gathered, isa, parallelism)?;
        let loss = engine.rows_pass(network, batch, None)?;
        let mut gradient = zeros("the gradient", network.parameters().len())?;
        engine.gradient(network, batch, &mut gradient)?;
        Ok((loss / (rows * network.loss().terms(network.outputs())) as f64, gradient))
    })
}
