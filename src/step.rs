//! A training step: the passes over the rows of a batch and over the parameters, in memory that is made once.

use crate::aligned::Aligned;
use crate::batch::BatchRows;
use crate::error::Error;
use crate::loss::TargetRows;
use crate::metrics::is_argmax;
use crate::network::{Layer, Network};
use crate::optimizer::{Optimizer, Steps};
use crate::parallel::Parallelism;
use crate::pass::{Destination, ParameterRows, forward, loss_and_backward, parameter_step};
use crate::trainer::Trainer;
use crate::workspace::{Block, Columns, Gathered, Workspace};
use std::sync::atomic::{AtomicUsize, Ordering};
use steadynet_kernels::{Isa, MAX_STATES, Mat, ShapeError};

/// What stays the same from step to step, and the memory that all steps share.
pub(crate) struct Engine {
    isa: Isa,
    parallelism: Parallelism,
    workspace: Workspace,
    states: Vec<Aligned>,
    steps: Steps,
}

impl Engine {
    /// For batches of up to `batch` rows.
    pub fn new(
        network: &Network,
        optimizer: Optimizer,
        batch: usize,
        gathered: Gathered,
        isa: Isa,
        parallelism: Parallelism,
    ) -> Result<Engine, Error> {
        let state = |_| Aligned::zeros("the optimiser's state", network.parameters().len());
        Ok(Engine {
            isa,
            parallelism,
            workspace: Workspace::new(network, batch, gathered, parallelism.threads())?,
            states: (0..optimizer.states()).map(state).collect::<Result<_, _>>()?,
            steps: optimizer.steps(),
        })
    }

    /// First phase, divided over the rows of the batch: gather, forward, loss, backward. Gives the sum of the rows' losses, and adds to
    /// `hits`, if asked to, the number of rows whose largest logit is that of their label.
    pub fn rows_pass(
        &mut self,
        network: &Network,
        batch: BatchRows<'_>,
        hits: Option<&AtomicUsize>,
    ) -> Result<f64, ShapeError> {
        let isa = self.isa;
        let rows = batch.len();
        let parts = self.parallelism.parts(network.pass_flops().saturating_mul(rows)).min(rows);
        let scratch_len = self.workspace.scratch_len;
        let (columns, block) = self.workspace.columns_and_block(rows)?;
        self.parallelism.divide(
            parts,
            block,
            &|block: Block<'_>, left, parts| block.split(left, parts, scratch_len),
            &|mut block: Block<'_>| {
                let (first, len) = (block.first, block.rows.rows());
                batch.gather(isa, columns, &mut block);
                let targets = batch.targets(first, len)?;
                forward(network, isa, columns, batch.features(first, len)?, &mut block.rows, block.scratch)?;
                if let Some(hits) = hits {
                    hits.fetch_add(count_hits(network, columns, targets, &block)?, Ordering::Relaxed);
                }
                loss_and_backward(network, isa, columns, rows, targets, &mut block)
            },
        )?;
        Ok(self.workspace.losses[..rows].iter().copied().map(f64::from).sum())
    }

    /// Second phase: a step of the optimiser.
    pub fn update(&mut self, network: &mut Network, batch: BatchRows<'_>) -> Result<(), ShapeError> {
        let Some(update) = self.steps.next() else { return Ok(()) };
        let flops = network.flops();
        let (layers, parameters) = network.layers_and_parameters();
        self.parameters_pass(layers, parameters, batch, flops, Destination::Update(update))
    }

    /// Second phase, of which only the gradient is wanted.
    pub fn gradient(
        &mut self,
        network: &Network,
        batch: BatchRows<'_>,
        gradient: &mut [f32],
    ) -> Result<(), ShapeError> {
        self.parameters_pass(network.layers(), gradient, batch, network.flops(), Destination::Gradient)
    }

    /// Second phase, divided over the parameters: each gradient over the whole batch, which goes into `parameters`: by the optimiser's
    /// step in its epilogue, or as it is. `flops` is for each row.
    fn parameters_pass(
        &mut self,
        layers: &[Layer],
        parameters: &mut [f32],
        batch: BatchRows<'_>,
        flops: usize,
        destination: Destination,
    ) -> Result<(), ShapeError> {
        let isa = self.isa;
        let scratch_len = self.workspace.scratch_len;
        let Workspace { columns, rows, scratch, .. } = &mut self.workspace;
        let features = batch.features(0, batch.len())?;
        let rows = Mat::with_strides(rows, batch.len(), columns.width, columns.width, 1)?;
        let columns: &Columns = columns;
        let mut states = [(); MAX_STATES].map(|()| <&mut [f32]>::default());
        for (slice, state) in states.iter_mut().zip(&mut self.states) {
            *slice = state;
        }
        self.parallelism.divide(
            self.parallelism.parts(flops.saturating_mul(batch.len())),
            ParameterRows::all(layers, parameters, states, scratch),
            &|task: ParameterRows<'_>, left, parts| task.split(layers, left, parts, scratch_len),
            &|task| parameter_step(layers, isa, columns, features, rows, destination, task),
        )
    }

    /// Begins again: first step, no momentum.
    fn restart(&mut self, optimizer: Optimizer) {
        self.steps = optimizer.steps();
        self.states.iter_mut().for_each(|state| state.fill(0.0));
    }
}

/// Rows of the block whose largest logit is that of their label.
fn count_hits(
    network: &Network,
    columns: &Columns,
    targets: Option<TargetRows<'_>>,
    block: &Block<'_>,
) -> Result<usize, ShapeError> {
    let labels = match targets {
        Some(TargetRows::Labels(labels)) => labels,
        None if network.loss().takes_labels() => block.labels,
        _ => return Ok(0),
    };
    let Some(&logits) = columns.outputs.last() else { return Ok(0) };
    let outputs = block.rows.as_ref().col_range(logits, network.outputs())?;
    let hit = |(i, &label): (usize, &u32)| outputs.row(i).is_some_and(|row| is_argmax(row, label as usize));
    Ok(labels.iter().enumerate().filter(|&row| hit(row)).count())
}

/// The targets of the rows of a step, as the network's [`Loss`](crate::Loss) takes them.
#[derive(Clone, Copy, Debug)]
pub enum StepTargets<'a> {
    /// The class index of each row.
    Labels(&'a [u32]),
    /// `(rows, outputs)` numbers, row-major.
    Values(&'a [f32]),
}

/// Training step by step, for a loop of the caller's own: [`Trainer::stepper`].
///
/// ```
/// use steadynet::{Activation, Loss, Network, Optimizer, StepTargets, Trainer};
///
/// let mut network = Network::builder(2).hidden(8, Activation::Tanh).output(2, Loss::CrossEntropy).seed(1).build()?;
/// let trainer = Trainer::new().optimizer(Optimizer::adam(0.05));
/// let (x, y) = ([0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0, 1, 1, 0]);
/// let mut stepper = trainer.stepper(&mut network, 4)?;
/// let losses = (0..200).map(|_| stepper.step(&x, StepTargets::Labels(&y))).collect::<Result<Vec<f64>, _>>()?;
/// assert!(losses[199] < 0.1 * losses[0]);
/// # Ok::<(), steadynet::Error>(())
/// ```
pub struct Stepper<'n> {
    network: &'n mut Network,
    optimizer: Optimizer,
    engine: Engine,
    batch: usize,
}

impl Trainer {
    /// Steps on `network` with batches of up to `batch` rows, with this trainer's optimiser, instruction set and parallelism. All
    /// memory is taken here: a step allocates nothing.
    ///
    /// On several threads, steps of less than a tenth of a millisecond are divided only inside [`Parallelism::hot`].
    /// # Errors
    /// [`Error::Setting`] for the optimiser, or a batch of 0 rows; [`Error::Memory`].
    pub fn stepper<'n>(&self, network: &'n mut Network, batch: usize) -> Result<Stepper<'n>, Error> {
        self.optimizer.check()?;
        if batch == 0 {
            return Err(Error::Setting { name: "batch size", wanted: "at least 1 row", given: "0".into() });
        }
        let engine = Engine::new(network, self.optimizer, batch, Gathered::default(), self.isa, self.parallelism)?;
        Ok(Stepper { network, optimizer: self.optimizer, engine, batch })
    }
}

impl Stepper<'_> {
    /// One step on these rows. Gives the mean loss before it; if that is infinite or NaN, nothing has changed.
    ///
    /// # Shapes
    /// `features`: (rows, inputs) row-major, at least one row and at most the `batch` of [`Trainer::stepper`]; they are read where they lie.
    /// # Determinism
    /// The same bits as a step of [`Trainer::fit`] on these rows.
    /// # Errors
    /// [`Error::Features`], [`Error::Targets`] if these do not fit the network, the batch and each other; nothing has changed.
    pub fn step(&mut self, features: &[f32], targets: StepTargets<'_>) -> Result<f64, Error> {
        let rows = self.network.check_rows(features)?;
        if rows == 0 || rows > self.batch {
            let what = "rows of a step";
            return Err(Error::Features { what, wanted: rows.clamp(1, self.batch), given: rows });
        }
        let targets = self.targets(targets, rows)?;
        let batch = BatchRows::InPlace { features: Mat::new(features, rows, self.network.inputs())?, targets };
        let sum = self.engine.rows_pass(self.network, batch, None)?;
        if sum.is_finite() {
            self.engine.update(self.network, batch)?;
        }
        let terms = self.network.loss().terms(self.network.outputs());
        Ok(sum / (rows * terms) as f64)
    }

    /// The targets of so many rows, if they fit.
    fn targets<'a>(&self, targets: StepTargets<'a>, rows: usize) -> Result<TargetRows<'a>, Error> {
        let (loss, outputs) = (self.network.loss(), self.network.outputs());
        let given = match targets {
            StepTargets::Labels(labels) if loss.takes_labels() && labels.len() == rows => {
                match labels.iter().find(|&&label| label as usize >= outputs) {
                    None => return Ok(TargetRows::Labels(labels)),
                    Some(label) => format!("label {label}"),
                }
            }
            StepTargets::Values(values) if !loss.takes_labels() && values.len() == rows * outputs => {
                return Ok(TargetRows::Values(Mat::new(values, rows, outputs)?));
            }
            StepTargets::Labels(labels) => format!("{} labels", labels.len()),
            StepTargets::Values(values) => format!("{} numbers", values.len()),
        };
        let wanted = if loss.takes_labels() {
            format!("{rows} labels below {outputs} (for {loss})")
        } else {
            format!("{} numbers (for {loss})", rows * outputs)
        };
        Err(Error::Targets { wanted, given })
    }

    /// The network as it is now.
    pub fn network(&self) -> &Network {
        self.network
    }

    /// The network, to change between steps.
    pub fn network_mut(&mut self) -> &mut Network {
        self.network
    }

    /// Begins again as a new optimiser does: no momentum, first step. The parameters stay.
    pub fn restart(&mut self) {
        self.engine.restart(self.optimizer);
    }
}
