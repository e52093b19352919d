//! Prediction, and measuring a network on data.

use crate::aligned::{Aligned, LINE};
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
    /// # Determinism
    /// A row gets the same bits alone and in any batch, on any instruction set and number of threads.
    /// # Errors
    /// [`Error::Features`] if the length is no multiple of the network's inputs.
    pub fn predict(&self, features: &[f32]) -> Result<Vec<f32>, Error> {
        self.predict_on(features, Isa::detect(), Parallelism::default())
    }

    /// [`predict`](Network::predict) on a chosen instruction set and with chosen parallelism.
    ///
    /// # Errors
    /// As [`predict`](Network::predict).
    pub fn predict_on(&self, features: &[f32], isa: Isa, parallelism: Parallelism) -> Result<Vec<f32>, Error> {
        let mut outputs = self.logits_on(features, isa, parallelism)?;
        let rows = outputs.len() / self.outputs();
        match self.loss() {
            Loss::SquaredError => {}
            Loss::BinaryCrossEntropy => activate(isa, Activation::Sigmoid, &mut outputs),
            Loss::CrossEntropy => {
                let logits = outputs.clone();
                let probabilities = MatMut::new(&mut outputs, rows, self.outputs())?;
                softmax(isa, Mat::new(&logits, rows, self.outputs())?, probabilities)?;
            }
        }
        Ok(outputs)
    }

    /// What the last layer gives for each row, before any softmax or sigmoid.
    ///
    /// # Errors
    /// As [`predict`](Network::predict).
    pub fn logits_on(&self, features: &[f32], isa: Isa, parallelism: Parallelism) -> Result<Vec<f32>, Error> {
        if !features.len().is_multiple_of(self.inputs()) {
            let what = "features (a whole number of rows)";
            let wanted = features.len().next_multiple_of(self.inputs());
            return Err(Error::Features { what, wanted, given: features.len() });
        }
        let rows = features.len() / self.inputs();
        let mut outputs = vec![0.0; rows * self.outputs()];
        let flops = self.flops().saturating_mul(rows);
        parallelism.enter(flops, |parallelism| -> Result<(), Error> {
            let task = (Mat::new(features, rows, self.inputs())?, MatMut::new(&mut outputs, rows, self.outputs())?);
            parallelism.divide(
                parallelism.parts(flops).min(rows),
                task,
                &|(input, output): (Mat<'_>, MatMut<'_>), left, parts| {
                    let at = input.rows() * left / parts;
                    let (top, bottom) = output.split_at_row(at)?;
                    let below = input.row_range(at, input.rows() - at)?;
                    Ok::<_, Error>(((input.row_range(0, at)?, top), (below, bottom)))
                },
                &|(input, output)| Ok(self.forward(isa, input, output)?),
            )
        })?;
        Ok(outputs)
    }

    /// Takes rows through the layers, some at a time, between two buffers.
    fn forward(&self, isa: Isa, input: Mat<'_>, mut output: MatMut<'_>) -> Result<(), ShapeError> {
        let rows = ROWS.min(input.rows());
        let width = self.layers().iter().map(|layer| layer.outputs()).max().unwrap_or(0).next_multiple_of(LINE);
        let scratch = self.layers().iter().map(|layer| gemm_scratch_len(rows, layer.inputs(), layer.outputs()));
        let mut scratch = Aligned::zeros(scratch.max().unwrap_or(0));
        let (mut from, mut to) = (Aligned::zeros(rows * width), Aligned::zeros(rows * width));
        for start in (0..input.rows()).step_by(ROWS) {
            let rows = ROWS.min(input.rows() - start);
            let (top, rest) = output.split_at_row(rows)?;
            output = rest;
            let mut top = Some(top);
            for (l, layer) in self.layers().iter().enumerate() {
                let (inputs, outputs) = (layer.inputs(), layer.outputs());
                let x = if l == 0 {
                    input.row_range(start, rows)?
                } else {
                    Mat::with_strides(&from, rows, inputs, width, 1)?
                };
                let y = match top.take_if(|_| l + 1 == self.layers().len()) {
                    Some(top) => top,
                    None => MatMut::with_strides(&mut to, rows, outputs, width, 1)?,
                };
                let weights = Mat::new(&self.parameters()[layer.weight_range()], inputs, outputs)?;
                let bias = &self.parameters()[layer.bias_range()];
                gemm(isa, x, weights, y, Epilogue::Bias { bias, activation: layer.activation() }, &mut scratch)?;
                std::mem::swap(&mut from, &mut to);
            }
        }
        Ok(())
    }

    /// Loss and accuracy on a data set.
    ///
    /// # Errors
    /// [`Error::Features`] or [`Error::Targets`] if the data does not fit the network.
    pub fn evaluate(&self, data: &Dataset) -> Result<Evaluation, Error> {
        self.evaluate_on(data, Isa::detect(), Parallelism::default())
    }

    /// [`evaluate`](Network::evaluate) on a chosen instruction set and with chosen parallelism.
    ///
    /// # Errors
    /// As [`evaluate`](Network::evaluate).
    pub fn evaluate_on(&self, data: &Dataset, isa: Isa, parallelism: Parallelism) -> Result<Evaluation, Error> {
        check_data(self, data)?;
        let (rows, outputs) = (data.rows(), self.outputs());
        let logits = self.logits_on(data.features(), isa, parallelism)?;
        let logits = Mat::new(&logits, rows, outputs)?;
        let targets = match data.targets() {
            Targets::Classes { labels, .. } => TargetRows::Labels(labels),
            Targets::Values { values, .. } => TargetRows::Values(Mat::new(values, rows, outputs)?),
        };
        let (mut losses, mut gradient) = (vec![0.0; rows], vec![0.0; rows * outputs]);
        self.loss().rows(isa, logits, targets, rows, MatMut::new(&mut gradient, rows, outputs)?, &mut losses)?;
        let loss = losses.iter().copied().map(f64::from).sum::<f64>() / (rows * self.loss().terms(outputs)) as f64;
        let accuracy = data.labels().map(|labels| {
            let hit = |(i, &label): (usize, &u32)| logits.row(i).and_then(argmax) == Some(label as usize);
            labels.iter().enumerate().filter(|&row| hit(row)).count() as f64 / rows as f64
        });
        Ok(Evaluation { loss, accuracy })
    }
}
