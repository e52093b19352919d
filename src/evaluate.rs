//! Prediction, and measuring a network on data.

use crate::aligned::{Aligned, LINE, zeros};
use crate::data::{Dataset, Targets};
use crate::error::Error;
use crate::loss::{Loss, TargetRows};
use crate::metrics::argmax;
use crate::network::Network;
use crate::parallel::Parallelism;
use crate::trainer::check_data;
use steadynet_kernels::{
    Activation, Epilogue, Isa, Mat, MatMut, ShapeError, activate, gemm, gemm_scratch_len, softmax,
};

/// Rows that go through the network at a time: enough for the kernels' speed, few enough for the second-level cache.
const ROWS: usize = 64;

/// How a network does on some data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// Share of the rows whose class was predicted right, if there are classes.
    pub accuracy: Option<f64>,
}

impl Network {
    /// Predictions for one or more rows of features: probabilities for [`Loss::CrossEntropy`] (softmax) and
    /// [`Loss::BinaryCrossEntropy`] (sigmoid), the last layer's outputs for [`Loss::SquaredError`].
    ///
    /// # Shapes
    /// `features`: (rows, inputs) row-major; the result: (rows, outputs).
    /// # Numerics
    /// Features are taken as they are: a NaN or infinite one is no error here, and neither are numbers so large that a sum overflows.
    /// What comes out of such a row follows IEEE 754 and the activations (often NaN, but a sigmoid makes an ordinary number of an
    /// infinity); the other rows are as without it. [`Model::predict`](crate::Model::predict) refuses features that are not finite.
    /// # Determinism
    /// A row gets the same bits alone and in any batch, on any instruction set and number of threads.
    /// # Errors
    /// [`Error::Features`] if the length is no multiple of the network's inputs (no rows at all are fine); [`Error::Memory`].
    pub fn predict(&self, features: &[f32]) -> Result<Vec<f32>, Error> {
        self.predict_on(features, Isa::detect(), Parallelism::default())
    }

    /// [`predict`](Network::predict) on a chosen instruction set and with chosen parallelism.
    ///
    /// # Numerics
    /// As [`predict`](Network::predict): features are not checked to be finite.
    /// # Errors
    /// As [`predict`](Network::predict).
    pub fn predict_on(&self, features: &[f32], isa: Isa, parallelism: Parallelism) -> Result<Vec<f32>, Error> {
        let mut outputs = self.logits_on(features, isa, parallelism)?;
        let rows = outputs.len() / self.outputs();
        match self.loss() {
            Loss::SquaredError => {}
            Loss::BinaryCrossEntropy => activate(isa, Activation::Sigmoid, &mut outputs),
            Loss::CrossEntropy => {
                let mut probabilities = zeros("the predictions", outputs.len())?;
                let logits = Mat::new(&outputs, rows, self.outputs())?;
                softmax(isa, logits, MatMut::new(&mut probabilities, rows, self.outputs())?)?;
                outputs = probabilities;
            }
        }
        Ok(outputs)
    }

    /// What the last layer gives for each row, before any softmax or sigmoid.
    ///
    /// # Numerics
    /// As [`predict`](Network::predict): features are not checked to be finite.
    /// # Errors
    /// As [`predict`](Network::predict).
    pub fn logits_on(&self, features: &[f32], isa: Isa, parallelism: Parallelism) -> Result<Vec<f32>, Error> {
        let rows = self.check_rows(features)?;
        let mut outputs = zeros("the predictions", rows.saturating_mul(self.outputs()))?;
        parallelism.enter(self.flops().saturating_mul(rows), |parallelism| {
            let mut buffers = Buffers::for_rows(self, rows, parallelism)?;
            self.forward(Mat::new(features, rows, self.inputs())?, &mut outputs, isa, parallelism, &mut buffers)
        })?;
        Ok(outputs)
    }

    /// The number of rows, if it is a whole one.
    pub(crate) fn check_rows(&self, features: &[f32]) -> Result<usize, Error> {
        if features.len().is_multiple_of(self.inputs()) {
            return Ok(features.len() / self.inputs());
        }
        let what = "features (a whole number of rows)";
        let wanted = features.len().next_multiple_of(self.inputs());
        Err(Error::Features { what, wanted, given: features.len() })
    }

    /// Takes rows through the network, divided between as many parts as there are buffers.
    fn forward(
        &self,
        input: Mat<'_>,
        outputs: &mut [f32],
        isa: Isa,
        parallelism: Parallelism,
        buffers: &mut [Buffers],
    ) -> Result<(), Error> {
        let output = MatMut::new(outputs, input.rows(), self.outputs())?;
        let task = (input, output, buffers);
        parallelism.divide(
            task.2.len(),
            task,
            &|(input, output, buffers): (Mat<'_>, MatMut<'_>, &mut [Buffers]), left, parts| {
                let at = input.rows() * left / parts;
                let (top, bottom) = output.split_at_row(at)?;
                let (above, below) = buffers.split_at_mut(left);
                let rest = input.row_range(at, input.rows() - at)?;
                Ok::<_, Error>(((input.row_range(0, at)?, top, above), (rest, bottom, below)))
            },
            &|(input, output, buffers)| match buffers {
                [buffers, ..] => Ok(buffers.forward(self, isa, input, output)?),
                [] => Ok(()),
            },
        )
    }

    /// Loss and accuracy on a data set.
    ///
    /// # Errors
    /// [`Error::Features`] or [`Error::Targets`] if the data does not fit the network; [`Error::Memory`].
    pub fn evaluate(&self, data: &Dataset) -> Result<Evaluation, Error> {
        self.evaluate_on(data, Isa::detect(), Parallelism::default())
    }

    /// [`evaluate`](Network::evaluate) on a chosen instruction set and with chosen parallelism.
    ///
    /// # Errors
    /// As [`evaluate`](Network::evaluate).
    pub fn evaluate_on(&self, data: &Dataset, isa: Isa, parallelism: Parallelism) -> Result<Evaluation, Error> {
        check_data(self, data)?;
        parallelism.enter(self.flops().saturating_mul(data.rows()), |parallelism| {
            Evaluator::new(self, data, isa, parallelism)?.evaluate(self)
        })
    }
}

/// What rows on their way through a network need: two buffers, from one of which a layer reads and to the other of which it writes.
struct Buffers {
    from: Aligned,
    to: Aligned,
    width: usize,
    scratch: Aligned,
}

impl Buffers {
    /// One for each part into which so many rows are worth dividing.
    fn for_rows(network: &Network, rows: usize, parallelism: Parallelism) -> Result<Vec<Buffers>, Error> {
        let parts = parallelism.parts(network.flops().saturating_mul(rows)).min(rows);
        (0..parts).map(|_| Buffers::new(network, ROWS.min(rows))).collect()
    }

    fn new(network: &Network, rows: usize) -> Result<Buffers, Error> {
        let layers = network.layers();
        // The last layer writes to the caller's memory.
        let hidden = &layers[..layers.len().saturating_sub(1)];
        let width = hidden.iter().map(|layer| layer.outputs()).max().unwrap_or(0).next_multiple_of(LINE);
        let scratch = layers.iter().map(|layer| gemm_scratch_len(rows, layer.inputs(), layer.outputs())).max();
        let activations = || Aligned::zeros("the activations", rows.saturating_mul(width));
        let scratch = Aligned::zeros("the scratch of the products", scratch.unwrap_or(0))?;
        Ok(Buffers { from: activations()?, to: activations()?, width, scratch })
    }

    /// Takes rows through the layers, some at a time.
    fn forward(
        &mut self,
        network: &Network,
        isa: Isa,
        input: Mat<'_>,
        mut output: MatMut<'_>,
    ) -> Result<(), ShapeError> {
        let Buffers { from, to, width, scratch } = self;
        for start in (0..input.rows()).step_by(ROWS) {
            let rows = ROWS.min(input.rows() - start);
            let (top, rest) = output.split_at_row(rows)?;
            output = rest;
            let mut top = Some(top);
            for (l, layer) in network.layers().iter().enumerate() {
                let (inputs, outputs) = (layer.inputs(), layer.outputs());
                let x = if l == 0 {
                    input.row_range(start, rows)?
                } else {
                    Mat::with_strides(from, rows, inputs, *width, 1)?
                };
                let y = match top.take_if(|_| l + 1 == network.layers().len()) {
                    Some(top) => top,
                    None => MatMut::with_strides(to, rows, outputs, *width, 1)?,
                };
                let weights = Mat::new(&network.parameters()[layer.weight_range()], inputs, outputs)?;
                let bias = &network.parameters()[layer.bias_range()];
                gemm(isa, x, weights, y, Epilogue::Bias { bias, activation: layer.activation() }, scratch)?;
                std::mem::swap(from, to);
            }
        }
        Ok(())
    }
}

/// Measures a network on a data set again and again, in memory that is made once.
pub(crate) struct Evaluator<'a> {
    data: &'a Dataset,
    isa: Isa,
    parallelism: Parallelism,
    buffers: Vec<Buffers>,
    outputs: Vec<f32>,
    losses: Vec<f32>,
    gradient: Vec<f32>,
}

impl<'a> Evaluator<'a> {
    /// For networks with the layers of this one, which takes the data.
    pub fn new(network: &Network, data: &'a Dataset, isa: Isa, parallelism: Parallelism) -> Result<Self, Error> {
        let outputs = data.rows().saturating_mul(network.outputs());
        Ok(Evaluator {
            data,
            isa,
            parallelism,
            buffers: Buffers::for_rows(network, data.rows(), parallelism)?,
            outputs: zeros("the predictions", outputs)?,
            losses: zeros("the losses", data.rows())?,
            gradient: zeros("the gradient of the predictions", outputs)?,
        })
    }

    pub fn evaluate(&mut self, network: &Network) -> Result<Evaluation, Error> {
        let (data, isa) = (self.data, self.isa);
        let (rows, outputs) = (data.rows(), network.outputs());
        let input = Mat::new(data.features(), rows, data.columns())?;
        let Evaluator { outputs: logits, buffers, .. } = self;
        self.parallelism.enter(network.flops().saturating_mul(rows), |parallelism| {
            network.forward(input, logits, isa, parallelism, buffers)
        })?;
        let logits = Mat::new(&self.outputs, rows, outputs)?;
        let targets = match data.targets() {
            Targets::Classes { labels, .. } => TargetRows::Labels(labels),
            Targets::Values { values, .. } => TargetRows::Values(Mat::new(values, rows, outputs)?),
        };
        let gradient = MatMut::new(&mut self.gradient, rows, outputs)?;
        network.loss().rows(isa, logits, targets, rows, gradient, &mut self.losses)?;
        let terms = (rows * network.loss().terms(outputs)) as f64;
        let loss = self.losses.iter().copied().map(f64::from).sum::<f64>() / terms;
        let accuracy = data.labels().map(|labels| {
            let hit = |(i, &label): (usize, &u32)| logits.row(i).and_then(argmax) == Some(label as usize);
            labels.iter().enumerate().filter(|&row| hit(row)).count() as f64 / rows as f64
        });
        Ok(Evaluation { loss, accuracy })
    }
}
