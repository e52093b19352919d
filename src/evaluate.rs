//! Prediction, and measuring a network on data.

use crate::aligned::zeros;
use crate::data::{Dataset, Targets};
use crate::error::Error;
use crate::forward::{Buffers, Input, Outputs, Weights, forward};
use crate::loss::TargetRows;
use crate::metrics::argmax;
use crate::network::Network;
use crate::parallel::Parallelism;
use crate::trainer::check_data;
use steadynet_kernels::{Isa, Mat, MatMut};

/// How a network does on some data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// Share of the rows whose class was predicted right, if there are classes.
    pub accuracy: Option<f64>,
}

impl Network {
    /// Predictions for one or more rows of features: probabilities for [`Loss::CrossEntropy`](crate::Loss::CrossEntropy) (softmax) and
    /// [`Loss::BinaryCrossEntropy`](crate::Loss::BinaryCrossEntropy) (sigmoid), the last layer's outputs for [`Loss::SquaredError`](crate::Loss::SquaredError).
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
        self.outputs_on(features, isa, parallelism, Outputs::Predictions)
    }

    /// What the last layer gives for each row, before any softmax or sigmoid.
    ///
    /// # Numerics
    /// As [`predict`](Network::predict): features are not checked to be finite.
    /// # Errors
    /// As [`predict`](Network::predict).
    pub fn logits_on(&self, features: &[f32], isa: Isa, parallelism: Parallelism) -> Result<Vec<f32>, Error> {
        self.outputs_on(features, isa, parallelism, Outputs::Logits)
    }

    fn outputs_on(
        &self,
        features: &[f32],
        isa: Isa,
        parallelism: Parallelism,
        kind: Outputs,
    ) -> Result<Vec<f32>, Error> {
        let rows = self.check_rows(features)?;
        let mut outputs = zeros("the predictions", rows.saturating_mul(self.outputs()))?;
        let input = Input::Features(Mat::new(features, rows, self.inputs())?);
        parallelism.enter(self.flops().saturating_mul(rows), |parallelism| {
            let mut buffers = Buffers::for_rows(self, rows, false, isa, parallelism)?;
            forward(Weights::plain(self), isa, parallelism, input, &mut outputs, kind, &mut buffers)
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
            buffers: Buffers::for_rows(network, data.rows(), data.features_in_place().is_none(), isa, parallelism)?,
            outputs: zeros("the predictions", outputs)?,
            losses: zeros("the losses", data.rows())?,
            gradient: zeros("the gradient of the predictions", outputs)?,
        })
    }

    pub fn evaluate(&mut self, network: &Network) -> Result<Evaluation, Error> {
        let (data, isa) = (self.data, self.isa);
        let (rows, outputs) = (data.rows(), network.outputs());
        let Evaluator { outputs: logits, buffers, .. } = self;
        let input = Input::of(data)?;
        self.parallelism.enter(network.flops().saturating_mul(rows), |parallelism| {
            forward(Weights::plain(network), isa, parallelism, input, logits, Outputs::Logits, buffers)
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
